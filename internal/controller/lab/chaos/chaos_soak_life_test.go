package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// soakLife is one process that leads, with the work queues, watches and loops of the controller.
type soakLife struct {
	ctx     context.Context
	over    func()      // passes and loops end; their calls are canceled
	closing func()      // and so does the writer of checkpoints
	dead    atomic.Bool // the API server gets no requests of it any more
	running sync.WaitGroup
}

// begin starts a process that leads.
func (s *soak) begin() {
	s.Helper()
	life := &soakLife{}
	ctx, over := context.WithCancel(s.Context())
	life.ctx, life.over = ctx, over
	live := interceptor.NewClient(s.cluster.live.(client.WithWatch), life.muted())
	users := s.Client
	s.Client = informers{live, s.cluster}
	s.Restart()
	s.Client = users
	s.Ingresses.Live, s.Services.Live, s.Bound.APIReader = live, live, live
	s.Bound.Preceding = &s.preceding
	s.Bound.RegisteredTargets = &bindingpass.ConfigMaps{Reader: live, Writer: live}
	if s.remembers {
		s.remember(life, live)
	} else {
		life.closing = func() {}
	}
	for _, l := range []interface{ Start(context.Context) error }{
		s.Bound.Networking, s.Bound.Writes, s.Bound.Drains, s.Bound.Health, s.Ingresses.Backend,
		&controller.Loader{Inventory: s.Inventory, Checkpoints: s.Checkpointer, Stacks: []*stacks.Reconciler{
			s.Ingresses, s.Services}, Declared: func() bool { return true }, Log: logr.Discard()},
		&lbstatus.ProvisioningWatcher{Starting: s.Inventory.Provisioning, Refresh: s.Inventory.RefreshStates,
			Now: s.Clock.Now, Log: logr.Discard(), Wake: s.wake},
		&stacks.CertificateWatcher{Read: s.Inventory.Certificates().Read, Owners: []*stacks.Reconciler{
			s.Ingresses, s.Services}, Always: true, Used: s.Inventory.UsesCertificates,
			ReadEnds: s.Inventory.Certificates().ReadEnds, Now: s.Clock.Now, Log: logr.Discard()},
	} {
		life.running.Go(func() { _ = l.Start(ctx) })
	}
	s.Bound.Networking.Queues()[1].Gather = queue.Coalesce
	w := controller.Wiring{Config: s.Config, Inventory: s.Inventory, Metrics: s.Bound.Metrics, Now: s.Clock.Now,
		Log: logr.Discard()}
	detector := w.NewDriftDetector([]*stacks.Reconciler{s.Ingresses, s.Services}, s.Bound, s.wake)
	s.Ingresses.ScheduleReview, s.Services.ScheduleReview = detector.Schedule, detector.Schedule
	s.watch(life)
	life.running.Go(func() { _ = detector.Start(ctx) })
	s.life = life
	s.begun.Store(true)
	s.lives = append(s.lives, life)
}

// muted refuses what a process writes that is no more.
func (l *soakLife) muted() interceptor.Funcs {
	gone := func() error {
		if l.dead.Load() {
			return context.Canceled
		}
		return nil
	}
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := gone(); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if err := gone(); err != nil {
				return err
			}
			return c.Update(ctx, o, opts...)
		},
	}
}

// remember has a process begin with the checkpoints of earlier ones, and keep its own.
func (s *soak) remember(life *soakLife, live client.Client) {
	registry, inv, ingresses, services := s.Bound.Registry, s.Inventory, s.Ingresses, s.Services
	kept := checkpoint.NewWriter(checkpoint.New(live, controller.CheckpointConfig(s.Config, "kube-system", s.Clock.Now,
		logr.Discard())), func(restored checkpoint.Restored) {
		controller.Assume(inv, restored, s.Clock.Now())
		registry.Assume(awsclient.Scope{}, controller.Registrations(restored, s.Clock.Now()))
		ingresses.Restore(restored)
		services.Restore(restored)
	}, logr.Discard())
	kept.Registered = func() map[string]any { return controller.AtEnd(registry.Registered(awsclient.Scope{}), nil) }
	kept.Foreign = controller.ForeignOf(inv)
	s.Checkpointer, s.Ingresses.Checkpoints, s.Services.Checkpoints, s.Bound.Begin = kept, kept, kept, kept.BeginTargets
	ctx, closing := context.WithCancel(s.Context())
	life.closing = closing
	life.running.Go(func() { _ = kept.Start(ctx) })
}

// wake queues a stack.
func (s *soak) wake(key stack.Key) { s.ReconcilerOf(key).Waker.Wake(queue.Normal, key) }

