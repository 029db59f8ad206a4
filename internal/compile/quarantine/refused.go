package quarantine

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Accepted are values of conditions that rules of the load balancer have in AWS. AWS took them, so the tables of
// package constraint are wrong about them. All reports that the rules could not be read: they may have any value.
type Accepted struct {
	All    bool
	values map[string]bool
}

// AcceptedIn has the values of the rules of each port.
func AcceptedIn(on map[int32][]stack.Rule) Accepted {
	t := Accepted{values: map[string]bool{}}
	for _, rules := range on {
		for i := range rules {
			for _, c := range rules[i].Conditions {
				for _, one := range single(c) {
					t.values[stack.ConditionsText(one)] = true
				}
			}
		}
	}
	return t
}

// single are the conditions that each have one of the values of a condition.
func single(c stack.Condition) (out [][]stack.Condition) {
	for i := range c.Values {
		out = append(out, []stack.Condition{{Field: c.Field, HeaderName: c.HeaderName, Values: c.Values[i : i+1]}})
	}
	for i := range c.Regex {
		out = append(out, []stack.Condition{{Field: c.Field, HeaderName: c.HeaderName, Regex: c.Regex[i : i+1]}})
	}
	for i := range c.Query {
		out = append(out, []stack.Condition{{Field: c.Field, Query: c.Query[i : i+1]}})
	}
	return out
}

// RefusedConditions returns what AWS is certain to refuse of conditions; empty if nothing is certain.
func (t Accepted) RefusedConditions(all []stack.Condition) string {
	problem := constraint.OfConditions(all)
	switch {
	case t.All:
		return ""
	case problem == "" || len(t.values) == 0:
		return problem
	}
	for _, c := range all {
		for _, one := range single(c) {
			if problem := constraint.OfConditions(one); problem != "" && !t.values[stack.ConditionsText(one)] {
				return problem
			}
		}
	}
	return ""
}

// Refused returns what AWS is certain to refuse of the rule of a route; empty if nothing is certain.
func (t Accepted) Refused(r *intent.Route) string {
	if problem := t.RefusedConditions(r.Conditions); problem != "" {
		return problem
	}
	all := make([]stack.Action, 0, len(r.Authentication)+len(r.Actions))
	for _, list := range [][]intent.Action{r.Authentication, r.Actions} {
		for _, a := range list {
			if a.OIDC != nil && a.OIDC.Withheld() { // its Secret cannot be read, which is reported
				continue
			}
			if !leftOut(r, &a) {
				all = append(all, answer(&a))
			}
		}
	}
	return constraint.OfActions(all, r.Transforms)
}

// leftOut reports whether an action of a rule is a redirect that changes nothing: the compiler leaves out the rule, and
// the next one answers.
func leftOut(r *intent.Route, a *intent.Action) bool {
	return a.Redirect != nil && (a.Redirect.Query == "" || a.Redirect.Query == "#{query}") && len(r.Conditions) > 0 &&
		len(r.Transforms) == 0 && constraint.Unchanged(a.Redirect) &&
		!slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool {
			return c.Field == stack.PathPattern && len(c.Regex) > 0
		})
}

// RefusedDefault returns what AWS is certain to refuse of the default action of a member's listener; empty if nothing
// is certain. redirected is as for Unfit.
func RefusedDefault(m *intent.Member, l *intent.Listener, redirected bool) string {
	r := &intent.Route{Ports: []int32{l.Port}}
	r.Authentication, r.Actions = SplitDefault(l.Default)
	problem := Accepted{}.Refused(r)
	if problem == "" {
		_, problem = Unfit(m, r, redirected)
	}
	return problem
}

// SplitDefault separates what identifies clients in default actions from what answers.
func SplitDefault(all []intent.Action) (authentication, actions []intent.Action) {
	at := 0
	for at < len(all) && (all[at].OIDC != nil || all[at].Cognito != nil || all[at].JWT != nil) {
		at++
	}
	return all[:at], all[at:]
}

