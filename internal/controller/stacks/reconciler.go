// Package stacks makes passes over stacks: the load balancers of an Ingress, of a group of Ingresses or Services, of
// a Service or of a Gateway. A pass loads the objects, has them compiled and planned, applies the plan, and reports.
// The package decides nothing about load balancers: front, compile and plan do. pass.run and pass.try (pass.go) list
// the phases of a pass in order.
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
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// Reconciler brings the load balancers of one kind of owner to what their objects specify: load, compile, plan, apply,
// report.
type Reconciler struct {
	Front       front.Loader
	Client      client.Client
	Live        client.Reader     // the API server; nil = caches are believed
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
	// Expected is what is known of the targets that a target group is to have; nil = nothing.
	Expected func(targetGroup string) apply.Expected
	// Recorded are the keys of the targets that this cluster registered through a binding of a target group that clusters
	// share.
	Recorded func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)
	// ScheduleReview is called with load balancers that were changed as wanted, so that what others changed by hand is
	// found then, too; nil = it is not.
	ScheduleReview func(key stack.Key)
	// Decided is called at the end of each pass, also one that failed, with the statuses of the objects that it decided
	// about; nil = none are written. Forgotten is called with stacks of which nothing is left.
	Decided   func(key stack.Key, changes []gateway.Change)
	Forgotten func(key stack.Key)
	// OnPassed is called with what each pass that reports came to; nil = no call.
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

	mu     sync.Mutex
	states map[stack.Key]*stackState
	// released are the objects of each stack that lost the finalizer and that the cache showed in the last pass, or may
	// show in the next.
	released map[stack.Key][]types.UID
}

// Reconcile makes one pass over a stack, which is one trace. It returns an error only for what a retry may cure;
// findings that only an edit can cure are reported as events and wait for the edit.
func (s *Reconciler) Reconcile(ctx context.Context, key stack.Key) (res reconcile.Result, err error) {
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

// again asks for another pass if what the last one rests on has changed meanwhile.
func again(stale bool) error {
	if stale {
		return queue.ErrRequeue
	}
	return nil
}