// watch starts work queues and has events fill them, as the controller's setup does.
func (s *soak) watch(life *soakLife) {
	s.Helper()
	c := s.Config
	b := s.Bound
	ingresses := work(life, s.Ingresses, c.IngressWorkers, s.Ingresses.Retries)
	services := work(life, s.Services, c.ServiceWorkers, s.Services.Retries)
	bindings := work(life, b, c.BindingWorkers, queue.RateLimiter[reconcile.Request]{
		TypedRateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](queue.FirstRetry,
			c.BindingMaxBackoff), Units: &b.Unavailable})
	s.Ingresses.Waker.SetQueue(ingresses)
	s.Services.Waker.SetQueue(services)
	b.Waker.SetQueue(bindings)
	b.Registry.Async = true
	b.Registry.Progress = b.CallEnded
	b.Networking.Wake = func(n types.NamespacedName) {
		b.Waker.Wake(queue.CallEnded, reconcile.Request{NamespacedName: n})
	}
	inv := s.Inventory
	b.Writes.Wake = func(n types.NamespacedName) { b.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: n}) }
	b.OnTargetGroupLost = func(key stack.Key, arn string) {
		if inv.NotFound(key, arn) {
			s.wake(key)
		}
	}
	m := &stacks.OwnerEvents{Reconciler: s.Ingresses, Classes: reads.NewIndex[types.NamespacedName]()}
	balancers := &stacks.OwnerEvents{Reconciler: s.Services, Classes: reads.NewIndex[types.NamespacedName]()}
	vanished := s.Ingresses.Bindings.NoteDeleted
	member, class := m.OwnerHandler(), m.DependencyHandler(objects.IngressClass)
	backends, owner, ownerToo := m.DependencyHandler(objects.Service), s.Ingresses.WakeOwner(vanished), s.Services.WakeOwner(vanished)
	ofService := balancers.OwnerHandler()
	bound, node, pod := b.BindingEvent(), b.NodeEvent(), b.PodEvent()
	ports := b.ServiceEvent(client.Object.GetName, bindingpass.PortsChanged)
	endpoints := b.ServiceEvent(func(o client.Object) string { return o.GetLabels()[discoveryv1.LabelServiceName] },
		bindingpass.EndpointsChanged)
	s.cluster.lead(life.ctx, func(before, after client.Object) {
		switch queue.Newest(before, after).(type) {
		case *networkingv1.Ingress:
			reportOf(life.ctx, member, before, after, ingresses)
		case *networkingv1.IngressClass:
			reportOf(life.ctx, class, before, after, ingresses)
		case *corev1.Service:
			reportOf(life.ctx, backends, before, after, ingresses)
			reportOf(life.ctx, ofService, before, after, services)
			reportOf(life.ctx, ports, before, after, bindings)
		case *discoveryv1.EndpointSlice:
			reportOf(life.ctx, endpoints, before, after, bindings)
		case *corev1.Node:
			reportOf(life.ctx, node, before, after, bindings)
		case *corev1.Pod:
			reportOf(life.ctx, pod, before, after, bindings)
		case *v1beta1.TargetGroupBinding:
			reportOf(life.ctx, owner, before, after, ingresses)
			reportOf(life.ctx, ownerToo, before, after, services)
			reportOf(life.ctx, bound, before, after, bindings)
		}
	})
}

// reportOf hands an event to a watch.
func reportOf[U comparable](ctx context.Context, h handler.TypedEventHandler[client.Object, U], before,
	after client.Object, q queue.Of[U]) {
	switch {
	case before == nil:
		h.Create(ctx, event.TypedCreateEvent[client.Object]{Object: after}, q)
	case after == nil:
		h.Delete(ctx, event.TypedDeleteEvent[client.Object]{Object: before}, q)
	default:
		h.Update(ctx, event.TypedUpdateEvent[client.Object]{ObjectOld: before, ObjectNew: after}, q)
	}
}

// work makes passes over what a queue hands out, as controller-runtime does.
func work[U comparable](life *soakLife, inner reconcile.TypedReconciler[U], workers int,
	limiter workqueue.TypedRateLimiter[U]) queue.Of[U] {
	l := queue.NewWorkerPool(inner, workers, queue.DetachAfter)
	q := workqueue.NewTypedRateLimitingQueue(limiter) // that of controller-runtime leaves a goroutine behind when it ends
	idle := &atNoTime[U]{}
	for range l.MaxConcurrent() {
		life.running.Go(func() {
			for {
				if !l.Acquire(life.ctx.Done()) {
					return
				}
				u, shutdown := q.Get()
				if shutdown {
					l.Release()
					return
				}
				r, err := l.Reconcile(life.ctx, u)
				idle.passed(u, r, err)
				switch {
				case err != nil:
					q.AddRateLimited(u)
				case r.RequeueAfter > 0:
					q.Forget(u)
					q.AddAfter(u, r.RequeueAfter)
				default:
					q.Forget(u)
				}
				q.Done(u)
			}
		})
	}
	life.running.Go(func() {
		<-life.ctx.Done()
		q.ShutDown()
	})
	return q
}

// atNoTime ends a test in which passes are made without end while no time passes.
type atNoTime[U comparable] struct {
	mu     sync.Mutex
	at     time.Time
	passes map[U]int
}

func (x *atNoTime[U]) passed(u U, r reconcile.Result, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if now := time.Now(); !now.Equal(x.at) {
		x.at, x.passes = now, map[U]int{}
	}
	if x.passes[u]++; x.passes[u] > 10_000 {
		panic(fmt.Sprintf("%v: %d passes at %s, the last one with %+v, %v", u, x.passes[u], x.at, r, err))
	}
}

// endLife ends the process that leads. A process that ends by itself closes its checkpoints.
func (s *soak) endLife(how string) {
	s.Helper()
	life := s.life
	switch how {
	case "crash":
		life.dead.Store(true)
		life.over()
		life.closing()
	case "leader change": // it writes its checkpoints on until it notices
		life.over()
		time.AfterFunc(8*time.Second, life.closing)
	default:
		life.over()
		s.step(time.Millisecond) // passes end
		life.closing()
		s.step(time.Second)
	}
}
