package lab

import (
	"encoding/json"
	"slices"
	"strings"
)

// Others is what the account holds without tags of a stack, as text: what the controller must not change. What is on
// some load balancers is left out.
func (l *Lab) Others(but ...string) string {
	l.Helper()
	ours := l.TagsOfStacks()
	var out []string
	note := func(id string, v any) {
		if ours[id] == nil {
			text, err := json.Marshal(v)
			l.Must(err)
			out = append(out, string(text))
		}
	}
	r := l.Sim.Resources()
	for _, lb := range r.LoadBalancers {
		if slices.Contains(but, lb.ARN) {
			continue
		}
		for _, listener := range lb.Listeners {
			for _, rule := range listener.Rules {
				// which goes with its listener, and has no tags
				if rule.Requests = 0; rule.Priority != "default" || ours[listener.ARN] == nil {
					note(rule.ARN, rule)
				}
			}
			listener.Rules = nil
			note(listener.ARN, listener)
		}
		lb.Listeners, lb.State, lb.Zones = nil, "", nil
		note(lb.ARN, lb)
	}
	for _, tg := range r.TargetGroups {
		if tg.Targets = nil; slices.Contains(but, tg.LoadBalancer) {
			tg.LoadBalancer = ""
		}
		note(tg.ARN, tg)
	}
	for _, g := range r.SecurityGroups {
		if !strings.HasPrefix(g.Name, "k8s-traffic-") && g.ID != NodeGroup {
			note(g.ID, g)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
