package bindingpass

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// maintained is an EndpointSlice of Service web as Kubernetes writes it, with pods of these names.
func maintained(names ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", ResourceVersion: "1",
		Labels: map[string]string{discoveryv1.LabelServiceName: "web",
			discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io"}}, AddressType: discoveryv1.AddressTypeIPv4,
		Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080)}}}
	for _, name := range names {
		address := "10.0.1." + strings.TrimPrefix(name, "pod-")
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: name}})
	}
	return s
}

func addressed(name string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	p.Status.PodIP = "10.0.1." + strings.TrimPrefix(name, "pod-")
	return p
}

// forwarder has a binding of type instance of Service web, whose pods are 1 and 2 of 1 to 9.
type forwarder struct {
	*Reconciler
	t       *testing.T
	o       *v1beta1.TargetGroupBinding
	svc     *corev1.Service
	now     time.Time
	watched bool
	awaited int
	fails   error // of reads of EndpointSlices
}

func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	f := &forwarder{t: t, o: ofType("nodes", v1beta1.TargetTypeInstance, nil), now: time.Unix(1e9, 0)}
	f.o.Spec.ServiceRef.Name = "web"
	f.svc = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	f.svc.Spec.Selector = map[string]string{"app": "web"}
	f.svc.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, NodePort: 30080}}
	objects := []client.Object{f.o, f.svc, maintained("pod-1", "pod-2")}
	for i := range 9 {
		objects = append(objects, addressed(fmt.Sprint("pod-", i+1)))
	}
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithIndex(&discoveryv1.EndpointSlice{}, SlicesByService, ServiceOfSlice).
		WithIndex(&v1beta1.TargetGroupBinding{}, ByService, ServiceOf).
		WithInterceptorFuncs(interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList,
			opts ...client.ListOption) error {
			if _, ok := list.(*discoveryv1.EndpointSliceList); ok && f.fails != nil {
				return f.fails
			}
			return c.List(ctx, list, opts...)
		}}).Build()
	f.Reconciler = &Reconciler{Client: c, APIReader: c, Now: func() time.Time { return f.now },
		Registry: registrar.NewRegistry(nil), Pods: &Pods{Watches: func(string) bool { return f.watched },
			Await: func(context.Context, string) error { f.awaited++; return nil }}}
	return f
}

// pass reports whether the nodes are registered.
func (f *forwarder) pass() (bool, error) {
	f.t.Helper()
	found, err := f.forwardsElsewhere(f.t.Context(), f.o, servicePort{f.svc, f.svc.Spec.Ports[0]})
	return len(found) == 0, err
}

// expect has a pass lead to nodes being registered or not, and to so many waits for pods since the last one.
func (f *forwarder) expect(what string, registered bool, awaited int) {
	f.t.Helper()
	before := f.awaited
	if got, err := f.pass(); err != nil || got != registered || f.awaited-before != awaited {
		f.t.Errorf("%s: registered %t (%v), pods awaited %d times; want %t, %d", what, got, err, f.awaited-before, registered,
			awaited)
	}
}

// edit changes an EndpointSlice, and reports whether the event queues the binding. Nil = it does not exist.
func (f *forwarder) edit(before, after *discoveryv1.EndpointSlice) bool {
	f.t.Helper()
	h, q := f.ServiceEvent(func(o client.Object) string { return o.GetLabels()[discoveryv1.LabelServiceName] },
		EndpointsChanged), &woken{}
	var err error
	switch {
	case before == nil:
		err = f.Client.Create(f.t.Context(), withoutVersion(after))
		h.Create(f.t.Context(), event.CreateEvent{Object: after}, q)
	case after == nil:
		err = f.Client.Delete(f.t.Context(), withoutVersion(before))
		h.Delete(f.t.Context(), event.DeleteEvent{Object: before}, q)
	default:
		after.ResourceVersion = before.ResourceVersion + "1"
		err = cmp.Or(f.Client.Delete(f.t.Context(), withoutVersion(before)),
			f.Client.Create(f.t.Context(), withoutVersion(after)))
		h.Update(f.t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return slices.Contains(q.names, "nodes")
}

func withoutVersion(s *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
	c := s.DeepCopy()
	c.ResourceVersion = ""
	return c
}

// raw is an EndpointSlice written by hand, with what is no pod.
func raw() *discoveryv1.EndpointSlice {
	s := maintained()
	s.Name = "raw"
	delete(s.Labels, discoveryv1.LabelManagedBy)
	s.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"10.0.2.1"}}}
	return s
}

