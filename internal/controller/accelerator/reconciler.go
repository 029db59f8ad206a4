// Package accelerator is the controller of GlobalAccelerators: a pass reads the object and the objects that its
// endpoints name, plans, executes the plan, and writes the status. Packages below internal/plan/accelerator make the
// decisions.
package accelerator

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// Name names the controller in metrics, its queue, and the component of its events.
const Name = metrics.AcceleratorControllerLabel

// Retries of failed passes.
const (
	FirstRetry = 5 * time.Second
	// recheck is the pause between looks at what no event shows: whether AWS has deployed a change, and endpoints without
	// a load balancer.
	recheck = time.Minute
	// listLag is how long lists of AWS may lack an accelerator that was just created.
	listLag = 10 * time.Second
	// confirmAfter is the pause before the listeners of a load balancer are listed again of which none was known.
	confirmAfter = 11 * time.Second
)

// polls are the pauses between looks at a change that AWS deploys.
var polls = backoff.Policy{First: 5 * time.Second, Longest: recheck}

// Reconciler makes the accelerators of GlobalAccelerators.
type Reconciler struct {
	Client      client.Client
	Live        client.Reader // the API server; nil = caches are believed
	Definitions reads.Definitions
	Account     *account.Account
	Config      declare.Config
	Reporter    *reporting.Reporter
	Metrics     *metrics.Metrics
	Holds       *hold.Book     // nil = nothing is held
	Waiting     *waiting.Board // nil = what waits is not counted, and not woken
	Now         func() time.Time
	// OnPlan is called with each plan that was carried out; nil = no call.
	OnPlan func(o metav1.Object, began time.Time, p *plan.Plan, r account.Result)
	// Deciding are the namespaces that decide in a group of Ingresses or Services; nil = nothing is known of groups.
	Deciding func(group stack.Key) (namespaces []string, known bool)
	// Member reports who is a member of a group; nil = nothing is known of members.
	Member declare.IsMember
	// Restored waits until what AWS refused to earlier processes is known; nil = nothing of that is kept.
	Restored func(ctx context.Context) error
	// Keep keeps for the next process what is known of an accelerator. Nil = nothing is kept.
	Keep func(accelerator stack.Key, k Kept)

	Index *reads.Index[types.NamespacedName]
	Waker queue.Waker[reconcile.Request]

	retries *backoff.Failures[reconcile.Request] // nil = passes that fail are not queued again

	mu       sync.Mutex
	known    map[types.NamespacedName]*memory
	restored []types.NamespacedName // of which an earlier process left consents
}

// Kept is what a process passes to the next one about an accelerator.
type Kept struct {
	Listeners []string                   `json:",omitempty"` // see memory
	Granted   map[string]declare.Consent `json:",omitempty"` // see declare.Memory
}

// Empty reports whether nothing is known.
func (k Kept) Empty() bool { return len(k.Listeners) == 0 && len(k.Granted) == 0 }

// memory is what passes over an object leave to the next ones.
type memory struct {
	declare.Memory
	polls    int // looks at the deployment of a change, in a row
	polled   time.Time
	deleting bool // a pass has seen that the object is being deleted
	// listeners are the ARNs of the listeners that give the accelerator its ports; none where the object declares them
	listeners []string
}

// New makes a reconciler without Client.
func New(a *account.Account, c declare.Config, now func() time.Time) *Reconciler {
	return &Reconciler{Account: a, Config: c, Now: now, Index: reads.NewIndex[types.NamespacedName](),
		known: map[types.NamespacedName]*memory{}}
}

// memory returns the memory of an object. Passes over one object never run at the same time.
func (r *Reconciler) memory(name types.NamespacedName) *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.known[name]
	if m == nil {
		m = &memory{Memory: declare.Memory{Balancers: map[string]string{}}}
		r.known[name] = m
	}
	return m
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	r.Waiting.Begin(waiting.Stacks, board(q.NamespacedName))
	ctx, note := waiting.Start(ctx)
	res, err := r.reconcile(ctx, q)
	return r.noteWaiting(ctx, q, note, res, err)
}

