package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const (
	// checkPause is the shortest pause between two checks. It does not grow after a failed check, because the next one is
	// of another unit.
	checkPause = time.Second
	// readPause is the pause after each read, so that checks make one read a second on average, however many units there
	// are: a tenth of AWS's rate (DescribeRules and the like: 10 a second for an account and Region).
	readPause = time.Second
	// verificationDelay is the time from the start to the first check of restored state: the reads of a start come first.
	verificationDelay = time.Minute
	// lateDelay is the time from the start of a leader to its checks of the target groups of a former one that did not end
	// in order: calls that this one had sent before its lease ended have arrived by then.
	lateDelay = 10 * time.Second
	// editDelay is the time from an edit to the check of its load balancer.
	editDelay = 30 * time.Second
	// tagsPause is the pause between two calls for tags: of foreign resources, and of those whose tags come from a
	// checkpoint.
	tagsPause = 10 * time.Second
	// longestRound is the time in which each load balancer should be checked once.
	longestRound = 12 * time.Hour
)

// DriftDetector checks in the background whether resources were changed outside the controller: one stack or target
// group after the other, each at most once per interval, with one read per readPause on average. Restored state comes
// first, then edited stacks, then the others. What it has read of a stack is diffed by an ordinary pass of low
// priority, which makes no call if nothing has changed.
type DriftDetector struct {
	interval time.Duration
	now      func() time.Time
	jitter   func() float64 // 0.5 to 1.5
	log      logr.Logger
	stacks   func() []stack.Key
	targets  func(ctx context.Context) map[types.NamespacedName]registrar.Group
	reread   func(ctx context.Context, key stack.Key) (read bool, err error)
	cost     func(key stack.Key) int // reads of a reread
	assumed  func() []stack.Key      // with parts from checkpoints that are not verified
	recheck  func(ctx context.Context, of registrar.Group) (health []registrar.Health, drifted bool, err error)
	// reads tags of foreign resources, and those from checkpoints; one call at most
	tags        func(ctx context.Context) (read bool, err error)
	wake        func(key stack.Key)
	wakeBinding func(binding types.NamespacedName)
	found       func() // targets were changed by hand
	record      func(arn string, health []registrar.Health)
	crashed     func() bool                                 // the former leader did not end in order; nil = it did
	exists      func(ctx context.Context, x driftUnit) bool // whether a unit is still there

	begun    time.Time               // when the first tick was
	checked  map[driftUnit]time.Time // when it was checked last; see firstChecked
	next     time.Time               // not before
	tagsRead time.Time               // when tags of foreign resources were read last
	prompt   map[driftUnit]bool      // target groups of a former leader that crashed, once they had their turn
	slow     bool                    // a round takes longer than longestRound, which was logged
	turns    []turn                  // the next checks, as of turnsAt
	turnsAt  time.Time

	tenant    func(key stack.Key) string // of a stack
	afterEdit bool                       // the last check was of an edited stack: others have their turn

	mu     sync.Mutex
	edits  []edit             // checks of stacks that were edited, the first one first
	edited map[stack.Key]bool // the stacks of edits
	served map[string]int     // by tenant that waits, the number of the last check of an edit
	checks int                // of edits
	beside map[string]bool    // namespaces with a check in the scope of a role under way
	ended  sync.WaitGroup     // of these checks
}

// driftUnit is what one check is of: a stack, or a binding with its target group.
type driftUnit struct {
	stack   stack.Key
	binding types.NamespacedName
	group   registrar.Group // of binding; zero = a stack
}

// Start runs until ctx ends. It implements manager.Runnable and runs on the leader only.
func (s *DriftDetector) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx, awsclient.DriftSweep), checkPause, nil, s.tick)
	s.ended.Wait()
	return nil
}

