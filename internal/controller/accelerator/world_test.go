package accelerator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

const prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/"

// world is the cluster of chapter 60, 15: cluster my-cluster in us-west-2, with an account, and one life of the
// controller after the other.
type world struct {
	t      *testing.T
	sim    *awssim.Simulator
	clock  *clock.Stepped
	client client.Client
	config declare.Config
	r      *Reconciler
	counts *prometheus.Registry // of this life

	kept map[stack.Key]Kept // what processes kept for the next ones

	mu     sync.Mutex
	calls  []string
	refuse func(action string) error
	judge  func(ctx context.Context, service, action string, in any) error // instead of refuse
	events []string
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), config: declare.Config{
		Cluster: "my-cluster", Region: "us-west-2"}}
	profile := simaccount.Profile{AcceleratorDeploy: time.Minute, AcceleratorChange: 20 * time.Second}
	var err error
	w.sim, err = awssim.New(awssim.Options{Clock: w.clock, Profile: profile, Authorize: func(ctx context.Context, service,
		action, _ string, in any) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls = append(w.calls, action)
		if w.judge != nil {
			return w.judge(ctx, service, action, in)
		}
		if w.refuse != nil {
			return w.refuse(action)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	sim := w.sim
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		sim = nil // package testing keeps the function until the parent test ends, which may be thousands of worlds later
	})
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&agav1beta1.GlobalAccelerator{}).
		WithIndex(&v1beta1.IngressClassParams{}, readable.References, readable.ReferenceValues).
		WithIndex(&gatewayv1beta1.ReferenceGrant{}, readable.References, readable.ReferenceValues).
		WithObjects(objects...).Build()
	w.restart()
	return w
}

// restart begins a new life that knows nothing.
func (w *world) restart() {
	w.clock.Advance(time.Minute)
	acc := account.New(awsclient.Clients{ELBV2: w.sim.Balancing, Accelerators: w.sim.Edge, STS: w.sim.Identity}, w.config,
		time.Hour, w.clock.Now)
	w.r = New(acc, w.config, w.clock.Now)
	w.counts = prometheus.NewRegistry()
	w.r.Client, w.r.Live, w.r.Metrics = w.client, w.client, metrics.New(w.counts)
	for key, k := range w.kept {
		w.r.Restore(key, k)
	}
	if w.kept == nil {
		w.kept = map[stack.Key]Kept{}
	}
	w.r.Keep = func(of stack.Key, k Kept) {
		if w.kept[of] = k; k.Empty() {
			delete(w.kept, of)
		}
	}
	w.r.Reporter = reporting.NewReporter(func(o diag.Object, e reporting.Event) {
		w.events = append(w.events, e.Type+" "+e.Reason+": "+e.Message)
	}, w.clock.Now)
	w.called()
}

// balancer adds a network load balancer that a Service may show.
func (w *world) balancer(name string, change ...func(*simaccount.LoadBalancer)) {
	lb := &simaccount.LoadBalancer{
		Name: name, ARN: prefix + "net/" + name + "/50dc", DNSName: host(name), Type: "network", Scheme: "internet-facing",
		IPAddressType: "ipv4", VPC: "vpc-0a1de000000000001",
		SecurityGroups: []string{"sg-0a1de000000000001"}, Zones: []simaccount.Zone{
			{Name: "us-west-2a", Subnet: "subnet-0a1de0000000000a1"}},
	}
	for _, c := range change {
		c(lb)
	}
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	w.sim.Account.AddLoadBalancer(lb)
}

func host(balancer string) string { return balancer + "-50dc.elb.us-west-2.amazonaws.com" }

// service is a Service whose status shows a load balancer with TCP ports; "" = none yet.
func service(namespace, name, balancer string, ports ...int32) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeLoadBalancer}}
	if balancer != "" {
		entry := corev1.LoadBalancerIngress{Hostname: host(balancer)}
		for _, p := range ports {
			entry.Ports = append(entry.Ports, corev1.PortStatus{Port: p, Protocol: corev1.ProtocolTCP})
		}
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{entry}
	}
	return s
}

func to[T any](v T) *T { return &v }

// endpoint has the defaults of the API server.
func endpoint(kind agav1beta1.EndpointType, namespace, name string) agav1beta1.Endpoint {
	e := agav1beta1.Endpoint{Type: kind, Name: to(name), Weight: to(int32(128)), ClientIPPreservationEnabled: to(true)}
	if namespace != "" {
		e.Namespace = to(namespace)
	}
	return e
}

