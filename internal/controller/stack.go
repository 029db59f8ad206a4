package controller

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/brake"
	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
)

// stacks brings the load balancers of one kind of owner to what their objects wish: load, compile, diff, apply, tell.
type stacks struct {
	front     front.Loader
	client    client.Client
	live      client.Reader // the API server; nil = caches are believed
	inventory *inventory.Inventory
	clients   cloud.Clients
	bindings  *bindings
	reporter  *status.Reporter
	metrics   *metrics.Metrics
	index     *reads.Index[stack.Key]
	waker     queue.Waker[stack.Key]
	secrets   *secret.Reader // nil = none are read
	hidden    *hiddenMembers // nil = the caches show all namespaces
	backend   *backendGroup
	brake     *brake.Brake // nil = none
	board     *lbstatus.Writer
	kept      *checkpoint.Keeper // nil = a restart forgets
	// awaited reports whether targets may be on their way to an empty target group, and whether they are registered; nil = nobody knows.
	awaited func(targetGroup string) (awaited, registered bool)
	// reviewSoon hears of load balancers that were changed as wanted, so that what others changed by hand is found then, too; nil = no one asks.
	reviewSoon func(key stack.Key)
	compile    compile.Config
	policy     diff.Policy // of all plans
	stabilize  time.Duration
	annotate   bool // write the stack to an annotation of the first member
	now        func() time.Time
	retries    *retries

	mu     sync.Mutex
	states map[stack.Key]*stackState
}

// Reconcile makes one pass over a stack. It returns an error only for what a retry may cure; findings that only an edit can
// cure are told as events and wait for the edit.
func (s *stacks) Reconcile(ctx context.Context, key stack.Key) (res reconcile.Result, err error) {
	defer func() { s.retries.unheard.Note(key, err) }()
	log := logf.FromContext(ctx)
	end, err := s.kept.Begin(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	defer end()
	begun := s.index.Begin()
	reader := &secret.PassReader{CacheReader: reads.NewCacheReader(ctx, s.client, s.live), Secrets: s.secrets}
	view := objects.New(reader)
	owner := s.front.Owner()
	s.metrics.CountPass(metrics.ControllerOf(owner), key.ID.Namespace, key.ID.Name)
	spent := s.metrics.StartStage(owner, metrics.StageLoad)
	w := s.front.Load(view, key.ID)
	spent()
	stale := s.index.Update(key, begun, view.Reads())
	if err := view.Err(); err != nil {
		s.tellUnread(ctx, key, w, err)
		return reconcile.Result{}, err // what is not known must not look as if it were absent
	}
	if w.DryRun == nil {
		s.reporter.End(dryRunOf(key))
	} else {
		if err := s.dryRun(ctx, key, w); err != nil {
			return reconcile.Result{}, err
		}
		if w.Nothing() {
			return again(stale)
		}
	}
	if w.Nothing() {
		s.forget(key)
		return reconcile.Result{}, nil
	}
	if w, err = s.withHidden(ctx, key, w); err != nil {
		s.tell(ctx, tale{key: key, input: w, found: refusal(err, w), partial: true})
		return reconcile.Result{}, err
	}
	edited := s.edited(key, w)
	if edited {
		s.retries.forget(key)
		s.inventory.Retry(key)
	}
	res, err = s.pass(ctx, log, key, w, !edited, s.addFinalizers)
	if ctx.Err() != nil { // the process ends, or leads no more: whatever failed by that is no failure
		return reconcile.Result{}, nil
	}
	if err == nil && res.RequeueAfter == 0 {
		s.retries.done(key, failing)
	}
	if err == nil && stale {
		err = queue.ErrRequeue
	}
	if err == nil {
		err = reader.Unread // the others are served; the pass is made again, with back-off
	}
	return res, err
}

// again asks for another pass if what the last one rests on has changed meanwhile.
func again(stale bool) (reconcile.Result, error) {
	if stale {
		return reconcile.Result{}, queue.ErrRequeue
	}
	return reconcile.Result{}, nil
}