// answer is an action before its target groups are known: it names them by what declares them.
func answer(a *intent.Action) stack.Action {
	one := stack.Action{Type: a.Type, Redirect: a.Redirect, FixedResponse: a.FixedResponse, OIDC: a.OIDC,
		Cognito: a.Cognito, JWT: a.JWT}
	if a.Type == stack.ActionForward {
		one.Forward = &stack.Forward{Stickiness: a.Stickiness}
		for _, b := range a.Backends {
			one.Forward.TargetGroups = append(one.Forward.TargetGroups, stack.WeightedTargetGroup{Weight: b.Weight,
				TargetGroup: backend(b)})
		}
	}
	return one
}

// backend is what a target group is named by: its identity, or the name of one of the user.
func backend(b intent.Backend) stack.Ref {
	switch {
	case b.TargetGroup != nil:
		return stack.Ref{Kind: stack.KindTargetGroup, ID: b.TargetGroup.ID}
	case b.TargetGroupARN != "": // arn:…:targetgroup/NAME/ID
		if parts := strings.Split(b.TargetGroupARN, "/"); len(parts) == 3 {
			return stack.Literal(stack.KindTargetGroup, parts[1])
		}
		return stack.Literal(stack.KindTargetGroup, b.TargetGroupARN)
	case b.TargetGroupName != "":
		return stack.Literal(stack.KindTargetGroup, b.TargetGroupName)
	}
	return stack.Ref{}
}

// Unfit returns the ports of a route of a member whose listeners cannot do what it does, by the protocols of listeners
// and targets, and why. The route is one that AWS does not refuse at all ports. redirected: HTTP listeners redirect all
// requests, so they do nothing else.
func Unfit(m *intent.Member, r *intent.Route, redirected bool) (ports []int32, problem string) {
	for i := range m.Listeners {
		l := &m.Listeners[i]
		if len(r.Ports) > 0 && !slices.Contains(r.Ports, l.Port) || redirected && l.Protocol == "HTTP" {
			continue
		}
		if text := unfit(l, r); text != "" {
			ports, problem = append(ports, l.Port), text
		}
	}
	return ports, problem
}

func unfit(l *intent.Listener, r *intent.Route) string {
	for i := range r.Actions {
		a := constraint.Answering{Protocol: l.Protocol, Action: answer(&r.Actions[i])}
		for _, b := range r.Actions[i].Backends {
			if b.TargetGroup == nil || b.TargetGroup.Protocol == "" {
				continue
			}
			a.Sticky = a.Sticky || sticky(b.TargetGroup)
			if text := constraint.OfForwarding(constraint.Forwarding{Type: stack.Application, Protocol: l.Protocol,
				Port: l.Port, Identifies: len(r.Authentication) > 0 && l.Protocol == "HTTPS", TargetGroup: stack.TargetGroup{
					Protocol: b.TargetGroup.Protocol, ProtocolVersion: b.TargetGroup.ProtocolVersion}}); text != "" {
				return text
			}
		}
		if text := constraint.OfAnswering(a); text != "" {
			return text
		}
	}
	return ""
}

// sticky reports whether a target group gets stickiness: it declares it, and nothing else that it declares excludes it.
func sticky(g *intent.TargetGroup) bool {
	const on = "stickiness.enabled"
	if g.Attributes[on] != "true" {
		return false
	}
	leftOut, _ := constraint.OfAttributes(constraint.AttributeSet{Subject: constraint.Subject{
		Kind: constraint.TargetGroup, Protocol: g.Protocol, TargetType: g.TargetType}, All: g.Attributes})
	return leftOut != on
}

// PortsWithout returns the ports of a route of a member but for some.
func PortsWithout(m *intent.Member, r *intent.Route, without []int32) (out []int32) {
	for i := range m.Listeners {
		port := m.Listeners[i].Port
		if (len(r.Ports) == 0 || slices.Contains(r.Ports, port)) && !slices.Contains(without, port) {
			out = append(out, port)
		}
	}
	return out
}
