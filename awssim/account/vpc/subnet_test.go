package vpc

import (
	"errors"
	"net/netip"
	"testing"
)

// newNetwork has one VPC with one subnet of the given length.
func newNetwork(t *testing.T, block string) (*Network, *Subnet) {
	t.Helper()
	a := new(Network)
	for _, z := range StandardZones("us-west-2") {
		a.AddZone(z)
	}
	v := &VPC{ID: "vpc-00000001", CIDRs: []CIDR{{Prefix: netip.MustParsePrefix("10.0.0.0/16")}}, IPv6CIDRs: []CIDR{
		{Prefix: netip.MustParsePrefix("2001:db8::/56")}}}
	if err := a.AddVPC(v); err != nil {
		t.Fatal(err)
	}
	s := &Subnet{VPC: v.ID, Zone: "us-west-2a", CIDR: netip.MustParsePrefix(block), IPv6CIDRs: []CIDR{
		{Prefix: netip.MustParsePrefix("2001:db8::/64")}}}
	if err := a.AddSubnet(s); err != nil {
		t.Fatal(err)
	}
	return a, s
}

func TestASubnetGivesEachAddressOnceAndNoneThatAWSReserves(t *testing.T) {
	t.Parallel()
	a, s := newNetwork(t, "10.0.1.0/28")
	if got := s.AvailableIPs(); got != 11 {
		t.Fatalf("a /28 has %d free addresses, want 11", got)
	}
	seen := map[netip.Addr]string{}
	var last *Interface
	for range 11 {
		n, err := a.NewInterface(s.ID, nil, "x", false)
		if err != nil {
			t.Fatal(err)
		}
		addr := n.PrimaryAddress()
		if other, ok := seen[addr]; ok {
			t.Errorf("%s given to %s and %s", addr, other, n.ID)
		}
		seen[addr] = n.ID
		last = n
	}
	for _, reserved := range []string{"10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.15"} {
		if _, ok := seen[netip.MustParseAddr(reserved)]; ok {
			t.Errorf("%s was given, which AWS reserves", reserved)
		}
	}
	if _, err := a.NewInterface(s.ID, nil, "x", false); !errors.Is(err, ErrNoFreeAddress) {
		t.Errorf("the twelfth: %v", err)
	}
	if err := a.DeleteInterface(last.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := a.NewInterface(s.ID, nil, "x", false); err != nil || n.PrimaryAddress() != last.PrimaryAddress() {
		t.Errorf("after a release: %v, %v", n, err)
	}
}

func TestAReleasedAddressIsNotSoonReused(t *testing.T) {
	t.Parallel()
	a, s := newNetwork(t, "10.0.1.0/24")
	first, _ := a.NewInterface(s.ID, nil, "x", false)
	addr := first.PrimaryAddress()
	if addr != netip.MustParseAddr("10.0.1.16") {
		t.Errorf("the first address is %s; the low ones should stay free", addr)
	}
	_ = a.DeleteInterface(first.ID)
	for range 100 {
		n, _ := a.NewInterface(s.ID, nil, "x", false)
		if n.PrimaryAddress() == addr {
			t.Fatalf("%s was reused at once", addr)
		}
		_ = a.DeleteInterface(n.ID)
	}
	if s.AvailableIPs() != 251 {
		t.Errorf("%d free, want 251", s.AvailableIPs())
	}
}

func TestPrefixesTakeSixteenAddressesAndLeadToTheirInterface(t *testing.T) {
	t.Parallel()
	a, s := newNetwork(t, "10.0.1.0/24")
	n, _ := a.NewInterface(s.ID, nil, "x", false)
	before := s.AvailableIPs()
	p, err := a.AssignPrefix(n.ID)
	if err != nil || p.Bits() != 28 || p.Contains(n.PrimaryAddress()) {
		t.Fatalf("prefix %s, %v", p, err)
	}
	if got := before - s.AvailableIPs(); got != 16 {
		t.Errorf("a prefix takes %d addresses", got)
	}
	if got, ok := a.InterfaceAt(s.VPC, p.Addr().Next()); !ok || got != n {
		t.Error("an address of the prefix does not lead to its interface")
	}
	if err := a.UnassignPrefix(n.ID, p); err != nil || s.AvailableIPs() != before {
		t.Errorf("after the release %d free, %v", s.AvailableIPs(), err)
	}
	v6, err := a.AssignIPv6(n.ID)
	if err != nil || !s.IPv6CIDRs[0].Prefix.Contains(v6) || s.AvailableIPs() != before {
		t.Errorf("IPv6 address %s, %v, %d free", v6, err, s.AvailableIPs())
	}
	if err := a.DeleteInterface(n.ID); err != nil || s.AvailableIPs() != 251 {
		t.Errorf("after deletion %d free, %v", s.AvailableIPs(), err)
	}
}

func TestSubnetsLieInTheirVPCAndDoNotOverlap(t *testing.T) {
	t.Parallel()
	a, s := newNetwork(t, "10.0.1.0/24")
	for _, bad := range []string{"10.0.1.128/25", "10.1.0.0/24", "10.0.0.0/29", "10.0.0.0/8"} {
		err := a.AddSubnet(&Subnet{VPC: s.VPC, Zone: "us-west-2b", CIDR: netip.MustParsePrefix(bad)})
		if err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if err := a.AddSubnet(&Subnet{VPC: s.VPC, Zone: "us-east-1a", CIDR: netip.MustParsePrefix("10.0.2.0/24")}); err ==
		nil {
		t.Error("a zone of another region was accepted")
	}
}

func TestPermitsFollowsCIDRsGroupsAndPrefixLists(t *testing.T) {
	t.Parallel()
	a, s := newNetwork(t, "10.0.1.0/24")
	peerGroup, _ := a.NewSecurityGroup(s.VPC, "", "peer", "peer")
	g, _ := a.NewSecurityGroup(s.VPC, "", "g", "g")
	peer, err := a.NewInterface(s.ID, []string{peerGroup.ID}, "peer", false)
	if err != nil {
		t.Fatal(err)
	}
	a.AddPrefixList(&PrefixList{ID: "pl-00000001", Entries: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	g.Ingress = []Permission{
		{PermissionKey: PermissionKey{Protocol: "tcp", From: 80, To: 90, CIDR: netip.MustParsePrefix("198.51.100.0/24")}},
		{PermissionKey: PermissionKey{Protocol: "-1", From: -1, To: -1, Group: peerGroup.ID}},
		{PermissionKey: PermissionKey{Protocol: "udp", From: 53, To: 53, PrefixList: "pl-00000001"}},
	}
	tests := []struct {
		protocol string
		port     int32
		peer     string
		want     bool
	}{
		{"tcp", 80, "198.51.100.7", true},
		{"tcp", 90, "198.51.100.7", true},
		{"tcp", 91, "198.51.100.7", false},
		{"udp", 80, "198.51.100.7", false},
		{"tcp", 80, "203.0.113.7", false},
		{"udp", 9999, peer.PrimaryAddress().String(), true},
		{"udp", 53, "192.0.2.9", true},
		{"tcp", 53, "192.0.2.9", false},
	}
	for _, tt := range tests {
		if got := a.Permits([]string{"sg-missing", g.ID}, tt.protocol, tt.port, netip.MustParseAddr(tt.peer)); got !=
			tt.want {
			t.Errorf("%s %d from %s: %v", tt.protocol, tt.port, tt.peer, got)
		}
	}
}
