package compile

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// rulesOf is the listener of a port with the routes of its members.
func (b *build) rulesOf(p *port) *rules.Listener {
	l := &rules.Listener{Port: p.number, Protocol: p.protocol, Arrival: b.arrival, Note: b.note}
	for _, i := range p.members {
		m := &b.members[i]
		on := rules.Member{Index: i, Object: m.Object, Order: m.Order}
		if b.rank != nil {
			on.Rank = b.rank[i]
		}
		for r := range m.Routes {
			if b.onPort(p, i, &m.Routes[r]) {
				on.Routes = append(on.Routes, &m.Routes[r])
			}
		}
		l.Members = append(l.Members, on)
	}
	return l
}

// portRules are the rules of a port in order, before it is known which of them have room. byDefault declares the
// default action; empty = none does.
func (b *build) portRules(p *port, listener stack.Ref, byDefault intent.Source) []rules.Rule {
	l := b.rulesOf(p)
	order := l.Order()
	all, of := make([]rules.Rule, 0, len(order)), map[int]int{}
	for _, at := range order {
		rejected := b.members[at.Member].State == quarantine.Rejected
		if of[at.Member] > intent.MaxMemberRules || rejected && of[at.Member] > mostUnavailable {
			continue
		}
		before := len(all)
		all = b.addRules(all, p, at, listener)
		if of[at.Member] += len(all) - before; of[at.Member] > intent.MaxMemberRules {
			b.tooManyRules(p, at)
		}
	}
	all, dropped := l.Optimise(all)
	b.reached(p.number, b.withDefault(p, all, byDefault), dropped)
	return b.existingOnly(p, rules.Join(all))
}

// withDefault are rules with one for all requests at the end, which stands for the default action.
func (b *build) withDefault(p *port, all []rules.Rule, byDefault intent.Source) []rules.Rule {
	at := slices.IndexFunc(p.listeners, func(l intent.Listener) bool { return l.DefaultSource == byDefault })
	if at < 0 || byDefault.Path() == "" || b.e.Type != stack.Application {
		return all
	}
	conditions := []stack.Condition{{Field: stack.PathPattern, Values: []string{"/*"}}}
	return append(slices.Clip(all), rules.Rule{Member: p.members[at], Rule: stack.Rule{Conditions: conditions},
		Route: &intent.Route{Source: byDefault, Conditions: conditions}})
}

// existingOnly leaves out the rules that stay as AWS has them and that AWS does not have.
func (b *build) existingOnly(p *port, all []rules.Rule) []rules.Rule {
	existing := sync.OnceValue(func() map[string]bool { // by conditions
		out := map[string]bool{}
		if d := b.details(); d != nil {
			for _, r := range d.Rules[p.number] {
				out[quarantine.ConditionsKey(r.Conditions)] = true
			}
		}
		return out
	})
	return slices.DeleteFunc(all, func(w rules.Rule) bool {
		return w.Keep && w.Route.Stays && len(w.Route.Actions) == 0 && !existing()[quarantine.ConditionsKey(w.Conditions)]
	})
}

// mostUnavailable bounds the rules with answer 503 of a member on a port that never was good.
const mostUnavailable = 1_000

// tooManyRules has a member fail. Of one that is left out already, the rules beyond the bound are not built.
func (b *build) tooManyRules(p *port, at rules.MemberRoute) {
	m := &b.members[at.Member]
	if m.State.LeftOut() {
		return
	}
	b.fail(at.Member, intent.TooManyRules(m.Object, at.Route.Source.Place(), p.number))
}

// placeRules gives the rules of a port their order and identity, and records where they come from.
func (b *build) placeRules(p *port, all []rules.Rule) {
	user := map[int]map[string]string{}
	for at, w := range all {
		w.Order = int32(at + 1)
		w.ID = naming.RuleID(p.number, w.Order)
		if b.cfg.Gates.ListenerRulesTagging || b.lb.ARN != "" || b.adopts != "" {
			if _, ok := user[w.Member]; !ok {
				user[w.Member] = b.plainTags(w.Member)
			}
			refuseTags(b, w.Member, b.notOfMember(w.Member, w.Route.Tags), nil,
				func(string) string { return w.Route.Source.Place() })
			w.Tags = b.tags(withRouteTags(user[w.Member], b.partTags(w.Member, w.Route.Tags)), w.ID)
		}
		b.rules = append(b.rules, w.Rule)
		ref := stack.Ref{Kind: stack.KindRule, ID: w.ID}
		if w.Keep {
			b.keep.Actions = append(b.keep.Actions, ref)
		}
		b.origins[ref] = Origin{
			Objects: []diag.Object{b.members[w.Member].Object},
			Fields:  map[string]intent.Source{"Conditions": w.Route.Source, "Actions": w.Route.Source},
		}
	}
}

