package stacks

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	plainPlan  = string(annotation.DryRunPlan)
	packedPlan = string(annotation.DryRunPlanGzip)
)

// annotated is an Ingress of class alb.
func annotated(name string, annotations map[string]string, finalizers ...string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Annotations: annotations, Finalizers: finalizers},
		Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb"), Rules: []networkingv1.IngressRule{
			{Host: name + ".example.com"}},
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "none", Port: networkingv1.ServiceBackendPort{Number: 80}}}},
	}
}

// newTestReconciler is a stacks over a simulated account and a cluster of these objects; events are appended to the
// result.
func newTestReconciler(t *testing.T, objects ...client.Object) (*Reconciler, *[]string) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: ingress.Controller}}
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjects(append(objects, class)...).WithStatusSubresource(
		&networkingv1.Ingress{}).
		WithIndex(&v1beta1.TargetGroupBinding{}, reads.ByStack, reads.StackOf)
	c := withReferences(b).Build()
	clients := awsclient.Clients{ELBV2: sim.Balancing, EC2: sim.Compute, ACM: sim.Trust, STS: sim.Identity}
	var events []string
	inv := inventory.New(clients, inventory.Config{Cluster: "demo-cluster", VPC: "vpc-0a1de000000000001"})
	flags, err := config.Parse([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=vpc-0a1de000000000001"})
	if err != nil {
		t.Fatal(err)
	}
	return &Reconciler{
		Front: front.Ingress{Config: ingress.Config{IngressClass: "alb", TolerateMissingService: true}}, Client: c,
		Clients: clients, Inventory: inv,
		Bindings: NewBindingWriter(c, time.Now), Backend: NewBackendGroup(c, inv, nil, "demo-cluster", logr.Discard()),
		Metrics: metrics.New(prometheus.NewRegistry()), Index: reads.NewIndex[stack.Key](),
		Compile: settings.Compile(flags), Now: time.Now, Retries: NewRetries(time.Now),
		Reporter: reporting.NewReporter(func(o diag.Object, e reporting.Event) {
			events = append(events, fmt.Sprintf("%s %s %s: %s", e.Type, e.Reason, o.Name, e.Message))
		}, time.Now),
	}, &events
}

func stored(t *testing.T, c client.Client, name string) *networkingv1.Ingress {
	t.Helper()
	out := &networkingv1.Ingress{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnIngressUnderDryRunGetsItsPlanAndNothingElse(t *testing.T) {
	t.Parallel()
	s, events := newTestReconciler(t, annotated("web", map[string]string{string(annotation.DryRun): "true"}))
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	for range 2 {
		if _, err := s.Reconcile(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	got := stored(t, s.Client, "web")
	if !strings.HasPrefix(got.Annotations[plainPlan], `{"id":"shop/web","resources":{"AWS::EC2::SecurityGroup"`) {
		t.Errorf("the plan: %s", got.Annotations[plainPlan])
	}
	if len(got.Finalizers) > 0 || len(got.Status.LoadBalancer.Ingress) > 0 {
		t.Errorf("it was deployed: %+v", got)
	}
	if keys, err := s.Inventory.Keys(t.Context()); err != nil || len(keys) > 0 {
		t.Errorf("AWS holds %v, %v", keys, err)
	}
	all := strings.Join(*events, "\n")
	if !strings.Contains(all, "Normal DryRun web: dry run: nothing of this Ingress is deployed; deploying it means ") ||
		strings.Contains(all, "Successfully") {
		t.Errorf("events:\n%s", all)
	}
	if n := strings.Count(all, " DryRun web"); n != 1 {
		t.Errorf("the same is told %d times", n)
	}
}

func TestAPlanIsOnTheFirstMemberOnlyAndOnNoneWithoutTheGate(t *testing.T) {
	t.Parallel()
	leftover := map[string]string{plainPlan: "old", packedPlan: "old", "keep": "me"}
	s, _ := newTestReconciler(t, annotated("a", nil), annotated("b", leftover), annotated("c", leftover))
	members := func() front.Input {
		return front.Input{Members: []metav1.Object{stored(t, s.Client, "a"), stored(t, s.Client, "b"),
			stored(t, s.Client, "c")}}
	}
	desired := &stack.Stack{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}}
	plans := func() string {
		var out []string
		for _, name := range []string{"a", "b", "c"} {
			i := stored(t, s.Client, name)
			out = append(out, i.Annotations[plainPlan]+i.Annotations[packedPlan]+i.Annotations["keep"])
		}
		return strings.Join(out, "|")
	}
	s.AnnotatePlan = true
	s.showPlan(t.Context(), compile.Result{Stack: desired}, members())
	if got, want := plans(), `{"id":"g","resources":{}}|me|me`; got != want {
		t.Errorf("with the gate: %s, want %s", got, want)
	}
	version := stored(t, s.Client, "a").ResourceVersion
	s.showPlan(t.Context(), compile.Result{Stack: desired}, members())
	if again := stored(t, s.Client, "a").ResourceVersion; again != version {
		t.Errorf("an unchanged plan was written again")
	}
	s.AnnotatePlan = false
	s.showPlan(t.Context(), compile.Result{Stack: desired}, members())
	if got, want := plans(), `|me|me`; got != want {
		t.Errorf("without the gate: %s, want %s", got, want)
	}
}

// stackOf has n rules of some hundred bytes each; random hosts compress badly.
func stackOf(n int, random bool) *stack.Stack {
	s := &stack.Stack{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "big"}}}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		host := fmt.Sprintf("host-%d.example.com", i)
		if random {
			raw := make([]byte, 300)
			for j := range raw {
				raw[j] = byte(r.UintN(256))
			}
			host = base64.RawURLEncoding.EncodeToString(raw)
		}
		s.Rules = append(s.Rules, stack.Rule{ID: fmt.Sprint(i), Order: int32(i), Conditions: []stack.Condition{
			{Field: stack.HostHeader, Values: []string{host}}}})
	}
	return s
}

func TestAPlanThatDoesNotFitIsCompressedOrLeftOut(t *testing.T) {
	t.Parallel()
	crowded := map[string]string{"theirs": strings.Repeat("x", 200<<10), plainPlan: strings.Repeat("y", 50<<10)}
	for _, c := range []struct {
		name        string
		annotations map[string]string
		stack       *stack.Stack
		key         string // that is written
		told        string
	}{
		{"it fits", nil, stackOf(100, false), plainPlan, ""},
		{"it fits beside others, its predecessor does not count", crowded, stackOf(100, false), plainPlan, ""},
		{"it fits when compressed", nil, stackOf(2000, false), packedPlan, "the compressed plan is in annotation " + packedPlan + " instead"},
		{"others leave room for the compressed one only", crowded, stackOf(500, false), packedPlan, "instead"},
		{"it never fits", nil, stackOf(1000, true), "", "does not fit into an annotation; none is written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := annotated("web", c.annotations)
			got, found, err := planAnnotations(o, owner.Of(stack.Ingress).DryRun, c.stack)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := got[c.key]; ok != (c.key != "") || len(got) > 1 {
				t.Errorf("%d annotations, %s is there: %v", len(got), c.key, ok)
			}
			if (c.told == "") != (len(found) == 0) || c.told != "" && (!strings.Contains(found[0].Text, c.told) ||
				found[0].Code != diag.PlanTooLarge) {
				t.Errorf("told: %v", found)
			}
			if packed, ok := got[packedPlan]; ok {
				raw, err := base64.StdEncoding.DecodeString(packed)
				if err != nil {
					t.Fatal(err)
				}
				z, err := gzip.NewReader(bytes.NewReader(raw))
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(z)
				if err != nil || !bytes.HasPrefix(text, []byte(`{"id":"big"`)) {
					t.Errorf("%v: %.60s", err, text)
				}
			}
		})
	}
}

