package scene

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
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
		if names(text, marks) {
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

// Targets are the targets of a group that are not on their way out.
func Targets(c *harness.Cluster, arn string) []simclient.Target {
	var all []simclient.Target
	for _, tg := range c.Simulator.Resources().TargetGroups {
		if tg.ARN != arn {
			continue
		}
		for _, target := range tg.Targets {
			if target.State != "draining" {
				all = append(all, target)
			}
		}
	}
	return all
}

// WaitTargets waits until exactly n targets are registered in the group, and returns them.
func WaitTargets(t testing.TB, c *harness.Cluster, arn string, n int) []simclient.Target {
	t.Helper()
	var all []simclient.Target
	c.WaitFor(t, fmt.Sprintf("%d targets in %s", n, arn), func(context.Context) error {
		if all = Targets(c, arn); len(all) != n {
			return fmt.Errorf("there are %d: %v", len(all), all)
		}
		return nil
	})
	return all
}

// Marks are texts by which to recognise a namespace's resources in the parameters of AWS calls: its name, as in tags
// and descriptions, and how names of load balancers and target groups begin.
func Marks(namespace string) []string {
	short := strings.ReplaceAll(namespace, "-", "")
	return []string{namespace + "/", "k8s-" + short[:min(8, len(short))] + "-"}
}

// Writes are the calls after number that change something and name one of the marks, as "Action" and parameters.
func Writes(c *harness.Cluster, after uint64, marks ...string) []string {
	var all []string
	for _, call := range c.Calls(after) {
		if text := parameters(call); !harness.IsRead(call.Action) && names(text, marks) {
			all = append(all, call.Action+" "+text)
		}
	}
	return all
}

// Count is how many calls of the action after number name one of the marks; of any action if it is empty.
func Count(c *harness.Cluster, after uint64, action string, marks ...string) int {
	n := 0
	for _, call := range c.Calls(after) {
		if (action == "" || call.Action == action) && names(parameters(call), marks) {
			n++
		}
	}
	return n
}

func parameters(call gate.Call) string {
	text, err := json.Marshal(call.Input)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// names reports whether a text has one of the marks, and not only as the end of a longer name.
func names(text string, marks []string) bool {
	inName := func(c byte) bool {
		return c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for _, m := range marks {
		for at := 0; ; at++ {
			next := strings.Index(text[at:], m)
			if next < 0 {
				break
			}
			if at += next; at == 0 || !inName(m[0]) || !inName(text[at-1]) {
				return true
			}
		}
	}
	return false
}
