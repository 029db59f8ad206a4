package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestDefaultAddressTypeIsOfNewLoadBalancers has --default-ip-address-type dualstack meet what exists, what is declared,
// and subnets without IPv6.
func TestDefaultAddressTypeIsOfNewLoadBalancers(t *testing.T) {
	t.Parallel()
	exists := func(addressType string) *facts.LoadBalancer {
		return &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, IPAddressType: addressType,
			Subnets: []string{"subnet-0d1", "subnet-0d2"}}
	}
	declares := func(addressType string) func(*intent.Member) {
		return func(m *intent.Member) { m.Settings.IPAddressType = set(m, "ip-address-type", addressType) }
	}
	without6 := func(m *intent.Member) {
		m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"subnet-0a2", "subnet-0b2"}})
	}
	for name, c := range map[string]struct {
		preset string
		exists *facts.LoadBalancer
		change []func(*intent.Member)
		want   string
		notes  []string
	}{
		"new":                   {"dualstack", nil, nil, "dualstack", nil},
		"new, without the flag": {"", nil, nil, "ipv4", nil},
		"new, declared":         {"dualstack", nil, []func(*intent.Member){declares("ipv4")}, "ipv4", nil},
		"ipv4 exists":           {"dualstack", exists("ipv4"), nil, "ipv4", nil},
		"ipv4 exists, declared": {"dualstack", exists("ipv4"), []func(*intent.Member){declares("dualstack")}, "dualstack",
			nil},
		"dualstack exists":          {"dualstack", exists("dualstack"), nil, "dualstack", nil},
		"dualstack exists, no flag": {"ipv4", exists("dualstack"), nil, "ipv4", nil},
		"new, subnets without IPv6": {"dualstack", nil, []func(*intent.Member){without6}, "ipv4",
			[]string{"a InvalidSubnets"}},
		"ipv4, subnets without IPv6": {"dualstack", exists("ipv4"), []func(*intent.Member){without6}, "ipv4", nil},
	} {
		f, cfg := account(), config()
		f.Existing, cfg.DefaultAddressType = c.exists, c.preset
		for id, zone := range map[string]string{"subnet-0d1": "a", "subnet-0d2": "b"} {
			f.Subnets[id] = facts.Subnet{ID: id, VPC: "vpc-1", Zone: zone, IPv6CIDRs: []string{"2001:db8::/64"}}
		}
		named := func(m *intent.Member) {
			m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"subnet-0d1", "subnet-0d2"}})
		}
		r := Compile(loadBalancer(ingress("n", "a", append([]func(*intent.Member){named}, c.change...)...)), f, cfg, nil)
		if got := mustBuild(t, r).LoadBalancers[0].IPAddressType; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		same(t, name, codes(r.Diagnostics), c.notes)
		for _, d := range r.Diagnostics {
			if d.Class == diag.Invalid && d.Phase == diag.Building {
				t.Errorf("%s: %s", name, d.Text)
			}
		}
	}
}

// TestDefaultAddressTypeFitsTheListeners has a dualstack default meet a Service with UDP, for which AWS wants source NAT.
func TestDefaultAddressTypeFitsTheListeners(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{"UDP": "ipv4", "TCP_UDP": "ipv4", "TCP": "dualstack"} {
		f, cfg := account(), config()
		cfg.DefaultAddressType = "dualstack"
		f.Subnets["subnet-0d1"] = facts.Subnet{ID: "subnet-0d1", VPC: "vpc-1", Zone: "a", IPv6CIDRs: []string{"2001:db8::/64"}}
		e := loadBalancer(ingress("n", "a", func(m *intent.Member) {
			m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"subnet-0d1"}})
			m.Listeners[0].Protocol = protocol
		}))
		e.Type = stack.Network
		r := Compile(e, f, cfg, nil)
		if r.Stack == nil || len(r.Stack.LoadBalancers) != 1 {
			t.Fatalf("%s: %v", protocol, r.Diagnostics)
		}
		if got := r.Stack.LoadBalancers[0].IPAddressType; got != want {
			t.Errorf("%s: %s, want %s", protocol, got, want)
		}
	}
}

// TestDefaultAddressTypeIsThatInEffect has a newcomer of a group declare a type, beside a flag that is for new load
// balancers only.
func TestDefaultAddressTypeIsThatInEffect(t *testing.T) {
	t.Parallel()
	for declared, refused := range map[string]bool{"ipv4": false, "dualstack": true} {
		f, cfg := account(), config()
		cfg.DefaultAddressType = "dualstack"
		f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, IPAddressType: "ipv4",
			Subnets: []string{"subnet-0a1", "subnet-0b1"}}
		first := ingress("shop", "web")
		memory := Compile(loadBalancer(first), f, cfg, nil).Memory
		late := ingress("mal", "late", func(m *intent.Member) {
			m.Settings.IPAddressType = set(m, "ip-address-type", declared)
		})
		r := Compile(loadBalancer(first, late), f, cfg, memory)
		if got := strings.Contains(strings.Join(codes(r.Diagnostics), " "), "SettingNotPermitted"); got != refused {
			t.Errorf("%s: refused %t: %v", declared, got, r.Diagnostics)
		}
		if got := mustBuild(t, r).LoadBalancers[0].IPAddressType; got != "ipv4" {
			t.Errorf("%s: %s", declared, got)
		}
	}
}
