package controller

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/binding"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/kube"
)

// writeStatuses writes the statuses that are due.
func (l *lab) writeStatuses() {
	w := l.bound.Statuses.Queue
	for key, _, ok := w.Next(); ok; key, _, ok = w.Next() {
		w.Run(l.Context(), key)
	}
}

// writesStatus has each write of a status pass through a function.
func writesStatus(c client.Client, f func(write func() error) error) client.Client {
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{ //nolint:forcetypeassert // the fake client is one
		SubResourcePatch: func(ctx context.Context, inner client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			return f(func() error { return inner.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
	})
}

func TestRegistrationsWaitForNoStatusAndTheLatestIsWritten(t *testing.T) {
	t.Parallel()
	l, b := boundLab(t)
	var writes atomic.Int32
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	l.bound.Statuses.Client = writesStatus(l.client, func(write func() error) error {
		writes.Add(1)
		arrived <- struct{}{}
		<-release
		return write()
	})
	go func() { _ = l.bound.Statuses.Start(t.Context()) }()
	l.get(b, "bound")
	not := diag.New(kube.BindingObject(b), "", diag.InvalidBinding, "first", "")
	l.must(l.bound.Statuses.Set(b, diag.List{not}))
	<-arrived // and hangs
	slice := &discoveryv1.EndpointSlice{}
	l.get(slice, "web-a")
	slice.Endpoints[0].Addresses[0] = "10.0.128.51"
	l.must(l.client.Update(t.Context(), slice))
	l.binding()
	if got := l.targets(b.Spec.TargetGroupARN); len(got) != 1 || got[0] != "10.0.128.51:8080" {
		t.Errorf("registered %v", got)
	}
	for _, text := range []string{"second", "third"} {
		not.Text = text
		l.must(l.bound.Statuses.Set(b, diag.List{not}))
	}
	close(release)
	<-arrived // the latest
	for shown := ""; !strings.Contains(shown, "third"); {
		l.get(b, "bound")
		shown = b.Status.Conditions[0].Message
	}
	if n := writes.Load(); n != 2 {
		t.Errorf("%d statuses were written", n)
	}
}

func TestAStatusThatTheCacheDoesNotShowYetIsNotTakenForTheOneThatStands(t *testing.T) {
	t.Parallel()
	l, b := boundLab(t)
	l.get(b, "bound")
	cached := b.DeepCopy()                                                                          // and stays so
	l.bound.Statuses.Client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{ //nolint:forcetypeassert // the fake client is one
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			if t, ok := o.(*v1beta1.TargetGroupBinding); ok {
				cached.DeepCopyInto(t)
			}
			return nil
		},
	})
	not := diag.New(kube.BindingObject(b), "", diag.InvalidBinding, "wrong", "")
	for _, c := range []struct {
		found diag.List
		want  metav1.ConditionStatus
	}{{diag.List{not}, "False"}, {nil, "True"}, {diag.List{not}, "False"}} {
		for range 2 {
			if err := l.bound.Statuses.Set(cached.DeepCopy(), c.found); err != nil {
				t.Error(err)
			}
		}
		l.writeStatuses()
		if l.get(b, "bound"); len(b.Status.Conditions) != 1 || b.Status.Conditions[0].Status != c.want {
			t.Errorf("shown %+v, want %s", b.Status.Conditions, c.want)
		}
	}
	l.clock.Advance(2 * reads.CacheLag)
	_ = l.bound.Statuses.Set(&v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "other", UID: "u"}}, nil)
	if n := l.bound.Statuses.Len(); n != 2 {
		t.Errorf("%d entries are kept of one binding", n)
	}
}

func TestAStatusThatTheAPIServerRefusesIsToldOfAndTriedAgain(t *testing.T) {
	t.Parallel()
	l, b := boundLab(t)
	refusal, refuses := errors.New("the API server says no"), true
	l.bound.Statuses = binding.NewStatusWriter(writesStatus(l.client, func(write func() error) error {
		if refuses {
			return refusal
		}
		return write()
	}), l.clock.Now, func() func() { return func() {} }, logr.Discard())
	l.bound.Statuses.Wake = func(client.ObjectKey) { l.binding() }
	l.get(b, "bound")
	b.Status = v1beta1.TargetGroupBindingStatus{}
	l.must(l.client.Status().Update(t.Context(), b))
	l.events = nil
	for range 3 {
		l.binding()
		l.writeStatuses()
		l.clock.Advance(queue.LongestAPIPause)
	}
	if told := strings.Join(l.events, "\n"); strings.Count(told, "[StatusNotWritten]") != 1 || strings.Contains(told, "Successfully") {
		t.Errorf("told:\n%s", told)
	}
	refuses = false
	l.writeStatuses()
	if l.get(b, "bound"); !ready(b) {
		t.Errorf("%+v", b.Status.Conditions)
	}
	if told := strings.Join(l.events, "\n"); strings.Count(told, "SuccessfullyReconciled") != 1 {
		t.Errorf("told:\n%s", told)
	}
	l.must(client.IgnoreNotFound(l.client.Delete(t.Context(), b)))
	l.bound.Forget(client.ObjectKeyFromObject(b))
	if n := l.bound.Statuses.Len(); n != 0 {
		t.Errorf("%d entries are kept of a binding that is gone", n)
	}
}
