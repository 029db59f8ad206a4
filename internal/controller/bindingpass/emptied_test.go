package bindingpass

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// misspeltService is Service web with one pod, an edit of it that selects none, its binding, and the endpoints of that
// before the edit.
func misspeltService() (svc, edited *corev1.Service, pod *corev1.Pod, o *v1beta1.TargetGroupBinding,
	former registrar.Endpoints) {
	svc = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "web"},
		Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}}}
	pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0"}, Status: corev1.PodStatus{
		PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}}}
	edited = svc.DeepCopy()
	edited.Spec.Selector["app"] = "wbe"
	o = ofType("x", v1beta1.TargetTypeIP, nil)
	o.Spec.IPAddressType = ptr.To(v1beta1.IPAddressTypeIPv4)
	o.Namespace, o.Spec.ServiceRef = "shop", v1beta1.ServiceReference{Name: "web", Port: intstr.FromInt32(80)}
	former = registrar.EndpointsOf(registrar.Endpoint{Target: registrar.Target{ID: "10.0.0.1", Port: 8080},
		Namespace: "shop", Pod: "web-0"})
	return svc, edited, pod, o, former
}

// TestEditThatTheCacheLacksKeepsTargets has the EndpointSlices of an edited Service in the cache before the Service.
func TestEditThatTheCacheLacksKeepsTargets(t *testing.T) {
	t.Parallel()
	svc, edited, pod, o, former := misspeltService()
	for name, c := range map[string]struct {
		live   *corev1.Service
		former registrar.Endpoints
		want   bool
	}{
		"edited":                 {edited, former, true},
		"not edited":             {svc, former, false},
		"edited when pods ended": {edited, registrar.Endpoints{}, false},
	} {
		b := &Reconciler{Client: fake.NewClientBuilder().WithObjects(pod.DeepCopy()).Build(),
			APIReader: fake.NewClientBuilder().WithObjects(c.live.DeepCopy()).Build()}
		if _, err := b.filled(t.Context(), o, svc, svc.Spec.Ports[0], turn{pods: former}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the cache may still lack the edit in the next pass
			got, err := b.emptied(t.Context(), o, svc, svc.Spec.Ports[0], turn{former: c.former})
			if c.former = (registrar.Endpoints{}); got != c.want || err != nil {
				t.Errorf("%s: emptied %v, %v", name, got, err)
			}
		}
	}
}

// TestSomeSlicesOfAnEditThatTheCacheLacks has some EndpointSlices of an edited Service in the cache before the Service.
func TestSomeSlicesOfAnEditThatTheCacheLacks(t *testing.T) {
	t.Parallel()
	svc, edited, pod, o, first := misspeltService()
	pod.Labels = map[string]string{"app": "web"}
	other := pod.DeepCopy()
	other.Name, other.Status.PodIP = "web-1", "10.0.0.2"
	narrowed := svc.DeepCopy()
	narrowed.Spec.Selector["kind"], other.Labels["kind"] = "b", "b"
	both := registrar.EndpointsOf(first.Slice()[0], registrar.Endpoint{Target: registrar.Target{ID: "10.0.0.2",
		Port: 8080}, Namespace: "shop", Pod: "web-1"})
	for name, c := range map[string]struct {
		live *corev1.Service
		want bool
	}{"misspelt": {edited, true}, "narrowed": {narrowed, false}, "not edited": {svc, false}} {
		b := &Reconciler{Client: fake.NewClientBuilder().WithObjects(pod.DeepCopy(), other.DeepCopy()).Build(),
			APIReader: fake.NewClientBuilder().WithObjects(c.live.DeepCopy(), pod.DeepCopy(), other.DeepCopy()).Build()}
		former := registrar.Endpoints{}
		for n, now := range []registrar.Endpoints{both, first, first} { // the cache may still lack the edit in the last
			got, err := b.filled(t.Context(), o, svc, svc.Spec.Ports[0], turn{former: former, pods: now})
			if want := n > 0 && c.want; got != want || err != nil {
				t.Errorf("%s, pass %d: emptied %v, %v", name, n, got, err)
			}
			former = now
		}
	}
}

// TestFailedLiveReadKeepsEndpointsOfLastPass has the API server fail to answer whether a Service was edited.
func TestFailedLiveReadKeepsEndpointsOfLastPass(t *testing.T) {
	t.Parallel()
	svc, edited, pod, o, former := misspeltService()
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0",
		Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}, AddressType: discoveryv1.AddressTypeIPv4}
	failure := errors.New("unavailable")
	api := interceptor.NewClient(fake.NewClientBuilder().WithObjects(edited).Build(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if failure != nil {
				return failure
			}
			return c.Get(ctx, key, o, opts...)
		}})
	b := &Reconciler{Now: time.Now, APIReader: api, Client: fake.NewClientBuilder().WithObjects(pod, svc, slice).
		WithIndex(&discoveryv1.EndpointSlice{}, SlicesByService, ServiceOfSlice).Build()}
	if _, err := b.filled(t.Context(), o, svc, svc.Spec.Ports[0], turn{pods: former}); err != nil {
		t.Fatal(err)
	}
	b.resolved.keep(client.ObjectKeyFromObject(o), former, 0)
	for range 2 {
		of, err := b.addressEndpoints(t.Context(), o, svc, svc.Spec.Ports[0])
		if !of.emptied || !errors.Is(of.unproven, failure) || err != nil {
			t.Fatalf("emptied %v, unproven %v, %v", of.emptied, of.unproven, err)
		}
	}
	failure = nil
	of, err := b.addressEndpoints(t.Context(), o, svc, svc.Spec.Ports[0])
	if err != nil || of.unproven != nil || !of.emptied {
		t.Errorf("emptied %v, unproven %v, %v", of.emptied, of.unproven, err)
	}
}

// TestFormerPodsServedBeforeTheEdit has pods with the address of a target that are not behind it.
func TestFormerPodsServedBeforeTheEdit(t *testing.T) {
	t.Parallel()
	edit := time.Now().Truncate(time.Second)
	_, _, pod, o, _ := misspeltService()
	pod.CreationTimestamp = metav1.NewTime(edit.Add(-time.Hour))
	o.Status.Conditions = []metav1.Condition{{Type: "Ready", Reason: string(diag.NoTargetsAfterEdit),
		LastTransitionTime: metav1.NewTime(edit)}}
	for name, change := range map[string]func(*corev1.Pod){
		"ended":               func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded },
		"not ready":           func(p *corev1.Pod) { p.Status.Conditions = nil },
		"came after the edit": func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(edit.Add(time.Minute)) },
	} {
		other := pod.DeepCopy()
		other.Name = "x" // it is listed last
		change(other)
		b := &Reconciler{Client: fake.NewClientBuilder().WithObjects(pod.DeepCopy(), other).WithIndex(&corev1.Pod{},
			PodsByAddress, AddressesOf).Build()}
		at, err := b.servingPods(t.Context(), o, map[string]bool{pod.Status.PodIP: true})
		if got := at[pod.Status.PodIP].Pod; got != pod.Name || err != nil {
			t.Errorf("%s: pod %q, %v", name, got, err)
		}
	}
}
