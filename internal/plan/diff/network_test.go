package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// networkStack is a network load balancer whose one listener forwards to one target group.
func networkStack(listener, targets, targetType string) *stack.Stack {
	s := testStack("/a")
	s.Rules = nil
	s.LoadBalancers[0].Type = stack.Network
	s.Listeners[0].ID, s.Listeners[0].Port, s.Listeners[0].Protocol = "443", 443, listener
	s.Listeners[0].DefaultActions = []stack.Action{forwardTo("/a")}
	if listener == "TLS" {
		s.Listeners[0].Certificates, s.Listeners[0].SSLPolicy = []string{"arn:certificate"}, "policy"
	}
	tg, b := &s.TargetGroups[0], &s.Bindings[0]
	tg.Protocol, tg.ProtocolVersion, tg.TargetType = targets, "", targetType
	tg.HealthCheck = stack.HealthCheck{Protocol: "TCP", Port: "traffic-port", IntervalSeconds: 10, TimeoutSeconds: 10,
		HealthyThreshold: 3, UnhealthyThreshold: 3}
	tg.Name = "tg-" + targets + "-" + targetType
	b.Protocol, b.TargetType, b.Name = targets, targetType, tg.Name
	return s
}

// networkEdits are those that replace the target group of a network load balancer, and how requests get to the new one.
var networkEdits = []struct {
	name     string
	from, to *stack.Stack
	opt      Options
	want     []string
}{
	{name: "another target type", from: networkStack("TCP", "TCP", stack.TargetIP), to: networkStack("TCP", "TCP",
		stack.TargetInstance),
		want: []string{"443 forward to /a×1 + /a×0", "await /a", "443 forward to /a"}},
	{name: "another target type and TLS", from: networkStack("TCP", "TCP", stack.TargetIP), to: networkStack("TLS", "TCP",
		stack.TargetInstance),
		want: []string{"443 forward to /a×1 + /a×0", "await /a", "443 forward to /a"}},
	{name: "TLS to targets", from: networkStack("TLS", "TCP", stack.TargetIP), to: networkStack("TLS", "TLS",
		stack.TargetIP),
		want: []string{"create 65535 TLS forward to /a", "await /a", "443 forward to /a", "delete 65535"}},
	{name: "TCP to targets", from: networkStack("TLS", "TLS", stack.TargetIP), to: networkStack("TCP", "TCP",
		stack.TargetIP),
		want: []string{"create 65535 TCP forward to /a", "await /a", "443 forward to /a", "delete 65535"}},
	{name: "UDP beside TCP", from: networkStack("TCP", "TCP", stack.TargetIP), to: networkStack("TCP_UDP", "TCP_UDP",
		stack.TargetIP),
		want: []string{"create 65535 TCP_UDP forward to /a", "await /a", "443 forward to /a", "delete 65535"}},
	{name: "UDP in place of TCP, whose clients are others", from: networkStack("TCP", "TCP", stack.TargetIP),
		to:   networkStack("UDP", "UDP", stack.TargetIP),
		want: []string{"443 forward to /a"}},
	{name: "weights are not admitted", from: networkStack("TCP", "TCP", stack.TargetIP), to: networkStack("TCP", "TCP",
		stack.TargetInstance),
		opt: Options{Region: Region{Unweighted: true}}, want: []string{"443 forward to /a"}},
	{name: "weights are not admitted, and neither is the protocol", from: networkStack("TLS", "TCP", stack.TargetIP),
		to:  networkStack("TLS", "TLS", stack.TargetIP),
		opt: Options{Region: Region{Unweighted: true}}, want: []string{"443 forward to /a"}},
}

