package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Settings returns the settings of the load balancers, listeners and target groups of a stack, each with where it is
// declared or comes from. The health check of a target group is one of them.
func Settings(in Input) map[stack.Ref][]Field {
	out := map[stack.Ref][]Field{}
	if in.Stack == nil {
		return out
	}
	in.Stack = diff.Effective(in.Stack, in.Keep, in.Observed)
	x := explainer{in: in, resolve: map[string]string{}}
	for _, lb := range in.Stack.LoadBalancers {
		fields := []Field{{Name: "type", Value: string(lb.Type)}}
		for _, f := range x.loadBalancer(lb).Fields {
			if f.Name != "name" { // which the step has
				fields = append(fields, f)
			}
		}
		out[stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}] = fields
	}
	for _, l := range in.Stack.Listeners {
		out[stack.Ref{Kind: stack.KindListener, ID: l.ID}] = x.listener(l).Fields
	}
	for _, g := range in.Stack.TargetGroups {
		var fields []Field
		var declared []string // of the parts of the check
		for _, f := range x.targetGroup(g).Fields {
			if strings.HasPrefix(f.Name, "health check") || f.Name == "success codes" || strings.HasPrefix(f.Name, "healthy") ||
				strings.HasPrefix(f.Name, "unhealthy") {
				if f.Source != "" && !slices.Contains(declared, f.Source) {
					declared = append(declared, f.Source)
				}
				continue
			}
			fields = append(fields, f)
		}
		check := field("health check", checkText(g.HealthCheck), strings.Join(declared, ", "))
		out[stack.Ref{Kind: stack.KindTargetGroup, ID: g.ID}] = append(fields, check)
	}
	return out
}

// checkText is a health check in one line.
func checkText(c stack.HealthCheck) string {
	text := c.Protocol + " on " + c.Port
	if c.Path != "" {
		text += " " + c.Path
	}
	if c.Matcher != "" {
		text += " → " + c.Matcher
	}
	text += fmt.Sprintf(", every %d s", c.IntervalSeconds)
	if c.TimeoutSeconds > 0 {
		text += fmt.Sprintf(", timeout %d s", c.TimeoutSeconds)
	}
	return text + fmt.Sprintf(", healthy after %d, unhealthy after %d", c.HealthyThreshold, c.UnhealthyThreshold)
}

// Text is "name: value", with the place that declares the setting, or else what it comes from.
func (f Field) Text() string {
	switch {
	case f.Source != "":
		return f.Name + ": " + f.Value + "  ← " + f.Source
	case f.Default != "":
		return f.Name + ": " + f.Value + "  (" + f.Default + ")"
	}
	return f.Name + ": " + f.Value
}
