package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// network is a stack with a network load balancer of an address type in subnets.
func network(family, nat string, subnets ...stack.SubnetMapping) *stack.Stack {
	s := datagrams("UDP")
	lb := &s.LoadBalancers[0]
	lb.Type, lb.IPAddressType, lb.NetworkSourceNAT, lb.Subnets = stack.Network, family, nat, subnets
	return s
}

func TestOneCallSetsSubnetsOfNLBAndKeepsAddresses(t *testing.T) {
	t.Parallel()
	type m = stack.SubnetMapping
	const v6, other, prefix, chosen = "2001:db8::15", "2001:db8::16", "2001:db8:0:0:7::/80", "2001:db8:0:0:9::/80"
	for name, c := range map[string]struct {
		from, to *stack.Stack
		want     []awsop.SetSubnets // without the load balancer
	}{
		"to dualstack with addresses": {
			network(stack.IPv4, "off", m{Subnet: "a"}), network(stack.Dualstack, "off", m{Subnet: "a", IPv6: v6}),
			[]awsop.SetSubnets{{Subnets: []m{{Subnet: "a", IPv6: v6}}, NetworkSourceNAT: "off", IPAddressType: stack.Dualstack}},
		},
		"to dualstack with addresses and prefixes": {
			network(stack.IPv4, "off", m{Subnet: "a"}), network(stack.Dualstack, "on",
				m{Subnet: "a", IPv6: v6, SourceNATPrefix: prefix}),
			[]awsop.SetSubnets{{Subnets: []m{{Subnet: "a", IPv6: v6, SourceNATPrefix: prefix}}, NetworkSourceNAT: "on",
				IPAddressType: stack.Dualstack}},
		},
		"from dualstack with addresses and prefixes": {
			network(stack.Dualstack, "on", m{Subnet: "a", IPv6: v6, SourceNATPrefix: prefix}),
			network(stack.IPv4, "off", m{Subnet: "a"}),
			[]awsop.SetSubnets{{Subnets: []m{{Subnet: "a"}}, NetworkSourceNAT: "off", IPAddressType: stack.IPv4}},
		},
		"another prefix": {
			network(stack.Dualstack, "on", m{Subnet: "a", IPv6: v6, SourceNATPrefix: chosen}), network(stack.Dualstack, "on",
				m{Subnet: "a", SourceNATPrefix: prefix}),
			[]awsop.SetSubnets{{Subnets: []m{{Subnet: "a", IPv6: v6, SourceNATPrefix: prefix}}, NetworkSourceNAT: "on"}},
		},
		"a subnet more": {
			network(stack.Dualstack, "on", m{Subnet: "a", AllocationID: "e1", IPv6: v6, SourceNATPrefix: chosen},
				m{Subnet: "b", PrivateIPv4: "10.0.0.9"}),
			network(stack.Dualstack, "on", m{Subnet: "a", SourceNATPrefix: stack.AutoAssigned}, m{Subnet: "b"},
				m{Subnet: "c", AllocationID: "e3", SourceNATPrefix: stack.AutoAssigned}),
			[]awsop.SetSubnets{{Subnets: []m{
				{Subnet: "a", AllocationID: "e1", IPv6: v6, SourceNATPrefix: chosen}, {Subnet: "b", PrivateIPv4: "10.0.0.9"},
				{Subnet: "c", AllocationID: "e3", SourceNATPrefix: stack.AutoAssigned},
			}, NetworkSourceNAT: "on"}},
		},
		"other addresses in the same subnets": {
			network(stack.Dualstack, "off", m{Subnet: "a", AllocationID: "e1", IPv6: v6}, m{Subnet: "b"}),
			network(stack.Dualstack, "off", m{Subnet: "a", AllocationID: "e2", IPv6: other}, m{Subnet: "b", IPv6: v6}),
			nil,
		},
		"prefixes that AWS chooses": {
			network(stack.Dualstack, "on", m{Subnet: "a", SourceNATPrefix: chosen}), network(stack.Dualstack, "on",
				m{Subnet: "a", SourceNATPrefix: stack.AutoAssigned}),
			nil,
		},
		"a switch that AWS does not show": {network(stack.IPv4, "", m{Subnet: "a"}),
			network(stack.IPv4, "off", m{Subnet: "a"}), nil},
	} {
		f := newFake(testKey())
		f.converge(t, c.from, Options{})
		var got []awsop.SetSubnets
		for _, s := range Stack(c.to, stack.Keep{}, f.obs, Options{}).Steps {
			if op, ok := s.Op.(awsop.SetSubnets); ok {
				op.LoadBalancer = stack.Ref{}
				got = append(got, op)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if writes := f.converge(t, c.to, Options{}); writes["SetSubnets"] != len(c.want) || writes["SetIpAddressType"] > 0 {
			t.Errorf("%s: writes %v", name, writes)
		}
		if len(Stack(c.to, stack.Keep{}, f.obs, Options{}).Steps) > 0 {
			t.Errorf("%s: it is planned again", name)
		}
	}
}

func TestTheEndOfDualstackTakesTheIPv6AddressesOfTheSubnets(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	with := network(stack.Dualstack, "off", stack.SubnetMapping{Subnet: "a", IPv6: "2001:db8::15"})
	f.converge(t, with, Options{})
	f.converge(t, network(stack.IPv4, "off", stack.SubnetMapping{Subnet: "a"}), Options{})
	if got := f.obs.LoadBalancers[0].Subnets; !slices.Equal(got, []stack.SubnetMapping{{Subnet: "a"}}) {
		t.Errorf("of type ipv4: %v", got)
	}
	if writes := f.converge(t, with, Options{}); writes["SetSubnets"] != 1 {
		t.Errorf("they are not given again: %v", writes)
	}
}

func TestCapacityOfANetworkLoadBalancerIsSetResetAndLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	s := network(stack.IPv4, "off", stack.SubnetMapping{Subnet: "a"})
	f.converge(t, s, Options{})
	for _, c := range []struct {
		units  *int32
		writes int
	}{{new(int32(2750)), 1}, {new(int32(2750)), 0}, {nil, 0}, {new(int32(0)), 1}, {new(int32(0)), 0}} {
		s.LoadBalancers[0].Capacity = c.units
		if writes := f.converge(t, s, Options{}); writes["ModifyCapacityReservation"] != c.writes || len(writes) != c.writes {
			t.Errorf("%v: writes %v", c.units, writes)
		}
	}
}
