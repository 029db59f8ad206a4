package controller

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube"
)

// wokenBindings is a queue that notes who is added.
type wokenBindings struct {
	queueOf[reconcile.Request]
	names []string
}

func (w *wokenBindings) AddAfter(r reconcile.Request, _ time.Duration) {
	w.names = append(w.names, r.Name)
}

func TestANodeWakesTheBindingsThatCountItsPodsOrItself(t *testing.T) {
	t.Parallel()
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	binding := func(name string, kind v1beta1.TargetType) *v1beta1.TargetGroupBinding {
		return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: v1beta1.TargetGroupBindingSpec{TargetType: &kind}}
	}
	b := &targetBindings{client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		binding("nodes", v1beta1.TargetTypeInstance), binding("pods", v1beta1.TargetTypeIP)).Build()}
	for name, c := range map[string]struct {
		change func(*corev1.Node)
		want   []string
	}{
		"a heartbeat":              {func(n *corev1.Node) { n.Status.Conditions[0].LastHeartbeatTime = metav1.Unix(1, 0) }, nil},
		"a label":                  {func(n *corev1.Node) { n.Labels["pool"] = "a" }, []string{"nodes"}},
		"its instance":             {func(n *corev1.Node) { n.Spec.ProviderID = "aws:///z/i-2" }, []string{"nodes"}},
		"nobody hears from it":     {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }, []string{"nodes", "pods"}},
		"it is not ready, it says": {func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse }, []string{"nodes", "pods"}},
	} {
		before := labNode("a", "aws:///z/i-1")
		after := before.DeepCopy()
		after.ResourceVersion = "2"
		c.change(after)
		q := &wokenBindings{}
		b.nodeEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
		if slices.Sort(q.names); !slices.Equal(q.names, c.want) {
			t.Errorf("%s: woken %v, want %v", name, q.names, c.want)
		}
	}
}
