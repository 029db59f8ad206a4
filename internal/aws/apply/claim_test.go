package apply_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// TestCreateNeverTakesOverByName has an attacker declare names and settings of a victim's load balancer and target
// group. AWS answers such a call with the victim's resource.
func TestCreateNeverTakesOverByName(t *testing.T) {
	t.Parallel()
	likeVictim := func(w *world, s *stack.Stack) {
		s.LoadBalancers[0].Name, s.LoadBalancers[0].SecurityGroups = "k8s-shop-web"+generated, nil
		for _, g := range w.sim.Resources().LoadBalancers[0].SecurityGroups {
			s.LoadBalancers[0].SecurityGroups = append(s.LoadBalancers[0].SecurityGroups,
				stack.Literal(stack.KindSecurityGroup, g))
		}
	}
	for _, c := range []struct {
		name    string
		before  func(*world) // what there is beside the victim's stack
		restart bool
		imitate func(*world, *stack.Stack)
		step    plan.StepID
	}{
		{name: "load balancer", step: "CreateLoadBalancer LoadBalancer", imitate: likeVictim},
		{name: "load balancer after a restart", restart: true, step: "CreateLoadBalancer LoadBalancer", imitate: likeVictim},
		{name: "target group", step: "CreateTargetGroup shop/mal-m:80", imitate: func(_ *world, s *stack.Stack) {
			s.TargetGroups[0].Name = "k8s-web-a" + generated
		}},
		{name: "target group that the cluster does not own", step: "CreateTargetGroup shop/mal-m:80", before: func(w *world) {
			hc := shop("x", "/x").TargetGroups[0].HealthCheck
			if _, err := w.sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
				Name: aws.String("payroll"), TargetType: "ip", Protocol: "HTTP", ProtocolVersion: aws.String("HTTP1"),
				Port: aws.Int32(8080), VpcId: aws.String(testVPC),
				HealthCheckEnabled: aws.Bool(true), HealthCheckProtocol: "HTTP", HealthCheckPort: aws.String(hc.Port),
				HealthCheckPath:            aws.String("/"),
				HealthCheckIntervalSeconds: &hc.IntervalSeconds, HealthCheckTimeoutSeconds: &hc.TimeoutSeconds,
				HealthyThresholdCount: &hc.HealthyThreshold, UnhealthyThresholdCount: &hc.UnhealthyThreshold}); err != nil {
				t.Fatal(err)
			}
		}, imitate: func(_ *world, s *stack.Stack) { s.TargetGroups[0].Name = "payroll" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, account.Instant())
			w.settle(shop("web", "/a/*"))
			if c.before != nil {
				if err := w.inv.Load(t.Context()); err != nil { // a listing that does not have it
					t.Fatal(err)
				}
				c.before(w)
			}
			if c.restart {
				w.restart()
			}
			before := w.sim.Resources()
			attacker := shop("mal", "/m")
			c.imitate(w, attacker)
			for range 3 {
				_, r, err := w.pass(attacker, diff.Options{}, 8)
				if err != nil {
					t.Fatal(err)
				}
				if o := r.Outcomes[c.step]; o.State != apply.Failed || o.Problem.Code != diag.NameTaken {
					t.Errorf("outcome %+v", o)
				}
				w.inv.Refusals().RetryObstacles(attacker.Key)
			}
			if d := cmp.Diff(picture(t, before, "k8s-shop-web"+generated), picture(t, w.sim.Resources(), "k8s-shop-web"+
				generated)); d != "" {
				t.Errorf("the victim's load balancer changed:\n%s", d)
			}
			w.settle(stack.ForRemoval(attacker.Key, "", "", stack.ObjectsDeleted))
			w.settle(shop("web", "/a/*"))
			after := w.sim.Resources()
			if len(after.LoadBalancers) != 1 || len(after.TargetGroups) != len(before.TargetGroups) {
				t.Errorf("left: %d load balancers, %d target groups", len(after.LoadBalancers), len(after.TargetGroups))
			}
		})
	}
}

// picture is a load balancer as text.
func picture(t *testing.T, r simclient.Resources, name string) string {
	t.Helper()
	at := slices.IndexFunc(r.LoadBalancers, func(lb simclient.LoadBalancer) bool { return lb.Name == name })
	if at < 0 {
		return "none"
	}
	text, err := json.MarshalIndent(r.LoadBalancers[at], "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
