package diff

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// failer is a test of the standard library or of rapid.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// fakeAWS executes plans on an observation, in the order of the steps, by Advance alone.
type fakeAWS struct {
	obs    awsop.Observed
	next   int
	writes map[string]int
}

// removed is a stack of which nothing is to stay.
func removed() *stack.Stack {
	return stack.ForRemoval(testKey(), "demo", "vpc-1", stack.ObjectsDeleted)
}

func newFake(key stack.Key) *fakeAWS {
	return &fakeAWS{obs: awsop.Observed{Key: key}, writes: map[string]int{}}
}

// run executes steps that no guard refuses; it fails the test if a step needs or follows one that comes later, or
// refers to something that nobody produced.
func (f *fakeAWS) run(t failer, p plan.Plan) {
	t.Helper()
	produced := map[stack.Ref]string{}
	for _, k := range p.Known {
		produced[k.Ref] = k.Value
	}
	done := map[plan.StepID]bool{}
	for _, s := range p.Steps {
		skip := s.Guard != nil
		for _, n := range s.Needs {
			if _, ok := p.Step(n); !ok {
				t.Fatalf("step %q needs %q, which is not in the plan", s.ID, n)
			}
			ended, seen := done[n]
			if !seen {
				t.Fatalf("step %q stands before %q, which it needs", s.ID, n)
			}
			skip = skip || !ended
		}
		for _, n := range s.After {
			if _, seen := done[n]; !seen {
				t.Fatalf("step %q stands before %q, which it follows", s.ID, n)
			}
		}
		done[s.ID] = !skip
		if skip {
			continue
		}
		f.one(t, s, produced)
	}
}

// one executes a step and notes what it produces.
func (f *fakeAWS) one(t failer, s plan.Step, produced map[stack.Ref]string) {
	t.Helper()
	resolve := func(r stack.Ref) string {
		if r.Literal != "" {
			return r.Literal
		}
		v, ok := produced[r]
		if !ok {
			t.Fatalf("step %q refers to %v, which nobody produced", s.ID, r)
		}
		return v
	}
	f.check(t, s, resolve)
	f.next++
	out := awsop.Output{ID: fmt.Sprintf("arn:%s/%03d", s.Resource.Kind, f.next), State: "active"}
	switch s.Op.(type) {
	case awsop.CreateSecurityGroup, awsop.CreateTargetGroup, awsop.CreateLoadBalancer, awsop.CreateListener,
		awsop.CreateRule:
		produced[stack.Ref{Kind: s.Resource.Kind, ID: s.Resource.ID}] = out.ID
	}
	f.writes[plan.NameOf(s.Op)]++
	f.obs = awsop.Advance(f.obs, s.Op, out, resolve)
}

// check refuses what AWS would refuse.
func (f *fakeAWS) check(t failer, s plan.Step, resolve func(stack.Ref) string) {
	t.Helper()
	priorities := func(listener string) map[int32]string {
		out := map[int32]string{}
		for _, r := range f.obs.Rules {
			if r.Listener.Literal == listener {
				out[r.Priority] = r.ARN
			}
		}
		return out
	}
	f.checkTargets(t, s, resolve)
	switch op := s.Op.(type) {
	case awsop.CreateRule:
		if op.Priority < 1 || op.Priority > 50000 {
			t.Fatalf("%s: priority %d is out of range", s.ID, op.Priority)
		}
		if arn, ok := priorities(resolve(op.Rule.Listener))[op.Priority]; ok {
			t.Fatalf("%s: priority %d is in use by %s", s.ID, op.Priority, arn)
		}
	case awsop.SetRulePriorities:
		now := priorities(resolve(op.Listener))
		moving := map[string]bool{}
		for _, m := range op.Priorities {
			moving[resolve(m.Rule)] = true
		}
		given := map[int32]bool{}
		for _, m := range op.Priorities {
			if given[m.Priority] {
				t.Fatalf("%s: priority %d is given twice", s.ID, m.Priority)
			}
			given[m.Priority] = true
			if m.Priority < 1 || m.Priority > 50000 {
				t.Fatalf("%s: priority %d is out of range", s.ID, m.Priority)
			}
			if holder, ok := now[m.Priority]; ok && !moving[holder] {
				t.Fatalf("%s: priority %d is in use", s.ID, m.Priority)
			}
		}
	case awsop.CreateBinding:
		for _, b := range f.obs.Bindings {
			if bindingKey(b.Binding) == bindingKey(op.Binding) {
				t.Fatalf("%s: a binding %s exists", s.ID, b.Name)
			}
		}
	case awsop.DeleteTargetGroup:
		arn := resolve(op.TargetGroup)
		for _, l := range f.obs.Listeners {
			for _, r := range awsop.TargetGroupsOf(l.DefaultActions) {
				if r.Literal == arn {
					t.Fatalf("%s: in use by listener %s", s.ID, l.ID)
				}
			}
		}
		for _, l := range f.obs.Rules {
			for _, r := range awsop.TargetGroupsOf(l.Actions) {
				if r.Literal == arn {
					t.Fatalf("%s: in use by rule %s", s.ID, l.ID)
				}
			}
		}
	}
}

