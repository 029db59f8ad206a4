package bindingpass

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/networking"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// crowded is a reconciler of n bindings, each with a pod of its own in an EndpointSlice of its own.
func crowded(t *testing.T, n int) (*Reconciler, *cachedClient) {
	t.Helper()
	var all []client.Object
	for i := range n {
		o := ofType(fmt.Sprint("b", i), v1beta1.TargetTypeIP, nil)
		o.Spec.ServiceRef.Name = fmt.Sprint("web-", i)
		all = append(all, o, sliceOf(i))
	}
	c := &cachedClient{cache: growth.NewIndexedCluster(t, []growth.Index{
		{Object: &discoveryv1.EndpointSlice{}, Field: SlicesByService, Of: ServiceOfSlice},
		{Object: &v1beta1.TargetGroupBinding{}, Field: ByService, Of: ServiceOf}}, all...)}
	b := &Reconciler{Client: c, Registry: registrar.NewRegistry(nil)}
	for i := range n {
		b.resolved.keep(shop(fmt.Sprint("b", i)), registrar.EndpointsOf(registrar.Endpoint{
			Target: registrar.Target{ID: addressOf(i), Port: 80}, Namespace: "shop", Pod: fmt.Sprint("pod-", i)}), 0)
	}
	return b, c
}

func addressOf(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, i%250+1) }

func sliceOf(i int) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("web-", i),
		ResourceVersion: "1", Labels: map[string]string{discoveryv1.LabelServiceName: fmt.Sprint("web-", i)}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{addressOf(i)}, TargetRef: &corev1.ObjectReference{Kind: "Pod",
			Name: fmt.Sprint("pod-", i)}}}}
}

func podOf(i int) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("pod-", i), ResourceVersion: "1"}}
	p.Status.PodIP = addressOf(i)
	return p
}