func TestTargetsOfANetworkLoadBalancerAreHealthyBeforeTheyServe(t *testing.T) {
	t.Parallel()
	for _, tc := range networkEdits {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, tc.from, tc.opt)
			p := Stack(tc.to, stack.Keep{}, f.obs, tc.opt)
			var got []string
			for _, s := range p.Steps {
				switch op := s.Op.(type) {
				case awsop.CreateListener:
					got = append(got, "create "+s.Resource.ID+" "+op.Listener.Protocol+" "+stack.Labels{
						f.obs.TargetGroups[0].ARN: "/a"}.Actions(op.Listener.DefaultActions))
				case awsop.ModifyListener:
					got = append(got, s.Resource.ID+" "+stack.Labels{f.obs.TargetGroups[0].ARN: "/a"}.Actions(
						op.Listener.DefaultActions))
				case awsop.DeleteListener:
					got = append(got, "delete "+s.Resource.ID)
				case awsop.AwaitTargets:
					if got = append(got, "await "+op.TargetGroup.ID); !op.Network {
						t.Error("the wait is not one for a network load balancer")
					}
				case awsop.DeleteTargetGroup:
					if !op.Delayed {
						t.Error("the old target group is deleted at once")
					}
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, p.Text(plan.TextOptions{}))
			}
			f.converge(t, tc.to, tc.opt)
		})
	}
}

// TestAnInterruptedTakeoverOfANetworkLoadBalancerGoesOn ends the process after each step, of the first plan and of the
// one that follows.
func TestAnInterruptedTakeoverOfANetworkLoadBalancerGoesOn(t *testing.T) {
	t.Parallel()
	for _, tc := range networkEdits {
		if tc.opt.Region.Unweighted || tc.to.Listeners[0].Protocol == "UDP" {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for first := range 12 {
				for second := range 12 {
					f := newFake(testKey())
					f.converge(t, tc.from, tc.opt)
					w := &warmth{fakeAWS: f, warm: map[string]bool{f.obs.TargetGroups[0].ARN: true}}
					for _, most := range []int{first, second, 99} {
						w.some(t, Stack(tc.to, stack.Keep{}, f.obs, tc.opt), most)
					}
					if again := Stack(tc.to, stack.Keep{}, f.obs, tc.opt); !again.Empty() || len(f.obs.Listeners) != 1 ||
						len(f.obs.TargetGroups) != 1 {
						t.Fatalf("after %d and %d steps there is left:\n%s", first, second, again.Text(plan.TextOptions{}))
					}
				}
			}
		})
	}
}

// warmth is an AWS that knows which target groups are fit to serve: those that were awaited while a listener forwarded
// to them.
type warmth struct {
	*fakeAWS
	warm map[string]bool // by ARN
}

// some executes at most the first steps of a plan. After each of them the listener of clients forwards to what is fit
// to serve.
func (w *warmth) some(t *testing.T, p plan.Plan, most int) {
	t.Helper()
	for n := range p.Steps[:min(most, len(p.Steps))] {
		s := p.Steps[n]
		w.run(t, plan.Plan{Key: p.Key, Known: w.known(p), Steps: []plan.Step{alone(s)}})
		used := map[string]bool{}
		for l, as := range w.obs.Actions() {
			for _, g := range as[0].Forward.TargetGroups {
				if arn := g.TargetGroup.Literal; g.Weight != nil && *g.Weight == 0 || l.Port != 443 {
					used[arn] = true
				} else if used[arn] = true; !w.warm[arn] {
					t.Fatalf("after %s clients reach targets that are not fit to serve, in\n%s", s.ID, p.Text(plan.TextOptions{}))
				}
			}
		}
		if op, ok := s.Op.(awsop.AwaitTargets); ok {
			i := slices.IndexFunc(w.obs.TargetGroups, func(tg awsop.TargetGroup) bool {
				return tg.ID == op.TargetGroup.ID && used[tg.ARN] && !w.warm[tg.ARN]
			})
			if i < 0 {
				continue
			}
			w.warm[w.obs.TargetGroups[i].ARN] = true
		}
		for arn := range w.warm {
			w.warm[arn] = w.warm[arn] && used[arn]
		}
	}
}
