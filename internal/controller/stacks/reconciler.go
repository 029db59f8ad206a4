// Package stacks makes passes over stacks: the load balancers of an Ingress, of a group of Ingresses or Services, of
// a Service or of a Gateway. A pass loads the objects, has them compiled and planned, applies the plan, and reports.
// pass.run and pass.try (pass.go) list the phases of a pass in order. The package also writes the TargetGroupBindings
// of stacks, keeps the shared backend security group, and watches certificates in ACM. It decides nothing about load
// balancers: front, compile and plan do.
package stacks

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/lbstatus"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/servicepods"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// Reconciler makes the load balancers of one kind of owner what their objects declare: load, compile, plan, apply,
// report.
type Reconciler struct {
	Front       front.Loader
	Client      client.Client
	Live        client.Reader     // the API server; nil = caches suffice
	Definitions reads.Definitions // nil = all optional kinds are served
	// Removals is how often the definition of a kind was removed since the start; nil = never.
	Removals   func(kind objects.Kind) int
	Inventory  *inventory.Inventory
	Clients    awsclient.Clients
	Bindings   *BindingWriter
	Reporter   *reporting.Reporter
	Metrics    *metrics.Metrics
	Index      *reads.Index[stack.Key]
	Departed   reads.Departed // the owner's objects that are gone
	Waker      queue.Waker[stack.Key]
	Secrets    *secret.Reader      // nil = none are read
	ConfigMaps *secret.Reader      // likewise
	Pods       *servicepods.Reader // nil = none are read
	Hidden     *HiddenMembers      // nil = the caches show all namespaces
	Backend    *BackendGroup
	Brake      *brake.Brake // nil = none
	// Contested reports whether the controller of another cluster of the same name registers targets in a target group;
	// nil = none does.
	Contested   func(arn string) bool
	Status      *lbstatus.Writer
	Checkpoints *checkpoint.Writer // nil = a restart forgets
	// Expected returns what is known about the targets that a target group shall have; nil = nothing is known.
	Expected func(targetGroup string) apply.Expected
	// Recorded returns the keys of the targets that this cluster registered through a binding of a shared target group.
	Recorded func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)
	// ScheduleReview is called with changed load balancers, so that changes made by hand are found soon afterwards; nil
	// = no call.
	ScheduleReview func(key stack.Key)
	// Decided is called at the end of each pass, even of a failed one, with the statuses of the objects that the pass
	// decided about; nil = no statuses are written. Forgotten is called with stacks of which nothing exists any longer.
	Decided   func(key stack.Key, changes []gateway.Change)
	Forgotten func(key stack.Key)
	// OnPassed is called with the result of each pass that reports; nil = no call.
	OnPassed func(Passed)
	// Loading is called at the beginning of each pass: something of the stack may have changed; nil = no call.
	Loading           func(key stack.Key)
	Compile           compile.Config
	Options           diff.Options       // of all plans
	DriftPolicy       drift.Policies     // where objects and their classes declare none
	ReplacementPolicy replacement.Policy // likewise
	Stabilize         time.Duration
	AddressWhenActive bool // objects show a load balancer once it is active, and not from its creation on
	AnnotatePlan      bool // write the stack to an annotation of the first member
	Now               func() time.Time
	Retries           *Retries
	Traces            *tracing.Passes[stack.Key] // nil = none
	Waiting           *waiting.Board             // nil = what waits is not counted, and not woken
	Holds             *hold.Book                 // nil = nothing is held

	conflicts queue.Conflicts[stack.Key] // of writes to members

	mu     sync.Mutex
	states map[stack.Key]*stackState
	// released are, by stack, the objects that lost the finalizer and that the cache may still show.
	released map[stack.Key][]types.UID
	// left are the last valid versions of objects that left a stack lately.
	left map[diag.Object]leftVersion
}

// Reconcile makes one pass over a stack, and one trace. It returns an error only if a retry may help. Findings that
// only an edit cures are reported as events, and wait for the edit.
func (s *Reconciler) Reconcile(ctx context.Context, key stack.Key) (res reconcile.Result, err error) {
	defer func() { res, err = s.conflicts.Result(key, res, err, s.Now()) }()
	defer func() { s.Retries.Unavailable.Note(key, err) }()
	s.Waiting.Begin(waiting.Stacks, key.String())
	s.Status.BeginPass(key)
	defer s.Status.EndPass(key)
	ctx, note := waiting.Start(ctx)
	defer func() { res, err = s.noteWaiting(ctx, key, note, res, err) }()
	kind := owner.Of(key.Owner)
	ctx, trace := s.Traces.Start(ctx, key, kind.Controller)
	if trace.Recorded() {
		trace.Set("lbc.stack", key.String())
		defer func() { trace.End(queue.Failure(err)) }()
	}
	return s.reconcile(ctx, key, kind)
}

// reader reads objects for a pass; live is as in reads.NewCacheReader.
func (s *Reconciler) reader(ctx context.Context, live client.Reader) *reads.CacheReader {
	r := reads.NewCacheReader(ctx, s.Client, live)
	r.Definitions = s.Definitions
	if s.Pods != nil {
		r.PodOfService = func(namespace, service string) (*corev1.Pod, error) { return s.Pods.Pod(ctx, namespace, service) }
	}
	return r
}

// again requests another pass if something that the last one rests on has changed meanwhile.
func again(stale bool) error {
	if stale {
		return queue.ErrRequeue
	}
	return nil
}
