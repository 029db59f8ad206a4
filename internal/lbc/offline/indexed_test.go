package offline

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// TestIndexedReadsAsASnapshotDoes compares each read of both after each change.
func TestIndexedReadsAsASnapshotDoes(t *testing.T) {
	t.Parallel()
	plain, x := objects.Snapshot{}, &Indexed{Snapshot: objects.Snapshot{}}
	named := func(all []metav1.Object) (out []string) {
		for _, o := range all {
			out = append(out, o.GetNamespace()+"/"+o.GetName())
		}
		slices.Sort(out)
		return out
	}
	binding := func(namespace, name, service string) *v1beta1.TargetGroupBinding {
		return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1beta1.TargetGroupBindingSpec{ServiceRef: v1beta1.ServiceReference{Name: service}}}
	}
	service := func(name, app string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": app}}}
	}
	for step, change := range []func(){
		func() {},
		func() { plain.Put(binding("shop", "a", "web")); x.Put(binding("shop", "a", "web")) },
		func() { plain.Put(binding("shop", "b", "web")); x.Put(binding("shop", "b", "web")) },
		func() { plain.Put(binding("blog", "c", "web")); x.Put(binding("blog", "c", "web")) },
		func() { plain.Put(binding("shop", "a", "api")); x.Put(binding("shop", "a", "api")) },
		func() { plain.Put(service("web", "web")); x.Put(service("web", "web")) },
		func() { plain.Put(service("web", "api")); x.Put(service("web", "api")) },
		func() {
			plain.Delete(objects.TargetGroupBinding, "shop", "b")
			x.Delete(objects.TargetGroupBinding, "shop", "b")
		},
		func() { plain.Delete(objects.Service, "shop", "web"); x.Delete(objects.Service, "shop", "web") },
	} {
		change()
		for _, namespace := range []string{"", "shop", "blog", "none"} {
			if d := cmp.Diff(named(plain.List(objects.TargetGroupBinding, namespace)), named(x.List(objects.TargetGroupBinding,
				namespace))); d != "" {
				t.Errorf("step %d, bindings of %q: %s", step, namespace, d)
			}
			for _, name := range []string{"web", "api"} {
				to := objects.BackendRef(namespace, name)
				if d := cmp.Diff(named(plain.ListNaming(objects.TargetGroupBinding, to)),
					named(x.ListNaming(objects.TargetGroupBinding, to))); d != "" {
					t.Errorf("step %d, bindings of %v: %s", step, to, d)
				}
			}
		}
		for _, app := range []string{"web", "api"} {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: map[string]string{"app": app}}}
			if d := cmp.Diff(objects.New(plain).ServicesOfPod(pod), objects.New(x).ServicesOfPod(pod)); d != "" &&
				len(objects.New(plain).ServicesOfPod(pod))+len(objects.New(x).ServicesOfPod(pod)) > 0 {
				t.Errorf("step %d, Services of %s: %s", step, app, d)
			}
		}
	}
}
