package bindings

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
)

// writesStatus has each write of a status pass through a function.
func writesStatus(c client.Client, f func(write func() error) error) client.Client {
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, inner client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			return f(func() error { return inner.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
	})
}

func TestRegistrationsWaitForNoStatusAndTheLatestIsWritten(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	var writes atomic.Int32
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	l.Bound.Writes.Client = writesStatus(l.Client, func(write func() error) error {
		writes.Add(1)
		arrived <- struct{}{}
		<-release
		return write()
	})
	go func() { _ = l.Bound.Writes.Start(t.Context()) }()
	l.Get(b, "bound")
	show := func(text string) {
		_, err := l.Bound.Writes.Enqueue(objectwriter.Write{Object: b, Part: objectwriter.Status,
			Change: func(o client.Object) bool {
				t, ok := o.(*v1beta1.TargetGroupBinding)
				return ok && meta.SetStatusCondition(&t.Status.Conditions, metav1.Condition{
					Type: "Ready", Status: metav1.ConditionFalse, Reason: "Test", Message: text})
			}}, text)
		l.Must(err)
	}
	show("first")
	<-arrived // and hangs
	slice := &discoveryv1.EndpointSlice{}
	l.Get(slice, "web-a")
	l.Readdress(slice, "10.0.128.51")
	l.Must(l.Client.Update(t.Context(), slice))
	binding(l)
	if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 || got[0] != "10.0.128.51:8080" {
		t.Errorf("registered %v", got)
	}
	for _, text := range []string{"second", "third"} {
		show(text)
	}
	close(release)
	<-arrived // the latest
	for shown := ""; !strings.Contains(shown, "third"); {
		l.Get(b, "bound")
		shown = b.Status.Conditions[0].Message
	}
	if n := writes.Load(); n != 2 {
		t.Errorf("%d statuses were written", n)
	}
}

func TestAStatusThatTheAPIServerRefusesIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	refusal, refuses := errors.New("the API server says no"), true
	l.Bound.Writes = objectwriter.New(writesStatus(l.Client, func(write func() error) error {
		if refuses {
			return refusal
		}
		return write()
	}), l.Clock.Now, logr.Discard())
	l.Bound.Writes.Wake = func(client.ObjectKey) { binding(l) }
	l.Get(b, "bound")
	b.Status = v1beta1.TargetGroupBindingStatus{}
	l.Must(l.Client.Status().Update(t.Context(), b))
	l.Events = nil
	for range 3 {
		binding(l)
		l.WriteObjects()
		l.Clock.Advance(queue.LongestAPIPause)
	}
	if told := strings.Join(l.Events, "\n"); strings.Count(told, "[StatusNotWritten]") != 1 ||
		strings.Contains(told, "Successfully") {
		t.Errorf("told:\n%s", told)
	}
	refuses = false
	l.WriteObjects()
	if l.Get(b, "bound"); !lab.Ready(b) {
		t.Errorf("%+v", b.Status.Conditions)
	}
	if told := strings.Join(l.Events, "\n"); strings.Count(told, "SuccessfullyReconciled") != 1 {
		t.Errorf("told:\n%s", told)
	}
	l.Must(client.IgnoreNotFound(l.Client.Delete(t.Context(), b)))
	l.Bound.Forget(client.ObjectKeyFromObject(b))
	if n := l.Bound.Writes.Len(); n != 0 {
		t.Errorf("%d entries are kept of a binding that is gone", n)
	}
}
