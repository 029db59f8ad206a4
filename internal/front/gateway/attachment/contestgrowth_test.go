package attachment

import (
	"fmt"
	"slices"
	"testing"
)

// TestTableFindsWhatHasNamesInCommon compares the look-up with a comparison of all hostnames.
func TestTableFindsWhatHasNamesInCommon(t *testing.T) {
	t.Parallel()
	hosts := []string{"", "a.com", "b.com", "a.b.com", "c.a.b.com", "*.com", "*.b.com", "*.a.b.com", "*.org", "com",
		"*.c.d"}
	var all table
	for i, host := range hosts {
		all.add(host, i)
	}
	for _, host := range append(hosts, "x.b.com", "*.x.org", "x.y", "*.a.com") {
		var meeting, covering []int
		for i, other := range hosts {
			if _, common := Narrower(other, host); common || host == "" {
				meeting = append(meeting, i)
			}
			if Covers(other, host) {
				covering = append(covering, i)
			}
		}
		if got := all.covering(host); fmt.Sprint(got) != fmt.Sprint(covering) {
			t.Errorf("%q is covered by %v, want %v", host, got, covering)
		}
		if got := all.meeting(host); fmt.Sprint(got) != fmt.Sprint(meeting) {
			t.Errorf("%q meets %v, want %v", host, got, meeting)
		}
		var certified []int
		for i, other := range hosts {
			if other == "" || certifies(host, other) {
				certified = append(certified, i)
			}
		}
		if got := slices.Sorted(all.certified(host)); host != "" && fmt.Sprint(got) != fmt.Sprint(certified) {
			t.Errorf("a certificate for %q is for %v, want %v", host, got, certified)
		}
	}
}