// TestNodesAreQueuedIfTheAnswerMayChange shows which events of EndpointSlices queue a binding of type instance, and that
// a pass reads only pods that came.
func TestNodesAreQueuedIfTheAnswerMayChange(t *testing.T) {
	t.Parallel()
	unready := maintained("pod-1", "pod-2")
	unready.Endpoints[1].Conditions.Ready = ptr.To(false)
	unlabelled := maintained("pod-1", "pod-2")
	delete(unlabelled.Labels, discoveryv1.LabelManagedBy)
	for name, c := range map[string]struct {
		before, after *discoveryv1.EndpointSlice
		watched       bool
		wakes         bool
		registered    bool
		awaited       int
	}{
		"a pod leaves":                {maintained("pod-1", "pod-2"), maintained("pod-1"), false, false, true, 0},
		"a pod is not ready":          {maintained("pod-1", "pod-2"), unready, false, true, true, 0}, // it may have a gate
		"one of watched pods is not":  {maintained("pod-1", "pod-2"), unready, true, false, true, 0},
		"the EndpointSlice goes":      {maintained("pod-1", "pod-2"), nil, false, false, true, 0},
		"a pod comes":                 {maintained("pod-1", "pod-2"), maintained("pod-1", "pod-2", "pod-3"), false, true, true, 1},
		"one of watched pods comes":   {maintained("pod-1", "pod-2"), maintained("pod-1", "pod-2", "pod-3"), true, false, true, 0},
		"a ghost comes":               {maintained("pod-1", "pod-2"), maintained("pod-1", "pod-2", "pod-77"), true, true, false, 0},
		"what is no pod comes":        {nil, raw(), false, true, false, 0},
		"nobody maintains it anymore": {maintained("pod-1", "pod-2"), unlabelled, false, true, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForwarder(t)
			f.expect("at first", true, 1)
			f.expect("again", true, 0)
			f.watched = c.watched
			if got := f.edit(c.before, c.after); got != c.wakes {
				t.Errorf("queued %t, want %t", got, c.wakes)
			}
			if !c.registered { // a pod that ended a moment ago is no reason
				_, _ = f.pass()
				f.now = f.now.Add(doubtFor)
			}
			f.expect("after the event", c.registered, c.awaited)
			if c.registered {
				return
			}
			if !f.edit(c.after, c.before) {
				t.Error("the end of what was in the way does not queue it")
			}
			f.expect("after its end", true, 0)
		})
	}
}

// TestEndOfAPodIsNoEndpointOfOthers has a pod end before Kubernetes takes it from its EndpointSlice: while the controller
// runs, at a start, and again and again.
func TestEndOfAPodIsNoEndpointOfOthers(t *testing.T) {
	t.Parallel()
	f := newForwarder(t)
	f.expect("at first", true, 1)
	if err := f.Client.Delete(t.Context(), addressed("pod-2")); err != nil {
		t.Fatal(err)
	}
	f.expect("the pod was proven", true, 0)
	f.forwards.forget(shop("nodes"))
	doubted := func(what string, want bool) {
		t.Helper()
		registered, err := f.pass()
		if errors.Is(err, errUnconfirmed) != want || !want && registered {
			t.Errorf("%s: %t, %v", what, registered, err)
		}
	}
	doubted("at a start", true)
	f.now = f.now.Add(doubtFor - time.Second)
	doubted("a moment later", true)
	f.now = f.now.Add(time.Second)
	doubted("it stays", false)
	f.now = f.now.Add(doubtPause / 2)
	doubted("soon again", false)
	f.now = f.now.Add(doubtPause / 2)
	doubted("much later", true)
}

// TestClaimsByHandAreNeverTrusted has a slice written by hand name a pod of the namespace, which ends.
func TestClaimsByHandAreNeverTrusted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*forwarder, *discoveryv1.EndpointSlice){
		"no label": func(_ *forwarder, s *discoveryv1.EndpointSlice) { delete(s.Labels, discoveryv1.LabelManagedBy) },
		"a Service without selector": func(f *forwarder, _ *discoveryv1.EndpointSlice) {
			f.svc.Spec.Selector = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForwarder(t)
			s := maintained("pod-5")
			s.Name = "hand"
			change(f, s)
			f.edit(nil, s)
			f.expect("its pod runs", true, 1)
			if got := f.resolved.end(shop("pod-5")); !slices.Contains(got, shop("nodes")) {
				t.Errorf("the end of its pod queues %v", got)
			}
			if err := f.Client.Delete(t.Context(), addressed("pod-5")); err != nil {
				t.Fatal(err)
			}
			f.expect("its pod ended", false, 1)
		})
	}
}

// TestUnreadEndpointsLeaveNodesAsTheyAre has EndpointSlices that cannot be read, and too many endpoints.
func TestUnreadEndpointsLeaveNodesAsTheyAre(t *testing.T) {
	t.Parallel()
	f := newForwarder(t)
	f.fails = errors.New("unavailable")
	if _, err := f.pass(); err == nil {
		t.Error("EndpointSlices that cannot be read count as none")
	}
	f.fails = nil
	for i := range registrar.MostEndpoints/1000 + 1 {
		s := raw()
		s.Name, s.Endpoints = fmt.Sprint("many-", i), slices.Repeat(maintained("pod-1").Endpoints, 1000)
		f.edit(nil, s)
	}
	f.expect("too many", false, 0)
}

// TestSliceEventCostOfNodesDoesNotGrow shows that the event of one pod costs the same however many bindings there are.
func TestSliceEventCostOfNodesDoesNotGrow(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
		b, _ := crowded(t, n)
		o := ofType("nodes", v1beta1.TargetTypeInstance, nil)
		for i := range n {
			b.forwards.end(shop(fmt.Sprint("b", i)), map[claim]bool{}, 0, false)
		}
		b.forwards.end(shop("nodes"), map[claim]bool{}, 0, false)
		before, after := maintained("pod-1", "pod-2"), maintained("pod-1", "pod-2", "pod-3")
		return growth.Bytes(func() { b.concernsNodes(t.Context(), o, before, after) })
	})
}
