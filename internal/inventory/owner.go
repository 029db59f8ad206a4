package inventory

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Owner is whose a target group is, by its tags. The zero value is that of a target group of a user.
type Owner struct {
	Stack stack.Key
	// TargetGroup is its identity in the stack.
	TargetGroup string
}

// External reports whether the target group is a user's.
func (o Owner) External() bool { return o == Owner{} }

// Placed reports whether the identity of the target group decides about the namespace of its binding.
func (o Owner) Placed() bool { return naming.NamespaceOfTargetGroup(o.TargetGroup) != "" }

// BindsIn reports whether the binding of the target group belongs to a namespace, if the identity decides about it.
func (o Owner) BindsIn(namespace string) bool { return naming.BindsIn(o.TargetGroup, namespace) }

// TargetGroupOwner returns the stack of this cluster to which a target group belongs. While the first listing is not complete, it costs
// one DescribeTags, afterwards nothing. An error means that AWS did not answer, and nothing may be concluded.
func (i *Inventory) TargetGroupOwner(ctx context.Context, arn string) (Owner, error) {
	if owner, known := i.KnownTargetGroupOwner(arn); known {
		return owner, nil
	}
	tags, err := shared(ctx, i, "owner of "+arn, func(ctx context.Context) (map[string]string, error) {
		read, err := i.describeTagBatch(ctx, []string{arn})
		return read[arn], err
	})
	if err != nil {
		return Owner{}, fmt.Errorf("reading whose target group %s is: %w", arn, err)
	}
	return i.ownerByTags(arn, tags), nil
}

// KnownTargetGroupOwner is TargetGroupOwner without asking AWS; known is false as long as no listing is complete that would hold
// the target group.
func (i *Inventory) KnownTargetGroupOwner(arn string) (owner Owner, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if read, ok := i.tags[arn]; ok {
		return i.ownerByTags(arn, read.tags), true
	}
	if i.listed.invalidations == 0 {
		return Owner{}, false
	}
	for _, e := range i.stacks { // its tags were just written
		for _, tg := range e.obs.TargetGroups {
			if tg.ARN == arn {
				return Owner{e.obs.Key, tg.ID}, true
			}
		}
	}
	return Owner{}, true
}

// ownerFacts answers from the bulk listing: an ARN that AWS would not take costs no call.
func (i *Inventory) ownerFacts(ctx context.Context, arns []string) (put func(*facts.Facts), err error) {
	if err := i.list(ctx, 1); err != nil {
		return nil, fmt.Errorf("listing the target groups of the cluster: %w", err)
	}
	owners := map[string]*facts.TargetGroupOwner{}
	for _, arn := range arns {
		owners[arn] = nil
		if owner, _ := i.KnownTargetGroupOwner(arn); owner != (Owner{}) {
			owners[arn] = &facts.TargetGroupOwner{Stack: owner.Stack, ID: owner.TargetGroup}
		}
	}
	return func(f *facts.Facts) { f.TargetGroupOwners = owners }, nil
}

func (i *Inventory) ownerByTags(arn string, tags map[string]string) Owner {
	key, id, ok := naming.StackOfNamed(i.cfg.Cluster, arn, tags)
	if !ok {
		return Owner{}
	}
	return Owner{key, id}
}

// HoldsRetained reports whether a load balancer stays in AWS without an object.
func (i *Inventory) HoldsRetained() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, e := range i.stacks {
		if slices.ContainsFunc(e.obs.LoadBalancers, func(lb elb.LoadBalancer) bool { return lb.Retained() }) {
			return true
		}
	}
	return false
}

// LoadBalancers is how many load balancers of the cluster's stacks are known.
func (i *Inventory) LoadBalancers() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for _, e := range i.stacks {
		for _, lb := range e.obs.LoadBalancers {
			if !lb.Foreign {
				n++
			}
		}
	}
	return n
}
