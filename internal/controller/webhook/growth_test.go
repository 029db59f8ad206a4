package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/podtargets"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// counted counts the objects that lists return.
type counted struct {
	client.Reader
	objects int
}

func (c *counted) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := c.Reader.List(ctx, list, opts...)
	c.objects += meta.LenList(list)
	return err
}

// large is a cluster of one namespace with many load balancers.
type large struct {
	*growth.Cluster
	counted  counted
	handlers map[string]http.Handler
}

// target is a Service, the Ingress of its load balancer, and the binding of its target group.
func target(i int, selector map[string]string) []client.Object {
	name := fmt.Sprint("web-", i)
	at := metav1.ObjectMeta{Namespace: "shop", Name: name}
	svc := &corev1.Service{ObjectMeta: at, Spec: corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{
		{Port: 80}}}}
	ing := &networkingv1.Ingress{ObjectMeta: at}
	ing.Annotations = map[string]string{"alb.ingress.kubernetes.io/target-type": "ip"}
	ing.Spec.IngressClassName = ptr.To("alb")
	ing.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: name, Port: networkingv1.ServiceBackendPort{Number: 80}}}
	ing.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: name + ".elb.amazonaws.com"}}
	b := &v1beta1.TargetGroupBinding{ObjectMeta: at}
	b.Labels = naming.Labels(stack.Key{Owner: stack.Ingress, ID: naming.StackID("shop", name)})
	b.Spec.TargetType, b.Spec.ServiceRef.Name = ptr.To(v1beta1.TargetTypeIP), name
	b.Spec.ServiceRef.Port.IntVal = 80
	b.Spec.TargetGroupARN = arnOf(i)
	return []client.Object{svc, ing, b}
}

func arnOf(i int) string {
	return fmt.Sprintf("arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/group-%d/%016x", i, i)
}

func newLarge(t testing.TB, n int, selector func(i int) map[string]string) *large {
	t.Helper()
	var all []client.Object
	for i := range n {
		all = append(all, target(i, selector(i))...)
	}
	return newLargeOf(t, all...)
}

func newLargeOf(t testing.TB, all ...client.Object) *large {
	t.Helper()
	all = append(all, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
			Controller: "ingress.k8s.aws/alb"}})
	l := &large{Cluster: growth.NewCluster(t, all...)}
	l.counted.Reader = l.Cluster
	selectors, err := reads.NewSelectors(t.Context(), l.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { _, ok := selectors.Of("shop", nil); return ok })
	c, err := config.Parse([]string{"--cluster-name=demo", "--aws-vpc-id=vpc-01234567", "--aws-region=us-west-2"})
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	o := options(nil, nil, nil, &refused)
	o.Targets = podtargets.FromFlags(c).Of
	o.Cached = func(ctx context.Context) *objects.View {
		r := reads.NewCacheReader(ctx, &l.counted, nil)
		r.Selectors = selectors
		return objects.New(r)
	}
	l.handlers = Handlers(o)
	return l
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	await.Until(t, "the cache to follow", ok)
}

func (l *large) admit(t testing.TB, path string, o client.Object) *admissionv1.AdmissionResponse {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	r := admissionv1.AdmissionRequest{Operation: admissionv1.Create, Namespace: "shop"}
	r.Object.Raw = raw
	return post(t, l.handlers[path], r)
}

// gates are the bindings of the readiness gates that a pod gets.
func (l *large) gates(t testing.TB, labels map[string]string) string {
	t.Helper()
	return string(l.admit(t, PodPath, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: labels}}).Patch)
}

// selections are ways in which the Services of a namespace select pods.
var selections = map[string]func(i int) map[string]string{
	"one label": func(i int) map[string]string {
		return map[string]string{"app": fmt.Sprint("web-", i)}
	},
	"the first label is the same": func(i int) map[string]string {
		return map[string]string{"app": "web", "release": fmt.Sprint(i)}
	},
	"the last label is the same": func(i int) map[string]string {
		return map[string]string{"release": fmt.Sprint(i), "tier": "front"}
	},
	"each has keys of its own": func(i int) map[string]string {
		return map[string]string{"app": "web", fmt.Sprint("z", i): "yes"}
	},
	"all but one do not match": func(i int) map[string]string {
		return map[string]string{"app": "web", "env": fmt.Sprint(i), "tier": "front", "zone": "a"}
	},
}

// bytesExponent leaves room for the buffers of JSON, most of what a review allocates: the race detector takes them out of
// their pools at random. What walks over all objects has an exponent near 1.
func bytesExponent() float64 {
	if growth.Race {
		return 0.5
	}
	return growth.Constant
}

