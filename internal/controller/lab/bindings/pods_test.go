package bindings

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
)

func TestTheEndOfABindingWaitsForThePodsWhoseGatesItOpens(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp),
		v1beta1.TargetTypeIP))...)
	l.Settle()
	key := client.ObjectKey{Namespace: "shop", Name: "bound"}
	l.Restart() // which has seen no pod yet
	var unlisted error
	l.Bound.Pods = &bindingpass.Pods{Watches: func(string) bool { return false },
		Await: func(context.Context, string) error { return unlisted }}
	asked := false
	l.Bound.Gates.Pods = func(context.Context, types.NamespacedName) ([]*corev1.Pod, error) {
		asked = true
		return nil, nil
	}
	o := &v1beta1.TargetGroupBinding{}
	l.Must(l.Client.Get(t.Context(), key, o))
	l.Must(l.Client.Delete(t.Context(), o))
	unlisted = errors.New("the pods have not been listed yet")
	if _, err := l.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err == nil || asked {
		t.Errorf("%v; gates are opened before the pods are there: %v", err, asked)
	}
	unlisted = nil
	l.Settle()
	if err := l.Client.Get(t.Context(), key, o); !asked || !apierrors.IsNotFound(err) {
		t.Errorf("asked for its pods: %v; the binding: %v", asked, err)
	}
}

// TestAPassBeforeTheFirstListOfPodsWritesNoEvent has a list that takes a while, as that of tens of thousands of pods
// does, and one that does not come.
func TestAPassBeforeTheFirstListOfPodsWritesNoEvent(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp),
		v1beta1.TargetTypeIP))...)
	l.Settle()
	from := len(l.Events)
	unlisted := fmt.Errorf("the pods of namespace shop have not been listed yet: %w", reads.ErrListing)
	l.Bound.Pods = &bindingpass.Pods{Watches: func(string) bool { return false },
		Await: func(context.Context, string) error { return unlisted }}
	r, err := l.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{
		Namespace: "shop", Name: "bound"}})
	if err != nil || r.RequeueAfter == 0 || r.RequeueAfter > 5*time.Second || len(l.Events) > from {
		t.Errorf("%v, %v, events %q", r, err, l.Events[from:])
	}
	unlisted = errors.New("the pods of namespace shop have not been listed yet: context deadline exceeded")
	_, err = l.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{
		Namespace: "shop", Name: "bound"}})
	if err == nil || !strings.Contains(strings.Join(l.Events, "\n"), "have not been listed yet") {
		t.Errorf("%v, events %q", err, l.Events)
	}
}
