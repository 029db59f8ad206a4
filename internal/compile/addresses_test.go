package compile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// elastic are the addresses of the account in tests.
func elastic() map[string]facts.Address {
	return map[string]facts.Address{
		"192.0.2.1": {AllocationID: "eipalloc-1"}, "192.0.2.2": {AllocationID: "eipalloc-2", InUse: true}, "192.0.2.3": {
			AllocationID: "eipalloc-3"},
	}
}

func addressed(scheme string, addresses ...string) intent.LoadBalancer {
	return service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.Scheme, m.Settings.Addresses = set(m, "scheme", scheme), set(m, "addresses", addresses)
	})
}

func TestElasticIPAddressesOfAnNLBAreFoundByTheirText(t *testing.T) {
	t.Parallel()
	f := account()
	if r := Compile(addressed(stack.InternetFacing, "192.0.2.1", "192.0.2.3"), f, config(), nil); len(r.Needs) == 0 ||
		r.Needs[0].Kind != facts.NeedAddresses {
		t.Errorf("%+v", r.Needs)
	}
	f.Addresses = elastic()
	s := mustBuild(t, Compile(addressed(stack.InternetFacing, "192.0.2.3", "192.0.2.1"), f, config(), nil))
	if got := fmt.Sprint(s.LoadBalancers[0].Subnets); got != "[{subnet-0a1 eipalloc-3   } {subnet-0b1 eipalloc-1   }]" {
		t.Error(got)
	}
	for text, e := range map[string]intent.LoadBalancer{
		"internet facing":        addressed(stack.Internal, "192.0.2.1", "192.0.2.3"),
		"must match":             addressed(stack.InternetFacing, "192.0.2.1"),
		"not an Elastic":         addressed(stack.InternetFacing, "192.0.2.1", "192.0.2.9"),
		"192.0.2.2 is in use":    addressed(stack.InternetFacing, "192.0.2.1", "192.0.2.2"),
		"192.0.2.1 is listed tw": addressed(stack.InternetFacing, "192.0.2.1", "192.0.2.1"),
	} {
		r := Compile(e, f, config(), nil)
		if r.Stack != nil || !strings.Contains(r.Diagnostics[0].Text, text) ||
			r.Diagnostics[0].Code != diag.AddressNotUsable {
			t.Errorf("%s: %+v", text, r.Diagnostics)
		}
	}
	f.Existing = &facts.LoadBalancer{Type: stack.Network, Scheme: stack.InternetFacing, Subnets: []string{
		"subnet-0a1", "subnet-0b1"}, Fixed: map[string]stack.SubnetMapping{"subnet-0a1": {AllocationID: "eipalloc-1"},
		"subnet-0b1": {AllocationID: "eipalloc-2"}}}
	s = mustBuild(t, Compile(addressed(stack.InternetFacing, "192.0.2.1", "192.0.2.2"), f, config(), nil))
	if got := fmt.Sprint(s.LoadBalancers[0].Subnets); got != "[{subnet-0a1 eipalloc-1   } {subnet-0b1 eipalloc-2   }]" {
		t.Errorf("those that the load balancer has already: %s", got)
	}
}

func TestElasticIPAddressesOfALBAreThoseOfItsFrontendNLB(t *testing.T) {
	t.Parallel()
	front := func(addresses ...string) intent.LoadBalancer {
		return loadBalancer(ingress("n", "a", func(m *intent.Member) {
			m.Settings.Scheme, m.Settings.Addresses = set(m, "scheme", stack.InternetFacing), set(m, "addresses", addresses)
			m.Settings.Frontend.Enabled, m.Settings.Frontend.Scheme = set(m, "addresses", true),
				set(m, "addresses", stack.InternetFacing)
		}))
	}
	f := account()
	f.Addresses = elastic()
	s := mustBuild(t, Compile(front("192.0.2.1", "192.0.2.3"), f, config(), nil))
	if len(s.LoadBalancers) != 2 {
		t.Fatalf("%d load balancers", len(s.LoadBalancers))
	}
	if got := fmt.Sprint(s.LoadBalancers[1].Subnets); !strings.Contains(got, "eipalloc-1") ||
		!strings.Contains(got, "eipalloc-3") {
		t.Error(got)
	}
	s = mustBuild(t, Compile(front("192.0.2.3"), f, config(), nil))
	if got := fmt.Sprint(s.LoadBalancers[1].Subnets); got != "[{subnet-0a1 eipalloc-3   }]" {
		t.Errorf("one address, one zone: %s", got)
	}
	f.ExistingFrontend = &facts.LoadBalancer{Type: stack.Network, Scheme: stack.InternetFacing, Subnets: []string{
		"subnet-0b1"}, Fixed: map[string]stack.SubnetMapping{"subnet-0b1": {AllocationID: "eipalloc-3"}}}
	s = mustBuild(t, Compile(front("192.0.2.3"), f, config(), nil))
	if got := fmt.Sprint(s.LoadBalancers[1].Subnets); got != "[{subnet-0b1 eipalloc-3   }]" {
		t.Errorf("the zone of the frontend that exists: %s", got)
	}
	s = mustBuild(t, Compile(front("192.0.2.3", "192.0.2.1"), f, config(), nil))
	if got := fmt.Sprint(s.LoadBalancers[1].Subnets); !strings.Contains(got, "eipalloc-1") ||
		!strings.Contains(got, "eipalloc-3") {
		t.Errorf("an address more: %s", got)
	}
	f.ExistingFrontend = nil
	r := Compile(front("192.0.2.1", "192.0.2.2"), f, config(), nil)
	if s := mustBuild(t, r); len(s.LoadBalancers) != 1 || !strings.Contains(fmt.Sprint(r.Diagnostics),
		"192.0.2.2 is in use") {
		t.Errorf("%d load balancers, %v", len(s.LoadBalancers), r.Diagnostics)
	}
}