func (r *Reconciler) reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	r.Metrics.CountPass(Name, q.Namespace, q.Name)
	defer r.Metrics.StartStage(Name, metrics.StageAcceleratorReconcile)()
	if !r.Holds.Await(ctx.Done()) {
		return reconcile.Result{}, ctx.Err()
	}
	if r.Restored != nil {
		if err := r.Restored(ctx); err != nil {
			return reconcile.Result{}, err
		}
	}
	loaded := r.Metrics.StartStage(Name, metrics.StageAcceleratorLoad)
	ctx = awsclient.WithCause(ctx, awsclient.Cause(Name))
	begun := r.Index.Begin()
	reader := reads.NewCacheReader(ctx, r.Client, r.Live)
	reader.Definitions, reader.Confirm = r.Definitions, []objects.Kind{objects.Ingress}
	v := objects.New(reader)
	ga, ok := objects.Lookup[*agav1beta1.GlobalAccelerator](v, objects.GlobalAccelerator, q.Namespace, q.Name)
	if !ok {
		if err := v.Err(); err != nil { // its definition was removed, or the API server does not answer
			return reconcile.Result{}, err
		}
		loaded()
		return r.gone(ctx, q.NamespacedName, v, begun)
	}
	p := r.newPass(ga)
	r.Holds.Note(p.key, []diag.Object{p.object})
	r.Account.Edited(p.key, versionOf(ga))
	p.withdrawn = p.memory.Withdrawn(v, ga, r.Member)
	if ga.DeletionTimestamp != nil {
		loaded()
		if len(p.memory.Granted) > 0 && r.Index.Update(q.NamespacedName, begun, v.Reads()) {
			return reconcile.Result{}, queue.ErrRequeue
		}
		if !p.withdraw(ctx) {
			return p.failedRemoval(ctx)
		}
		return p.remove(ctx)
	}
	p.memory.deleting = false
	endpoints := declare.Endpoints(v, ga)
	loaded()
	if stale := r.Index.Update(q.NamespacedName, begun, v.Reads()); stale {
		return reconcile.Result{}, queue.ErrRequeue
	}
	// before anything that the author of the object could have fail
	if !p.withdraw(ctx) {
		return p.end(ctx, accelerator.Observed{}, reasonDeployment, errRetry)
	}
	if err := p.finalizer(ctx); err != nil {
		return reconcile.Result{}, err
	}
	if err := v.Err(); err != nil { // AWS is left alone: what cannot be read may be what endpoints are made of
		d := diag.New(p.object, "", diag.ObjectsUnread, "Error contacting Kubernetes API server: "+err.Error(), "")
		p.found = append(p.found, d)
		return p.end(ctx, accelerator.Observed{}, reasonEndpointLoad, err)
	}
	return p.reach(ctx, endpoints, func(answers declare.Answers) (stale bool) {
		asked := p.memory.Permit(v, ga, endpoints, answers, r.Deciding)
		return asked && r.Index.Update(q.NamespacedName, begun, v.Reads())
	})
}

// newPass makes a pass over an object.
func (r *Reconciler) newPass(ga *agav1beta1.GlobalAccelerator) *pass {
	return &pass{Reconciler: r, ga: ga, object: check.Object(ga), key: declare.KeyOf(ga.Namespace, ga.Name),
		memory: r.memory(types.NamespacedName{Namespace: ga.Namespace, Name: ga.Name})}
}

// gone ends what is known of an object that is gone. If its finalizer was removed by somebody else, AWS may still have
// the accelerator: it loses the endpoints that were permitted by the consent of others once that is withdrawn.
func (r *Reconciler) gone(ctx context.Context, name types.NamespacedName, v *objects.View, begun uint64) (
	reconcile.Result, error) {
	p := r.newPass(&agav1beta1.GlobalAccelerator{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace,
		Name: name.Name}})
	if len(p.memory.Granted) > 0 {
		p.withdrawn = p.memory.Withdrawn(v, p.ga, r.Member)
		if r.Index.Update(name, begun, v.Reads()) {
			return reconcile.Result{}, queue.ErrRequeue
		}
		o, err := r.Account.Observe(ctx, p.key, "")
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("accelerator of GlobalAccelerator %s, which is gone: %w", name, err)
		}
		if p.memory.Forget(o); !p.withdraw(ctx) {
			return reconcile.Result{}, errRetry
		}
	}
	if len(p.memory.Granted) == 0 {
		r.forget(name)
	}
	return reconcile.Result{}, nil
}

// Restore enters what an earlier process knew of an accelerator. It is called before Restored returns.
func (r *Reconciler) Restore(key stack.Key, k Kept) {
	name := types.NamespacedName{Namespace: key.ID.Namespace, Name: key.ID.Name}
	m := r.memory(name)
	m.listeners, m.Granted = k.Listeners, k.Granted
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(k.Granted) > 0 {
		r.restored = append(r.restored, name)
	}
}

// versionOf identifies what users wrote of an object.
func versionOf(ga *agav1beta1.GlobalAccelerator) string {
	return fmt.Sprintf("%s %d %v", ga.UID, ga.Generation, ga.Annotations)
}

// forget drops what is known of an object that is gone.
func (r *Reconciler) forget(name types.NamespacedName) {
	r.Index.Forget(name)
	r.Account.Forget(declare.KeyOf(name.Namespace, name.Name))
	if r.Keep != nil {
		r.Keep(declare.KeyOf(name.Namespace, name.Name), Kept{})
	}
	r.Reporter.End(unit(name))
	r.Waiting.Ends(waiting.Deletions, board(name))
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, name)
}

// unit names an object to the Reporter.
func unit(name types.NamespacedName) string {
	return string(objects.GlobalAccelerator) + "/" + name.String()
}
