package controller

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// driftPace is the shortest pause between two looks, whatever their number: with some ten reads per stack and one per target
// group it keeps the sweep below a tenth of what AWS admits.
const driftPace = 2 * time.Second

// sweep looks in the background for what others changed in AWS by hand: at one stack or target group after the other, each
// about once per interval, and never faster than driftPace. What it read is diffed by an ordinary pass of low priority; where
// nothing was changed, that pass ends without a call.
type sweep struct {
	every   time.Duration
	now     func() time.Time
	jitter  func() float64 // 0.5 to 1.5
	log     logr.Logger
	stacks  func() []stack.Key
	targets func(ctx context.Context) map[types.NamespacedName]string // ARNs by binding
	reread  func(ctx context.Context, key stack.Key) (read bool, err error)
	recheck func(ctx context.Context, arn string) (health []targets.Health, drifted bool, err error)
	wake    func(key stack.Key)
	rebind  func(binding types.NamespacedName)
	seen    func(arn string, health []targets.Health)

	looked map[swept]time.Time // when it was looked at last, or seen first
	next   time.Time
}

// swept is a stack, or a binding with its target group.
type swept struct {
	stack   stack.Key
	binding types.NamespacedName
	arn     string
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (s *sweep) Start(ctx context.Context) error {
	every(ctx, driftPace, nil, s.tick)
	return nil
}

// tick looks at what was not looked at for longest, if it is time.
func (s *sweep) tick(ctx context.Context) {
	now := s.now()
	if s.looked == nil {
		s.looked = map[swept]time.Time{}
	}
	present := map[swept]bool{}
	for _, key := range s.stacks() {
		present[swept{stack: key}] = true
	}
	for binding, arn := range s.targets(ctx) {
		present[swept{binding: binding, arn: arn}] = true
	}
	for x := range s.looked {
		if !present[x] {
			delete(s.looked, x)
		}
	}
	var oldest swept
	for x := range present {
		at, ok := s.looked[x]
		if !ok { // it was read when it was made or found
			s.looked[x], at = now, now
		}
		if oldest == (swept{}) || at.Before(s.looked[oldest]) {
			oldest = x
		}
	}
	if len(present) == 0 {
		s.next = time.Time{}
		return
	}
	pause := time.Duration(float64(s.every) / float64(len(present)) * s.jitter())
	switch {
	case s.next.IsZero(): // the first one is not due before an interval
		s.next = now.Add(max(driftPace, time.Duration(float64(s.every)*s.jitter())))
		return
	case now.Before(s.next) || now.Sub(s.looked[oldest]) < s.every/2:
		return
	}
	s.next = now.Add(max(driftPace, pause))
	s.looked[oldest] = now
	s.look(ctx, oldest)
}

func (s *sweep) look(ctx context.Context, x swept) {
	if x.arn == "" {
		read, err := s.reread(ctx, x.stack)
		if err != nil && ctx.Err() == nil {
			s.log.Info("looking for drift failed; it is looked at again next time", "stack", x.stack.String(), "cause", err.Error())
		}
		if read {
			s.wake(x.stack)
		}
		return
	}
	health, drifted, err := s.recheck(ctx, x.arn)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Info("looking for drift failed; it is looked at again next time", "binding", x.binding.String(), "cause", err.Error())
		}
		return
	}
	s.seen(x.arn, health)
	if drifted {
		s.log.Info("targets were changed by somebody else", "binding", x.binding.String(), "targetGroup", x.arn)
		s.rebind(x.binding)
	}
}

// newSweep wires the sweep to the controllers.
func (w *wiring) newSweep(all []*stacks, b *targetBindings, wake func(key stack.Key)) *sweep {
	return &sweep{
		every: w.config.DriftInterval, now: w.now, log: w.log.WithName("drift"),
		jitter: func() float64 { return 0.5 + rand.Float64() }, //nolint:gosec // spreads load
		stacks: func() []stack.Key {
			var keys []stack.Key
			for _, s := range all {
				keys = append(keys, s.index.units()...)
			}
			return keys
		},
		targets: b.served,
		reread:  w.inventory.Reread,
		recheck: b.registry.Recheck,
		wake:    wake,
		rebind:  func(n types.NamespacedName) { b.waker.wake(drift, reconcile.Request{NamespacedName: n}) },
		seen:    w.board.targets,
	}
}

// served are the target groups of bindings that are not on their way out.
func (b *targetBindings) served(ctx context.Context) map[types.NamespacedName]string {
	var list v1beta1.TargetGroupBindingList
	if b.client.List(ctx, &list, client.UnsafeDisableDeepCopy) != nil {
		return nil
	}
	out := make(map[types.NamespacedName]string, len(list.Items))
	for i := range list.Items {
		if o := &list.Items[i]; o.DeletionTimestamp == nil && o.Spec.TargetGroupARN != "" && !o.Spec.MultiClusterTargetGroup {
			out[client.ObjectKeyFromObject(o)] = o.Spec.TargetGroupARN
		}
	}
	return out
}
