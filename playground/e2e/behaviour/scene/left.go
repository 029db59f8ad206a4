package scene

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// Left lists the load balancers, target groups and security groups whose name or tags have one of the marks.
func Left(c *harness.Cluster, marks ...string) []string {
	r := c.Simulator.Resources()
	var left []string
	add := func(kind, name string, tags map[string]string) {
		text := name
		for k, v := range tags {
			text += " " + k + "=" + v
		}
		if containsAny(text, marks) {
			left = append(left, kind+" "+name)
		}
	}
	for _, lb := range r.LoadBalancers {
		add("load balancer", lb.Name, lb.Tags)
	}
	for _, tg := range r.TargetGroups {
		add("target group", tg.Name, tg.Tags)
	}
	for _, sg := range r.SecurityGroups {
		add("security group", sg.Name, sg.Tags)
	}
	return left
}

// WaitGone waits until nothing with the marks is left in the account.
func WaitGone(t testing.TB, c *harness.Cluster, marks ...string) {
	t.Helper()
	c.WaitFor(t, "the end of "+strings.Join(marks, ", "), func(context.Context) error {
		if left := Left(c, marks...); len(left) > 0 {
			return fmt.Errorf("left: %s", strings.Join(left, ", "))
		}
		return nil
	})
}
