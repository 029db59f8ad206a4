package apply_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// fronted puts a network load balancer in front of a shop: its ports, and the ALB's port that each leads to.
func fronted(s *stack.Stack, ports map[int32]int32) *stack.Stack {
	tags := func(id string) map[string]string {
		return naming.Tracking(stack.Ingress, testCluster, s.Key.ID.String(), id)
	}
	ref := func(k stack.Kind, id string) stack.Ref { return stack.Ref{Kind: k, ID: id} }
	alb := s.LoadBalancers[0]
	s.LoadBalancers = append(s.LoadBalancers, stack.LoadBalancer{
		ID: stack.FrontendIdentity, Name: naming.FrontendLoadBalancer(alb.Name), Type: stack.Network,
		Scheme: stack.InternetFacing, IPAddressType: stack.IPv4,
		Subnets: alb.Subnets, SecurityGroups: alb.SecurityGroups, Tags: tags(stack.FrontendIdentity),
	})
	for port := range int32(10000) {
		target, ok := ports[port]
		if !ok {
			continue
		}
		tg, l := naming.FrontendTargetGroupID(port), naming.FrontendListenerID(port)
		s.TargetGroups = append(s.TargetGroups, stack.TargetGroup{
			ID: tg, Name: naming.FrontendTargetGroup(testCluster, s.Key.ID, port, stack.TrafficPort, "HTTP"),
			TargetType: stack.TargetALB, Port: target, Protocol: "TCP",
			HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: stack.TrafficPort, Path: "/", Matcher: "200",
				IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2},
			Tags: tags(tg), Balancer: ref(stack.KindLoadBalancer, stack.LoadBalancerIdentity),
		})
		s.Listeners = append(s.Listeners, stack.Listener{
			ID: l, LoadBalancer: ref(stack.KindLoadBalancer, stack.FrontendIdentity), Port: port, Protocol: "TCP", Tags: tags(l),
			DefaultActions: []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{
				TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: ref(stack.KindTargetGroup, tg)}}}}},
		})
	}
	return s
}

// behind are the ports of the load balancers that are targets, as "port/target's port".
func (w *world) behind() []int32 {
	var out []int32
	for _, tg := range w.sim.Resources().TargetGroups {
		for _, t := range tg.Targets {
			if strings.Contains(t.ID, ":loadbalancer/app/") && t.State != "draining" {
				out = append(out, t.Port)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestARestartedControllerFindsAFrontendAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := fronted(shop("web", "/a/*"), map[int32]int32{80: 80, 8443: 443})
	w.settle(want)
	if got := w.behind(); !slices.Equal(got, []int32{80, 443}) {
		t.Fatalf("registered at %v", got)
	}
	w.restart()
	from := w.mark()
	w.settle(want)
	reads, writes := w.calls(from)
	if len(writes) > 0 || reads["DescribeTargetHealth"] != 2 {
		t.Errorf("writes %v, reads %v", writes, reads)
	}
	from = w.mark()
	w.settle(want)
	if reads, writes := w.calls(from); sum(reads)+sum(writes) > 0 {
		t.Errorf("when nothing changed: %v %v", reads, writes)
	}
}

func TestAnALBIsRegisteredOnceItIsActiveAndNoStepWaitsForThat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Real())
	want := fronted(shop("web", "/a/*"), map[int32]int32{80: 80})
	began, waited := w.clock.Now(), false
	for range 5 {
		p, r, err := w.pass(want, diff.Options{}, 8)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			o := r.Outcomes[s.ID]
			_, registers := s.Op.(awsop.RegisterLoadBalancer)
			waited = waited || registers && o.State == apply.Waiting && strings.Contains(o.On, "to become active") &&
				o.Until.Sub(w.clock.Now()) <= 16*time.Second
			if o.State == apply.Failed {
				t.Errorf("%s: %v", s.ID, o.Err)
			}
		}
		w.clock.Advance(time.Second)
	}
	if !waited || w.clock.Now().Sub(began) > 6*time.Second {
		t.Errorf("waited for the ALB: %t; passes took until %s", waited, w.clock.Now().Sub(began))
	}
	w.settle(want)
	if got := w.behind(); !slices.Equal(got, []int32{80}) {
		t.Errorf("registered at %v", got)
	}
}

func TestPortBehindFrontendClosesAfterFrontend(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	w.settle(fronted(shop("web", "/a/*"), map[int32]int32{80: 80}))
	want := shop("web", "/a/*")
	want.Listeners = want.Listeners[:1] // without port 80
	w.settle(fronted(want, map[int32]int32{80: 443}))
	if got := w.behind(); !slices.Equal(got, []int32{443}) {
		t.Errorf("registered at %v", got)
	}
}

func TestTargetsThatOthersTookOutOfAFrontendComeBackAtTheNextLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := fronted(shop("web", "/a/*"), map[int32]int32{80: 80})
	w.settle(want)
	obs, err := w.inv.Observed(context.Background(), want.Key, want)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(obs.TargetGroups, func(tg awsop.TargetGroup) bool { return tg.TargetType == stack.TargetALB })
	tg := obs.TargetGroups[i]
	op := awsop.DeregisterLoadBalancer{TargetGroup: stack.Literal(stack.KindTargetGroup, tg.ARN),
		LoadBalancer: stack.Literal(stack.KindLoadBalancer, tg.Targets[0].ID), Port: 80}
	r := apply.Run(context.Background(), plan.Plan{Steps: []plan.Step{{ID: "theirs", Op: op}}},
		apply.Deps{Clients: w.clients(), Inventory: w.inv, Now: w.clock.Now})
	if r.Count(apply.Done) != 1 || len(w.behind()) > 0 {
		t.Fatalf("%+v", r.Outcomes)
	}
	w.inv.Invalidate(want.Key)
	w.settle(want)
	if got := w.behind(); !slices.Equal(got, []int32{80}) {
		t.Errorf("registered at %v", got)
	}
}
