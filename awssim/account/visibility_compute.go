package account

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// formerCompute is a resource of EC2 as Describe calls show it that do not know of its latest change.
type formerCompute struct {
	value any // a *SecurityGroup or *NetworkInterface
	until time.Time
}

// ChangingGroup says that a security group is about to change or to go: for a while Describe calls go on showing it as it is.
// Of several changes in that time the first counts, as for all of these.
func (a *Account) ChangingGroup(g *vpc.SecurityGroup) {
	a.changingCompute(g.ID, func() any {
		was := *g
		was.Ingress, was.Egress, was.AssociatedVPCs = slices.Clone(g.Ingress), slices.Clone(g.Egress), slices.Clone(g.AssociatedVPCs)
		was.Tags = maps.Clone(g.Tags)
		return &was
	})
}

// ChangingInterface is ChangingGroup for a network interface.
func (a *Account) ChangingInterface(n *vpc.Interface) {
	a.changingCompute(n.ID, func() any {
		was := *n
		was.Groups, was.Addresses, was.Prefixes = slices.Clone(n.Groups), slices.Clone(n.Addresses), slices.Clone(n.Prefixes)
		was.IPv6Addresses, was.IPv6Prefixes, was.Tags = slices.Clone(n.IPv6Addresses), slices.Clone(n.IPv6Prefixes), maps.Clone(n.Tags)
		if n.Attachment != nil {
			attachment := *n.Attachment
			was.Attachment = &attachment
		}
		return &was
	})
}

func (a *Account) changingCompute(id string, present func() any) {
	now := a.Clock.Now()
	if old, ok := a.visibility.formerCompute[id]; ok && now.Before(old.until) {
		return
	}
	d := a.lag(a.Profile.ComputeChanged)
	if d <= 0 {
		return
	}
	resource.Put(&a.visibility.formerCompute, id, formerCompute{present(), now.Add(d)})
	if len(a.visibility.formerCompute)%sweepEvery == 0 {
		maps.DeleteFunc(a.visibility.formerCompute, func(_ string, old formerCompute) bool { return !now.Before(old.until) })
	}
}

// DescribedGroups are the security groups as Describe calls know them, by id; not to be changed.
func (a *Account) DescribedGroups() map[string]*vpc.SecurityGroup {
	return describedOf(a, a.SecurityGroups)
}

// DescribedInterfaces are the network interfaces as Describe calls know them, by id; not to be changed.
func (a *Account) DescribedInterfaces() map[string]*vpc.Interface {
	return describedOf(a, a.Interfaces)
}

func describedOf[R any](a *Account, present map[string]R) map[string]R {
	if len(a.visibility.formerCompute) == 0 {
		return present
	}
	now := a.Clock.Now()
	shown := maps.Clone(present)
	for id, old := range a.visibility.formerCompute {
		if value, ok := old.value.(R); ok && now.Before(old.until) {
			resource.Put(&shown, id, value)
		}
	}
	return shown
}
