package bindings

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// binding makes a pass over the binding of BoundLab.
func binding(l *lab.Lab) reconcile.Result {
	l.Helper()
	r, err := l.Bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKey{
		Namespace: "shop", Name: "bound"}})
	l.Must(err)
	return r
}

func TestARegistrationThatFailsIsTriedAgainAsSoonAsItMaySucceed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  gate.Fault
		pauses []time.Duration
	}{
		"an error of the service": {gate.Fault{Code: "InternalFailure", Status: 500}, []time.Duration{200 * time.Millisecond,
			400 * time.Millisecond, 800 * time.Millisecond}},
		"AWS's own time": {gate.Fault{Kind: "throttled"}, []time.Duration{time.Second, 2 * time.Second,
			4 * time.Second}},
		"a permission": {gate.Fault{Code: "AccessDenied", Status: 403}, []time.Duration{
			15 * time.Second, 30 * time.Second, time.Minute}},
		// The same targets are sent again after two minutes; the passes before then are for targets that failed otherwise.
		"a mistake": {gate.Fault{Code: "ValidationError", Status: 400}, []time.Duration{15 * time.Second, 30 * time.Second,
			time.Minute, 15 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			l.Create(lab.Pods("b", "10.0.128.51")...)
			c.fault.Action, c.fault.ID = "RegisterTargets", "refused"
			_, err := l.Sim.Gate.AddFault(c.fault)
			l.Must(err)
			var pauses []time.Duration
			for range c.pauses {
				r := binding(l)
				pauses = append(pauses, r.RequeueAfter)
				l.Clock.Advance(r.RequeueAfter)
			}
			if diff := cmp.Diff(c.pauses, pauses); diff != "" {
				t.Error(diff)
			}
			l.Sim.Gate.RemoveFault("refused")
			if r := binding(l); len(l.Targets(b.Spec.TargetGroupARN)) != 2 {
				t.Errorf("%+v, registered %v", r, l.Targets(b.Spec.TargetGroupARN))
			}
		})
	}
}

func TestANodeThatTheCacheLearnsOfWakesTheBindingsThatMissedIt(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	objects := lab.Pods("late", "10.0.128.50")
	slice, _ := objects[0].(*discoveryv1.EndpointSlice)
	slice.Endpoints[0].Conditions.Ready = ptr.To(false) // its pod waits for a readiness gate
	pod, _ := objects[1].(*corev1.Pod)
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}}
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	b.Spec.Networking = nil
	l.Create(append(objects, b)...)
	l.Settle()
	if got := l.Targets(b.Spec.TargetGroupARN); len(got) > 0 {
		t.Fatalf("registered %v without knowing the node", got)
	}
	for name, want := range map[string][]string{"late": {"bound"}, "other": nil} {
		q := &wokenBindings{}
		l.Bound.NodeEvent().Create(t.Context(), event.CreateEvent{Object: lab.Node(name, "aws:///z/i-1")}, q)
		if !slices.Equal(q.names, want) {
			t.Errorf("%s wakes %v", name, q.names)
		}
	}
	l.Create(lab.Node("late", "aws:///z/i-1"))
	l.Settle()
	if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 {
		t.Errorf("registered %v", got)
	}
	q := &wokenBindings{}
	if l.Bound.NodeEvent().Create(t.Context(), event.CreateEvent{Object: lab.Node("late", "aws:///z/i-1")}, q); len(
		q.names) > 0 {
		t.Errorf("%v woken though nothing is missed any more", q.names)
	}
}

// TestAVPCThatCannotBeReadKeepsNoTargetWaiting has every read of EC2 hang. Its bubble's time stands for the real one,
// in which reads of the account are given up after a minute.
func TestAVPCThatCannotBeReadKeepsNoTargetWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := lab.New(t, account.Profile{}, lab.Service("web"))
		_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "hangs", Service: "ec2", Latency: 24 * time.Hour})
		l.Must(err)
		b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
		b.Spec.Networking, b.Finalizers = nil, []string{naming.BindingFinalizer}
		l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
		begun := time.Now()
		binding(l)
		if got, took := l.Targets(b.Spec.TargetGroupARN), time.Since(begun); len(got) != 1 || took > 100*time.Millisecond {
			t.Errorf("registered %v after %s", got, took)
		}
		l.Settle()
		if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 {
			t.Errorf("registered %v", got)
		}
		l.Clock.Advance(48 * time.Hour)
	})
}

// TestABindingWaitsForItsStackOnceItsTargetGroupIsGone is what a process sees that starts between the deletion of a
// target group and that of its binding.
func TestABindingWaitsForItsStackOnceItsTargetGroupIsGone(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
	b.Labels = naming.Labels(lab.FrontKey)
	l.Must(l.Client.Update(t.Context(), b))
	_, err := l.Sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{
		TargetGroupArn: &b.Spec.TargetGroupARN})
	l.Must(err)
	l.Create(lab.Pods("b", "10.0.128.51")...)
	for pass, want := range []int{0, 1} {
		from := len(l.Events)
		l.Clock.Advance(binding(l).RequeueAfter)
		if got := l.Troubles(from); len(got) != want {
			t.Errorf("pass %d warns: %v", pass, got)
		}
	}
}
