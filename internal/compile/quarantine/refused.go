package quarantine

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Refused is what AWS is certain to refuse of the rule of a route; empty if nothing is certain.
func Refused(r *intent.Route) string {
	if problem := constraint.OfConditions(r.Conditions); problem != "" {
		return problem
	}
	all := make([]stack.Action, 0, len(r.Authentication)+len(r.Actions))
	for _, list := range [][]intent.Action{r.Authentication, r.Actions} {
		for _, a := range list {
			if a.OIDC != nil && a.OIDC.Withheld() { // its Secret cannot be read, which is reported
				continue
			}
			one := stack.Action{Type: a.Type, Redirect: a.Redirect, FixedResponse: a.FixedResponse, OIDC: a.OIDC,
				Cognito: a.Cognito, JWT: a.JWT}
			if a.Type == stack.ActionForward {
				one.Forward = &stack.Forward{Stickiness: a.Stickiness}
				for _, b := range a.Backends {
					one.Forward.TargetGroups = append(one.Forward.TargetGroups, stack.WeightedTargetGroup{Weight: b.Weight})
				}
			}
			all = append(all, one)
		}
	}
	return constraint.OfActions(all, r.Transforms)
}

// Unfit are the ports of a route of a member whose listeners cannot forward to its targets, by the protocols of both,
// and why.
func Unfit(m *intent.Member, r *intent.Route) (ports []int32, problem string) {
	for i := range m.Listeners {
		l := &m.Listeners[i]
		if len(r.Ports) > 0 && !slices.Contains(r.Ports, l.Port) {
			continue
		}
		for _, a := range r.Actions {
			for _, b := range a.Backends {
				if b.TargetGroup == nil || b.TargetGroup.Protocol == "" {
					continue
				}
				text := constraint.OfForwarding(constraint.Forwarding{Type: stack.Application, Protocol: l.Protocol, Port: l.Port,
					TargetGroup: stack.TargetGroup{Protocol: b.TargetGroup.Protocol, ProtocolVersion: b.TargetGroup.ProtocolVersion}})
				if text != "" && !slices.Contains(ports, l.Port) {
					ports, problem = append(ports, l.Port), text
				}
			}
		}
	}
	return ports, problem
}

// PortsWithout are the ports of a route of a member but for some.
func PortsWithout(m *intent.Member, r *intent.Route, without []int32) (out []int32) {
	for i := range m.Listeners {
		port := m.Listeners[i].Port
		if (len(r.Ports) == 0 || slices.Contains(r.Ports, port)) && !slices.Contains(without, port) {
			out = append(out, port)
		}
	}
	return out
}