// object is the GlobalAccelerator default/web with a listener for TCP ports, or with ports of its endpoint if none are
// given.
func object(ports []int32, endpoints ...agav1beta1.Endpoint) *agav1beta1.GlobalAccelerator {
	l := agav1beta1.Listener{ClientAffinity: agav1beta1.NoAffinity, EndpointGroups: []agav1beta1.EndpointGroup{
		{TrafficDialPercentage: to(int32(100)), Endpoints: endpoints}}}
	for _, p := range ports {
		l.Protocol = to(agav1beta1.TCP)
		l.PortRanges = append(l.PortRanges, agav1beta1.PortRange{FromPort: p, ToPort: p})
	}
	return &agav1beta1.GlobalAccelerator{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "7e1f", Generation: 1,
			CreationTimestamp: metav1.NewTime(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))},
		Spec: agav1beta1.GlobalAcceleratorSpec{IPAddressType: agav1beta1.IPV4, Listeners: []agav1beta1.Listener{l}},
	}
}

var name = types.NamespacedName{Namespace: "default", Name: "web"}

// pass makes a pass, again where it asks for that at once.
func (w *world) pass() (reconcile.Result, error) {
	for {
		r, err := w.r.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: name})
		if !errors.Is(err, queue.ErrRequeue) {
			return r, err
		}
	}
}

// settle makes passes at the times for which they ask, until none asks within ten minutes.
func (w *world) settle() {
	w.t.Helper()
	for range 40 {
		r, err := w.pass()
		if err != nil {
			w.t.Fatal(err)
		}
		if r.RequeueAfter == 0 || r.RequeueAfter > 10*time.Minute {
			return
		}
		w.clock.Advance(r.RequeueAfter)
	}
	w.t.Fatalf("passes do not end: %s", w.told())
}

func (w *world) get() *agav1beta1.GlobalAccelerator {
	w.t.Helper()
	ga := &agav1beta1.GlobalAccelerator{}
	if err := w.client.Get(w.t.Context(), name, ga); err != nil {
		w.t.Fatal(err)
	}
	return ga
}

// edit changes the object.
func (w *world) edit(change func(*agav1beta1.GlobalAccelerator)) {
	w.t.Helper()
	ga := w.get()
	change(ga)
	ga.Generation++
	if err := w.client.Update(w.t.Context(), ga); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// counted is a metric of this life with one label, as "label value", sorted; those of other controllers, and what was
// not counted, are left out.
func (w *world) counted(metric, label string) (out []string) {
	w.t.Helper()
	families, err := w.counts.Gather()
	w.must(err)
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if n := m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount()); n > 0 &&
				(labels["controller"] == Name || labels["owner"] == "aga.k8s.aws") {
				out = append(out, fmt.Sprintf("%s %g", labels[label], n))
			}
		}
	}
	slices.Sort(out)
	return out
}

// called are the calls of AWS since the last time.
func (w *world) called() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := strings.Join(w.calls, " ")
	w.calls = nil
	return out
}

// told are the events since the last time.
func (w *world) told() string {
	out := strings.Join(w.events, "\n")
	w.events = nil
	return out
}

// accelerators are those of the account, a line for each with what is below it.
func (w *world) accelerators() string {
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	var b strings.Builder
	for _, x := range w.sim.Account.AcceleratorsInOrder() {
		fmt.Fprintf(&b, "%s %s %t\n", x.Name, x.IPAddressType, x.Enabled)
		for _, l := range x.Listeners {
			fmt.Fprintf(&b, " %s %s", l.Protocol, l.Affinity)
			for _, r := range l.Ports {
				fmt.Fprintf(&b, " %d-%d", r.From, r.To)
			}
			b.WriteString("\n")
			for _, g := range l.Groups {
				fmt.Fprintf(&b, "  %s %g", g.Region, g.Dial)
				for _, o := range g.Overrides {
					fmt.Fprintf(&b, " %d:%d", o.Listener, o.Endpoint)
				}
				b.WriteString("\n")
				for _, e := range g.Endpoints {
					fmt.Fprintf(&b, "   %s %d %t\n", e.ID[strings.LastIndex(e.ID, ":")+1:], e.Weight, e.PreserveClientIP)
				}
			}
		}
	}
	return b.String()
}

// want compares.
func (w *world) want(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// grant admits references from GlobalAccelerators of default to Services, Ingresses or Gateways of a namespace.
func grant(namespace, group, kind string) *gatewayv1beta1.ReferenceGrant {
	g := &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: strings.ToLower(kind)}}
	g.Spec.From = []gatewayv1beta1.ReferenceGrantFrom{{Group: "aga.k8s.aws", Kind: "GlobalAccelerator",
		Namespace: "default"}}
	g.Spec.To = []gatewayv1beta1.ReferenceGrantTo{{Group: gatewayv1beta1.Group(group), Kind: gatewayv1beta1.Kind(kind)}}
	return g
}