// withRouteTags are the tags of a member's rules with those of the rule's own route.
func withRouteTags(member, route map[string]string) map[string]string {
	if len(route) == 0 {
		return member
	}
	out := maps.Clone(route)
	maps.Copy(out, member)
	return out
}

// addRules appends the rules of a route: one, or several if one would exceed ELB's limits.
func (b *build) addRules(all []rules.Rule, p *port, at rules.MemberRoute, listener stack.Ref) []rules.Rule {
	i, route := at.Member, at.Route
	m := &b.members[i]
	// its present routes are not those that were deployed: its rules are kept by their target groups
	if m.Unreadable() && m.Former {
		return all
	}
	if m.Withheld && m.State == quarantine.Rejected { // nothing of it was ever deployed
		return all
	}
	w := rules.Rule{Member: i, Route: route, Rule: stack.Rule{Listener: listener}}
	parts := rules.Split(route.Conditions)
	switch {
	case route.Stays && !m.State.LeftOut():
		w.Keep = true
		if len(route.Actions) > 0 {
			w.Actions = b.actions(i, route.Actions, route.Source)
		}
	case m.State.LeftOut():
		// Existing rules of a frozen member stay as AWS holds them: an error does not affect live traffic.
		w.Keep = m.State == quarantine.Frozen && !route.Withdrawn
	case len(parts) == 0:
		b.fail(i, diag.New(m.Object, route.Source.Place(), diag.InvalidRule, rules.OverLimit(route.Conditions),
			"split the rule into several with fewer values or conditions; a Prefix path counts as two values"))
	case b.externalTag(route.Tags) != "":
		b.fail(i, diag.New(m.Object, route.Source.Place(), diag.InvalidRule,
			fmt.Sprintf("tag %s is reserved for other tools by --external-managed-tags", b.externalTag(route.Tags)),
			"remove the tag").In(diag.Route))
	case len(route.Actions) > 0:
		w.Actions, w.Keep = b.keptActions(i, b.routeActions(p, i, route), route.Source)
		w.Transforms = route.Transforms
	}
	if w.Actions == nil {
		w.Actions = stack.UnavailableOf(b.e.Key.Owner)
	}
	m.Wider = m.Wider || route.Failing
	if len(parts) == 0 {
		m.Wider, parts = true, rules.Cover(route.Conditions)
	}
	for _, part := range parts {
		w.Conditions = part
		all = append(all, w)
	}
	return all
}

// onPort reports whether a port has rules of a route of member i. A rejected member without listeners is on all ports.
func (b *build) onPort(p *port, i int, route *intent.Route) bool {
	everywhere := b.members[i].State == quarantine.Rejected && len(b.members[i].Listeners) == 0
	return (len(route.Ports) == 0 || slices.Contains(route.Ports, p.number) || everywhere) && len(route.Conditions) > 0
}

// keptActions is actions. kept reports that the owner of a target group is unknown: then what AWS does for the requests
// stays, and requests for which AWS does nothing get a 503.
func (b *build) keptActions(i int, in []intent.Action, source intent.Source) (out []stack.Action, kept bool) {
	b.unread = false
	out = b.actions(i, in, source)
	return out, b.unread
}

// actions resolves the target groups of backends. Actions that cannot be resolved fail the member, and answer 503.
func (b *build) actions(i int, in []intent.Action, source intent.Source) []stack.Action {
	out := make([]stack.Action, 0, len(in))
	for _, a := range in {
		action := stack.Action{Type: a.Type, Redirect: a.Redirect, FixedResponse: a.FixedResponse, OIDC: a.OIDC,
			Cognito: a.Cognito, JWT: a.JWT}
		if a.Type == stack.ActionForward {
			f, ok := b.forward(i, a, source)
			if !ok {
				return stack.UnavailableOf(b.e.Key.Owner)
			}
			action.Forward = f
		}
		out = append(out, action)
	}
	return out
}

