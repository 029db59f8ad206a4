package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// chooseFrontendSubnets sets the subnets: the named ones, else those of the existing frontend, else discovered ones.
// Elastic IP addresses are assigned by position.
func (b *build) chooseFrontendSubnets(lb *stack.LoadBalancer) {
	f := &b.front
	q := b.subnetQuery()
	q.Type, q.Scheme, q.IPAddressType = lb.Type, lb.Scheme, lb.IPAddressType
	if f.subnets.Set {
		q.IDsOrNames = f.subnets.Value
		b.takeFrontendSubnets(lb, q, f.subnets.Member, f.subnets.Source)
		if b.boundSubnets(lb.Subnets); !f.subnets.Set {
			lb.Subnets, q.IDsOrNames = nil, nil
		}
	}
	if !f.subnets.Set {
		if _, known := b.existing(); !known {
			return
		}
		addresses := b.settings.addresses
		kept := func(subnets []string) bool {
			return len(subnets) > 0 && (!addresses.Set || len(subnets) == len(addresses.Value))
		}
		if old := b.f.ExistingFrontend; old != nil && old.Type == lb.Type && old.Scheme == lb.Scheme && kept(old.Subnets) {
			for _, id := range old.Subnets {
				lb.Subnets = append(lb.Subnets, stack.SubnetMapping{Subnet: id})
			}
		} else {
			b.takeFrontendSubnets(lb, q, -1, intent.Source{})
			if addresses.Set && len(addresses.Value) < len(lb.Subnets) {
				lb.Subnets = b.albSubnetsFirst(lb.Subnets)[:len(addresses.Value)]
			}
		}
	}
	b.mapFrontendAddresses(lb)
	if !f.allocations.Set || len(lb.Subnets) == 0 {
		return
	}
	refuse := func(remedy, format string, args ...any) {
		b.invalidateFrontend(f.allocations.Member, diag.New(diag.Object{}, f.allocations.Source.Place(), diag.InvalidSubnets,
			fmt.Sprintf(format, args...), remedy))
	}
	switch a := f.allocations.Value; {
	case lb.Scheme != stack.InternetFacing:
		refuse("remove the allocations, or set frontend-nlb-scheme to internet-facing",
			"Elastic IP addresses need an internet-facing load balancer")
	case len(a) != len(lb.Subnets):
		refuse("give one allocation per subnet",
			"count of EIP allocations (%d) and subnets (%d) must match", len(a), len(lb.Subnets))
	default:
		for i := range lb.Subnets {
			lb.Subnets[i].AllocationID = a[i]
		}
	}
}

func (b *build) takeFrontendSubnets(lb *stack.LoadBalancer, q facts.SubnetQuery, member int, source intent.Source) {
	c := facts.ChooseSubnets(*b.f, q)
	b.require(c.Needs...)
	if c.Problem != nil {
		b.frontendProblem(member, source, c.Problem)
		return
	}
	for _, s := range c.Subnets {
		lb.Subnets = append(lb.Subnets, stack.SubnetMapping{Subnet: s.ID})
	}
}

// albSubnetsFirst sorts the subnets of the ALB before all others.
func (b *build) albSubnetsFirst(all []stack.SubnetMapping) []stack.SubnetMapping {
	elsewhere := func(m stack.SubnetMapping) int {
		if slices.ContainsFunc(b.lb.Subnets, func(own stack.SubnetMapping) bool { return own.Subnet == m.Subnet }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(x, y stack.SubnetMapping) int { return cmp.Compare(elsewhere(x), elsewhere(y)) })
	return all
}

// resolveFrontendGroups finds the named security groups.
func (b *build) resolveFrontendGroups() {
	f := &b.front
	if !f.groups.Set {
		return
	}
	c := facts.ResolveSecurityGroups(*b.f, b.cfg.VPC, f.groups.Value)
	b.require(c.Needs...)
	if c.Problem != nil {
		b.frontendProblem(f.groups.Member, f.groups.Source, c.Problem)
		return
	}
	for _, id := range c.IDs {
		f.resolved = append(f.resolved, stack.Literal(stack.KindSecurityGroup, id))
	}
}

// frontendPermissions are the rules of the ALB's managed group for the frontend: for clients of ports that the ALB does
// not have, if the frontend has the same group; and for the frontend's health checks, which come from its own
// addresses, where sources are restricted.
func (b *build) frontendPermissions() []stack.Permission {
	f := &b.front
	var out []stack.Permission
	if !f.enabled.Value {
		return nil
	}
	for _, p := range f.ports {
		target := b.portNumbered(p.target)
		if !f.groups.Set && b.portNumbered(p.number) == nil {
			for _, permission := range b.permissions(target) {
				if permission.Protocol == "tcp" {
					permission.FromPort, permission.ToPort = p.number, p.number
					out = append(out, permission)
				}
			}
		}
		out = append(out, b.healthPermissions(target)...)
		for _, i := range p.members {
			if checked := b.portNumbered(number(b.members[i].Settings.Frontend.HealthCheck.Port.Value)); checked != nil {
				out = append(out, b.healthPermissions(checked)...)
			}
		}
	}
	return out
}

// healthPermissions allow the frontend's health checks on a port of the ALB with restricted sources.
func (b *build) healthPermissions(p *port) []stack.Permission {
	if !p.cidrs.Set && !p.prefixLists.Set || slices.Contains(p.cidrs.Value, "0.0.0.0/0") {
		return nil
	}
	sources := b.front.resolved
	if !b.front.groups.Set {
		sources = []stack.Ref{{Kind: stack.KindSecurityGroup, ID: stack.ManagedSecurityGroup}}
	}
	var out []stack.Permission
	for _, from := range sources {
		out = append(out, stack.Permission{Protocol: "tcp", FromPort: p.number, ToPort: p.number, Group: from})
	}
	return out
}

func (b *build) portNumbered(number int32) *port {
	for _, p := range b.ports {
		if p.number == number {
			return p
		}
	}
	return nil
}
