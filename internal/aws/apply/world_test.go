package apply_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

const (
	testCluster = "demo-cluster"
	testVPC     = "vpc-0a1de000000000001"
	certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	other       = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de002-0000-4000-8000-000000000002"
)

// generated is the end of a name that the controller generates.
const generated = "-0123456789"

// world is a simulated account, a cluster's bindings, and one life of a controller after the other.
type world struct {
	t        testing.TB
	sim      *awssim.Simulator
	clock    *clock.Stepped
	bindings *bindings
	inv      *inventory.Inventory
	budget   atomic.Int64 // writes until the process dies; negative = it lives
	perStack map[stack.Key]*stack.Stack
	// ownCertificates lets stacks own certificates, from the next life on.
	ownCertificates bool
}

var errDead = errors.New("the process is dead")

func isWrite(action string) bool { return !awsclient.IsRead(action) }

func newWorld(t testing.TB, profile account.Profile) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		perStack: map[stack.Key]*stack.Stack{}}
	w.budget.Store(-1)
	w.bindings = &bindings{w: w, objects: map[string]stack.Binding{}}
	sim, err := awssim.New(awssim.Options{Clock: w.clock, Profile: profile, Authorize: func(_ context.Context, _, action,
		_ string, _ any) error {
		if isWrite(action) {
			return w.spend()
		}
		if w.budget.Load() == 0 {
			return errDead
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	w.sim = sim
	w.restart()
	return w
}

// spend counts one write against the life of the process.
func (w *world) spend() error {
	for {
		n := w.budget.Load()
		switch {
		case n < 0:
			return nil
		case n == 0:
			return errDead
		}
		if w.budget.CompareAndSwap(n, n-1) {
			return nil
		}
	}
}

func (w *world) clients() awsclient.Clients {
	return awsclient.Clients{ELBV2: w.sim.Balancing, EC2: w.sim.Compute, ACM: w.sim.Trust, STS: w.sim.Identity,
		WAFv2: w.sim.Firewall, Shield: w.sim.Shield, Route53: w.sim.Names}
}

// restart begins a new life that knows nothing. A process takes longer to start than AWS's lists take to name what is
// new.
func (w *world) restart() {
	w.budget.Store(-1)
	w.clock.Advance(time.Second)
	w.inv = inventory.New(w.clients(), inventory.Config{Cluster: testCluster, VPC: testVPC, Now: w.clock.Now,
		AddOnTimeout: time.Minute, RequestCertificates: w.ownCertificates, ImportCertificates: w.ownCertificates})
}

// pass makes one pass over a stack.
func (w *world) pass(want *stack.Stack, opt diff.Options, concurrency int) (plan.Plan, apply.Result, error) {
	w.t.Helper()
	ctx := context.Background()
	obs, err := w.inv.Observed(ctx, want.Key, want)
	if err != nil {
		return plan.Plan{}, apply.Result{}, err
	}
	obs.Bindings = w.bindings.of(want.Key)
	held := w.inv.Certificates().Delayed(want.Key, want)
	p := diff.Stack(want, stack.Keep{}, obs, opt).Under(policy.DelayCertificates(held))
	return p, apply.Run(ctx, p, apply.Deps{
		Clients: w.clients(), Inventory: w.inv, Bindings: w.bindings, Now: w.clock.Now, Concurrency: concurrency,
	}), nil
}

// settle makes passes until nothing is left to do, moving the clock to where outcomes say.
func (w *world) settle(want *stack.Stack) {
	w.t.Helper()
	var last string
	for range 40 {
		p, r, err := w.pass(want, diff.Options{}, 8)
		if err != nil {
			w.t.Fatalf("pass: %v", err)
		}
		if p.Empty() {
			return
		}
		last = p.Text(plan.TextOptions{}) + outcomes(p, r)
		d := time.Millisecond
		if until, ok := r.Wait(); ok {
			d = max(d, until.Sub(w.clock.Now()))
		}
		w.clock.Advance(d)
	}
	w.t.Fatalf("does not settle; at the end:\n%s", last)
}

func outcomes(p plan.Plan, r apply.Result) string {
	var b strings.Builder
	for _, s := range p.Steps {
		o := r.Outcomes[s.ID]
		fmt.Fprintf(&b, "%-40s %s %s %s %v\n", s.ID, o.State, o.By, o.On, o.Err)
	}
	return b.String()
}

// remove deletes a stack and then the shared group.
func (w *world) remove(key stack.Key) {
	w.t.Helper()
	w.settle(stack.ForRemoval(key, testCluster, testVPC, stack.ObjectsDeleted))
	obs, err := w.inv.Observed(context.Background(), key, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range obs.SecurityGroups {
		r := apply.Run(context.Background(), diff.DeleteShared(key, g), apply.Deps{Clients: w.clients(), Inventory: w.inv,
			Now: w.clock.Now})
		if r.Count(apply.Done) != 1 {
			w.t.Fatalf("deleting the shared group: %+v", r.Outcomes)
		}
	}
}

// calls counts the calls since a number, by action.
func (w *world) calls(after uint64) (reads, writes map[string]int) {
	reads, writes = map[string]int{}, map[string]int{}
	for _, c := range w.sim.Gate.Calls(gate.Filter{After: after}) {
		if isWrite(c.Action) {
			writes[c.Action]++
		} else {
			reads[c.Action]++
		}
	}
	return reads, writes
}

func (w *world) mark() uint64 {
	calls := w.sim.Gate.Calls(gate.Filter{Limit: 1})
	if len(calls) == 0 {
		return 0
	}
	return calls[0].Number
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// picture is what exists, without generated ids.
func (w *world) picture() string {
	var b strings.Builder
	r := w.sim.Resources()
	slices.SortFunc(r.LoadBalancers, func(a, b simclient.LoadBalancer) int { return strings.Compare(a.Name, b.Name) })
	for _, lb := range r.LoadBalancers {
		fmt.Fprintf(&b, "load balancer %s %s %s groups=%d attributes=%v tags=%v\n", lb.Name, lb.Type, lb.Scheme,
			len(lb.SecurityGroups), lb.Attributes["idle_timeout.timeout_seconds"], lb.Tags)
		slices.SortFunc(lb.Listeners, func(a, b simclient.Listener) int { return int(a.Port - b.Port) })
		for _, l := range lb.Listeners {
			fmt.Fprintf(&b, "  listener %d %s rules=%d certificates=%d\n", l.Port, l.Protocol, len(l.Rules), len(l.Certificates))
			for _, rule := range l.Rules {
				text := fmt.Sprintf("%v %v", rule.Conditions, rule.Tags[naming.ResourceTag(stack.Ingress)])
				fmt.Fprintf(&b, "    rule %s\n", text)
			}
		}
	}
	var lines []string
	for _, tg := range r.TargetGroups {
		lines = append(lines, fmt.Sprintf("target group %s %s tags=%v\n", tg.Name, tg.Protocol, tg.Tags))
	}
	for _, g := range r.SecurityGroups {
		lines = append(lines, fmt.Sprintf("security group %s rules=%d\n", g.Name, len(g.Ingress)))
	}
	for k := range w.bindings.objects {
		lines = append(lines, fmt.Sprintf("binding %s\n", k))
	}
	slices.Sort(lines)
	return b.String() + strings.Join(lines, "")
}

// bindings is the cluster's TargetGroupBindings.
type bindings struct {
	w       *world
	mu      sync.Mutex
	objects map[string]stack.Binding
}

func (b *bindings) CreateBinding(_ context.Context, o stack.Binding) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.w.spend(); err != nil {
		return err
	}
	if _, ok := b.objects[o.Namespace+"/"+o.Name]; ok {
		return fmt.Errorf("%w: %s", apply.ErrBindingExists, o.Name)
	}
	b.objects[o.Namespace+"/"+o.Name] = o
	return nil
}

func (b *bindings) UpdateBinding(_ context.Context, o stack.Binding) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.w.spend(); err != nil {
		return err
	}
	b.objects[o.Namespace+"/"+o.Name] = o
	return nil
}

func (b *bindings) ReleaseBinding(_ context.Context, namespace, name string, labels []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.w.spend(); err != nil {
		return err
	}
	if o, ok := b.objects[namespace+"/"+name]; ok {
		o.Labels = maps.Clone(o.Labels)
		for _, k := range labels {
			delete(o.Labels, k)
		}
		b.objects[namespace+"/"+name] = o
	}
	return nil
}

func (b *bindings) DeleteBinding(_ context.Context, namespace, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.w.spend(); err != nil {
		return err
	}
	delete(b.objects, namespace+"/"+name)
	return nil
}

func (b *bindings) of(key stack.Key) []awsop.Binding {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []awsop.Binding
	for _, name := range slices.Sorted(maps.Keys(b.objects)) {
		o := b.objects[name]
		o.ID = ""
		labels := naming.Labels(key)
		if maps.Equal(o.Labels, labels) {
			out = append(out, awsop.Binding{Binding: o})
		}
	}
	return out
}

// shop is a stack with HTTP redirecting to HTTPS and a rule per path.
func shop(name string, paths ...string) *stack.Stack {
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
	tags := func(id string) map[string]string {
		return naming.Tracking(stack.Ingress, testCluster, key.ID.String(), id)
	}
	ref := func(k stack.Kind, id string) stack.Ref { return stack.Ref{Kind: k, ID: id} }
	lb := ref(stack.KindLoadBalancer, stack.LoadBalancerIdentity)
	managed, backend := ref(stack.KindSecurityGroup, stack.ManagedSecurityGroup),
		ref(stack.KindSecurityGroup, stack.BackendSecurityGroup)
	s := &stack.Stack{Key: key, Cluster: testCluster, VPC: testVPC}
	s.SecurityGroups = []stack.SecurityGroup{
		{ID: managed.ID, Name: "k8s-shop-" + name, Description: naming.ManagedSecurityGroupDescription,
			Tags: tags(managed.ID), Ingress: []stack.Permission{
				{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "0.0.0.0/0"}, {Protocol: "tcp", FromPort: 443, ToPort: 443,
					CIDR: "0.0.0.0/0"}}},
		{ID: backend.ID, Name: naming.BackendSecurityGroup(testCluster), Description: naming.BackendSecurityGroupDescription,
			Shared: true, Tags: naming.BackendTracking(testCluster)},
	}
	s.LoadBalancers = []stack.LoadBalancer{{
		ID: lb.ID, Name: "k8s-shop-" + name + generated, Type: stack.Application, Scheme: stack.InternetFacing,
		IPAddressType:  stack.IPv4,
		Subnets:        []stack.SubnetMapping{{Subnet: "subnet-0a1de0000000000a1"}, {Subnet: "subnet-0a1de0000000000b1"}},
		SecurityGroups: []stack.Ref{managed, backend}, Tags: tags(lb.ID),
	}}
	s.Listeners = []stack.Listener{
		{ID: "443", LoadBalancer: lb, Port: 443, Protocol: "HTTPS", SSLPolicy: "ELBSecurityPolicy-2016-08",
			Certificates: []string{certificate}, SNI: []string{other},
			DefaultActions: []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
				StatusCode: "404", ContentType: "text/plain"}}}, Tags: tags("443")},
		{ID: "80", LoadBalancer: lb, Port: 80, Protocol: "HTTP",
			DefaultActions: []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443",
				StatusCode: "HTTP_301"}}}, Tags: tags("80")},
	}
	for i, p := range paths {
		id := fmt.Sprintf("shop/%s-%s:80", name, strings.Trim(p, "/*"))
		tg := "k8s-" + name + "-" + strings.Trim(p, "/*") + generated
		s.TargetGroups = append(s.TargetGroups, stack.TargetGroup{
			ID: id, Name: tg, TargetType: stack.TargetIP, Port: 8080, Protocol: "HTTP", ProtocolVersion: "HTTP1",
			IPAddressType: stack.IPv4, Tags: tags(id),
			HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: stack.TrafficPort, Path: "/", Matcher: "200",
				IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2},
		})
		s.Rules = append(s.Rules, stack.Rule{
			ID: fmt.Sprintf("443:%d", i+1), Listener: ref(stack.KindListener, "443"), Order: int32(i + 1),
			Tags: tags(fmt.Sprintf("443:%d", i+1)),
			Conditions: []stack.Condition{{Field: stack.HostHeader, Values: []string{"www.example.com"}},
				{Field: stack.PathPattern, Values: []string{p}}},
			Actions: []stack.Action{
				{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
					{TargetGroup: ref(stack.KindTargetGroup, id)}}}}},
		})
		s.Bindings = append(s.Bindings, stack.Binding{
			ID: id, Name: tg, Namespace: "shop", TargetGroup: ref(stack.KindTargetGroup, id), TargetType: stack.TargetIP,
			Protocol:    "HTTP",
			ServiceName: "svc", ServicePort: "80", IPAddress: stack.IPv4, VPC: testVPC, Labels: naming.Labels(key),
			Networking: []stack.NetworkingRule{{FromGroups: []stack.Ref{backend}, Ports: []stack.NetworkingPort{
				{Protocol: "TCP", Port: "8080"}}}},
		})
	}
	return s
}
