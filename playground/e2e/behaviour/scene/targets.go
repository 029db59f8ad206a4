package scene

import (
	"context"
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/harness"
)

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
