package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// Picture is the account as clients see it.
type Picture struct {
	Named, balancers map[string]*simclient.LoadBalancer // by DNS name, and by ARN
	Groups           map[string]*simclient.TargetGroup
}

// PictureOf indexes the resources of an account.
func PictureOf(r *simclient.Resources) Picture {
	p := Picture{map[string]*simclient.LoadBalancer{}, map[string]*simclient.LoadBalancer{},
		map[string]*simclient.TargetGroup{}}
	for i := range r.LoadBalancers {
		lb := &r.LoadBalancers[i]
		p.Named[lb.DNSName], p.balancers[lb.ARN] = lb, lb
	}
	for i := range r.TargetGroups {
		p.Groups[r.TargetGroups[i].ARN] = &r.TargetGroups[i]
	}
	return p
}

// Route is the target group that a request ends in, or why there is none.
func (p Picture) Route(lb *simclient.LoadBalancer, host, path string) (*simclient.TargetGroup, string) {
	i := slices.IndexFunc(lb.Listeners, func(l simclient.Listener) bool { return l.Port == 80 })
	if i < 0 {
		return nil, lb.Name + " does not listen on port 80"
	}
	var rules []stack.Rule
	var defaults []stack.Action
	for n, rule := range lb.Listeners[i].Rules {
		if rule.Priority == "default" {
			defaults = rule.Actions
			continue
		}
		rules = append(rules, stack.Rule{Order: int32(n), Conditions: rule.Conditions, Actions: rule.Actions,
			Transforms: rule.Transforms})
	}
	d := traffic.Match(rules, defaults, traffic.Request{Scheme: "http", Host: host, Port: 80, Method: "GET", Path: path,
		SourceIP: netip.MustParseAddr("198.51.100.7")})
	action, _ := d.Routing()
	var to []string
	if action.Forward != nil {
		for _, t := range action.Forward.TargetGroups {
			if t.Weight == nil || *t.Weight > 0 || len(action.Forward.TargetGroups) == 1 {
				to = append(to, t.TargetGroup.Literal)
			}
		}
	}
	if len(to) != 1 {
		text, _ := json.Marshal(action)
		return nil, fmt.Sprintf("%s answers %s", lb.Name, text)
	}
	tg := p.Groups[to[0]]
	switch {
	case tg == nil:
		return nil, lb.Name + " forwards to no target group"
	case tg.TargetType != "alb":
		return tg, ""
	}
	for _, t := range tg.Targets {
		if behind := p.balancers[t.ID]; behind != nil {
			return p.Route(behind, host, path)
		}
	}
	return nil, lb.Name + " forwards to no load balancer"
}

// TheirGroup is the name of the target group of a user's binding.
func TheirGroup(binding string) string { return "theirs-" + binding }