func TestMemberUnderDryRunHoldsGroupAfterRestart(t *testing.T) {
	t.Parallel()
	group := func(more map[string]string) map[string]string {
		out := map[string]string{string(annotation.GroupName): "team"}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	held := annotated("held", group(map[string]string{string(annotation.DryRun): "true"}), "group.ingress.k8s.aws/team")
	held.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: "team.elb.amazonaws.com"}}
	s, events := newTestReconciler(t, annotated("live", group(nil)), held)
	if _, err := s.Reconcile(t.Context(), stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "team"}}); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(*events, "\n")
	for _, want := range []string{
		"Normal DryRun held: dry run: the deployed version of this Ingress stays as it is",
		"live: nothing of the group is built or changed while Ingress shop/held is under dry run",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in:\n%s", want, all)
		}
	}
	if keys, err := s.Inventory.Keys(t.Context()); err != nil || len(keys) > 0 {
		t.Errorf("AWS holds %v, %v", keys, err)
	}
	if f := stored(t, s.Client, "live").Finalizers; len(f) > 0 {
		t.Errorf("finalizers: %v", f)
	}
}

// withReferences adds the index of references to the kinds that have it in the controller's caches.
func withReferences(b *fake.ClientBuilder) *fake.ClientBuilder {
	for _, k := range readable.Kinds {
		if k.Optional || k.Grouped {
			b = b.WithIndex(k.Object, readable.References, readable.ReferenceValues)
		}
	}
	return b
}