func testKey() stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web-front"}}
}

// testRule is a wanted rule for a path. It forwards to one target group, or to several as in "a=80,b=20".
func testRule(port, order int, path, target string) stack.Rule {
	return stack.Rule{
		ID: fmt.Sprintf("%d:%d", port, order), Listener: listenerRef(fmt.Sprint(port)), Order: int32(order),
		Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}},
		Actions:    []stack.Action{forwardTo(target)},
		Tags:       naming.Tracking(stack.Ingress, "demo", "shop/web-front", fmt.Sprintf("%d:%d", port, order)),
	}
}

func forwardTo(target string) stack.Action {
	return stack.Action{Type: stack.ActionForward, Forward: &stack.Forward{
		TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: targetGroupRef(target)}},
	}}
}

// testStack is a load balancer with one HTTP listener on port 80 and a rule per path, in order, each to a target group
// of the same name.
func testStack(paths ...string) *stack.Stack {
	s := &stack.Stack{Key: testKey(), Cluster: "demo", VPC: "vpc-1"}
	tags := func(id string) map[string]string { return naming.Tracking(stack.Ingress, "demo", "shop/web-front", id) }
	s.SecurityGroups = []stack.SecurityGroup{
		{ID: stack.ManagedSecurityGroup, Name: "k8s-shop-webfront-1", Description: naming.ManagedSecurityGroupDescription,
			Ingress: []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "0.0.0.0/0"}},
			Tags:    tags(stack.ManagedSecurityGroup)},
		{ID: stack.BackendSecurityGroup, Name: "k8s-traffic-demo-1", Shared: true, Tags: naming.BackendTracking("demo")},
	}
	s.LoadBalancers = []stack.LoadBalancer{{
		ID: stack.LoadBalancerIdentity, Name: "k8s-shop-webfront-internet", Type: stack.Application,
		Scheme:        stack.InternetFacing,
		IPAddressType: stack.IPv4, Subnets: []stack.SubnetMapping{{Subnet: "subnet-a"}, {Subnet: "subnet-b"}},
		SecurityGroups: []stack.Ref{groupRef(stack.ManagedSecurityGroup), groupRef(stack.BackendSecurityGroup)},
		Tags:           tags(stack.LoadBalancerIdentity),
	}}
	s.Listeners = []stack.Listener{{
		ID: "80", LoadBalancer: loadBalancerRef(stack.LoadBalancerIdentity), Port: 80, Protocol: "HTTP",
		DefaultActions: []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
			StatusCode: "404", ContentType: "text/plain"}}},
		Tags: tags("80"),
	}}
	seen := map[string]bool{}
	for i, p := range paths {
		s.Rules = append(s.Rules, testRule(80, i+1, p, p))
		if seen[p] {
			continue
		}
		seen[p] = true
		s.TargetGroups = append(s.TargetGroups, stack.TargetGroup{
			ID: p, Name: "tg" + p, TargetType: stack.TargetIP, Port: 8080, Protocol: "HTTP", ProtocolVersion: "HTTP1",
			HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200",
				IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2},
			Tags: tags(p),
		})
		s.Bindings = append(s.Bindings, stack.Binding{
			ID: p, Name: "tg" + p, Namespace: "shop", TargetGroup: targetGroupRef(p), TargetType: stack.TargetIP,
			Protocol:    "HTTP",
			ServiceName: "svc", ServicePort: "80", IPAddress: stack.IPv4, VPC: "vpc-1",
			Labels: naming.Labels(testKey()),
			Networking: []stack.NetworkingRule{{FromGroups: []stack.Ref{groupRef(stack.BackendSecurityGroup)},
				Ports: []stack.NetworkingPort{{Protocol: "TCP", Port: "8080"}}}},
		})
	}
	return s
}

// converge plans and runs until nothing is left, and returns what was written by the first plan.
func (f *fakeAWS) converge(t failer, want *stack.Stack, opt Options) (writes map[string]int) {
	t.Helper()
	return f.convergeKeeping(t, want, stack.Keep{}, opt)
}

func (f *fakeAWS) convergeKeeping(t failer, want *stack.Stack, keep stack.Keep, opt Options) (writes map[string]int) {
	t.Helper()
	before := map[string]int{}
	for k, v := range f.writes {
		before[k] = v
	}
	p := Stack(want, keep, f.obs, opt)
	for _, s := range p.Steps {
		if s.Action == plan.Update && len(s.Why) == 0 {
			t.Fatalf("step %s of the plan changes something for no reason:\n%s", s.ID, p.Text(plan.TextOptions{}))
		}
	}
	f.run(t, p)
	writes = map[string]int{}
	for k, v := range f.writes {
		if v > before[k] {
			writes[k] = v - before[k]
		}
	}
	if again := Stack(want, keep, f.obs, opt); !again.Empty() {
		t.Fatalf("the plan did not lead to what is wanted:\n%s\nthen:\n%s", p.Text(plan.TextOptions{}),
			again.Text(plan.TextOptions{}))
	}
	return writes
}
