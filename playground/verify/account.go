package verify

import (
	"fmt"
	"sort"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/report"
)

// Difference lists what the account has more (+) and less (-) than before: load balancers, listeners, rules, target
// groups, targets, security groups and their rules, and tags of all these.
func Difference(before, after simclient.Resources) []string {
	b, a := items(before), items(after)
	var lines []string
	for item := range a {
		if !b[item] {
			lines = append(lines, "+ "+item)
		}
	}
	for item := range b {
		if !a[item] {
			lines = append(lines, "- "+item)
		}
	}
	sort.Strings(lines)
	return lines
}

func items(r simclient.Resources) map[string]bool {
	all := map[string]bool{}
	add := func(tags map[string]string, format string, args ...any) {
		name := fmt.Sprintf(format, args...)
		all[name] = true
		for k, v := range tags {
			all[fmt.Sprintf("%s tag %s=%s", name, k, v)] = true
		}
	}
	for _, lb := range r.LoadBalancers {
		add(lb.Tags, "load balancer %s", lb.ARN)
		for _, l := range lb.Listeners {
			add(l.Tags, "listener %s", l.ARN)
			for _, rule := range l.Rules {
				add(rule.Tags, "rule %s: %s %s", rule.ARN, rule.Priority, rule.Text)
			}
		}
	}
	for _, tg := range r.TargetGroups {
		add(tg.Tags, "target group %s", tg.ARN)
		for _, t := range tg.Targets {
			add(nil, "target %s:%d of %s", t.ID, t.Port, tg.Name)
		}
	}
	for _, g := range r.SecurityGroups {
		add(g.Tags, "security group %s (%s)", g.ID, g.Name)
		for _, p := range g.Ingress {
			add(nil, "inbound rule of %s: %s %q", g.ID, report.PermissionText(p), p.Description)
		}
		for _, p := range g.Egress {
			add(nil, "outbound rule of %s: %s %q", g.ID, report.PermissionText(p), p.Description)
		}
	}
	return all
}
