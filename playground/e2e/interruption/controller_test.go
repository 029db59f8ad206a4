package interruption

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/process"
)

// controllerChanges are those of the controller while all pods are replaced.
var controllerChanges = []change{
	{name: "rolling update, controller restarted", begin: func(_ *testing.T, c *harness.Cluster, _ []*scene) moment {
		return once(func(t *testing.T) { c.RestartController(t) })
	}, make: rollOutMeanwhile, within: true},
	{name: "rolling update, controller killed", begin: func(_ *testing.T, c *harness.Cluster, _ []*scene) moment {
		return once(func(t *testing.T) {
			c.KillController()
			c.RestartController(t)
		})
	}, make: rollOutMeanwhile, within: true},
	{name: "rolling update, leader gives up its lease", begin: func(t *testing.T, c *harness.Cluster, _ []*scene) moment {
		return succession(t, c, func(t *testing.T, leader *harness.Process) {
			ctx, cancel := context.WithTimeout(t.Context(), process.Grace)
			defer cancel()
			leader.Stop(ctx)
		})
	}, make: func(t *testing.T, s *scene, m moment) { // to pods that go on for as long as the next change needs
		s.sleepFor(t, s.drain+untilTakenOver)
		meanwhile(t, s, m)
	}},
	{name: "rolling update, leader loses its lease", begin: func(t *testing.T, c *harness.Cluster,
		scenes []*scene) moment {
		short := slices.DeleteFunc(slices.Clone(scenes), func(s *scene) bool { return s.sleeps >= s.drain+untilTakenOver })
		for _, s := range short {
			s.sleepFor(t, s.drain+untilTakenOver)
		}
		for _, s := range short {
			s.rolledOut(t)
		}
		return succession(t, c, func(_ *testing.T, leader *harness.Process) { leader.Kill() })
	}, make: func(t *testing.T, s *scene, m moment) { // the pods that go on for long are replaced by those that do not
		s.sleepFor(t, s.drain)
		meanwhile(t, s, m)
	}},
}

func rollOutMeanwhile(t *testing.T, s *scene, m moment) {
	restart(t, s)
	meanwhile(t, s, m)
}

// meanwhile has something happen once the first pods of a rollout go.
func meanwhile(t *testing.T, s *scene, m moment) {
	t.Helper()
	s.firstEnds(t)
	m.happens(t)
	s.rolledOut(t)
}

const (
	elect = "--enable-leader-election=true"
	// untilTakenOver is for how many seconds of the machine's a pod goes on longer where a leader is killed: its lease is
	// no shorter here than in a cluster.
	untilTakenOver = 20
)

// succession has a second process lead, which then ends. The playground's own controller waits beside it, serves the
// webhooks, and takes over.
func succession(t *testing.T, c *harness.Cluster, end func(*testing.T, *harness.Process)) moment {
	t.Helper()
	c.RestartController(t, elect)
	seeded := c.Simulator.Seed()
	leader := c.StartProcess(t, []string{
		"AWS_ENDPOINT_URL=" + c.Env.URL, "AWS_REGION=" + seeded.Region, "AWS_ACCESS_KEY_ID=AKIAREPLICA000000001",
		"AWS_SECRET_ACCESS_KEY=playground", "AWS_EC2_METADATA_DISABLED=true",
	}, "--aws-region="+seeded.Region, "--aws-vpc-id="+seeded.VPC.ID, elect)
	c.WaitFor(t, "the second process", func(ctx context.Context) error {
		status, body, err := harness.Page(ctx, leader.Health+"/readyz")
		if err == nil && status != 200 {
			err = fmt.Errorf("it answers %d: %s", status, body)
		}
		return err
	})
	c.Env.StopController() // one that starts again at once would have the lease before the second process asks for it
	leads(t, c, leader.Metrics+"/metrics")
	c.RestartController(t, elect)
	m := once(func(t *testing.T) {
		end(t, leader)
		leads(t, c, c.Env.ControllerMetrics())
	})
	m.over = func(t *testing.T) { c.RestartController(t) }
	return m
}

// leads waits until the controller with these metrics leads.
func leads(t *testing.T, c *harness.Cluster, metrics string) {
	t.Helper()
	c.WaitFor(t, "the controller at "+metrics+" to lead", func(ctx context.Context) error {
		_, body, err := harness.Page(ctx, metrics)
		if err != nil {
			return err
		}
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, "leader_election_master_status") && strings.HasSuffix(strings.TrimSpace(line), " 1") {
				return nil
			}
		}
		return fmt.Errorf("it does not")
	})
}
