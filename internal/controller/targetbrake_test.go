package controller

import (
	"slices"
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// TestTargetsStayWhenEndpointSlicesVanishWhilePodsServe takes the slice of a Service away that two bindings use, with a brake that
// lets one group go.
func TestTargetsStayWhenEndpointSlicesVanishWhilePodsServe(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"))
	l.bound.Registry.Brake = brake.New(1, l.clock.Now)
	arns := []string{l.targetGroup(elbtypes.TargetTypeEnumIp), l.otherGroup()}
	for i, arn := range arns {
		b := labBinding(arn, v1beta1.TargetTypeIP)
		b.Name, b.UID = []string{"bound-0", "bound-1"}[i], ""
		b.Spec.Networking = nil
		l.create(b)
	}
	objects := labPods("node-a", "10.0.1.1", "10.0.1.2")
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
		}
	}
	l.create(objects...)
	l.settle()
	for _, arn := range arns {
		if got := l.targets(arn); len(got) != 2 {
			t.Fatalf("registered at first: %v", got)
		}
	}

	l.events = nil
	slice := &discoveryv1.EndpointSlice{}
	l.get(slice, "web-node-a")
	l.must(l.client.Delete(t.Context(), slice))
	l.settle()
	if a, b := l.targets(arns[0]), l.targets(arns[1]); len(a) != 0 || len(b) != 2 {
		t.Fatalf("registered: %v and %v", a, b)
	}
	told := strings.Join(l.events, "\n")
	if strings.Count(told, "["+string(diag.DeregistrationsHeld)+"]") != 1 || !strings.Contains(told, naming.AllowDeregistration) {
		t.Errorf("told:\n%s", told)
	}

	pod, ok := objects[1].(*corev1.Pod)
	if !ok {
		t.Fatal("no pod")
	}
	beats, ends := pod.DeepCopy(), pod.DeepCopy()
	beats.ResourceVersion, ends.ResourceVersion, ends.DeletionTimestamp = "98", "99", &metav1.Time{Time: l.clock.Now()}
	for _, c := range []struct {
		after *corev1.Pod
		want  []string
	}{{beats, nil}, {ends, []string{"bound-1"}}} {
		q := &wokenBindings{}
		l.bound.PodEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: pod, ObjectNew: c.after}, q)
		if !slices.Equal(q.names, c.want) {
			t.Errorf("a pod wakes %v, want %v", q.names, c.want)
		}
	}
	l.must(l.client.Delete(t.Context(), pod)) // it ends
	l.settle()
	if got := l.targets(arns[1]); !slices.Equal(got, []string{"10.0.1.2:8080"}) {
		t.Errorf("registered after a pod ended: %v", got)
	}

	b := &v1beta1.TargetGroupBinding{}
	l.get(b, "bound-1")
	b.Annotations = map[string]string{naming.AllowDeregistration: "true"}
	l.must(l.client.Update(t.Context(), b))
	l.settle()
	if got := l.targets(arns[1]); len(got) != 0 || l.bound.Registry.Brake.Held() != 0 {
		t.Errorf("registered after consent: %v", got)
	}
}
