package allowlist

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAddressesByRangeAndNamespace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list, namespace, address string
		want                     bool
	}{
		{"", "shop", "10.0.0.10", false},
		{"none", "shop", "10.0.0.10", false},
		{"*", "shop", "10.0.0.10", true},
		{"*", "shop", "2001:db8::1", true},
		{"*", "shop", "::ffff:10.0.0.10", false},
		{"10.0.0.0/24", "shop", "10.0.0.10", true},
		{"10.0.0.0/24", "shop", "10.0.1.10", false},
		{"10.0.0.0/24", "shop", "::ffff:10.0.0.10", false},
		{"10.0.0.0/24", "shop", "::10.0.0.10", false},
		{"0.0.0.0/0", "shop", "2001:db8::1", false},
		{"::/0", "shop", "10.0.0.10", false},
		{"::/0", "shop", "::ffff:10.0.0.10", false},
		{"10.0.0.10/32", "shop", "10.0.0.10", true},
		{"10.0.0.10/32", "shop", "10.0.0.11", false},
		{"shop=10.0.0.0/24", "shop", "10.0.0.10", true},
		{"shop=10.0.0.0/24", "blog", "10.0.0.10", false},
		{"shop=*", "shop", "10.0.0.10", true},
		{"shop=*", "blog", "10.0.0.10", false},
		{"blog=* shop=2001:db8::/56", "shop", "2001:db8::1", true},
		{"blog=* shop=2001:db8::/56", "shop", "2001:db8:1::1", false},
	} {
		l, err := AddressRanges(strings.Split(c.list, " "))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Allow(c.namespace, netip.MustParseAddr(c.address)); got != c.want {
			t.Errorf("%q allows namespace %s %s: %t", c.list, c.namespace, c.address, got)
		}
	}
	if l, _ := AddressRanges([]string{"*"}); l.Allow("shop", netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

func TestRangesWithoutMeaningAreRefused(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"10.0.0.10", "10.0.0.10/24", "10.0.0.0/33", "shop=", "Shop=10.0.0.0/8", "10.*",
		"db.example.com", "::ffff:10.0.0.0/104", "fe80::1%eth0/64", "10.0.0.0/8/8"} {
		if _, err := AddressRanges([]string{item}); err == nil || !strings.Contains(err.Error(), item) {
			t.Errorf("%q: %v", item, err)
		}
	}
}
