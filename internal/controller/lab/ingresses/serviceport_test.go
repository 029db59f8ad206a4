package ingresses

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestServicePortOfAnIngressKeepsTargets edits the port of the Service of an Ingress, which names the former one, and
// then replaces a pod.
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
	slice, old := &discoveryv1.EndpointSlice{}, &corev1.Pod{}
	l.Get(slice, "web-a")
	l.Get(old, "web-a-1")
	l.Must(l.Client.Delete(t.Context(), old.DeepCopy()))
	fresh := old.DeepCopy()
	fresh.Name, fresh.ResourceVersion, fresh.UID, fresh.Status.PodIP = "fresh", "", "", "10.0.128.52"
	l.Create(client.Object(fresh))
	slice.Endpoints[1].Addresses, slice.Endpoints[1].TargetRef.Name = []string{"10.0.128.52"}, "fresh"
	l.Must(l.Client.Update(t.Context(), slice))
	registered("another pod", "10.0.128.50:8080", "10.0.128.52:8080")
	l.Restart()
	registered("after a restart", "10.0.128.50:8080", "10.0.128.52:8080")
}
