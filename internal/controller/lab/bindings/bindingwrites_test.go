package bindings

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// slowAPI is an API server that takes writes to bindings and pods as long as it is told to, as the controller runs
// against it: writes are made beside passes.
type slowAPI struct {
	*lab.Lab
	hangs   atomic.Bool
	release chan struct{}
	patches atomic.Int32 // that were begun
	woken   chan types.NamespacedName
	gated   []*corev1.Pod
}

func newSlowAPI(t *testing.T) (*slowAPI, *v1beta1.TargetGroupBinding) {
	t.Helper()
	l, b := lab.BoundLab(t)
	l.Clock.Advance(2 * reads.CacheLag) // what was written before is in the cache
	s := &slowAPI{Lab: l, release: make(chan struct{}), woken: make(chan types.NamespacedName, 100)}
	slow := func(ctx context.Context) error {
		s.patches.Add(1)
		if !s.hangs.Load() {
			return nil
		}
		select {
		case <-s.release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.Bound.Writes.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, inner client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			return errors.Join(slow(ctx), inner.Patch(ctx, o, p, opts...))
		},
	})
	wake := func(b types.NamespacedName) { s.woken <- b }
	l.Bound.Writes.Wake = wake
	l.Bound.Gates.Pods = func(context.Context, types.NamespacedName) ([]*corev1.Pod, error) { return s.gated, nil }
	l.Bound.Gates.Patch = func(ctx context.Context, _ types.NamespacedName, _ []byte) error { return slow(ctx) }
	l.Bound.Gates.Health, l.Bound.Gates.Ended, l.Bound.Gates.LongestPause = l.Bound.Registry.Health, wake, time.Minute
	for _, x := range []interface{ Start(context.Context) error }{l.Bound.Writes, l.Bound.Gates} {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = x.Start(ctx)
		}()
		t.Cleanup(func() { stop(); <-ended })
	}
	return s, b
}

// moves puts the pod of the binding under another address.
func (s *slowAPI) moves(address string) {
	s.Helper()
	slice := &discoveryv1.EndpointSlice{}
	s.Get(slice, "web-a")
	s.Readdress(slice, address)
	s.Must(s.Client.Update(s.Context(), slice))
}

// serves makes a pass and compares what is registered.
func (s *slowAPI) serves(b *v1beta1.TargetGroupBinding, when string, want ...string) {
	s.Helper()
	binding(s.Lab)
	if got := s.Targets(b.Spec.TargetGroupARN); !slices.Equal(got, want) {
		s.Errorf("%s: registered %v, want %v", when, got, want)
	}
}

// begun waits until so many patches were begun.
func (s *slowAPI) begun(n int32) {
	s.Helper()
	await.Until(s, "the patches are begun", func() bool { return s.patches.Load() >= n })
}

func TestTargetsComeAndGoWhileTheAPIServerTakesNoWrite(t *testing.T) {
	t.Parallel()
	s, b := newSlowAPI(t)
	binding(s.Lab) // it has had our finalizer
	s.hangs.Store(true)
	pod := corev1.Pod{}
	pod.Namespace, pod.Name, pod.UID = "shop", "web-a-0", "u"
	pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: readiness.Gate("bound")}}
	s.gated = []*corev1.Pod{&pod}
	s.moves("10.0.128.51")
	s.serves(b, "a gate waits to be written", "10.0.128.51:8080")
	s.begun(1)
	s.Get(b, "bound")
	b.Finalizers = nil
	s.Must(s.Client.Update(t.Context(), b))
	s.moves("10.0.128.52")
	s.serves(b, "somebody took our finalizer off", "10.0.128.52:8080")
	s.begun(2)
	reads := s.Mark()
	s.Get(b, "bound")
	b.Spec.VpcID, b.Generation = "", 7
	s.Must(s.Client.Update(t.Context(), b))
	s.moves("10.0.128.53")
	s.serves(b, "its spec is not complete", "10.0.128.53:8080")
	s.begun(3)
	s.moves("10.0.128.54")
	s.serves(b, "nor later", "10.0.128.54:8080")
	described := 0
	for _, c := range s.Sim.Gate.Calls(gate.Filter{After: reads}) {
		if c.Action == "DescribeTargetGroups" {
			described++
		}
	}
	if described != 1 {
		t.Errorf("the target group was read %d times", described)
	}
	close(s.release)
	// of two writes to one object at the same time, the second may be refused and repeated
	await.Until(t, "spec and finalizer are written", func() bool {
		s.Clock.Advance(time.Millisecond)
		s.Get(b, "bound")
		return b.Spec.VpcID != "" && slices.Contains(b.Finalizers, naming.BindingFinalizer)
	})
	s.serves(b, "at last", "10.0.128.54:8080")
}

