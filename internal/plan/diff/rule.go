package diff

import (
	"slices"
	"sort"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/transition"
)

// transition computes the changes from the observed to the wanted rules of a listener, and keeps the target groups of
// rules that stay. l is nil for a new listener.
func (d *differ) transition(in transition.Input, l *awsop.Listener, want []stack.Rule) []transition.Batch {
	in.Targets, in.Stays, in.Movable = d.forwards, map[string]bool{}, map[string]bool{}
	for i := range d.obs.Rules {
		switch r := &d.obs.Rules[i]; {
		case l == nil || r.Listener.Literal != l.ARN:
		case (d.beside[l.LoadBalancer.Literal] || d.adopted(l)) && !d.own(r.Tags): // others' rules come first
			in.Taken, in.Behind = append(in.Taken, r.Priority), max(in.Behind, r.Priority)
		case d.kept[r.ARN]:
			in.Taken = append(in.Taken, r.Priority)
		default:
			in.Observed = append(in.Observed, r)
		}
	}
	sort.SliceStable(in.Observed, func(i, j int) bool { return in.Observed[i].Priority < in.Observed[j].Priority })
	in.Want = slices.Clone(want)
	sort.SliceStable(in.Want, func(i, j int) bool { return in.Want[i].Order < in.Want[j].Order })
	keepActions(d.keptActions, in.Want, notDeparted(d.keep, d.obs, in.Observed), d.resolve, d.keepForwards)
	d.settleRules(in.Want, in.Observed)
	tagged, keep := d.rulesTagged(in.Want), d.keep.Rules[in.Listener.ID]
	still := d.targetsOf(in)
	for _, r := range in.Observed {
		kept, others := d.keepsRule(keep, r) || d.withheld(r), l.Tags != nil && tagged && !d.ours(r.Tags)
		moves := !kept && !others && len(d.successors(l.LoadBalancer.Literal, r.Rule)) > 0 &&
			!slices.ContainsFunc(awsop.TargetGroupsOf(r.Actions), func(ref stack.Ref) bool { return still[ref.Literal] })
		in.Stays[r.ARN], in.Movable[r.ARN] = kept || others || moves, (kept || moves) && !others
	}
	t := transition.Compute(in)
	for _, r := range t.Stay {
		if to := d.successors(l.LoadBalancer.Literal, r.Rule); d.keepsRule(keep, r) || d.withheld(r) {
			d.keepForwards(r.Actions)
		} else if len(to) > 0 && in.Movable[r.ARN] {
			d.moved = append(d.moved, moved{r, in.Listener, to})
		}
	}
	return t.Batches
}

// targetsOf are the target groups that the wanted actions of a listener forward to, by ARN.
func (d *differ) targetsOf(in transition.Input) map[string]bool {
	out := map[string]bool{}
	for _, w := range append(slices.Clip(in.Want), stack.Rule{Actions: d.wantedDefault(in.Listener)}) {
		for _, ref := range awsop.TargetGroupsOf(w.Actions) {
			out[d.resolve(ref)] = true
		}
	}
	return out
}

// rulesTagged reports whether rules carry tags in this cluster.
func (d *differ) rulesTagged(want []stack.Rule) bool {
	return slices.ContainsFunc(want, func(r stack.Rule) bool { return r.Tags != nil }) || len(want) == 0 && d.tagged()
}

