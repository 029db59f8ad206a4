package bindings

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

func TestOfTwoBindingsOfATargetGroupTheOlderServesUntilItGoes(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Service("other"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50", "10.0.128.51")...)
	arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
	older := lab.Binding(arn, v1beta1.TargetTypeIP)
	older.CreationTimestamp = metav1.NewTime(l.Clock.Now().Add(-time.Hour))
	younger := older.DeepCopy()
	younger.Name, younger.UID, younger.CreationTimestamp = "a-second", "uid-second", metav1.NewTime(l.Clock.Now())
	younger.Spec.ServiceRef.Name = "other"
	l.Create(older, younger)
	both := []string{"10.0.128.50:8080", "10.0.128.51:8080"}
	serves := func(step string, want []string) {
		t.Helper()
		if got := l.Targets(arn); !slices.Equal(got, want) {
			t.Errorf("%s: targets %v, want %v", step, got, want)
		}
	}
	l.Settle()
	serves("both are there", both)
	if told := strings.Join(l.Events, "\n"); strings.Count(told,
		"is already bound to TargetGroupBinding shop/bound, which is older") != 1 ||
		!strings.Contains(told, "a-second FailedReconcile") {
		t.Errorf("told:\n%s", told)
	}

	// The younger one goes and takes nothing along.
	l.Must(l.Client.Delete(t.Context(), younger))
	l.Settle()
	serves("the younger went", both)

	// It comes back for the same Service, as when a binding is renamed; then the older one goes.
	younger.ResourceVersion, younger.DeletionTimestamp, younger.Finalizers = "", nil, nil
	younger.Spec.ServiceRef.Name = "web"
	l.Create(younger)
	l.Settle()
	woken := &wokenBindings{}
	l.Bound.Waker.SetQueue(woken)
	mark := l.Mark()
	l.Must(l.Client.Delete(t.Context(), older))
	l.Settle()
	serves("the older went", both)
	if w := l.Writes(mark); len(w) != 0 || !slices.Contains(woken.names, "a-second") {
		t.Errorf("AWS was told %v, and %v looked again", w, woken.names)
	}
	if l.Get(younger, "a-second"); !lab.Ready(younger) {
		t.Errorf("%+v", younger.Status.Conditions)
	}
}

func TestBindingsLookAgainWhenOneOfThemBeginsToShare(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	before := lab.Binding("arn:tg", v1beta1.TargetTypeIP)
	l.Create(before)
	after := before.DeepCopy()
	after.ResourceVersion, after.Generation, after.Spec.MultiClusterTargetGroup = "9", 2, true
	woken := &wokenBindings{}
	l.Bound.Waker.SetQueue(woken)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	l.Bound.BindingEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
	if !slices.Equal(woken.names, []string{"bound"}) {
		t.Errorf("woken: %v", woken.names)
	}
}

func TestOlderOfTwoBindingsServesAndOtherIsReported(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
	older := lab.Binding("", v1beta1.TargetTypeIP)
	older.Spec.TargetGroupName, older.CreationTimestamp = "theirs", metav1.NewTime(l.Clock.Now().Add(-time.Hour))
	younger := older.DeepCopy()
	younger.Name, younger.UID, younger.CreationTimestamp = "a-second", "uid-second", metav1.NewTime(l.Clock.Now())
	l.Create(append(lab.Pods("a", "10.0.128.50"), older, younger)...)
	_, err := l.Round() // they are completed
	l.Must(err)
	l.Settle()
	l.ToldOnce("a-second FailedReconcile: TargetGroup " + arn +
		" is already bound to TargetGroupBinding shop/bound, which is older")
	woken := &wokenBindings{}
	l.Bound.Waker.SetQueue(woken)
	l.Must(l.Client.Delete(t.Context(), older))
	l.Settle()
	if l.Get(younger, "a-second"); !lab.Ready(younger) || !slices.Contains(woken.names, "a-second") {
		t.Errorf("woken %v, %+v", woken.names, younger.Status.Conditions)
	}
}

func TestABindingThatCannotBeCompletedIsReportedAndTriedSeldom(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	l.TargetGroup(elbtypes.TargetTypeEnumIp)
	b := lab.Binding("", v1beta1.TargetTypeIP)
	b.Spec.TargetGroupName, b.Finalizers = "theirs", []string{naming.BindingFinalizer}
	l.Create(b)
	direct, attempts := l.Client, 0
	l.Bound.Writes.Client = interceptor.NewClient(direct.(client.WithWatch), interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			attempts++
			return apierrors.NewForbidden(schema.GroupResource{Resource: "targetgroupbindings"}, "bound", errors.New("a policy"))
		},
	})
	const rounds = 20
	for range rounds {
		_, err := l.Round()
		l.Must(err)
		l.Clock.Advance(30 * time.Second)
	}
	if attempts > 12 {
		t.Errorf("%d attempts in %d rounds", attempts, rounds)
	}
	l.ToldOnce("bound FailedReconcile: cannot write the fields of its target group into the binding: ")
	if l.Get(b, "bound"); meta.FindStatusCondition(b.Status.Conditions, "Ready").Reason != "BindingNotCompleted" {
		t.Errorf("%+v", b.Status.Conditions)
	}
	l.Bound.Writes.Client = direct
	l.Clock.Advance(5 * time.Minute)
	_, err := l.Round()
	l.Must(err)
	l.Settle()
	if l.Get(b, "bound"); !lab.Ready(b) || strings.Contains(strings.Join(l.Events, "\n"), "AWSUnavailable") {
		t.Errorf("%+v\n%v", b.Status.Conditions, l.Events)
	}
}

