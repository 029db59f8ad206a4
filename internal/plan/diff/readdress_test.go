package diff

import (
	"maps"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestNLBAddressTypeAndSourceNATChangeTogether goes there and back.
func TestNLBAddressTypeAndSourceNATChangeTogether(t *testing.T) {
	t.Parallel()
	of := func(kind stack.LoadBalancerType, family, nat string) *stack.Stack {
		s := datagrams("UDP")
		s.LoadBalancers[0].Type, s.LoadBalancers[0].IPAddressType, s.LoadBalancers[0].NetworkSourceNAT = kind, family, nat
		return s
	}
	for name, c := range map[string]struct {
		from, to *stack.Stack
		want     map[string]int
	}{
		"to dualstack with source NAT": {of(stack.Network, stack.IPv4, "off"), of(stack.Network, stack.Dualstack, "on"),
			map[string]int{"SetSubnets": 1}},
		"from dualstack with source NAT": {of(stack.Network, stack.Dualstack, "on"), of(stack.Network, stack.IPv4, "off"),
			map[string]int{"SetSubnets": 1}},
		"to dualstack alone": {of(stack.Network, stack.IPv4, "off"), of(stack.Network, stack.Dualstack, "off"),
			map[string]int{"SetIpAddressType": 1}},
		"source NAT alone": {of(stack.Network, stack.Dualstack, "off"), of(stack.Network, stack.Dualstack,
			"on"), map[string]int{"SetSubnets": 1}},
	} {
		f := newFake(testKey())
		f.converge(t, c.from, Options{})
		if writes := f.converge(t, c.to, Options{}); !maps.Equal(writes, c.want) {
			t.Errorf("%s: written %v, want %v", name, writes, c.want)
		}
		if lb := f.obs.LoadBalancers[0]; lb.IPAddressType != c.to.LoadBalancers[0].IPAddressType ||
			lb.NetworkSourceNAT != c.to.LoadBalancers[0].NetworkSourceNAT {
			t.Errorf("%s: %s, source NAT %s", name, lb.IPAddressType, lb.NetworkSourceNAT)
		}
	}
}
