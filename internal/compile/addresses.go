package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mapAddresses assigns the Elastic IP addresses that are declared to the subnets of an NLB, in their order.
func (b *build) mapAddresses() {
	s := b.settings.addresses
	if !s.Set || b.e.Type != stack.Network || len(b.lb.Subnets) == 0 {
		return
	}
	lb, known := b.existing()
	if !known {
		return
	}
	ids, problem := b.allocations(s.Value, &b.lb, lb)
	if problem != nil {
		b.problem(s.Member, s.Source, problem)
		return
	}
	if len(ids) > 0 {
		b.allocate(ids)
		b.keepAddresses(s.Member, s.Source)
	}
}

// mapFrontendAddresses assigns them to the subnets of the frontend of an ALB.
func (b *build) mapFrontendAddresses(lb *stack.LoadBalancer) {
	s := b.settings.addresses
	if !s.Set || len(lb.Subnets) == 0 {
		return
	}
	if _, known := b.existing(); !known {
		return
	}
	ids, problem := b.allocations(s.Value, lb, b.f.ExistingFrontend)
	if problem != nil {
		b.frontendProblem(s.Member, s.Source, problem)
		return
	}
	for i, id := range ids {
		lb.Subnets[i].AllocationID = id
	}
}

// allocations are the allocations of Elastic IP addresses for a load balancer, in their order; none while they are not
// known.
func (b *build) allocations(addresses []string, lb *stack.LoadBalancer, existing *facts.LoadBalancer) ([]string,
	*facts.Problem) {
	unusable := func(format string, args ...any) *facts.Problem {
		return &facts.Problem{Code: diag.AddressNotUsable, Text: fmt.Sprintf(format, args...),
			Remedy: "give free Elastic IP addresses of the account and region, one for each subnet of an internet-facing " +
				"load balancer"}
	}
	if lb.Scheme != stack.InternetFacing {
		return nil, unusable("Elastic IP addresses can only be set for internet facing load balancers")
	}
	if b.f.Addresses == nil {
		needs, problem := b.f.Request(facts.Need{Kind: facts.NeedAddresses})
		b.require(needs...)
		return nil, problem
	}
	var out []string
	for _, text := range addresses {
		a, ok := b.f.Addresses[text]
		switch {
		case !ok:
			return nil, unusable("%s is not an Elastic IP address of the account", text)
		case slices.Contains(out, a.AllocationID):
			return nil, unusable("%s is listed twice", text)
		case a.InUse && (existing == nil || !existing.Has(a.AllocationID)):
			return nil, unusable("%s is in use", text)
		}
		out = append(out, a.AllocationID)
	}
	if len(out) != len(lb.Subnets) {
		return nil, unusable("count of Elastic IP addresses (%d) and subnets (%d) must match", len(out), len(lb.Subnets))
	}
	return out, nil
}
