package diff

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// withFrontend puts a network load balancer in front of a test stack: its ports, and the ALB's port that each leads to.
func withFrontend(s *stack.Stack, scheme string, ports map[int32]int32) *stack.Stack {
	tags := func(id string) map[string]string { return naming.Tracking(stack.Ingress, "demo", "shop/web-front", id) }
	alb := s.LoadBalancers[0]
	s.LoadBalancers = append(s.LoadBalancers, stack.LoadBalancer{
		ID: stack.FrontendIdentity, Name: naming.FrontendLoadBalancer(alb.Name), Type: stack.Network, Scheme: scheme,
		IPAddressType: stack.IPv4,
		Subnets:       []stack.SubnetMapping{{Subnet: "subnet-a"}}, SecurityGroups: slices.Clone(alb.SecurityGroups),
		Tags: tags(stack.FrontendIdentity),
	})
	for port := range int32(10000) {
		target, ok := ports[port]
		if !ok {
			continue
		}
		tg, l := naming.FrontendTargetGroupID(port), naming.FrontendListenerID(port)
		s.TargetGroups = append(s.TargetGroups, stack.TargetGroup{
			ID: tg, Name: naming.FrontendTargetGroup("demo", testKey().ID, port, "traffic-port", "HTTP"),
			TargetType: stack.TargetALB, Port: target, Protocol: "TCP",
			HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200",
				IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2},
			Tags: tags(tg), Balancer: loadBalancerRef(stack.LoadBalancerIdentity),
		})
		s.Listeners = append(s.Listeners, stack.Listener{
			ID: l, LoadBalancer: loadBalancerRef(stack.FrontendIdentity), Port: port, Protocol: "TCP",
			DefaultActions: []stack.Action{forwardTo(tg)}, Tags: tags(l),
		})
	}
	return s
}

// listensOn gives a test stack's ALB these ports in place of 80.
func listensOn(s *stack.Stack, ports ...int32) *stack.Stack {
	l := s.Listeners[0]
	s.Listeners = s.Listeners[:0:0]
	for _, p := range ports {
		l.ID, l.Port = fmt.Sprint(p), p
		s.Listeners = append(s.Listeners, l)
	}
	s.Rules, s.TargetGroups, s.Bindings = nil, nil, nil
	return s
}

// checkTargets refuses what AWS refuses of load balancers as targets.
func (f *fakeAWS) checkTargets(t failer, s plan.Step, resolve func(stack.Ref) string) {
	t.Helper()
	targeted := func(balancer string, port int32) {
		for _, tg := range f.obs.TargetGroups {
			for _, target := range tg.Targets {
				if target.ID == balancer && (port == 0 || port == target.Port) {
					t.Fatalf("%s: it is the target of %s at port %d", s.ID, tg.ID, target.Port)
				}
			}
		}
	}
	switch op := s.Op.(type) {
	case awsop.DeleteLoadBalancer:
		targeted(resolve(op.LoadBalancer), 0)
	case awsop.DeleteListener:
		for _, l := range f.obs.Listeners {
			if l.ARN == resolve(op.Listener) {
				targeted(l.LoadBalancer.Literal, l.Port)
			}
		}
	case awsop.CreateTargetGroup:
		if slices.ContainsFunc(f.obs.TargetGroups, func(tg awsop.TargetGroup) bool {
			return tg.Name == op.TargetGroup.Name
		}) {
			t.Fatalf("%s: a target group %s exists", s.ID, op.TargetGroup.Name)
		}
	case awsop.RegisterLoadBalancer:
		tg, balancer := f.obs.TargetGroup(resolve(op.TargetGroup)), resolve(op.LoadBalancer)
		listens := func(l awsop.Listener) bool { return l.LoadBalancer.Literal == balancer && l.Port == op.Port }
		switch {
		case tg == nil || tg.TargetType != stack.TargetALB:
			t.Fatalf("%s: %s is no group for load balancers", s.ID, resolve(op.TargetGroup))
		case len(tg.Targets) > 0:
			t.Fatalf("%s: it has a target already: %v", s.ID, tg.Targets)
		case tg.Port != op.Port:
			t.Fatalf("%s: port %d is not the group's, %d", s.ID, op.Port, tg.Port)
		case !slices.ContainsFunc(f.obs.Listeners, listens):
			t.Fatalf("%s: no listener on port %d", s.ID, op.Port)
		}
	}
}

// order are the steps of a plan with the given names, as "Name resource".
func order(p plan.Plan, names ...string) []string {
	var out []string
	for _, s := range p.Steps {
		if slices.Contains(names, plan.NameOf(s.Op)) {
			out = append(out, plan.NameOf(s.Op)+" "+s.Resource.ID)
		}
	}
	return out
}