// tick makes one check, if one is due.
func (s *DriftDetector) tick(ctx context.Context) {
	now := s.now()
	if s.begun.IsZero() {
		s.begun = now
	}
	if now.Before(s.next) {
		return
	}
	if s.readTags(ctx, now) {
		s.next = now.Add(readPause)
		return
	}
	if x, ok := s.choose(ctx, now); ok {
		reads := 1
		if x.group == (registrar.Group{}) {
			reads = max(s.cost(x.stack), 1)
		}
		s.next = now.Add(max(checkPause, time.Duration(reads)*readPause))
		s.checked[x] = now
		if x.group.Scope.Role == "" {
			s.check(ctx, x)
			return
		}
		s.checkConcurrently(ctx, x)
	}
}

// checkConcurrently checks a target group in the scope of a role while the other checks continue, so that a role
// that hangs delays none of them. One such check runs per namespace.
func (s *DriftDetector) checkConcurrently(ctx context.Context, x driftUnit) {
	namespace := x.binding.Namespace
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.beside[namespace] {
		return
	}
	if s.beside == nil {
		s.beside = map[string]bool{}
	}
	s.beside[namespace] = true
	s.ended.Go(func() {
		s.check(ctx, x)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.beside, namespace)
	})
}

// readTags reads some tags again, if that is due and any are old or come from a checkpoint.
func (s *DriftDetector) readTags(ctx context.Context, now time.Time) (read bool) {
	if now.Sub(s.begun) < verificationDelay || now.Sub(s.tagsRead) < tagsPause {
		return false
	}
	s.tagsRead = now
	read, err := s.tags(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Info("reading the tags of foreign load balancers failed; the next check tries again", "cause", err.Error())
	}
	return read
}

// choose finds the next unit to check: an edited stack, then one with restored state, then the unit whose last check is
// the oldest. After an edited stack, the others come first: edits without end must not stop their checks.
func (s *DriftDetector) choose(ctx context.Context, now time.Time) (x driftUnit, ok bool) {
	if s.checked == nil {
		s.checked, s.prompt = map[driftUnit]time.Time{}, map[driftUnit]bool{}
	}
	if now.Sub(s.turnsAt) >= turnsLast {
		s.look(ctx, now)
	}
	if s.afterEdit {
		if x, ok = s.nextTurn(ctx, now); ok {
			s.afterEdit = false
			return x, true
		}
	}
	if key, ok := s.dueEdit(now); ok && s.exists(ctx, driftUnit{stack: key}) {
		s.afterEdit = true
		return driftUnit{stack: key}, true
	}
	return s.nextTurn(ctx, now)
}

// look looks at all units, and finds their turns.
func (s *DriftDetector) look(ctx context.Context, now time.Time) {
	present, reads := map[driftUnit]bool{}, 0
	for _, key := range s.stacks() {
		present[driftUnit{stack: key}] = true
		reads += s.cost(key)
	}
	for binding, group := range s.targets(ctx) {
		present[driftUnit{binding: binding, group: group}] = true
		reads++
	}
	s.logSlowRound(time.Duration(reads) * readPause)
	for x := range s.checked {
		if !present[x] {
			delete(s.checked, x)
		}
	}
	s.takeTurns(now, present)
}

// A turn is a check that is due at a time.
type turn struct {
	unit     driftUnit
	at       time.Time
	restored bool // it verifies state of a former leader, and does not wait for the interval
}

// Ticks look at all units once in turnsLast, and otherwise only at the next mostTurns checks.
const (
	turnsLast = 30 * time.Second
	mostTurns = 64
)

// takeTurns finds the next checks: of target groups of a former leader that crashed, of stacks with restored state,
// then of units whose last check is the oldest.
func (s *DriftDetector) takeTurns(now time.Time, present map[driftUnit]bool) {
	s.turns, s.turnsAt = s.inherited(s.turns[:0], now, present), now
	if now.Sub(s.begun) >= verificationDelay {
		for _, key := range s.assumed() {
			x := driftUnit{stack: key}
			since := now.Sub(s.checked[x]) // below 0: it was never checked; after a failed check the others come first
			if len(s.turns) < mostTurns && present[x] && (since < 0 || since >= verificationDelay) {
				s.turns = append(s.turns, turn{x, now, true})
			}
		}
	}
	var others []turn
	for x := range present {
		if _, ok := s.checked[x]; !ok {
			s.checked[x] = s.firstChecked(x, now)
		}
		if at := s.checked[x].Add(s.interval); at.Sub(now) <= turnsLast {
			others = append(others, turn{x, at, false})
		}
	}
	slices.SortFunc(others, func(a, b turn) int { return a.at.Compare(b.at) })
	s.turns = append(s.turns, others[:min(len(others), mostTurns)]...)
}

