package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/verify"
)

// Zone makes a hosted zone of Route 53, unless an earlier run of the test has left it: zones with records cannot be
// deleted.
func (c *Cluster) Zone(t testing.TB, name string) {
	t.Helper()
	_, err := c.Simulator.Names.CreateHostedZone(t.Context(), &route53.CreateHostedZoneInput{
		Name: &name, CallerReference: &name})
	var api smithy.APIError
	if err != nil && (!errors.As(err, &api) || api.ErrorCode() != "HostedZoneAlreadyExists") {
		t.Fatal(err)
	}
}

// LoadBalancer finds a load balancer by DNS name or by name.
func (c *Cluster) LoadBalancer(t testing.TB, name string) simclient.LoadBalancer {
	t.Helper()
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if lb.Name == name || strings.EqualFold(lb.DNSName, name) {
			return lb
		}
	}
	t.Fatalf("no load balancer %s\n%s", name, c.Report(t.Context()))
	return simclient.LoadBalancer{}
}

// TargetGroups lists the target groups of a load balancer, in the order of creation.
func (c *Cluster) TargetGroups(lb simclient.LoadBalancer) []simclient.TargetGroup {
	var groups []simclient.TargetGroup
	for _, tg := range c.Simulator.Resources().TargetGroups {
		if tg.LoadBalancer == lb.ARN {
			groups = append(groups, tg)
		}
	}
	return groups
}

// WaitHealthy waits until each target group of the load balancer has healthy targets, and no others in the zones of the
// load balancer. Targets elsewhere get no requests: where pods are is up to the scheduler.
func (c *Cluster) WaitHealthy(t testing.TB, lb simclient.LoadBalancer) {
	t.Helper()
	c.WaitFor(t, "healthy targets of "+lb.Name, func(context.Context) error {
		for _, tg := range c.TargetGroups(lb) {
			healthy := false
			for _, target := range tg.Targets {
				outside := target.State == "unused" && !slices.ContainsFunc(lb.Zones, func(z simclient.Zone) bool {
					return z.Name == target.Zone
				})
				if healthy = healthy || target.State == "healthy"; target.State != "healthy" && !outside {
					return fmt.Errorf("%s: %s:%d is %s %s", tg.Name, target.ID, target.Port, target.State, target.Reason)
				}
			}
			if !healthy {
				return fmt.Errorf("%s has no healthy targets", tg.Name)
			}
		}
		return nil
	})
}

// WaitAccount waits until the account holds the same as in before.
func (c *Cluster) WaitAccount(t testing.TB, before simclient.Resources) {
	t.Helper()
	c.WaitFor(t, "the account as it was before", func(context.Context) error {
		if d := verify.Difference(before, c.Simulator.Resources()); len(d) > 0 {
			return fmt.Errorf("it differs:\n  %s", strings.Join(d, "\n  "))
		}
		return nil
	})
}

// Calls are the recorded calls after number (0: all), oldest first. Mark gives the number to begin with.
func (c *Cluster) Calls(after uint64) []gate.Call {
	return c.Simulator.Gate.Calls(gate.Filter{After: after})
}

// Mark is the number of the latest call.
func (c *Cluster) Mark() uint64 {
	calls := c.Simulator.Gate.Calls(gate.Filter{Limit: 1})
	if len(calls) == 0 {
		return 0
	}
	return calls[len(calls)-1].Number
}

// Writes are the calls after number that change something, as "service Action".
func (c *Cluster) Writes(after uint64) []string {
	var writes []string
	for _, call := range c.Calls(after) {
		if !IsRead(call.Action) {
			writes = append(writes, call.Service+" "+call.Action)
		}
	}
	return writes
}

// Changes are the Writes that AWS did not refuse: what is refused may be tried again at any time.
func (c *Cluster) Changes(after uint64) []string {
	var changes []string
	for _, call := range c.Calls(after) {
		if !IsRead(call.Action) && call.Code == "" {
			changes = append(changes, call.Service+" "+call.Action)
		}
	}
	return changes
}

// IsRead reports whether an action of AWS changes nothing.
func IsRead(action string) bool {
	for _, prefix := range []string{"Describe", "List", "Get", "AssumeRole"} {
		if strings.HasPrefix(action, prefix) {
			return true
		}
	}
	return false
}
