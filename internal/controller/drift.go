package controller

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/binding"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

const (
	// driftPace is the shortest pause between two looks. It does not grow after a failed look: the next one is at something else.
	driftPace = time.Second
	// readPause is the pause after each read of a look, so that all looks together make one read a second in the long run, however much there
	// is: a tenth of what AWS admits (DescribeRules and the like: 10 a second for an account and Region).
	readPause = time.Second
	// firstVerification is when the first look is taken at what is only assumed: the reads of a start come first.
	firstVerification = time.Minute
	// afterEdit is when a load balancer is looked at that an edit has just changed.
	afterEdit = 30 * time.Second
	// tagsPace is the pause between two calls for tags: of foreign resources, and of those whose tags an earlier process left.
	tagsPace = 10 * time.Second
	// longestRound is within what time each load balancer should be looked at.
	longestRound = 12 * time.Hour
)

// sweep looks in the background for what others changed in AWS by hand: at one stack or target group after the other, each
// at most once per interval, and never at more than a read per readPause. What earlier processes left unverified comes first, and what was edited
// before what was not. What it read is diffed by an ordinary pass of low priority; where nothing was changed, that pass ends without a call.
type sweep struct {
	every   time.Duration
	now     func() time.Time
	jitter  func() float64 // 0.5 to 1.5
	log     logr.Logger
	stacks  func() []stack.Key
	targets func(ctx context.Context) map[types.NamespacedName]string // ARNs by binding
	reread  func(ctx context.Context, key stack.Key) (read bool, err error)
	cost    func(key stack.Key) int // reads of a reread
	assumed func() []stack.Key      // of which parts were left by an earlier process
	recheck func(ctx context.Context, arn string) (health []targets.Health, drifted bool, err error)
	tags    func(ctx context.Context) (read bool, err error) // of others, and those left by an earlier process; one call at most
	wake    func(key stack.Key)
	rebind  func(binding types.NamespacedName)
	seen    func(arn string, health []targets.Health)

	begun  time.Time           // when the first tick was
	looked map[swept]time.Time // when it was looked at last, or seen first
	next   time.Time           // not before
	others time.Time           // when tags of foreign resources were asked for last
	slow   bool                // it was told that a round takes longer than longestRound

	mu     sync.Mutex
	edited map[stack.Key]time.Time // when to look at stacks that were edited
}

// swept is a stack, or a binding with its target group.
type swept struct {
	stack   stack.Key
	binding types.NamespacedName
	arn     string
}

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only.
func (s *sweep) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx), driftPace, nil, s.tick)
	return nil
}

// soon has a stack that was edited looked at before its turn.
func (s *sweep) soon(key stack.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, waits := s.edited[key]; !waits {
		if s.edited == nil {
			s.edited = map[stack.Key]time.Time{}
		}
		s.edited[key] = s.now().Add(afterEdit)
	}
}

// due takes the stack off the list of edited ones whose time came first, if it has come.
func (s *sweep) due(now time.Time) (key stack.Key, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, at := range s.edited {
		if !at.After(now) && (!ok || at.Before(s.edited[key])) {
			key, ok = k, true
		}
	}
	delete(s.edited, key)
	return key, ok
}

// tick takes one look, if it is time.
func (s *sweep) tick(ctx context.Context) {
	now := s.now()
	if s.begun.IsZero() {
		s.begun = now
	}
	if now.Before(s.next) {
		return
	}
	if s.lookAtTags(ctx, now) {
		s.next = now.Add(readPause)
		return
	}
	if x, ok := s.choose(ctx, now); ok {
		reads := 1
		if x.arn == "" {
			reads = max(s.cost(x.stack), 1)
		}
		s.next = now.Add(max(driftPace, time.Duration(reads)*readPause))
		s.looked[x] = now
		s.look(ctx, x)
	}
}

