package attachment

import (
	"slices"
	"testing"
)

func TestNamesFindWhatCoversAHostname(t *testing.T) {
	t.Parallel()
	all := []string{"", "*.com", "*.example.com", "*.a.example.com", "example.com", "a.example.com", "b.a.example.com",
		"*.org", "xexample.com", "*.b.a.example.com"}
	for size := range len(all) + 1 {
		names := NamesOf(all[:size])
		for _, host := range append(slices.Clone(all), "c.example.com", "d.b.a.example.com", "org", "*.c.com") {
			var want []string
			for _, name := range all[:size] {
				if Covers(name, host) {
					want = append(want, name)
				}
			}
			got := names.Covering(host)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%q of %q: %q, want %q", host, all[:size], got, want)
			}
		}
	}
}
