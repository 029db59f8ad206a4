package stacks

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// pass is one pass over a stack. Its phases are methods: run lists those that read objects, try lists the others.
type pass struct {
	reconciler *Reconciler
	key        stack.Key
	kind       owner.Kind
	log        logr.Logger

	reader    *secret.PassReader
	view      *objects.View
	indexedAt uint64       // when the pass began to read objects, for the index
	outdated  bool         // objects changed while they were read
	moveAt    time.Time    // when hosts can move between the group's load balancers; zero = no host waits
	front     front.Loader // which knows what the controller remembers of the stack
	input     front.Input
	unedited  bool          // no member changed since the last pass
	marked    bool          // no member needs the finalizer to be added
	unmarked  refusedWrites // members whose finalizer was refused: the pass continues without them

	attempt
}

// attempt is what a pass knows from the phase compile on. If AWS contradicts what the pass assumed, the pass begins a
// new attempt.
type attempt struct {
	report    passReport
	stale     func() bool // whether the stack was compiled from answers that are being read again
	observes  bool        // nothing is written to AWS
	deployed  func()      // ends the measurement of the stage Deploy
	compiled  compile.Result
	lists     uint64 // Inventory.Lists before the stack was compiled
	observed  awsop.Observed
	plan      plan.Plan
	held      bool // the plan is not confirmed, because a hold stops it
	result    apply.Result
	outcome   outcome
	unwritten refusedWrites   // writes to members that the API server refused
	stopped   bool            // deletions, or the whole plan, are stopped by a hold or the brake
	switched  []metav1.Object // the members with their new status, if they showed another load balancer before
	gone      bool            // no resource of objects that leave seems to be left
	unproven  bool            // a list from AWS must still prove that
}

// mostAttempts bounds the attempts of one pass. AWS contradicts each attempt if its answers change all the time.
const mostAttempts = 10

var errUnsettled = errors.New("each plan rests on answers of AWS that changed while the plan was made")

// reconcile makes one pass over a stack.
func (s *Reconciler) reconcile(ctx context.Context, key stack.Key, kind owner.Kind) (reconcile.Result, error) {
	end, err := s.Checkpoints.Begin(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	defer end()
	if !s.Holds.Await(ctx.Done()) {
		return reconcile.Result{}, ctx.Err()
	}
	p := &pass{reconciler: s, key: key, kind: kind, log: logf.FromContext(ctx)}
	return p.run(ctx)
}

// run runs all phases of a pass. The phases from compile on run again until an attempt comes to its end.
func (p *pass) run(ctx context.Context) (reconcile.Result, error) {
	left := queue.InOrder(ctx, p.load, p.recall, p.endIfNothing, p.selectShard, p.awaitObjects, p.prepareInput)
	if left.Done {
		return left.Result, left.Err
	}
	s := p.reconciler
	begun := s.Now()
	s.rereadMissing(p.key)
	left.Again = true
	for n := 0; left.Again; n++ {
		if left = p.try(ctx); left.Again && n == mostAttempts {
			left = p.unread(ctx, errUnsettled)
		}
	}
	result, err := left.Result, left.Err
	if len(p.unmarked) > 0 {
		result, err = s.soonest(p.key, result.RequeueAfter, errors.Join(err, p.unmarked.err()))
	}
	s.endMarking(p.key, begun)
	if ctx.Err() == nil {
		return p.requeue(result, err)
	}
	return reconcile.Result{}, nil // the process ends or lost the lease: errors from that are no failures
}

// try makes one attempt.
func (p *pass) try(ctx context.Context) queue.Exit {
	ctx = p.begin(ctx)
	return queue.InOrder(ctx,
		p.compile,
		p.addFinalizers, // the first write to objects
		p.showPlan,
		p.makePlan,   // observe, plan, confirm
		p.finishPlan, // after this phase the decision is final
		p.checkpoint, // the last phase before the steps of the plan
		p.apply,      // executes the steps of the plan
		p.settle,
		p.show,
		p.conclude,
		p.release,
	)
}

// requeue adds to the result of the last attempt what else requires another pass.
func (p *pass) requeue(result reconcile.Result, err error) (reconcile.Result, error) {
	if err != nil {
		return result, err
	}
	s := p.reconciler
	if result.RequeueAfter == 0 {
		s.Retries.done(p.key, failing)
	}
	if wait := p.moveAt.Sub(s.Now()); !p.moveAt.IsZero() && (result.RequeueAfter == 0 || wait < result.RequeueAfter) {
		result.RequeueAfter = max(wait, queue.Coalesce)
	}
	if p.outdated {
		return result, queue.ErrRequeue
	}
	return result, p.reader.Unread // an unread Secret delays only its member; the pass is repeated with back-off
}
