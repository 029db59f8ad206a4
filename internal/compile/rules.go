package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Limits of ELB for one rule.
const (
	maxConditionValues = 5
	maxWildcards       = 6
	maxForwardTargets  = 5
	// maxParts bounds the rules that one route becomes; AWS admits that many rules on a load balancer by default.
	maxParts = 100
)

// wanted is a rule before it has a place.
type wanted struct {
	member int
	route  *intent.Route
	rule   stack.Rule
}

// portRules are the rules of a listener in the order of members, as placed has it, and their routes.
func (b *build) portRules(p *port, listener stack.Ref) []stack.Rule {
	b.noteOvertaken(p)
	routes := 0
	for _, i := range p.members {
		routes += len(b.members[i].Routes)
	}
	all := make([]wanted, 0, routes)
	for _, i := range b.placed(p) {
		m := &b.members[i]
		if m.unreadable() && m.Held { // what it says now is not what it had: its rules are kept by their target groups
			continue
		}
		for r := range m.Routes {
			route := &m.Routes[r]
			if !b.onPort(p, i, route) {
				continue
			}
			if m.standing.leftOut() {
				// What a member had before the controller started stays as it stands: an error takes nothing away from live traffic.
				standing := m.standing == silenced
				for _, part := range split(route.Conditions) {
					all = append(all, wanted{i, route, stack.Rule{Listener: listener, Conditions: part, Actions: unavailable(), Standing: standing}})
				}
				continue
			}
			parts := split(route.Conditions)
			if len(parts) == 0 {
				b.fail(i, diag.New(m.Object, at(route.Source), diag.InvalidRule, overLimit(route.Conditions),
					"split the rule into several with fewer values or conditions; a Prefix path counts as two values"))
				continue
			}
			w := wanted{i, route, stack.Rule{Listener: listener}}
			if len(route.Actions) == 0 {
				w.rule.Actions = unavailable()
			} else {
				w.rule.Actions = b.actions(i, b.guarded(p, i, route), route.Source)
				w.rule.Transforms = route.Transforms
			}
			for _, part := range parts {
				w.rule.Conditions = part
				all = append(all, w)
			}
		}
	}
	all = optimise(all, p)
	out := make([]stack.Rule, len(all))
	user := map[int]map[string]string{}
	for at, w := range all {
		order := int32(at + 1)
		w.rule.Order = order
		w.rule.ID = naming.RuleID(p.number, order)
		if b.cfg.Gates.ListenerRulesTagging {
			if _, ok := user[w.member]; !ok {
				user[w.member] = b.plainTags(w.member)
			}
			w.rule.Tags = b.tags(user[w.member], w.rule.ID)
		}
		out[at] = w.rule
		b.origins[stack.Ref{Kind: stack.KindRule, ID: w.rule.ID}] = Origin{
			Objects: []diag.Object{b.members[w.member].Object},
			Fields:  map[string]intent.Source{"Conditions": w.route.Source, "Actions": w.route.Source},
		}
	}
	return out
}

// onPort reports whether rules of a port are made of a route of member i.
func (b *build) onPort(p *port, i int, route *intent.Route) bool {
	return (len(route.Ports) == 0 || slices.Contains(route.Ports, p.number) || b.unknownPorts(i)) && len(route.Conditions) > 0
}

// unknownPorts: a newcomer that is left out without listeners is put on all of them.
func (b *build) unknownPorts(i int) bool {
	return b.members[i].standing == shunned && len(b.members[i].Listeners) == 0
}

// overLimit tells how conditions exceed what ELB admits in one rule; empty = they do not.
func overLimit(conditions []stack.Condition) string {
	values, wildcards := 0, 0
	single := map[stack.ConditionField]bool{}
	for _, c := range conditions {
		values += len(c.Values) + len(c.Regex) + len(c.Query)
		for _, v := range c.Values {
			if c.Field != stack.RequestMethod && c.Field != stack.SourceIP {
				wildcards += strings.Count(v, "*") + strings.Count(v, "?")
			}
		}
		for _, q := range c.Query {
			wildcards += strings.Count(q.Key+q.Value, "*") + strings.Count(q.Key+q.Value, "?")
		}
		if c.Field == stack.HTTPHeader || c.Field == stack.QueryString {
			continue
		}
		if single[c.Field] {
			return fmt.Sprintf("a rule can have only one %s condition", c.Field)
		}
		single[c.Field] = true
	}
	switch {
	case values > maxConditionValues:
		return fmt.Sprintf("the rule has %d condition values, AWS admits %d", values, maxConditionValues)
	case wildcards > maxWildcards:
		return fmt.Sprintf("the rule has %d wildcards in its conditions, AWS admits %d", wildcards, maxWildcards)
	}
	return ""
}

// actions gives backends their target groups. Actions that cannot be made answer 503 meanwhile and fail the member.
func (b *build) actions(i int, in []intent.Action, source intent.Source) []stack.Action {
	out := make([]stack.Action, 0, len(in))
	for _, a := range in {
		action := stack.Action{Type: a.Type, Redirect: a.Redirect, FixedResponse: a.FixedResponse, OIDC: a.OIDC, Cognito: a.Cognito, JWT: a.JWT}
		if a.Type == stack.ActionForward {
			f, ok := b.forward(i, a, source)
			if !ok {
				return unavailable()
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
		b.fail(i, diag.New(o, source.Path, diag.InvalidRule, "weighted target groups feature is disabled",
			"forward to one target group, or start the controller with the feature gate WeightedTargetGroups"))
		return nil, false
	}
	if len(a.Backends) > maxForwardTargets {
		b.fail(i, diag.New(o, source.Path, diag.InvalidRule,
			fmt.Sprintf("a forward can have at most %d target groups, this has %d", maxForwardTargets, len(a.Backends)), "forward to fewer"))
		return nil, false
	}
	f := &stack.Forward{Stickiness: a.Stickiness, TargetGroups: make([]stack.WeightedTargetGroup, 0, len(a.Backends))}
	ok := len(a.Backends) > 0
	for _, backend := range a.Backends {
		ref, found := b.backend(i, backend, source)
		ok = ok && found
		f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{TargetGroup: ref, Weight: backend.Weight})
	}
	return f, ok
}

// backend resolves one target of a forward.
func (b *build) backend(i int, backend intent.Backend, source intent.Source) (stack.Ref, bool) {
	switch {
	case backend.TargetGroup != nil:
		return b.targetGroup(i, backend.TargetGroup, source)
	case backend.TargetGroupARN != "":
		return stack.Literal(stack.KindTargetGroup, backend.TargetGroupARN), true
	case backend.TargetGroupName == "":
		return stack.Ref{}, false
	}
	if backend.Source.Path != "" {
		source = backend.Source
	}
	name := backend.TargetGroupName
	tg, asked := b.f.TargetGroups[name]
	need := facts.Need{Kind: facts.NeedTargetGroupName, Key: name}
	if !asked {
		if p := b.f.Unanswered(need); p != nil {
			b.problem(-1, source, p)
		} else {
			b.want(need)
		}
		return stack.Ref{}, false
	}
	if tg == nil {
		b.fail(i, diag.New(b.members[i].Object, source.Path, diag.TargetGroupNotFound,
			fmt.Sprintf("searching TargetGroup with name %s: expecting a single targetGroup, found none", name),
			"create the target group, or name one that exists"))
		return stack.Ref{}, false
	}
	return stack.Literal(stack.KindTargetGroup, tg.ARN), true
}
