package controller

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// binding makes a pass over the binding of boundLab.
func (l *lab) binding() reconcile.Result {
	l.Helper()
	r, err := l.bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Namespace: "shop", Name: "bound"}})
	l.must(err)
	return r
}

func TestARegistrationThatFailsIsTriedAgainAsSoonAsItMaySucceed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  gate.Fault
		pauses []time.Duration
	}{
		"an error of the service": {gate.Fault{Code: "InternalFailure", Status: 500}, []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}},
		"AWS's own time":          {gate.Fault{Kind: "throttled"}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		"a permission":            {gate.Fault{Code: "AccessDenied", Status: 403}, []time.Duration{15 * time.Second, 30 * time.Second, time.Minute}},
		// The same targets are sent again after two minutes; the passes before then are for targets that failed otherwise.
		"a mistake": {gate.Fault{Code: "ValidationError", Status: 400}, []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 15 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := boundLab(t)
			l.create(labPods("b", "10.0.128.51")...)
			c.fault.Action, c.fault.ID = "RegisterTargets", "refused"
			_, err := l.sim.Gate.AddFault(c.fault)
			l.must(err)
			var pauses []time.Duration
			for range c.pauses {
				r := l.binding()
				pauses = append(pauses, r.RequeueAfter)
				l.clock.Advance(r.RequeueAfter)
			}
			if diff := cmp.Diff(c.pauses, pauses); diff != "" {
				t.Error(diff)
			}
			l.sim.Gate.RemoveFault("refused")
			if r := l.binding(); len(l.targets(b.Spec.TargetGroupARN)) != 2 {
				t.Errorf("%+v, registered %v", r, l.targets(b.Spec.TargetGroupARN))
			}
		})
	}
}

func TestANodeThatTheCacheLearnsOfWakesTheBindingsThatMissedIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"))
	objects := labPods("late", "10.0.128.50")
	slice, _ := objects[0].(*discoveryv1.EndpointSlice)
	slice.Endpoints[0].Conditions.Ready = ptr.To(false) // its pod waits for a readiness gate
	pod, _ := objects[1].(*corev1.Pod)
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
	b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	b.Spec.Networking = nil
	l.create(append(objects, b)...)
	l.settle()
	if got := l.targets(b.Spec.TargetGroupARN); len(got) > 0 {
		t.Fatalf("registered %v without knowing the node", got)
	}
	for name, want := range map[string][]string{"late": {"bound"}, "other": nil} {
		q := &wokenBindings{}
		l.bound.NodeEvent().Create(t.Context(), event.CreateEvent{Object: labNode(name, "aws:///z/i-1")}, q)
		if !slices.Equal(q.names, want) {
			t.Errorf("%s wakes %v", name, q.names)
		}
	}
	l.create(labNode("late", "aws:///z/i-1"))
	l.settle()
	if got := l.targets(b.Spec.TargetGroupARN); len(got) != 1 {
		t.Errorf("registered %v", got)
	}
	q := &wokenBindings{}
	if l.bound.NodeEvent().Create(t.Context(), event.CreateEvent{Object: labNode("late", "aws:///z/i-1")}, q); len(q.names) > 0 {
		t.Errorf("%v woken though nothing is missed any more", q.names)
	}
}

// TestAVPCThatCannotBeReadKeepsNoTargetWaiting has every read of EC2 hang. Its bubble's time stands for the real one, in which reads of the account are given
// up after a minute.
func TestAVPCThatCannotBeReadKeepsNoTargetWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, account.Profile{}, labService("web"))
		_, err := l.sim.Gate.AddFault(gate.Fault{ID: "hangs", Service: "ec2", Latency: 24 * time.Hour})
		l.must(err)
		b := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
		b.Spec.Networking, b.Finalizers = nil, []string{naming.BindingFinalizer}
		l.create(append(labPods("a", "10.0.128.50"), b)...)
		begun := time.Now()
		l.binding()
		if got, took := l.targets(b.Spec.TargetGroupARN), time.Since(begun); len(got) != 1 || took > 100*time.Millisecond {
			t.Errorf("registered %v after %s", got, took)
		}
		l.settle()
		if got := l.targets(b.Spec.TargetGroupARN); len(got) != 1 {
			t.Errorf("registered %v", got)
		}
		l.clock.Advance(48 * time.Hour)
	})
}

// TestABindingWaitsForItsStackOnceItsTargetGroupIsGone is what a process sees that starts between the deletion of a target group and that of its binding.
func TestABindingWaitsForItsStackOnceItsTargetGroupIsGone(t *testing.T) {
	t.Parallel()
	l, b := boundLab(t)
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
	b.Labels = naming.Labels(frontKey)
	l.must(l.client.Update(t.Context(), b))
	_, err := l.sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{TargetGroupArn: &b.Spec.TargetGroupARN})
	l.must(err)
	l.create(labPods("b", "10.0.128.51")...)
	for pass, want := range []int{0, 1} {
		from := len(l.events)
		l.clock.Advance(l.binding().RequeueAfter)
		if got := l.troubles(from); len(got) != want {
			t.Errorf("pass %d warns: %v", pass, got)
		}
	}
}