func TestPodAdmissionCostDoesNotGrowWithServices(t *testing.T) { // not parallel: it counts bytes
	for name, selector := range selections {
		t.Run(name, func(t *testing.T) {
			read := map[int]float64{}
			growth.AtMost(t, bytesExponent(), "bytes", func(n int) float64 {
				l := newLarge(t, n, selector)
				pod := selector(n / 2)
				pod["version"], pod["more"] = "7", "x"
				if got, want := l.gates(t, pod), fmt.Sprintf(`target-health.elbv2.k8s.aws/web-%d"`, n/2); strings.Count(got,
					"target-health") != 1 || !strings.Contains(got, want) {
					t.Fatalf("the pod gets %s, want %s", got, want)
				}
				l.counted.objects = 0
				l.gates(t, pod)
				read[n] = float64(l.counted.objects)
				return growth.Bytes(func() { l.gates(t, pod) })
			})
			growth.AtMost(t, growth.Constant, "objects in lists", func(n int) float64 { return read[n] })
		})
	}
}

// TestLongNamesDoNotMakePodAdmissionGrow shows that the Ingress of a binding is found by its shortened name.
func TestLongNamesDoNotMakePodAdmissionGrow(t *testing.T) { // not parallel: it counts bytes
	long := strings.Repeat("long-", 20)
	growth.AtMost(t, bytesExponent(), "bytes", func(n int) float64 {
		var all []client.Object
		for i := range n {
			at := target(i, map[string]string{"app": fmt.Sprint(i)})
			at[1].SetName(long + fmt.Sprint(i))
			at[2].SetLabels(naming.Labels(stack.Key{Owner: stack.Ingress, ID: naming.StackID("shop", long+fmt.Sprint(i))}))
			all = append(all, at...)
		}
		l := newLargeOf(t, all...)
		pod := map[string]string{"app": fmt.Sprint(n / 2)}
		if got := l.gates(t, pod); strings.Count(got, "target-health") != 1 {
			t.Fatalf("the pod gets %s", got)
		}
		return growth.Bytes(func() { l.gates(t, pod) })
	})
}

func TestPodOfNoServiceListsNothing(t *testing.T) {
	t.Parallel()
	l := newLarge(t, 100, selections["one label"])
	l.counted.objects = 0
	if got := l.gates(t, map[string]string{"app": "other"}); got != "" || l.counted.objects > 0 {
		t.Errorf("the pod gets %s, after a look at %d objects", got, l.counted.objects)
	}
}

func TestPodAdmissionFollowsSelectorsOfServices(t *testing.T) {
	t.Parallel()
	l := newLarge(t, 3, selections["one label"])
	gated := func(app string) func() bool {
		return func() bool { return strings.Contains(l.gates(t, map[string]string{"app": app}), "target-health") }
	}
	svc, ok := target(1, map[string]string{"app": "new"})[0].(*corev1.Service)
	if !ok || gated("new")() {
		t.Fatal("a label that nothing selects")
	}
	l.Modify(svc)
	eventually(t, gated("new"))
	if gated("web-1")() {
		t.Error("the former selector still applies")
	}
	l.Delete(svc)
	eventually(t, func() bool { return !gated("new")() })
	l.Add(svc)
	eventually(t, gated("new"))
}

// BenchmarkPodAdmission reports the median time of one request with 4,000 Services, Ingresses and bindings in the pod's
// namespace.
func BenchmarkPodAdmission(b *testing.B) {
	l := newLarge(b, 4000, selections["the first label is the same"])
	pod := map[string]string{"app": "web", "release": "7", "version": "1"}
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begun := time.Now()
		l.gates(b, pod)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}

func TestBindingAdmissionCostDoesNotGrowWithBindings(t *testing.T) { // not parallel: it counts bytes
	for name, group := range map[string]v1beta1.TargetGroupBindingSpec{
		"by ARN": {TargetGroupARN: arnOf(1_000_000)}, "by name": {TargetGroupName: "group-1000000"},
	} {
		t.Run(name, func(t *testing.T) {
			read := map[int]float64{}
			growth.AtMost(t, bytesExponent(), "bytes", func(n int) float64 {
				l := newLarge(t, n, selections["one label"])
				b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "new"}, Spec: group}
				b.Spec.TargetType = ptr.To(v1beta1.TargetTypeIP)
				admit := func() {
					if r := l.admit(t, BindingPath, b); !r.Allowed {
						t.Fatal(r.Result)
					}
				}
				l.counted.objects = 0
				admit()
				read[n] = float64(l.counted.objects)
				return growth.Bytes(admit)
			})
			growth.AtMost(t, growth.Constant, "objects in lists", func(n int) float64 { return read[n] })
			if read[growth.Sizes[0]] > 0 {
				t.Errorf("the lists have %v objects, but no binding has the target group", read)
			}
		})
	}
}