func TestAFrontendIsMadeInOnePlanAndItsALBRegisteredLast(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	want := withFrontend(listensOn(testStack(), 80, 443), stack.Internal, map[int32]int32{80: 443, 443: 443})
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	for _, s := range p.Steps {
		if _, ok := s.Op.(awsop.RegisterLoadBalancer); ok {
			if !slices.Contains(s.Needs, "CreateListener 443") || !slices.Contains(s.Needs, "CreateLoadBalancer LoadBalancer") {
				t.Errorf("%s needs %v", s.ID, s.Needs)
			}
			if s.Op.About().Active.Ref.ID != stack.LoadBalancerIdentity {
				t.Errorf("%s does not wait for its load balancer", s.ID)
			}
		} else if slices.ContainsFunc(s.Needs, func(n plan.StepID) bool {
			return strings.HasPrefix(string(n), "RegisterTargets")
		}) {
			t.Errorf("%s waits until the ALB is registered", s.ID)
		}
	}
	f.converge(t, want, Options{})
	for _, tg := range f.obs.TargetGroups {
		if len(tg.Targets) != 1 || tg.Targets[0].Port != 443 {
			t.Errorf("%s: %v", tg.ID, tg.Targets)
		}
	}
}

func TestAFrontendThatIsNotWantedGoesBeforeItsGroups(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, withFrontend(testStack("/a"), stack.Internal, map[int32]int32{80: 80}), Options{})
	p := Stack(testStack("/a"), stack.Keep{}, f.obs, Options{})
	if got := order(p, "DeleteLoadBalancer", "DeregisterTargets", "DeleteTargetGroup"); !slices.Equal(got, []string{
		"DeleteLoadBalancer FrontendNlb", "DeleteTargetGroup FrontendNlb-tg-TCP-80"}) || len(p.Steps) != 2 {
		t.Errorf("steps: %v", p.Text(plan.TextOptions{}))
	}
	f.converge(t, testStack("/a"), Options{})
}

func TestAnALBIsNobodysTargetWhenItIsDeleted(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]bool{"targets known": true, "targets never read": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, withFrontend(testStack("/a"), stack.Internal, map[int32]int32{80: 80}), Options{})
			seen := f.obs.Clone()
			if !read {
				for i := range seen.TargetGroups {
					seen.TargetGroups[i].Targets = nil
					seen.TargetGroups[i].Set(awsop.Unread, awsop.PartTargets)
				}
				seen.Listeners, seen.Rules = nil, nil
			}
			p := Stack(removed(), stack.Keep{}, seen, Options{})
			got := order(p, "DeleteLoadBalancer", "DeregisterTargets")
			if want := []string{"DeleteLoadBalancer FrontendNlb", "DeregisterTargets FrontendNlb-tg-TCP-80",
				"DeleteLoadBalancer LoadBalancer"}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			f.run(t, p)
			if left := len(f.obs.LoadBalancers) + len(f.obs.TargetGroups); left > 0 {
				t.Errorf("%d left", left)
			}
		})
	}
}

func TestAProtectedFrontendKeepsTheALBBehindIt(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, withFrontend(testStack("/a"), stack.Internal, map[int32]int32{80: 80}), Options{})
	f.run(t, Stack(removed(), stack.Keep{}, f.obs, Options{}).Under(
		policy.Protect(map[string]string{stack.FrontendIdentity: "Ingress shop/web"}, f.obs)))
	if len(f.obs.LoadBalancers) != 2 ||
		len(f.obs.TargetGroup(f.obs.TargetGroups[len(f.obs.TargetGroups)-1].ARN).Targets) != 1 {
		t.Errorf("left: %+v", f.obs.LoadBalancers)
	}
}

func TestFrontendWaitsForNewPort(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, withFrontend(listensOn(testStack(), 443), stack.Internal, map[int32]int32{80: 443}), Options{})
	want := withFrontend(listensOn(testStack(), 8443), stack.Internal, map[int32]int32{80: 8443})
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	got := order(p, "CreateTargetGroup", "CreateListener", "RegisterTargets", "ModifyListener", "DeregisterTargets",
		"DeleteListener", "DeleteTargetGroup")
	if diff := []string{
		"CreateTargetGroup FrontendNlb-tg-TCP-80", "CreateListener 8443", "RegisterTargets FrontendNlb-tg-TCP-80",
		"ModifyListener FrontendNlb-ls-TCP-80",
		"DeregisterTargets FrontendNlb-tg-TCP-80", "DeleteListener 443", "DeleteTargetGroup FrontendNlb-tg-TCP-80",
	}; !slices.Equal(got, diff) {
		t.Errorf("got %v", p.Text(plan.TextOptions{}))
	}
	if s, _ := p.Step("ModifyListener FrontendNlb-ls-TCP-80"); !slices.Contains(s.Needs,
		"RegisterTargets FrontendNlb-tg-TCP-80") {
		t.Errorf("the listener turns to a group without target: %v", s.Needs)
	}
	f.converge(t, want, Options{})
	f.converge(t, withFrontend(listensOn(testStack(), 443), stack.Internal, map[int32]int32{80: 443}), Options{})
}