// TestTargetsStayForABindingThatNamesTheTargetGroupAndWaits lets the API server take nothing that completes the second
// binding until the first is gone.
func TestTargetsStayForABindingThatNamesTheTargetGroupAndWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(waiting *v1beta1.TargetGroupBinding)
		goes   bool // as well
		stay   bool
	}{
		"of the same Service": {func(*v1beta1.TargetGroupBinding) {}, false, true},
		"that leaves all else to AWS": {func(w *v1beta1.TargetGroupBinding) {
			w.Spec.TargetType, w.Spec.TargetGroupProtocol, w.Spec.IPAddressType, w.Spec.VpcID = nil, nil, nil, ""
		}, false, true},
		"that goes as well": {func(*v1beta1.TargetGroupBinding) {}, true, false},
		"of another group":  {func(w *v1beta1.TargetGroupBinding) { w.Spec.TargetGroupName = "the" }, false, false},
		"of another type": {func(w *v1beta1.TargetGroupBinding) {
			w.Spec.TargetType = ptr.To(v1beta1.TargetTypeInstance)
		}, false, false},
		"of another protocol": {func(w *v1beta1.TargetGroupBinding) {
			w.Spec.TargetGroupProtocol = ptr.To(v1beta1.Protocol("HTTPS"))
		}, false, false},
		"of the other family": {func(w *v1beta1.TargetGroupBinding) {
			w.Spec.IPAddressType = ptr.To(v1beta1.IPAddressTypeIPv6)
		}, false, false},
		"of another VPC": {func(w *v1beta1.TargetGroupBinding) { w.Spec.VpcID = "vpc-0a1de0000000000ff" },
			false, false},
		"that contradicts itself": {func(w *v1beta1.TargetGroupBinding) { w.Spec.NodeSelector = &metav1.LabelSelector{} },
			false, false},
		"in another account": {func(w *v1beta1.TargetGroupBinding) {
			w.Spec.IamRoleArnToAssume = "arn:aws:iam::210987654321:role/targets"
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			waiting := lab.Binding("", v1beta1.TargetTypeIP)
			waiting.Spec.TargetGroupName, waiting.Name, waiting.UID = "theirs", "waiting", "uid-waiting"
			c.change(waiting)
			l.Create(waiting)
			direct := l.Client
			l.Bound.Writes.Client = interceptor.NewClient(direct.(client.WithWatch), interceptor.Funcs{
				Patch: func(ctx context.Context, inner client.WithWatch, o client.Object, p client.Patch,
					opts ...client.PatchOption) error {
					if x, ok := o.(*v1beta1.TargetGroupBinding); ok && x.Name == "waiting" && x.Spec.TargetGroupARN != "" {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "targetgroupbindings"}, "waiting",
							errors.New("bound already"))
					}
					return inner.Patch(ctx, o, p, opts...)
				},
			})
			_, err := l.Round()
			l.Must(err)
			woken := &wokenBindings{}
			l.Bound.Waker.SetQueue(woken)
			mark := l.Mark()
			l.Must(l.Client.Delete(t.Context(), b))
			if c.goes {
				l.Must(l.Client.Delete(t.Context(), waiting))
			}
			_, err = l.Round()
			l.Must(err)
			if l.Get(b, "bound") {
				t.Fatal("it does not go")
			}
			want := []string{"10.0.128.50:8080"}
			if got := l.Targets(b.Spec.TargetGroupARN); slices.Equal(got, want) != c.stay ||
				slices.Contains(woken.names, "waiting") != c.stay {
				t.Fatalf("targets %v, woken %v", got, woken.names)
			}
			if !c.stay {
				return
			}
			l.Bound.Writes.Client = direct
			l.Clock.Advance(5 * time.Minute)
			_, err = l.Round() // it is completed
			l.Must(err)
			l.Settle()
			if w := l.Writes(mark); len(w) != 0 {
				t.Errorf("AWS was told %v", w)
			}
			if l.Get(waiting, "waiting"); !lab.Ready(waiting) {
				t.Errorf("%+v", waiting.Status.Conditions)
			}
		})
	}
}
