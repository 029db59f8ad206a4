package stackjson

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// frontendGroup is a target group of a network load balancer in front of an ALB; the names are as the existing controller
// writes them.
type frontendGroup struct {
	Name       string
	ARN        any
	Port       int32
	TargetARN  any
	TargetPort int32
}

// frontends are the target groups whose target is a load balancer, by name.
func frontends(s *stack.Stack) map[string]any {
	out := map[string]any{}
	for _, t := range s.TargetGroups {
		if t.TargetType != stack.TargetALB {
			continue
		}
		ref := stack.Ref{Kind: stack.KindTargetGroup, ID: t.ID}
		g := frontendGroup{Name: t.Name, ARN: reference(ref), TargetARN: reference(t.Balancer), TargetPort: t.Port}
		for _, l := range s.Listeners {
			if slices.ContainsFunc(l.DefaultActions, func(a stack.Action) bool {
				return a.Forward != nil && slices.ContainsFunc(a.Forward.TargetGroups, func(w stack.WeightedTargetGroup) bool { return w.TargetGroup == ref })
			}) {
				g.Port = l.Port
			}
		}
		out[t.Name] = g
	}
	return out
}
