package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// keepSettings returns a desired stack that differs from AWS only in rules, target groups and bindings, and what else
// is kept. ok is false if it is not clear which load balancer of AWS is meant.
func keepSettings(want *stack.Stack, keep stack.Keep, obs *awsop.Observed) (_ *stack.Stack, _ stack.Keep, ok bool) {
	lb, ok := keptBalancer(want, obs)
	if !ok {
		return nil, keep, false
	}
	s := *want
	existing := lb.LoadBalancer
	existing.Attributes, existing.Tags, existing.AddOns = nil, nil, stack.AddOns{}
	s.LoadBalancers = []stack.LoadBalancer{existing}
	also := []stack.Ref{{Kind: stack.KindCertificate}, {Kind: stack.KindTrustStore}}
	for i := range obs.LoadBalancers {
		if have := &obs.LoadBalancers[i]; have.ARN != lb.ARN {
			also = append(also, stack.Literal(stack.KindLoadBalancer, have.ARN))
		}
	}
	for _, g := range obs.SecurityGroups {
		also = append(also, stack.Literal(stack.KindSecurityGroup, g.GroupID))
	}
	s.SecurityGroups = slices.DeleteFunc(slices.Clone(want.SecurityGroups), func(w stack.SecurityGroup) bool {
		return !w.Shared && !slices.ContainsFunc(obs.SecurityGroups, func(g awsop.SecurityGroup) bool { return g.ID == w.ID })
	})
	of := keepListeners(&s, keep, obs, lb)
	keep.Resources = slices.Concat(keep.Resources, also, of.untouched, unseen(keep.SeenNamespace, &s, obs),
		keptBelowMemberless(keep.Departed, len(want.Listeners) == 0, of.memberless, obs))
	keep.Actions = slices.Concat(keep.Actions, of.defaults)
	keepTargetGroups(&s, obs)
	keepBindings(&s, obs)
	// An import of new content changes no listener; a new certificate waits for one that takes it.
	s.Certificates = slices.DeleteFunc(slices.Clone(want.Certificates), func(w stack.Certificate) bool {
		return w.Import == nil || !slices.ContainsFunc(obs.Certificates, func(c awsop.Certificate) bool {
			return c.ID == w.ID && len(mismatches(&c, w)) == 0
		})
	})
	// Nor does a new bundle of a trust store.
	s.TrustStores = slices.DeleteFunc(slices.Clone(want.TrustStores), func(w stack.TrustStore) bool {
		return !slices.ContainsFunc(obs.TrustStores, func(t awsop.TrustStore) bool { return t.ID == w.ID })
	})
	return &s, keep, true
}

// keptBalancer returns the existing load balancer of a stack. ok is false if there is none, or if several differ in
// settings that cannot change, so that one will replace the other.
func keptBalancer(want *stack.Stack, obs *awsop.Observed) (lb *awsop.LoadBalancer, ok bool) {
	if len(want.LoadBalancers) == 0 {
		return nil, false
	}
	w := want.LoadBalancers[0]
	for i := range obs.LoadBalancers {
		have := &obs.LoadBalancers[i]
		if have.ID != w.ID {
			continue
		}
		if have.Type != w.Type || lb != nil && lb.Scheme != have.Scheme {
			return nil, false
		}
		lb = have
	}
	if lb == nil {
		return nil, false
	}
	w.Scheme = lb.Scheme
	return obs.LoadBalancer(w), true
}

// keptListeners are listeners that stay although the settings of a stack are not known.
type keptListeners struct {
	// untouched do not change, and keep their rules: unwanted ones, those that redirect in AWS or shall redirect, and
	// those with another protocol, because rules mean something else there.
	untouched  []stack.Ref
	defaults   []stack.Ref // their default actions stay
	memberless []string    // ARNs of unwanted ones, which lose the rules of objects that leave
}