// planBatches plans a step for each change of a transition, and adds it to ids. have is the observed listener. A
// modification of the listener comes after the steps that attach certificates, and needs the one that attaches the
// certificate that is still the default one. planBatches returns the last modification of the listener, if there is
// one.
func (d *differ) planBatches(batches []transition.Batch, ids map[transition.ID]plan.StepID, attached attachments,
	have *awsop.Listener) (modified plan.StepID) {
	for _, p := range batches {
		for _, c := range p.Changes {
			if c.Op == nil {
				d.ruleTags(c)
				continue
			}
			lane := plan.Vital
			if c.Action == plan.Delete {
				lane = plan.Normal
			}
			s := d.step(c.Action, c.Resource, lane, c.Op, c.Why...)
			ids[c.ID] = s.ID
			for _, id := range c.Needs {
				s.Need(ids[id])
			}
			for _, id := range c.After {
				s.Follow(ids[id])
			}
			d.needFreed(s, c.Sets)
			d.release(c.Releases, s.ID)
			switch op := c.Op.(type) {
			case awsop.CreateRule:
				d.made[c.Resource] = s.ID
			case awsop.CreateListener:
				d.made[c.Resource], d.asides[op.Listener.Port] = s.ID, true
			case awsop.ModifyListener:
				d.needRegistered(s, c.Sets)
				d.needRedirected(s, op.Listener.DefaultActions)
				if have != nil {
					s.Need(attached.of(firstOf(have.Certificates)))
				}
				s.Follow(attached.steps()...)
				modified = s.ID
			}
		}
	}
	return modified
}

// ruleTags plans the tags of a rule, except the tag of its identity: a rule keeps the one that it was created with.
func (d *differ) ruleTags(c transition.Change) {
	resource := naming.ResourceTag(d.plan.Key.Owner)
	if _, ok := c.Tags.Have.Tags[resource]; ok {
		d.tags(c.Resource, c.Tags.Have.Tags, c.Tags.Want.Tags, resource)
	} else {
		d.tags(c.Resource, c.Tags.Have.Tags, c.Tags.Want.Tags)
	}
}

// settled gives a login whose credentials are withheld the credentials of the observed actions, if these have the
// same login of the same namespace. Otherwise it returns actions that answer 503: a login cannot be created without
// credentials, and the requests behind it must not be served without a login.
func (d *differ) settled(want, have []stack.Action) []stack.Action {
	w, h := canonical.Login(want), canonical.Login(have)
	if w == nil || !w.Withheld() {
		return want
	}
	if h == nil || canonical.Provider(w) != canonical.Provider(h) {
		return stack.UnavailableOf(d.plan.Key.Owner)
	}
	out := slices.Clone(want)
	for i := range out {
		if out[i].OIDC == w {
			kept := *w
			kept.ClientID, kept.ClientSecret = h.ClientID, h.ClientSecret
			out[i].OIDC = &kept
		}
	}
	if !canonical.SameActions(out, have, d.resolve) && !d.sameNamespace(w, have) {
		return stack.UnavailableOf(d.plan.Key.Owner)
	}
	return out
}

// sameNamespace reports whether observed actions forward to a target group of the namespace of a login's Secret.
// Credentials of a login serve only that namespace. Otherwise a member that replaces another one, and names a Secret
// that cannot be read, would get the tokens of the other's users.
func (d *differ) sameNamespace(w *stack.AuthenticateOIDC, have []stack.Action) bool {
	namespace, _, _ := strings.Cut(w.SecretName, "/")
	return slices.ContainsFunc(awsop.TargetGroupsOf(have), func(ref stack.Ref) bool {
		tg := d.obs.TargetGroup(ref.Literal)
		return tg != nil && naming.DeclaredIn(tg.ID, namespace)
	})
}

// settleRules gives wanted rules with withheld logins the actions of existing rules that are the same otherwise: a
// rule cannot be recreated without credentials.
func (d *differ) settleRules(want []stack.Rule, have []*awsop.Rule) {
	for i := range want {
		w := &want[i]
		if o := canonical.Login(w.Actions); o == nil || !o.Withheld() {
			continue
		}
		rest := canonical.Conditions(w.Conditions) + "|" + canonical.Transforms(w.Transforms)
		kept := stack.UnavailableOf(d.plan.Key.Owner)
		for _, r := range have {
			if canonical.Conditions(r.Conditions)+"|"+canonical.Transforms(r.Transforms) != rest {
				continue
			}
			if as := d.settled(w.Actions, r.Actions); canonical.Login(as) != nil && canonical.SameActions(as, r.Actions,
				d.resolve) {
				kept = as
				break
			}
		}
		if w.Actions = kept; canonical.Login(kept) == nil {
			w.Transforms = nil
		}
	}
}