func TestAnotherALBTakesOverBehindTheSameFrontend(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	before := withFrontend(testStack("/a"), stack.Internal, map[int32]int32{80: 80})
	f.converge(t, before, Options{})
	nlb := f.obs.LoadBalancers[slices.IndexFunc(f.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool {
		return lb.Type == stack.Network
	})].ARN
	want := withFrontend(testStack("/a"), stack.Internal, map[int32]int32{80: 80})
	want.LoadBalancers[0].Scheme, want.LoadBalancers[0].Name = stack.Internal, "k8s-shop-webfront-other"
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	for _, s := range p.Steps {
		if op, ok := s.Op.(awsop.DeregisterLoadBalancer); ok &&
			(op.Successor == nil || op.Successor.ID != stack.LoadBalancerIdentity) {
			t.Errorf("%s does not wait for the successor", s.ID)
		}
	}
	f.converge(t, want, Options{})
	if !slices.ContainsFunc(f.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool { return lb.ARN == nlb }) {
		t.Error("the frontend was replaced as well")
	}
}

func TestATargetGroupOfThePastIsAdoptedAsItIs(t *testing.T) {
	t.Parallel()
	// The existing controller gave target groups the frontend's port, and the target the ALB's.
	f := newFake(testKey())
	want := withFrontend(listensOn(testStack(), 443), stack.Internal, map[int32]int32{80: 443})
	f.converge(t, want, Options{})
	f.obs.TargetGroups[0].Port = 80
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Error(p.Text(plan.TextOptions{}))
	}
}

func TestAFrontendThatIsKeptIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, withFrontend(testStack("/a"), stack.Internal, map[int32]int32{80: 80}), Options{})
	if p := Stack(testStack("/a"),
		stack.Keep{Resources: []stack.Ref{{Kind: stack.KindLoadBalancer, ID: stack.FrontendIdentity}}}, f.obs,
		Options{}); !p.Empty() {
		t.Error(p.Text(plan.TextOptions{}))
	}
}

// TestForeignALBIsRegisteredAtOnce has an NLB in front of an ALB that its own
// stack makes: the NLB's listener has the same port.
func TestForeignALBIsRegisteredAtOnce(t *testing.T) {
	t.Parallel()
	const alb, next = "arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/app/other/1",
		"arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/app/other/2"
	want := func(arn string) *stack.Stack {
		s := testStack()
		s.LoadBalancers[0].Type, s.Rules, s.Bindings = stack.Network, nil, nil
		s.TargetGroups = []stack.TargetGroup{{
			ID: "chained", Name: "chained", TargetType: stack.TargetALB, Port: 443, Protocol: "TCP",
			Balancer: stack.Literal(stack.KindLoadBalancer, arn),
			HealthCheck: stack.HealthCheck{Protocol: "HTTPS", Port: "traffic-port", Path: "/", Matcher: "200-399",
				IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 3, UnhealthyThreshold: 3},
		}}
		s.Listeners = s.Listeners[:1]
		l := &s.Listeners[0]
		l.ID, l.Port, l.Protocol, l.DefaultActions = "443", 443, "TCP", []stack.Action{forwardTo("chained")}
		return s
	}
	p := Stack(want(alb), stack.Keep{}, newFake(testKey()).obs, Options{})
	registered := false
	for _, s := range p.Steps {
		if op, ok := s.Op.(awsop.RegisterLoadBalancer); ok {
			registered = op.LoadBalancer.Literal == alb && op.Port == 443 && !slices.Contains(s.Needs, "CreateListener 443")
		} else if slices.ContainsFunc(s.Needs, func(n plan.StepID) bool { return strings.HasPrefix(string(n), "Register") }) {
			t.Errorf("%s waits until the ALB is registered", s.ID)
		}
	}
	if !registered {
		t.Errorf("%s", p.Text(plan.TextOptions{}))
	}
	o := newFake(testKey()).obs
	g := want(alb).TargetGroups[0]
	g.Balancer = stack.Ref{}
	o.TargetGroups = []awsop.TargetGroup{{ARN: "arn:tg", TargetGroup: g, Targets: []awsop.Target{{ID: alb, Port: 443}}}}
	for _, s := range Stack(want(alb), stack.Keep{}, o, Options{}).Steps {
		if strings.Contains(string(s.ID), "egister") {
			t.Errorf("registered already: %s", s.ID)
		}
	}
	var names []string
	for _, s := range Stack(want(next), stack.Keep{}, o, Options{}).Steps {
		switch op := s.Op.(type) {
		case awsop.DeregisterLoadBalancer:
			names = append(names, "deregister "+op.LoadBalancer.Literal)
			if op.Successor != nil {
				t.Error("waits for a load balancer of another stack")
			}
		case awsop.RegisterLoadBalancer:
			names = append(names, "register "+op.LoadBalancer.Literal)
		}
	}
	if !slices.Equal(names, []string{"deregister " + alb, "register " + next}) {
		t.Errorf("the ALB is replaced: %q", names)
	}
}