// keepListeners gives each existing wanted listener its settings in AWS, and leaves out other wanted listeners with
// their rules.
func keepListeners(s *stack.Stack, keep stack.Keep, obs *awsop.Observed, lb *awsop.LoadBalancer) (out keptListeners) {
	wanted, rules := s.Listeners, s.Rules
	s.Listeners, s.Rules = nil, nil
	for i := range obs.Listeners {
		have := &obs.Listeners[i]
		if have.LoadBalancer.Literal != lb.ARN {
			continue
		}
		n := slices.IndexFunc(wanted, func(w stack.Listener) bool {
			return w.Port == have.Port && w.LoadBalancer == loadBalancerRef(lb.ID)
		})
		differs := n >= 0 && (wanted[n].Protocol != have.Protocol ||
			redirects(wanted[n].DefaultActions) != redirects(have.DefaultActions))
		if n < 0 && (keep.Departed.Any() || keep.SeenNamespace != "" && len(wanted) == 0) ||
			differs && servesDeparted(keep, obs, have) {
			out.memberless = append(out.memberless, have.ARN)
			out.defaults = append(out.defaults, keepMemberless(s, keep, obs, lb, have)...)
			continue
		}
		if n < 0 {
			out.untouched = append(out.untouched, stack.Literal(stack.KindListener, have.ARN))
			continue
		}
		w, l := wanted[n], have.Listener
		l.ID, l.LoadBalancer, l.Attributes, l.Mutual, l.Tags = w.ID, w.LoadBalancer, nil, nil, nil
		at := listenerRef(l.ID)
		if ofDeparted(keep, obs, have.DefaultActions) {
			l.DefaultActions = w.DefaultActions
		} else {
			out.defaults = append(out.defaults, at)
		}
		s.Listeners = append(s.Listeners, l)
		if differs {
			out.untouched = append(out.untouched, stack.Literal(stack.KindListener, have.ARN))
			s.Rules = append(s.Rules, existingRules(obs, have.ARN, at)...)
			continue
		}
		for _, r := range rules {
			if r.Listener == at {
				s.Rules = append(s.Rules, r)
			}
		}
	}
	return out
}

// existingRules returns the observed rules of a listener in the form of a stack's rules.
func existingRules(obs *awsop.Observed, arn string, at stack.Ref) []stack.Rule {
	var out []stack.Rule
	for _, r := range obs.Rules {
		if r.Listener.Literal == arn {
			rule := r.Rule
			rule.Listener, rule.Order = at, r.Priority
			out = append(out, rule)
		}
	}
	return out
}

func redirects(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool { return a.Redirect != nil })
}

// keepTargetGroups leaves out wanted target groups that do not exist in AWS and that no remaining rule or listener
// uses.
func keepTargetGroups(s *stack.Stack, obs *awsop.Observed) {
	used := map[stack.Ref]bool{}
	uses := func(as []stack.Action) {
		for _, ref := range awsop.TargetGroupsOf(as) {
			used[ref] = true
		}
	}
	for _, r := range s.Rules {
		uses(r.Actions)
	}
	for _, l := range s.Listeners {
		uses(l.DefaultActions)
	}
	s.TargetGroups = slices.DeleteFunc(slices.Clone(s.TargetGroups), func(w stack.TargetGroup) bool {
		if w.Balancer != (stack.Ref{}) { // that of a load balancer in front, which stays as it is
			return true
		}
		return !used[targetGroupRef(w.ID)] && !slices.ContainsFunc(obs.TargetGroups,
			func(tg awsop.TargetGroup) bool { return tg.ID == w.ID })
	})
}

// keepBindings gives bindings the sources of the observed bindings, because sources are a setting of the load
// balancer.
func keepBindings(s *stack.Stack, obs *awsop.Observed) {
	s.Bindings = slices.DeleteFunc(slices.Clone(s.Bindings), func(w stack.Binding) bool {
		return !slices.ContainsFunc(s.TargetGroups, func(tg stack.TargetGroup) bool {
			return w.TargetGroup == targetGroupRef(tg.ID)
		})
	})
	if len(obs.Bindings) == 0 {
		return
	}
	for i := range s.Bindings {
		w := &s.Bindings[i]
		like := &obs.Bindings[0]
		for j := range obs.Bindings {
			have := &obs.Bindings[j]
			if tg := obs.TargetGroup(have.TargetGroup.Literal); tg != nil && tg.ID == w.TargetGroup.ID &&
				have.Namespace == w.Namespace {
				like = have
			}
		}
		if len(like.Networking) == 0 {
			w.Networking = nil
			continue
		}
		if w.Networking == nil {
			w.Networking = like.Networking
			continue
		}
		w.Networking = slices.Clone(w.Networking)
		for n := range w.Networking {
			w.Networking[n].FromGroups, w.Networking[n].FromCIDRs = like.Networking[0].FromGroups, like.Networking[0].FromCIDRs
		}
	}
}
