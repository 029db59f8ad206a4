package ingresses

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestServicePortOfAnIngressKeepsTargets edits the port of the Service of an Ingress, which names the former one, and
// then replaces its pods.
func TestServicePortOfAnIngressKeepsTargets(t *testing.T) {
	t.Parallel()
	objects := append(lab.Pods("a", "10.0.128.50", "10.0.128.51"), lab.Class(), lab.Service("web"),
		lab.Ingress("solo", nil, "web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
		}
	}
	l := lab.New(t, account.Profile{}, objects...)
	l.Settle(lab.Key("solo"))
	l.Clock.Advance(time.Minute)
	l.Settle(lab.Key("solo"))
	arn := l.AllBindings()[0].Spec.TargetGroupARN
	registered := func(when string, want ...string) {
		t.Helper()
		l.Settle(lab.Key("solo"))
		l.Clock.Advance(10 * time.Minute)
		l.Settle(lab.Key("solo"))
		if got := l.Targets(arn); !slices.Equal(got, want) {
			t.Errorf("%s: targets %v, want %v", when, got, want)
		}
	}
	registered("at first", "10.0.128.50:8080", "10.0.128.51:8080")
	l.Events = nil
	l.Edited("web", func(s *corev1.Service) { s.Spec.Ports[0].Port = 81 })
	registered("edited", "10.0.128.50:8080", "10.0.128.51:8080")
	if !l.Told("solo", "80") {
		t.Errorf("told %v", l.Events)
	}
	o := &l.AllBindings()[0]
	told := meta.FindStatusCondition(o.Status.Conditions, "Ready")
	told.LastTransitionTime = metav1.NewTime(time.Now().Add(-time.Hour))
	l.Must(l.Client.Status().Update(t.Context(), o))
	slice := &discoveryv1.EndpointSlice{}
	l.Get(slice, "web-a")
	for i, ip := range []string{"10.0.128.52", "10.0.128.53"} { // a rollout
		old := &corev1.Pod{}
		l.Get(old, slice.Endpoints[i].TargetRef.Name)
		l.Must(l.Client.Delete(t.Context(), old.DeepCopy()))
		old.Name, old.ResourceVersion, old.UID, old.Status.PodIP = "fresh-"+ip, "", "", ip
		old.CreationTimestamp = metav1.NewTime(time.Now().Add(-time.Minute))
		l.Create(client.Object(old))
		slice.Endpoints[i].Addresses, slice.Endpoints[i].TargetRef.Name = []string{ip}, old.Name
	}
	l.Must(l.Client.Update(t.Context(), slice))
	registered("other pods", "10.0.128.52:8080", "10.0.128.53:8080")
	for range 2 {
		l.Restart()
		registered("after a restart", "10.0.128.52:8080", "10.0.128.53:8080")
	}
}
