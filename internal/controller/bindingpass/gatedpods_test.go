package bindingpass

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

func TestTheCacheGetsThePodsOfABindingBeforeItsPass(t *testing.T) {
	t.Parallel()
	waiting := func(name string, change func(*discoveryv1.Endpoint)) discoveryv1.Endpoint {
		e := discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: name, UID: types.UID("uid-" + name)},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false)}}
		if change != nil {
			change(&e)
		}
		return e
	}
	var many []discoveryv1.Endpoint
	for i := range mostReads + 1 {
		many = append(many, waiting(fmt.Sprint("plain-", i), nil))
	}
	for name, tc := range map[string]struct {
		kind      v1beta1.TargetType
		watched   bool
		endpoints []discoveryv1.Endpoint
		fails     bool
		want      bool // they are awaited
		wantReads int  // of pods, in two passes
		wantErr   bool
	}{
		"ip targets":                  {kind: v1beta1.TargetTypeIP, want: true},
		"ip targets that are watched": {kind: v1beta1.TargetTypeIP, watched: true, want: true},
		"instance targets":            {kind: v1beta1.TargetTypeInstance},
		"ready pods": {kind: v1beta1.TargetTypeInstance, endpoints: []discoveryv1.Endpoint{
			waiting("gated", func(e *discoveryv1.Endpoint) { e.Conditions.Ready = ptr.To(true) })}},
		"a pod without gate": {kind: v1beta1.TargetTypeInstance, endpoints: []discoveryv1.Endpoint{
			waiting("plain-0", nil)}, wantReads: 1},
		"a pod that waits for a gate": {kind: v1beta1.TargetTypeInstance, endpoints: []discoveryv1.Endpoint{
			waiting("plain-0", nil), waiting("gated", nil)}, want: true, wantReads: 4},
		"one that is published as ready": {kind: v1beta1.TargetTypeInstance, endpoints: []discoveryv1.Endpoint{
			waiting("gated", func(e *discoveryv1.Endpoint) {
				e.Conditions.Ready, e.Conditions.Serving = ptr.To(true), ptr.To(false)
			})}, want: true, wantReads: 2},
		"one that ends": {kind: v1beta1.TargetTypeInstance, endpoints: []discoveryv1.Endpoint{
			waiting("gated", func(e *discoveryv1.Endpoint) { e.Conditions.Terminating = ptr.To(true) })}},
		"one that is gone": {kind: v1beta1.TargetTypeInstance, endpoints: []discoveryv1.Endpoint{
			waiting("gone", nil)}, wantReads: 1},
		"one that is watched already": {kind: v1beta1.TargetTypeInstance, watched: true,
			endpoints: []discoveryv1.Endpoint{waiting("gated", nil)}},
		"more than are read one by one": {kind: v1beta1.TargetTypeInstance, endpoints: many, want: true,
			wantReads: 2 * mostReads},
		"one that the API server does not show": {kind: v1beta1.TargetTypeInstance, endpoints: []discoveryv1.Endpoint{
			waiting("gated", nil)}, fails: true, wantReads: 2, wantErr: true},
	} {
		scheme, err := readable.Scheme()
		if err != nil {
			t.Fatal(err)
		}
		slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1",
			Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}, Endpoints: tc.endpoints}
		objects := []client.Object{slice, pod("gated", readiness.Gate("web"))}
		for i := range mostReads + 1 {
			objects = append(objects, pod(fmt.Sprint("plain-", i), "example.com/other"))
		}
		readsOfPods := 0
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithIndex(&discoveryv1.EndpointSlice{},
			SlicesByService, ServiceOfSlice).
			WithInterceptorFuncs(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey,
				o client.Object, opts ...client.GetOption) error {
				readsOfPods++
				if tc.fails {
					return errors.New("unavailable")
				}
				return c.Get(ctx, key, o, opts...)
			}}).Build()
		awaited := false
		p := &Pods{
			Await:   func(_ context.Context, namespace string) error { awaited = namespace == "shop"; return nil },
			Watches: func(string) bool { return tc.watched },
		}
		b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: v1beta1.TargetGroupBindingSpec{TargetType: &tc.kind, ServiceRef: v1beta1.ServiceReference{Name: "web"}}}
		for range 2 {
			if err = p.require(t.Context(), b, c, c); (err != nil) != tc.wantErr {
				t.Errorf("%s: %v", name, err)
			}
		}
		if awaited != tc.want || readsOfPods != tc.wantReads {
			t.Errorf("%s: awaited: %v, %d pods were read", name, awaited, readsOfPods)
		}
		p.forget(client.ObjectKeyFromObject(b))
		if len(p.ungated) > 0 {
			t.Errorf("%s: a binding that is gone is remembered", name)
		}
	}
}

func pod(name string, gate corev1.PodConditionType) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}}
	p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: gate}}
	return p
}
