package bindingpass

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// TestEditThatTheCacheLacksKeepsTargets has the EndpointSlices of an edited Service in the cache before the Service.
func TestEditThatTheCacheLacksKeepsTargets(t *testing.T) {
	t.Parallel()
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "web"},
		Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0"}, Status: corev1.PodStatus{
		PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}}}
	edited := svc.DeepCopy()
	edited.Spec.Selector["app"] = "wbe"
	o := ofType("x", v1beta1.TargetTypeIP, nil)
	o.Namespace, o.Spec.ServiceRef = "shop", v1beta1.ServiceReference{Name: "web", Port: intstr.FromInt32(80)}
	former := registrar.EndpointsOf(registrar.Endpoint{Target: registrar.Target{ID: "10.0.0.1", Port: 8080},
		Namespace: "shop", Pod: "web-0"})
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
		b.filled(o, svc, svc.Spec.Ports[0], registrar.Endpoints{}, former)
		for range 2 { // the cache may still lack the edit in the next pass
			got, err := b.emptied(t.Context(), o, svc, svc.Spec.Ports[0], c.former)
			if c.former = (registrar.Endpoints{}); got != c.want || err != nil {
				t.Errorf("%s: emptied %v, %v", name, got, err)
			}
		}
	}
}