// podEvents are events of pod 7 and of its EndpointSlice, and the bindings that they wake. nil = it does not exist.
var podEvents = map[string]struct {
	before, after client.Object
	want          string
}{
	"the pod ends": {podOf(7), nil, "b7"},
	"the pod is done": {podOf(7), changed(podOf(7), func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		"b7"},
	"the pod has another address": {podOf(7), changed(podOf(7), func(p *corev1.Pod) { p.Status.PodIP = "10.9.9.9" }),
		"b7"},
	"a heartbeat":                 {podOf(7), changed(podOf(7), func(p *corev1.Pod) { p.Status.Message = "alive" }), ""},
	"another pod ends":            {changed(podOf(7), func(p *corev1.Pod) { p.Name = "other" }), nil, ""},
	"another pod gets an address": {&corev1.Pod{ObjectMeta: podOf(9_999_999).ObjectMeta}, podOf(9_999_999), ""},
	"another pod comes":           {nil, podOf(9_999_999), ""},
	"the slice is of another Service": {sliceOf(7), changed(sliceOf(7), func(s *discoveryv1.EndpointSlice) {
		s.Labels[discoveryv1.LabelServiceName] = "web-8"
	}), "b7 b8"},
	"a label of the slice": {sliceOf(7), changed(sliceOf(7), func(s *discoveryv1.EndpointSlice) {
		s.Labels["example.com/x"] = "1"
	}), ""},
	"an endpoint of the slice": {sliceOf(7), changed(sliceOf(7), func(s *discoveryv1.EndpointSlice) {
		s.Endpoints[0].Addresses[0] = "10.9.9.9"
	}), "b7"},
	"the slice of no binding": {nil, sliceOf(9_999_999), ""},
}

func changed[T client.Object](o T, change func(T)) T {
	o.SetResourceVersion("2")
	change(o)
	return o
}

// TestPodEventCostDoesNotGrowWithOtherPods shows that events of a pod, and of its EndpointSlice, wake the bindings that
// they concern and look at no other.
func TestPodEventCostDoesNotGrowWithOtherPods(t *testing.T) { // not parallel: it counts bytes
	type scene struct {
		b *Reconciler
		c *cachedClient
	}
	of := map[int]scene{}
	for _, n := range growth.Sizes {
		b, c := crowded(t, n)
		of[n] = scene{b, c}
	}
	for name, e := range podEvents {
		t.Run(name, func(t *testing.T) {
			growth.AtMost(t, 0.1, "bytes", func(n int) float64 {
				b, c, q := of[n].b, of[n].c, &woken{}
				h := b.PodEvent()
				if _, is := e.before.(*discoveryv1.EndpointSlice); is || e.before == nil && strings.Contains(name, "slice") {
					h = b.ServiceEvent(func(o client.Object) string { return o.GetLabels()[discoveryv1.LabelServiceName] },
						EndpointsChanged)
				}
				c.objects = 0
				happen := func() {
					q.names = q.names[:0]
					switch {
					case e.before == nil:
						h.Create(t.Context(), event.CreateEvent{Object: e.after}, q)
					case e.after == nil:
						h.Delete(t.Context(), event.DeleteEvent{Object: e.before}, q)
					default:
						h.Update(t.Context(), event.UpdateEvent{ObjectOld: e.before, ObjectNew: e.after}, q)
					}
				}
				happen()
				listed := c.objects
				if slices.Sort(q.names); strings.Join(q.names, " ") != e.want || listed > len(q.names) {
					t.Errorf("among %d: %v are woken, want %s; %d objects are listed", n, q.names, e.want, listed)
				}
				return growth.Bytes(happen)
			})
		})
	}
}

// TestFirstListOfSlicesQueuesNoBinding shows that the slices of the first list queue no pass besides that of each
// binding, whose endpoints may have changed while no process ran.
func TestFirstListOfSlicesQueuesNoBinding(t *testing.T) {
	t.Parallel()
	b, _ := crowded(t, 8)
	at := time.Unix(1e9, 0)
	b.Changes = NewChangeTimes(func() time.Time { return at })
	h := b.ServiceEvent(func(o client.Object) string { return o.GetLabels()[discoveryv1.LabelServiceName] },
		EndpointsChanged)
	for first, want := range map[bool]string{true: "", false: "b7"} {
		q := &woken{}
		h.Create(t.Context(), event.CreateEvent{Object: sliceOf(7), IsInInitialList: first}, q)
		if got := strings.Join(q.names, " "); got != want {
			t.Errorf("first list %t: %q are queued, want %q", first, got, want)
		}
	}
	b.Changes = NewChangeTimes(func() time.Time { return at })
	for first, want := range map[bool]time.Time{true: at, false: {}} {
		o := ofType("b7", v1beta1.TargetTypeIP, nil)
		b.Networking = &networking.Reconciler{}
		q := priorityqueue.New[reconcile.Request](t.Name())
		b.BindingEvent().Create(t.Context(), event.CreateEvent{Object: o, IsInInitialList: first}, q)
		if got := b.Changes.take(shop("b7")); !got.Equal(want) {
			t.Errorf("first list %t: the endpoints changed at %v, want %v", first, got, want)
		}
	}
}

// TestEndOfAPodDuringAPassIsNotLost shows that a pod which ends after a pass has read it, and before the pass keeps it,
// has the binding looked at again.
func TestEndOfAPodDuringAPassIsNotLost(t *testing.T) {
	t.Parallel()
	var r resolved
	web := registrar.Endpoint{Target: registrar.Target{ID: "10.0.0.1", Port: 80}, Namespace: "shop", Pod: "web"}
	list := registrar.EndpointsOf(web)
	begun := r.begin()
	if woken := r.end(shop("other")); len(woken) > 0 || r.keep(shop("b"), list, begun) {
		t.Error("the end of another pod counts")
	}
	begun = r.begin()
	if woken := r.end(shop("web")); len(woken) != 1 || !r.keep(shop("b"), list, begun) {
		t.Errorf("woken %v; the end is lost", woken)
	}
	if r.keep(shop("b"), list, r.begin()) {
		t.Error("an end before the pass counts")
	}
	begun = r.begin()
	for i := range mostEnded + 1 {
		r.end(shop(fmt.Sprint(i)))
	}
	if !r.keep(shop("b"), list, begun) {
		t.Error("too many ends to remember count as none")
	}
	api := registrar.Endpoint{Target: registrar.Target{ID: "10.0.0.2", Port: 80}, Namespace: "shop", Pod: "api"}
	both := registrar.EndpointsOf(web, api)
	r.keep(shop("b"), both, r.begin())
	r.keep(shop("c"), both, r.begin())
	r.keep(shop("b"), registrar.EndpointsOf(api), r.begin())
	if web, api := r.end(shop("web")), r.end(shop("api")); len(web) != 1 || web[0] != shop("c") || len(api) != 2 {
		t.Errorf("web has %v, api %v", web, api)
	}
	if r.forget(shop("b")); len(r.end(shop("api"))) != 1 {
		t.Error("a binding that is gone is woken")
	}
	if r.forget(shop("c")); len(r.by)+len(r.of) > 0 {
		t.Errorf("%d pods and %d bindings are left", len(r.by), len(r.of))
	}
}
