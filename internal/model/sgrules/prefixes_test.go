package sgrules

import "testing"

func TestLeastRulesJoinsRanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ranges []string
		want   int
	}{
		{nil, 0},
		{[]string{"10.0.0.0/25", "10.0.0.128/25"}, 1},
		{[]string{"10.0.0.0/8", "10.1.0.0/16", "10.0.0.7/8"}, 1},
		{[]string{"10.0.0.0/24", "10.0.2.0/24", "2001:db8::/32", "no range"}, 2},
	} {
		if got := LeastRules(c.ranges); got != c.want {
			t.Errorf("%v: %d, want %d", c.ranges, got, c.want)
		}
	}
}

func TestNestedFindsRangesWithinOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ranges []string
		want   bool
	}{
		{nil, false},
		{[]string{"10.0.0.0/24", "10.0.1.0/24", "10.0.3.0/24"}, false},
		{[]string{"10.0.1.0/24", "192.168.0.0/16", "10.0.0.0/8"}, true},
		{[]string{"10.0.0.0/8", "10.0.0.1/8"}, true},
		{[]string{"::/0", "0.0.0.0/0"}, false},
		{[]string{"2001:db8:1::/48", "2001:db8::/32"}, true},
	} {
		if got := Nested(c.ranges); got != c.want {
			t.Errorf("%v: %v, want %v", c.ranges, got, c.want)
		}
	}
}
