package status

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// observe fills in the observed state of AWS.
func observe(s *v1alpha1.LoadBalancerStatus, p Pass, before v1alpha1.LoadBalancerStatus) {
	s.Name, s.ARN, s.DNSName, s.HostedZoneID, s.Type, s.Scheme, s.State, s.OtherARNs = "", "", "", "", "", "", "", nil
	var main *elb.LoadBalancer
	for i := range p.Observed.LoadBalancers {
		lb := &p.Observed.LoadBalancers[i]
		if main == nil || rank(lb) < rank(main) {
			main = lb
		}
	}
	for i := range p.Observed.LoadBalancers {
		if lb := &p.Observed.LoadBalancers[i]; lb != main {
			s.OtherARNs = append(s.OtherARNs, lb.ARN)
		}
	}
	slices.Sort(s.OtherARNs)
	if main != nil {
		s.Name, s.ARN, s.DNSName, s.HostedZoneID = main.Name, main.ARN, strings.ToLower(main.DNSName), main.HostedZone
		s.Type, s.Scheme, s.State = string(main.Type), main.Scheme, main.State
	}
	rulesPerListener := map[string]int32{}
	ports := map[string]int32{}
	s.Listeners, s.Rules, s.TargetGroups = nil, nil, nil
	for _, r := range p.Observed.Rules {
		rulesPerListener[r.Listener.Literal]++
	}
	for _, l := range p.Observed.Listeners {
		ports[l.ARN] = l.Port
		s.Listeners = append(s.Listeners, v1alpha1.ListenerStatus{Port: l.Port, Protocol: l.Protocol, ARN: l.ARN, Rules: rulesPerListener[l.ARN]})
	}
	slices.SortFunc(s.Listeners, func(a, b v1alpha1.ListenerStatus) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.ARN, b.ARN))
	})
	byMatch := map[string]string{} // by content and not by tag, since moved rules keep their tags
	if p.Desired != nil {
		for _, r := range slices.Backward(p.Desired.Rules) { // of equal rules the first one applies
			byMatch[ruleKey(r.Listener.ID, r.Conditions)] = r.ID
		}
	}
	for _, r := range p.Observed.Rules {
		port := ports[r.Listener.Literal]
		id, wanted := byMatch[ruleKey(strconv.Itoa(int(port)), r.Conditions)]
		if !wanted {
			id = r.ID
		}
		s.Rules = append(s.Rules, v1alpha1.RuleStatus{
			Port: port, Priority: r.Priority, ARN: r.ARN, Match: short(stack.ConditionsText(r.Conditions), 256), Owner: ownerOf(p, stack.KindRule, id),
		})
	}
	slices.SortFunc(s.Rules, func(a, b v1alpha1.RuleStatus) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ARN, b.ARN))
	})
	s.Rules = s.Rules[:min(len(s.Rules), maxRules)]
	for _, tg := range p.Observed.TargetGroups {
		g := v1alpha1.TargetGroupStatus{Name: tg.Name, ARN: tg.ARN, Owner: ownerOf(p, stack.KindTargetGroup, tg.ID)}
		for _, old := range before.TargetGroups {
			if old.ARN == tg.ARN {
				g.Targets = old.Targets
			}
		}
		s.TargetGroups = append(s.TargetGroups, g)
	}
	slices.SortFunc(s.TargetGroups, func(a, b v1alpha1.TargetGroupStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ARN, b.ARN))
	})
	s.TargetGroups = s.TargetGroups[:min(len(s.TargetGroups), maxTargetGroups)]
	s.Targets = sum(s.TargetGroups)
}

// rank orders the load balancers of a stack: its own one before a frontend, and active ones first. The first one is in the status.
func rank(lb *elb.LoadBalancer) int {
	n := 0
	if lb.ID != stack.LoadBalancerIdentity {
		n += 2
	}
	if lb.State != "active" {
		n++
	}
	return n
}

func ownerOf(p Pass, kind stack.Kind, id string) *v1alpha1.ObjectReference {
	objects := p.Origins[stack.Ref{Kind: kind, ID: id}]
	if len(objects) == 0 {
		return nil
	}
	r := reference(objects[0])
	return &r
}

// ruleKey identifies a rule of a load balancer by its port and conditions.
func ruleKey(port string, conditions []stack.Condition) string {
	return port + " " + stack.ConditionsText(conditions)
}