// lookAtTags has some tags read again, if it is time and any are old, or left by an earlier process.
func (s *sweep) lookAtTags(ctx context.Context, now time.Time) (read bool) {
	if now.Sub(s.begun) < firstVerification || now.Sub(s.others) < tagsPace {
		return false
	}
	s.others = now
	read, err := s.tags(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Info("looking for load balancers that others tagged for this cluster failed; it is looked again", "cause", err.Error())
	}
	return read
}

// choose finds what to look at now: what was edited, then what is only assumed, then what was not looked at for longest.
func (s *sweep) choose(ctx context.Context, now time.Time) (swept, bool) {
	if s.looked == nil {
		s.looked = map[swept]time.Time{}
	}
	present, reads := map[swept]bool{}, 0
	for _, key := range s.stacks() {
		present[swept{stack: key}] = true
		reads += s.cost(key)
	}
	for binding, arn := range s.targets(ctx) {
		present[swept{binding: binding, arn: arn}] = true
		reads++
	}
	s.judge(time.Duration(reads) * readPause)
	for x := range s.looked {
		if !present[x] {
			delete(s.looked, x)
		}
	}
	if key, ok := s.due(now); ok && present[swept{stack: key}] {
		return swept{stack: key}, true
	}
	if now.Sub(s.begun) >= firstVerification {
		for _, key := range s.assumed() {
			if x := (swept{stack: key}); present[x] && now.Sub(s.looked[x]) > firstVerification { // one that failed lets the others go first
				return x, true
			}
		}
	}
	var oldest swept
	for x := range present {
		if _, ok := s.looked[x]; !ok {
			s.looked[x] = s.seenFirst(x, now)
		}
		if oldest == (swept{}) || s.looked[x].Before(s.looked[oldest]) {
			oldest = x
		}
	}
	return oldest, len(present) > 0 && now.Sub(s.looked[oldest]) >= s.every
}

// seenFirst is what counts as the last look at what is seen first: it was read when it was made or found. Looks are spread, so that not all are due at
// once. Targets that there are early on are looked at within secondLook: a call of the leader before may have arrived after this one had read them.
func (s *sweep) seenFirst(x swept, now time.Time) time.Time {
	spread := s.jitter() - 0.5
	at := now.Add(time.Duration(float64(s.every) * (spread - 0.5)))
	if x.arn == "" || now.Sub(s.begun) >= secondLook {
		return at
	}
	due := s.begun.Add(firstVerification + time.Duration(float64(secondLook-firstVerification)*spread))
	if second := due.Add(-s.every); second.Before(at) {
		return second
	}
	return at
}

// judge tells, once until it changes, if a round of looks takes longer than it should.
func (s *sweep) judge(round time.Duration) {
	if slow := round > longestRound; slow != s.slow {
		s.slow = slow
		if slow {
			s.log.Info("there is so much that looking at everything for drift takes longer than it should at one read a second", "takes", round.String(), "should", longestRound.String())
		}
	}
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
func (w *wiring) newSweep(all []*stacks.Reconciler, b *binding.Reconciler, wake func(key stack.Key)) *sweep {
	return &sweep{
		every: w.config.DriftInterval, now: w.now, log: w.log.WithName("drift"),
		jitter: func() float64 { return 0.5 + rand.Float64() }, //nolint:gosec // spreads load
		stacks: func() []stack.Key {
			var keys []stack.Key
			for _, s := range all {
				keys = append(keys, s.Index.Units()...)
			}
			return keys
		},
		targets: b.TargetGroups,
		reread:  w.inventory.Reread,
		cost:    w.inventory.RereadCost,
		assumed: w.inventory.Assumed,
		recheck: b.Registry.Recheck,
		tags:    w.inventory.RereadTags,
		wake:    wake,
		rebind:  func(n types.NamespacedName) { b.Waker.Wake(queue.Drift, reconcile.Request{NamespacedName: n}) },
		seen:    w.board.SetHealth,
	}
}
