package controller

import (
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// add adds a controller of stacks to the manager.
func (w *wiring) add(name string, s *stacks.Reconciler, workers int, sources map[client.Object]handler.TypedEventHandler[client.Object, stack.Key], more ...source.TypedSource[stack.Key]) error {
	l := queue.NewWorkerPool[stack.Key](s, workers, queue.DetachAfter)
	c, err := controller.NewTyped(name, w.mgr, controller.TypedOptions[stack.Key]{
		Reconciler: l,
		LogConstructor: func(key *stack.Key) logr.Logger { // so that log lines of controller-runtime name the stack
			log := w.mgr.GetLogger().WithValues("controller", name)
			if key != nil {
				log = log.WithValues("stack", key.ID.String())
			}
			return log
		},
		MaxConcurrentReconciles: l.MaxConcurrent(),
		NewQueue:                l.NewQueue(w.mgr.GetLogger()),
		RateLimiter:             s.Retries,
	})
	if err != nil {
		return err
	}
	for o, h := range sources {
		if err := c.Watch(source.TypedKind(w.mgr.GetCache(), o, h)); err != nil {
			return err
		}
	}
	for _, m := range more {
		if err := c.Watch(m); err != nil {
			return err
		}
	}
	return c.Watch(s.Waker.Source())
}

// rereadAtResync reports whether everything is read from AWS again at the periodic resync, with thousands of calls at once in a large
// account: only if drift detection, which checks one load balancer after the other, is off or less frequent.
func rereadAtResync(c *config.Config) bool {
	return c.DriftInterval == 0 || c.SyncPeriod < c.DriftInterval
}

func (w *wiring) setUpIngress(front front.Ingress, s *stacks.Reconciler) error {
	m := &stacks.IngressEvents{Front: front, Reader: w.mgr.GetClient(), Classes: reads.NewIndex[types.NamespacedName](), Reporter: s.Reporter}
	if rereadAtResync(w.config) {
		m.Inventory = w.inventory
	}
	return w.add("ingress", s, w.config.IngressWorkers, map[client.Object]handler.TypedEventHandler[client.Object, stack.Key]{
		&networkingv1.Ingress{}:       m.Ingress(s),
		&networkingv1.IngressClass{}:  m.Class(s, objects.IngressClass),
		&v1beta1.IngressClassParams{}: m.Class(s, objects.IngressClassParams),
		&corev1.Namespace{}:           m.Class(s, objects.Namespace),
		&corev1.Service{}:             stacks.WakeReaders(s, objects.Service),
		&v1beta1.TargetGroupBinding{}: stacks.WakeOwner(stack.Ingress, w.bindings.NoteDeleted),
	}, source.TypedFunc[stack.Key](s.Secrets.Start))
}

func (w *wiring) setUpService(front front.Service, s *stacks.Reconciler) error {
	var reread func(stack.Key)
	if rereadAtResync(w.config) {
		reread = w.inventory.Invalidate
	}
	return w.add("service", s, w.config.ServiceWorkers, map[client.Object]handler.TypedEventHandler[client.Object, stack.Key]{
		&corev1.Service{}:             s.ServiceEvents(front, reread),
		&v1beta1.TargetGroupBinding{}: stacks.WakeOwner(stack.Service, w.bindings.NoteDeleted),
	})
}
