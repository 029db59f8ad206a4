package topology

import (
	"net/netip"
	"testing"
)

func TestPermissions(t *testing.T) {
	t.Parallel()
	all := []Permission{
		{Protocol: "tcp", FromPort: 80, ToPort: 81, Source: netip.MustParsePrefix("10.0.0.0/8")},
		{Protocol: "-1", Source: netip.MustParsePrefix("192.0.2.0/24")},
	}
	for _, tc := range []struct {
		protocol, client string
		port             int32
		want             bool
	}{
		{"tcp", "10.1.1.1", 80, true}, {"tcp", "10.1.1.1", 82, false}, {"udp", "10.1.1.1", 80, false},
		{"tcp", "203.0.113.1", 80, false}, {"udp", "192.0.2.9", 7, true}, {"tcp", "2001:db8::1", 80, false},
	} {
		if got := Permitted(all, tc.protocol, netip.MustParseAddr(tc.client), tc.port); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestInsideAddressIsTheLastOfTheVPC(t *testing.T) {
	t.Parallel()
	for cidr, want := range map[string]string{
		"10.0.0.0/16": "10.0.255.254", "192.168.4.0/22": "192.168.7.254", "172.31.0.0/28": "172.31.0.14",
		"2001:db8::/56": "10.255.255.254",
	} {
		if got := (&LoadBalancer{VPC: []netip.Prefix{netip.MustParsePrefix(cidr)}}).InsideAddress().String(); got != want {
			t.Errorf("%s: %s, want %s", cidr, got, want)
		}
	}
}
