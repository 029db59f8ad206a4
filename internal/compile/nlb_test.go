package compile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// standingNLB is an NLB of an account's private subnets, of an IP address type.
func standingNLB(family string) *facts.LoadBalancer {
	return &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Network, Scheme: stack.Internal, IPAddressType: family,
		Subnets: []string{"subnet-0a2", "subnet-0b2"}, SecurityGroups: []string{"sg-1"}}
}

func TestFamilyOfTargetsOfDualStackService(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		protocol, family string
		ipv4First        bool
		exists           []string
		beside           string
		want             string
		note             bool
	}{
		"IPv4 first":          {"TCP", stack.Dualstack, true, nil, "", stack.IPv4, false},
		"IPv6 first":          {"TCP", stack.Dualstack, false, nil, "", stack.IPv6, false},
		"no dualstack":        {"TCP", stack.IPv4, false, nil, "", stack.IPv4, true},
		"UDP":                 {"UDP", stack.Dualstack, true, nil, "", stack.IPv6, false},
		"QUIC":                {"QUIC", stack.Dualstack, false, nil, "", stack.IPv4, false},
		"UDP that is of IPv4": {"UDP", stack.Dualstack, true, []string{stack.IPv4}, "", stack.IPv6, false},
		"a group that exists": {"TCP", stack.Dualstack, true, []string{stack.IPv6}, "", stack.IPv6, false},
		"two that exist": {"TCP", stack.Dualstack, true, []string{stack.IPv6, stack.IPv4}, "",
			stack.IPv4, false},
		"beside a group that exists": {"TCP", stack.Dualstack, true, []string{stack.IPv6}, "n/base:80",
			stack.IPv6, false},
		"a group without dualstack, kept": {"TCP", stack.IPv4, true, []string{stack.IPv6}, "", stack.IPv4, true},
	} {
		f := dualstackAccount()
		if c.exists != nil {
			f.Existing = standingNLB(c.family)
			id := "n/s:80"
			if c.beside != "" {
				id = c.beside
			}
			f.Existing.Families = map[string][]string{id: c.exists}
		}
		r := Compile(service(c.protocol, func(m *intent.Member, g *intent.TargetGroup) {
			g.IPv6, g.IPv4, g.IPv4First, g.Beside = true, true, c.ipv4First, c.beside
			m.Settings.IPAddressType, m.Settings.SourceNAT = set(m, "family", c.family),
				set(m, "nat", map[string]string{stack.Dualstack: "on", stack.IPv4: "off"}[c.family])
			m.Settings.Scheme = set(m, "scheme", stack.InternetFacing)
			if c.exists != nil {
				m.Settings.Scheme.Value = stack.Internal
			}
		}), f, config(), nil)
		s := mustBuild(t, r)
		if got := s.TargetGroups[0].IPAddressType; got != c.want || s.Bindings[0].IPAddress != got {
			t.Errorf("%s: %s, binding %s, want %s", name, got, s.Bindings[0].IPAddress, c.want)
		}
		if noted := strings.Contains(fmt.Sprint(r.Diagnostics), "only IPv4 traffic"); noted != c.note {
			t.Errorf("%s: %v", name, r.Diagnostics)
		}
	}
}

func TestUndeclaredCapacityOfServiceStaysUnlessGateReleasesIt(t *testing.T) {
	t.Parallel()
	cfg := config()
	capacity := func(declared bool) *int32 {
		return mustBuild(t, Compile(service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
			if declared {
				m.Settings.AddOns.Capacity = set(m, "capacity", int32(5500))
			}
		}), account(), cfg, nil)).LoadBalancers[0].Capacity
	}
	if got := capacity(true); got == nil || *got != 5500 {
		t.Errorf("declared: %v", got)
	}
	if got := capacity(false); got != nil {
		t.Errorf("not declared: %d", *got)
	}
	cfg.Gates.EnhancedDefaultBehavior = true
	if got := capacity(false); got == nil || *got != 0 {
		t.Errorf("not declared, and to be given back: %v", got)
	}
	cfg.Gates.LBCapacityReservation = false
	for _, declared := range []bool{true, false} {
		if got := capacity(declared); got != nil {
			t.Errorf("without the feature: %d", *got)
		}
	}
}

