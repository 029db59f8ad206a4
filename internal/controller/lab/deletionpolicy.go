package lab

import (
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TagsOfStacks are the tags of the resources that have any by which a stack finds them.
func (l *Lab) TagsOfStacks() map[string]map[string]string {
	l.Helper()
	out, r := map[string]map[string]string{}, l.Sim.Resources()
	note := func(id string, tags map[string]string) {
		if tags[naming.BackendResourceTag] != "" {
			return
		}
		for _, o := range []stack.Owner{stack.Ingress, stack.Service, stack.GatewayALB, stack.GatewayNLB} {
			for _, k := range naming.OwnTags(o) {
				if _, has := tags[k]; has {
					out[id] = tags
				}
			}
		}
	}
	for _, lb := range r.LoadBalancers {
		note(lb.ARN, lb.Tags)
		for _, listener := range lb.Listeners {
			note(listener.ARN, listener.Tags)
			for _, rule := range listener.Rules {
				note(rule.ARN, rule.Tags)
			}
		}
	}
	for _, tg := range r.TargetGroups {
		note(tg.ARN, tg.Tags)
	}
	for _, g := range r.SecurityGroups {
		note(g.ID, g.Tags)
	}
	return out
}
