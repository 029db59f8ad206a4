package bindings

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// TestTargetsStayWhenEndpointSlicesVanishWhilePodsServe takes the slice of a Service away that two bindings use, with a
// brake that lets one group go.
func TestTargetsStayWhenEndpointSlicesVanishWhilePodsServe(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	l.Bound.Registry.Brake = brake.New(1, l.Clock.Now)
	arns := []string{l.TargetGroup(elbtypes.TargetTypeEnumIp), l.OtherGroup()}
	for i, arn := range arns {
		b := lab.Binding(arn, v1beta1.TargetTypeIP)
		b.Name, b.UID = []string{"bound-0", "bound-1"}[i], ""
		b.Spec.Networking = nil
		l.Create(b)
	}
	objects := lab.Pods("node-a", "10.0.1.1", "10.0.1.2")
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
		}
	}
	l.Create(objects...)
	l.Settle()
	for _, arn := range arns {
		if got := l.Targets(arn); len(got) != 2 {
			t.Fatalf("registered at first: %v", got)
		}
	}

	l.Events = nil
	slice := &discoveryv1.EndpointSlice{}
	l.Get(slice, "web-node-a")
	l.Must(l.Client.Delete(t.Context(), slice))
	l.Settle()
	if a, b := l.Targets(arns[0]), l.Targets(arns[1]); len(a) != 0 || len(b) != 2 {
		t.Fatalf("registered: %v and %v", a, b)
	}
	told := strings.Join(l.Events, "\n")
	if strings.Count(told, "["+string(diag.DeregistrationsHeld)+"]") != 1 ||
		!strings.Contains(told, naming.AllowDeregistration) {
		t.Errorf("told:\n%s", told)
	}

	pod, ok := objects[1].(*corev1.Pod)
	if !ok {
		t.Fatal("no pod")
	}
	beats, ends := pod.DeepCopy(), pod.DeepCopy()
	beats.ResourceVersion, ends.ResourceVersion, ends.DeletionTimestamp = "98", "99", &metav1.Time{Time: l.Clock.Now()}
	for _, c := range []struct {
		after *corev1.Pod
		want  []string
	}{{beats, nil}, {ends, []string{"bound-1"}}} {
		q := &wokenBindings{}
		l.Bound.PodEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: pod, ObjectNew: c.after}, q)
		if !slices.Equal(q.names, c.want) {
			t.Errorf("a pod wakes %v, want %v", q.names, c.want)
		}
	}
	l.Must(l.Client.Delete(t.Context(), pod)) // it ends
	l.Settle()
	if got := l.Targets(arns[1]); !slices.Equal(got, []string{"10.0.1.2:8080"}) {
		t.Errorf("registered after a pod ended: %v", got)
	}

	b := &v1beta1.TargetGroupBinding{}
	l.Get(b, "bound-1")
	b.Annotations = map[string]string{naming.AllowDeregistration: "true"}
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	if got := l.Targets(arns[1]); len(got) != 0 || l.Bound.Registry.Brake.Stopped() != 0 {
		t.Errorf("registered after consent: %v", got)
	}
}