func TestAllocationsStayWithTheSubnetsThatHaveThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subnets string // as named; empty = those that exist
		eips    string
		has     map[string]string
		want    string
		note    string // part of it; empty = none
	}{
		"new": {"subnet-0a1 subnet-0b1", "e1 e2", nil, "subnet-0a1=e1 subnet-0b1=e2", ""},
		"as they are": {"subnet-0a1 subnet-0b1", "e1 e2", map[string]string{"subnet-0a1": "e1",
			"subnet-0b1": "e2"}, "subnet-0a1=e1 subnet-0b1=e2", ""},
		"in AWS's order": {"", "e2 e1", map[string]string{"subnet-0a1": "e1", "subnet-0b1": "e2"},
			"subnet-0a1=e1 subnet-0b1=e2", ""},
		"one of several that AWS orders": {"", "e9 e1", map[string]string{"subnet-0a1": "e1", "subnet-0b1": "e2"},
			"subnet-0a1=e1 subnet-0b1=e2", "subnet-0b1 keeps e2, not e9"},
		"exchanged": {"subnet-0a1 subnet-0b1", "e2 e1", map[string]string{"subnet-0a1": "e1",
			"subnet-0b1": "e2"}, "subnet-0a1=e1 subnet-0b1=e2", "subnet-0a1 keeps e1, not e2; subnet-0b1 keeps e2, not e1"},
		"a subnet more": {"subnet-0a1 subnet-0b1", "e1 e2", map[string]string{"subnet-0a1": "e1"},
			"subnet-0a1=e1 subnet-0b1=e2", ""},
		"a subnet more, in front of another": {"subnet-0a1 subnet-0b1", "e2 e1", map[string]string{"subnet-0b1": "e1"},
			"subnet-0a1=e2 subnet-0b1=e1", ""},
		"a subnet more, and others": {"subnet-0a1 subnet-0b1", "e9 e1", map[string]string{"subnet-0a1": "e1"},
			"subnet-0a1=e1 subnet-0b1=e9", "subnet-0a1 keeps e1, not e9"},
		"none before": {"subnet-0a1 subnet-0b1", "e1 e2", map[string]string{"subnet-0a1": ""},
			"subnet-0a1= subnet-0b1=", "subnet-0a1 keeps an address that AWS chooses, not e1; subnet-0b1 gets an address that " +
				"AWS chooses, not e2"},
	} {
		f := account()
		if c.has != nil {
			f.Existing = &facts.LoadBalancer{Type: stack.Network, Scheme: stack.InternetFacing, IPAddressType: stack.IPv4,
				SecurityGroups: []string{"sg-1"}, Fixed: map[string]stack.SubnetMapping{}}
			for _, id := range []string{"subnet-0a1", "subnet-0b1"} {
				if eip, ok := c.has[id]; ok {
					f.Existing.Subnets = append(f.Existing.Subnets, id)
					if eip != "" {
						f.Existing.Fixed[id] = stack.SubnetMapping{Subnet: id, AllocationID: eip}
					}
				}
			}
		}
		r := Compile(service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
			m.Settings.Scheme = set(m, "scheme", stack.InternetFacing)
			if c.subnets != "" {
				m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: strings.Fields(c.subnets)})
			}
			var list []stack.SubnetMapping
			for _, e := range strings.Fields(c.eips) {
				list = append(list, stack.SubnetMapping{AllocationID: e})
			}
			m.Settings.Mappings = set(m, "mappings", list)
		}), f, config(), nil)
		var got []string
		for _, m := range mustBuild(t, r).LoadBalancers[0].Subnets {
			got = append(got, m.Subnet+"="+m.AllocationID)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
		if text := fmt.Sprint(r.Diagnostics); !strings.Contains(text, c.note) || c.note == "" && len(r.Diagnostics) > 0 {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestAnNLBWithSubnetsWithoutIPv6DoesNotBecomeDualstack(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = standingNLB(stack.IPv4)
	dualstack := service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.Scheme, m.Settings.IPAddressType = set(m, "scheme", stack.Internal), set(m, "family", stack.Dualstack)
	})
	r := Compile(dualstack, f, config(), nil)
	if mustBuild(t, r).LoadBalancers[0].IPAddressType != stack.IPv4 || !strings.Contains(fmt.Sprint(r.Diagnostics),
		"subnets subnet-0a2, subnet-0b2 do not have an associated IPv6 CIDR block") {
		t.Errorf("%+v", r.Diagnostics)
	}
	f.Existing.IPAddressType = stack.Dualstack
	mustBuild(t, Compile(dualstack, f, config(), nil))
}