func (b *build) forward(i int, a intent.Action, source intent.Source) (*stack.Forward, bool) {
	o := b.members[i].Object
	if len(a.Backends) > 1 && !b.cfg.Gates.WeightedTargetGroups {
		b.fail(i, diag.New(o, source.Path(), diag.InvalidRule, "weighted target groups feature is disabled",
			"forward to one target group, or start the controller with the feature gate WeightedTargetGroups"))
		return nil, false
	}
	if len(a.Backends) > stack.MaxForwardTargets {
		b.fail(i, diag.New(o, source.Path(), diag.InvalidRule,
			fmt.Sprintf("a forward can have at most %d target groups, this has %d", stack.MaxForwardTargets, len(a.Backends)),
			"forward to fewer target groups"))
		return nil, false
	}
	f := &stack.Forward{Stickiness: a.Stickiness, TargetGroups: make([]stack.WeightedTargetGroup, 0, len(a.Backends))}
	ok := len(a.Backends) > 0
	for _, backend := range a.Backends {
		ref, found := b.backend(i, backend, source)
		_, denied := b.denied[deniedGroup{i, ref}]
		ok = ok && (found || denied)
		f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{TargetGroup: ref, Weight: backend.Weight})
	}
	return f, ok
}

// backend resolves one target of a forward.
func (b *build) backend(i int, backend intent.Backend, source intent.Source) (stack.Ref, bool) {
	switch {
	case backend.TargetGroup != nil:
		return b.targetGroup(i, backend.TargetGroup, source)
	case backend.TargetGroupARN == "" && backend.TargetGroupName == "":
		return stack.Ref{}, false
	}
	if backend.Source.Path() != "" {
		source = backend.Source
	}
	if arn := backend.TargetGroupARN; arn != "" {
		if problem, elsewhere := b.ofARN(constraint.UserTargetGroup, arn); problem != "" {
			code := diag.InvalidRule
			if elsewhere {
				code = diag.TargetGroupNotFound
			}
			b.fail(i, diag.New(b.members[i].Object, source.Path(), code, problem,
				"give the ARN of a target group of the load balancer's Region, like "+
					"arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID, or name it by targetGroupName"))
			return stack.Ref{}, false
		}
		return stack.Literal(stack.KindTargetGroup, arn), b.permitted(i, arn, source)
	}
	name := backend.TargetGroupName
	if !naming.Possible(name) {
		b.fail(i, diag.New(b.members[i].Object, source.Path(), diag.InvalidRule,
			fmt.Sprintf("%.100q is not the name of a target group, which has 1 to 32 letters, digits and hyphens", name),
			"name a target group that exists"))
		return stack.Ref{}, false
	}
	tg, asked := b.f.TargetGroups[name]
	need := facts.Need{Kind: facts.NeedTargetGroupName, Key: name}
	if !asked {
		b.lookUpOf(i, source, need)
		return stack.Ref{}, false
	}
	if tg == nil {
		b.fail(i, diag.New(b.members[i].Object, source.Path(), diag.TargetGroupNotFound,
			fmt.Sprintf("target group %q does not exist", name),
			"create the target group, or name one that exists"))
		return stack.Ref{}, false
	}
	return stack.Literal(stack.KindTargetGroup, tg.ARN), b.permitted(i, tg.ARN, source)
}

// routeActions are the actions of member i's route on a port. AWS authenticates at HTTPS listeners only. If the
// ssl-redirect of the member is not in effect, its routes with authentication redirect all the same, because by HTTP
// they would serve all clients.
func (b *build) routeActions(p *port, i int, route *intent.Route) []intent.Action {
	switch {
	case len(route.Authentication) == 0:
		return route.Actions
	case p.protocol == "HTTPS":
		return slices.Concat(route.Authentication, route.Actions)
	}
	path := ""
	if at := slices.Index(p.members, i); at >= 0 {
		path = p.listeners[at].Source.Path()
	}
	if to := b.ownRedirect(i); to != 0 {
		b.note(i, diag.New(b.members[i].Object, b.members[i].Settings.SSLRedirectPort.Source.Place(), diag.IgnoredSetting,
			fmt.Sprintf("port %d: ssl-redirect does not apply to this Ingress, except that rules with authentication redirect "+
				"to port %d", p.number, to), "resolve the conflict about ssl-redirect that another event reports"))
		return []intent.Action{{Type: stack.ActionRedirect, Redirect: redirectTo(to)[0].Redirect}}
	}
	b.note(i, diag.New(b.members[i].Object, path, diag.GuardNotApplied,
		fmt.Sprintf("port %d serves without the configured authentication: AWS authenticates at HTTPS listeners only",
			p.number),
		"add annotation alb.ingress.kubernetes.io/ssl-redirect, or take HTTP out of listen-ports"))
	return route.Actions
}

// ownRedirect is the HTTPS port of member i that its ssl-redirect names; 0 = there is none.
func (b *build) ownRedirect(i int) int32 {
	to := b.members[i].Settings.SSLRedirectPort
	if to.Set && slices.ContainsFunc(b.ports, func(p *port) bool {
		return p.number == to.Value && p.protocol == "HTTPS" && slices.Contains(p.members, i)
	}) {
		return to.Value
	}
	return 0
}