func TestFinalizerOfBindingPrecedesRegistration(t *testing.T) {
	t.Parallel()
	s, b := newSlowAPI(t)
	s.hangs.Store(true)
	s.Get(b, "bound")
	b.Finalizers, b.UID = nil, "another"
	s.Must(s.Client.Update(t.Context(), b))
	s.moves("10.0.128.51")
	for range 3 {
		s.serves(b, "before", "10.0.128.50:8080")
	}
	s.begun(1)
	close(s.release)
	if key := <-s.woken; key.Name != "bound" {
		t.Errorf("woken %v", key)
	}
	s.serves(b, "then", "10.0.128.51:8080")
	if n := s.patches.Load(); n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestEndingBindingIsDeregisteredWithoutAPIServer(t *testing.T) {
	t.Parallel()
	s, b := newSlowAPI(t)
	pod := corev1.Pod{}
	pod.Namespace, pod.Name, pod.UID = "shop", "web-a-0", "u"
	pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: readiness.Gate("bound")}}
	s.gated = []*corev1.Pod{&pod}
	s.hangs.Store(true)
	s.Must(s.Client.Delete(t.Context(), b))
	s.serves(b, "deleted")
	s.begun(1) // of its gate
	mark := s.Mark()
	s.serves(b, "its gate waits")
	close(s.release)
	<-s.woken
	s.serves(b, "its gate is open")
	<-s.woken
	if s.Get(b, "bound") {
		t.Errorf("it does not go: %v", b.Finalizers)
	}
	if n := s.patches.Load(); n != 2 {
		t.Errorf("%d writes, want those of the gate and the finalizer", n)
	}
	for _, c := range s.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action == "DeregisterTargets" {
			t.Error("deregistered once more")
		}
	}
	if _, err := s.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)}); err !=
		nil {
		t.Error(err)
	}
	if got := s.Bound.Remembered(); got["writes"]+got["ends"] > 0 {
		t.Errorf("kept of a binding that is gone: %v", got)
	}
}

func TestAWriteToABindingThatFailsIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	refuses := true
	l.Bound.Writes.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, inner client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if refuses {
				return errors.New("the API server says no")
			}
			return inner.Patch(ctx, o, p, opts...)
		},
	})
	w := l.Bound.Writes
	write := func() {
		for key, _, ok := w.Queue.Next(); ok; key, _, ok = w.Queue.Next() {
			w.Queue.Run(t.Context(), key)
		}
	}
	l.Get(b, "bound")
	b.Finalizers, b.UID = nil, "another"
	l.Must(l.Client.Update(t.Context(), b))
	for range 3 {
		binding(l)
		write()
		l.Clock.Advance(time.Minute)
	}
	l.ToldOnce("bound FailedAddFinalizer: the API server says no")
	refuses = false
	binding(l)
	write()
	binding(l)
	if l.Get(b, "bound"); !slices.Contains(b.Finalizers, naming.BindingFinalizer) || len(l.BindingsWoken) != 2 {
		t.Errorf("%v, woken %v", b.Finalizers, l.BindingsWoken)
	}
	refuses = true
	l.Must(l.Client.Delete(t.Context(), b))
	for range 3 {
		binding(l)
		write()
		l.Clock.Advance(10 * time.Minute)
	}
	l.ToldOnce("bound FailedRemoveFinalizer: the API server says no")
	refuses = false
	write()
	if l.Get(b, "bound") {
		t.Error("it does not go")
	}
}