// nextTurn is the next check, if it is due. It leaves out units that have gone since the look at all units.
func (s *DriftDetector) nextTurn(ctx context.Context, now time.Time) (driftUnit, bool) {
	for len(s.turns) > 0 && !now.Before(s.turns[0].at) {
		next := s.turns[0]
		s.turns = s.turns[1:]
		due := next.restored || now.Sub(s.checked[next.unit]) >= s.interval // else it was checked meanwhile
		if due && s.exists(ctx, next.unit) {
			if next.restored && next.unit.group != (registrar.Group{}) {
				s.prompt[next.unit] = true
			}
			return next.unit, true
		}
	}
	return driftUnit{}, false
}

// inherited adds turns of target groups of a former leader that crashed: a call of that leader may have reached AWS
// after this one read the targets of the group. Each group is checked once, instead of the check that target groups
// have within RelistDelay of any start.
func (s *DriftDetector) inherited(turns []turn, now time.Time, present map[driftUnit]bool) []turn {
	if now.Sub(s.begun) >= RelistDelay || s.crashed == nil || !s.crashed() {
		return turns
	}
	for x := range present {
		if x.group != (registrar.Group{}) && !s.prompt[x] && len(turns) < mostTurns {
			turns = append(turns, turn{x, s.begun.Add(lateDelay), true})
		}
	}
	return turns
}

// firstChecked returns the time that counts as the last check of a new unit, which was read when it was created or
// found. The times are spread, so that not all checks are due at once. Target groups that exist soon after the start
// are checked within RelistDelay, because a call of the former leader may have reached AWS after this one read their
// targets.
func (s *DriftDetector) firstChecked(x driftUnit, now time.Time) time.Time {
	spread := s.jitter() - 0.5
	at := now.Add(time.Duration(float64(s.interval) * (spread - 0.5)))
	if x.group == (registrar.Group{}) || now.Sub(s.begun) >= RelistDelay {
		return at
	}
	due := s.begun.Add(verificationDelay + time.Duration(float64(RelistDelay-verificationDelay)*spread))
	if second := due.Add(-s.interval); second.Before(at) {
		return second
	}
	return at
}

// logSlowRound logs once if a round of checks starts to take longer than longestRound.
func (s *DriftDetector) logSlowRound(round time.Duration) {
	if slow := round > longestRound; slow != s.slow {
		s.slow = slow
		if slow {
			s.log.Info("checking all load balancers and target groups for drift takes long at one read a second", "takes",
				round.String(), "should", longestRound.String())
		}
	}
}

func (s *DriftDetector) check(ctx context.Context, x driftUnit) {
	if x.group == (registrar.Group{}) {
		read, err := s.reread(ctx, x.stack)
		if err != nil && ctx.Err() == nil {
			s.log.Info("checking for drift failed; the next round checks it again", "stack", x.stack.String(), "cause",
				err.Error())
		}
		if read {
			s.wake(x.stack)
		}
		return
	}
	health, drifted, err := s.recheck(ctx, x.group)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Info("checking for drift failed; the next round checks it again", "binding", x.binding.String(), "cause",
				err.Error())
		}
		return
	}
	s.record(x.group.ARN, health)
	if drifted {
		s.log.Info("targets were changed outside the controller", "binding", x.binding.String(), "targetGroup", x.group.ARN)
		s.found()
		s.wakeBinding(x.binding)
	}
}
