package diff

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Replacement is the policy for load balancers that the plan would replace.
type Replacement struct {
	Policy replacement.Policy
	By     string    // where the policy is declared: "Ingress shop/web (metadata.annotations[…])"
	Now    time.Time // by which replacement.Policy.Keep is measured
}

// refusal is a wanted load balancer that does not replace the existing one.
type refusal struct {
	wanted stack.LoadBalancer
	stays  *awsop.LoadBalancer
	lacks  string // what its listeners would lack because it is not known; empty = the policy refuses
}

// keepPlaces gives load balancers whose replacement is refused their observed scheme and place, so that everything
// else is planned for them. A load balancer of another type cannot become the wanted one: its replacement is planned
// with a guard.
func keepPlaces(desired *stack.Stack, keep stack.Keep, obs *awsop.Observed, r Replacement) (*stack.Stack, []refusal) {
	var refused []refusal
	kept := *desired
	for i, w := range desired.LoadBalancers {
		if obs.LoadBalancer(w) != nil {
			continue
		}
		stays := predecessor(obs, w)
		if stays == nil {
			continue
		}
		lacks := unknownOf(stays, keep, obs)
		if lacks == "" && r.Policy.Admits(stays.Name) {
			continue
		}
		refused = append(refused, refusal{w, stays, lacks})
		if stays.Type != w.Type {
			continue
		}
		if len(refused) == 1 {
			kept.LoadBalancers = slices.Clone(desired.LoadBalancers)
		}
		in := &kept.LoadBalancers[i]
		in.Name, in.Scheme, in.Subnets, in.IPAddressType = stays.Name, stays.Scheme, stays.Subnets, stays.IPAddressType
		in.NetworkSourceNAT, in.CustomerOwnedPool, in.IPAMPool = stays.NetworkSourceNAT, stays.CustomerOwnedPool,
			stays.IPAMPool
	}
	return &kept, refused
}

// unknownOf says what a successor of a load balancer would lack, because it is kept as it is in AWS and is not known;
// empty = nothing.
func unknownOf(lb *awsop.LoadBalancer, keep stack.Keep, obs *awsop.Observed) string {
	for _, l := range obs.Listeners {
		if l.LoadBalancer.Literal != lb.ARN {
			continue
		}
		if slices.Contains(keep.Resources, listenerRef(l.ID)) {
			return "listener " + l.ID
		}
		if slices.Contains(keep.Certificates, listenerRef(l.ID)) {
			return "certificates of listener " + l.ID
		}
	}
	return ""
}

// predecessor returns the load balancer of another type or scheme that a wanted one would replace; if there are
// several, the one that objects show.
func predecessor(obs *awsop.Observed, w stack.LoadBalancer) (out *awsop.LoadBalancer) {
	for i := range obs.LoadBalancers {
		if lb := &obs.LoadBalancers[i]; lb.ID == w.ID && (out == nil || obs.Shown(lb) && !obs.Shown(out)) {
			out = lb
		}
	}
	return out
}

// refuseReplacements plans the load balancers that are not created, each with a guard.
func (d *differ) refuseReplacements(refused []refusal) {
	for _, r := range refused {
		var why reasons
		why.value("type", string(r.stays.Type), string(r.wanted.Type))
		why.value("scheme", r.stays.Scheme, r.wanted.Scheme)
		guard := replacementRefused(r.stays.Name, why, d.opt.Replacement.By)
		if r.lacks != "" {
			guard.Text = fmt.Sprintf("load balancer %q stays as it is: its successor (%s) would lack %s, which cannot be "+
				"decided now", r.stays.Name, strings.Join(why, ", "), r.lacks)
			guard.Remedy = "see the other events of the objects of the load balancer"
		}
		if r.stays.Type != r.wanted.Type {
			for _, s := range d.steps {
				if op, creates := s.Op.(awsop.CreateLoadBalancer); creates && op.LoadBalancer.ID == r.wanted.ID {
					s.Guard = guard
				}
			}
			continue
		}
		op := awsop.CreateLoadBalancer{LoadBalancer: r.wanted}
		op.LoadBalancer.Attributes, op.LoadBalancer.AddOns = nil, stack.AddOns{}
		s := d.step(plan.Replace, loadBalancerRef(r.wanted.ID), plan.Cosmetic, op, why...)
		s.Needs, s.Guard = nil, guard
	}
}

func replacementRefused(name string, why reasons, by string) *plan.Guard {
	return &plan.Guard{
		Code: diag.ReplacementRefused,
		Text: fmt.Sprintf("load balancer %q stays as it is: the edit (%s) would replace it by a load balancer with another "+
			"DNS name, and the replacement policy of %s refuses this replacement", name, strings.Join(why, ", "), by),
		Remedy: fmt.Sprintf("undo the edit, or, to consent to the replacement, set this policy to %q", "refuse,except="+name),
	}
}

// keptUntil returns until when an old load balancer that no object shows any longer stays, with all its parts; zero =
// it does not stay.
func (d *differ) keptUntil(old *awsop.LoadBalancer) time.Time {
	keep := d.opt.Replacement.Policy.Keep
	by := d.balancers[old.ID]
	if keep == 0 || by == nil {
		return time.Time{}
	}
	created := by.Created
	if created.IsZero() { // this process has just made it
		created = d.opt.Replacement.Now
	}
	if until := created.Add(keep); until.After(d.opt.Replacement.Now) {
		return until
	}
	return time.Time{}
}

// deleteLater plans the deletion of a load balancer that is kept for a time. The later plan also deletes
// its target groups and security groups.
func (d *differ) deleteLater(old *awsop.LoadBalancer, successor *stack.Ref, until time.Time) {
	r := stack.Ref{Kind: stack.KindLoadBalancer, ID: old.ID, Literal: old.ARN}
	op := awsop.DeleteLoadBalancer{LoadBalancer: stack.Literal(stack.KindLoadBalancer, old.ARN), Successor: successor}
	d.step(plan.Delete, r, plan.Cosmetic, op, "is replaced, and stays until "+until.UTC().Format(time.RFC3339)).
		NotBefore = until
}
