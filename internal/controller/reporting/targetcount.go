package reporting

import (
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
)

// Count counts the targets of a group by state, as AWS spells states.
func Count(states []string, now time.Time) v1alpha1.TargetCounts {
	c := v1alpha1.TargetCounts{ObservedTime: metav1.NewTime(now.Truncate(time.Second))}
	for _, s := range states {
		c.Total++
		switch s {
		case "healthy":
			c.Healthy++
		case "unhealthy":
			c.Unhealthy++
		case "initial":
			c.Initial++
		case "draining", "unhealthy.draining":
			c.Draining++
		default:
			c.Other++
		}
	}
	return c
}

// WithTargets sets the counts of a target group; changed is false if they are equal, or the status has no such target
// group.
func WithTargets(s v1alpha1.LoadBalancerStatus, arn string, c v1alpha1.TargetCounts) (out v1alpha1.LoadBalancerStatus,
	changed bool) {
	for i, g := range s.TargetGroups {
		if g.ARN != arn {
			continue
		}
		if g.Targets != nil {
			same := c
			same.ObservedTime = g.Targets.ObservedTime
			if same == *g.Targets {
				return s, false
			}
		}
		out = *s.DeepCopy()
		out.TargetGroups[i].Targets = &c
		countTargets(&out)
		return out, true
	}
	return s, false
}

// countTargets sums up the counts of target groups for the load balancer, and for each place that forwards to one of
// them.
func countTargets(s *v1alpha1.LoadBalancerStatus) {
	byName := make(map[string]string, len(s.TargetGroups))
	for _, g := range s.TargetGroups {
		byName[g.Name] = sum([]v1alpha1.TargetGroupStatus{g})
	}
	s.Targets = sum(s.TargetGroups)
	for i := range s.Listeners {
		countForward(s.Listeners[i].Forward, byName)
	}
	for i := range s.Rules {
		countForward(s.Rules[i].Forward, byName)
	}
}

func countForward(forward []v1alpha1.ForwardStatus, byName map[string]string) {
	for i := range forward {
		forward[i].Targets = byName[forward[i].TargetGroup]
	}
}

// sum is "healthy/total" over all target groups with counts, without draining targets.
func sum(groups []v1alpha1.TargetGroupStatus) string {
	healthy, total, known := 0, 0, false
	for _, g := range groups {
		if g.Targets != nil {
			known = true
			healthy += int(g.Targets.Healthy)
			total += int(g.Targets.Total - g.Targets.Draining)
		}
	}
	if !known {
		return ""
	}
	return strconv.Itoa(healthy) + "/" + strconv.Itoa(total)
}
