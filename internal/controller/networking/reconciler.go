// Package networking writes the security group rules that targets need: it has the security groups of pods and nodes
// admit the sources that spec.networking of TargetGroupBindings names. It finds the groups of endpoints, records what
// each binding needs of them, and updates one group after the other. It registers no targets.
package networking

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// Options are what a Reconciler works with.
type Options struct {
	Client     client.Client
	Live       client.Reader // the API server; nil = the caches are believed
	Namespace  string        // that the caches show; empty = all
	Shared     *readable.Shared
	Inventory  *inventory.Inventory
	Interfaces *network.Interfaces
	Chooser    sgsync.Chooser
	VPC        string // of the cluster
	Backend    string // --backend-security-group
	// Limits bound the networking of bindings that no stack planned.
	Limits bindings.Limits
	// RulesPerGroup is AWS's quota of inbound rules; 0 = its default.
	RulesPerGroup int
	Write         apply.Writer
	Pause         time.Duration // after the first failure of a binding or group
	// Gather is how long a group waits for more changes, and Delay how long one waits that nothing new concerns.
	Gather, Delay time.Duration
	// Unseen reports whether bindings that the caches do not show may need rules; nil = all are shown.
	Unseen func(context.Context) bool
	// Served reports whether what users cannot write shows that a binding was in service; nil = its status counts. known
	// is false until that is read.
	Served func(*v1beta1.TargetGroupBinding) (served, known bool)
	// Wake queues a binding with something new to report; nil = no binding is queued.
	Wake func(binding types.NamespacedName)
	Now  func() time.Time
	Log  logr.Logger
}

// Reconciler updates the security groups of endpoints for spec.networking of bindings, in the background. A pass
// over a binding declares its needs and returns at once. Reconciler requests another pass when there is something
// new to report. It finds the groups of endpoints binding by binding, and updates each group independently. A
// hanging EC2 call for one group therefore delays neither registrations nor other groups.
type Reconciler struct {
	Options
	Table *sgsync.Table
	rules *sgsync.Reconciler

	bindings *queue.Keyed // by binding
	groups   *queue.Keyed // by security group; sweepKey stands for those that no binding names

	drains *Drains // nil = rules of endpoints that leave go at once

	mu       sync.Mutex
	requests map[string]*request // by binding
	// asking are, by group, the bindings that await it or that it refuses, and former ones.
	asking map[string]map[string]bool
	// ending are the names under which rules of bindings stay while targets drain, whose groups were not looked up yet.
	ending  map[string]string
	closing map[string]*closing // by binding
	waiting map[string]bool     // groups that hold rules which cannot be judged before more is known
	swept   bool                // groups of former bindings were looked for
	begun   time.Time
	heirs   map[string]bool // bindings that may need the rules of one that ended
	// suspects are the bindings that may be unknown, each once. suspected has, by suspect, the number of its newest
	// suspicion.
	suspects   []types.NamespacedName
	suspected  map[types.NamespacedName]int
	suspicions int
	listed     bool       // all bindings were listed; from then on, bindings that come are suspects
	complete   bool       // all were known once: any other binding is a suspect
	listing    sync.Mutex // is held during a list of all bindings, which all that ask share
	whole      bool       // the API server has shown, since the start, that the cache lacks no binding
	// wholeAfter is when it is asked again
	wholeAfter time.Time
	reviews    int // how often review was asked, so that bring notices those that came while it looked
}

// behindAnswers is when to repeat a run that rests on answers which were past their lifetime and which AWS is being
// asked for.
const behindAnswers = 15 * time.Second

// Delay is how long a group to which nothing is new waits to be looked at. A look goes through the needs of all
// bindings: it must not follow on each of a thousand changes that concern the endpoints of bindings and not their
// rules.
const Delay = 500 * time.Millisecond

// sweepKey is no name of a security group.
const sweepKey = ""

// New makes a Reconciler that has groups of former bindings swept first.
func New(o Options) *Reconciler {
	if o.Unseen == nil {
		o.Unseen = func(context.Context) bool { return false }
	}
	if o.Wake == nil {
		o.Wake = func(types.NamespacedName) {}
	}
	table := sgsync.NewTable()
	r := &Reconciler{
		Options: o, Table: table,
		rules: &sgsync.Reconciler{
			Cluster: o.Chooser.Cluster, Backend: o.Backend, Table: table, Rules: o.Inventory.SecurityGroups(),
			Limit: o.RulesPerGroup, Write: o.Write, Refusals: o.Inventory.Refusals(), Log: o.Log,
		},
		requests: map[string]*request{}, asking: map[string]map[string]bool{},
		begun: o.Now(), heirs: map[string]bool{},
		ending: map[string]string{}, waiting: map[string]bool{}, closing: map[string]*closing{},
	}
	r.rules.Inherits = func() bool { return r.Now().Sub(r.begun) < keepsInherited }
	r.bindings, r.groups = queue.NewKeyed(o.Pause, o.Now, r.place), queue.NewKeyed(o.Pause, o.Now, r.reconcileGroup)
	r.groups.Gather, r.groups.Delay = o.Gather, o.Delay
	r.bindings.Tenant = func(id string) string { return stack.ParseID(id).Namespace }
	// a process that ended may have left rules, and there may be no binding whose pass would ask for them
	r.groups.Add(sweepKey)
	return r
}

// Queues returns the work that is due, by binding and by group.
func (r *Reconciler) Queues() []*queue.Keyed { return []*queue.Keyed{r.bindings, r.groups} }

// Remembered counts what is kept of bindings and groups.
func (r *Reconciler) Remembered() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return map[string]int{"wanted rules": len(r.requests), "rules to end": len(r.ending),
		"rules to revoke": len(r.closing), "rules that are waited for": len(r.waiting)}
}

// Start runs until ctx ends; it implements manager.Runnable.
func (r *Reconciler) Start(ctx context.Context) error {
	var running sync.WaitGroup
	for _, k := range r.Queues() {
		running.Go(func() { _ = k.Start(ctx) })
	}
	running.Wait()
	return nil
}

// networks finds the groups of endpoints in the caches.
func (r *Reconciler) networks() *bindings.Networks {
	return &bindings.Networks{Cluster: readable.Cluster{Reader: r.Client, Shared: r.Shared}, Inventory: r.Inventory,
		Interfaces: r.Interfaces, Chooser: r.Chooser, VPC: r.VPC, Limits: r.Limits, Own: r.claims,
		Former: r.former}
}

func ruleID(o *v1beta1.TargetGroupBinding) string {
	return stack.ID{Namespace: o.Namespace, Name: o.Name}.String()
}

// Want sets the endpoints, targets of a group, that a binding's sources are to reach. Before their groups are known,
// every rule that may be theirs stays. The binding must not be changed afterwards.
func (r *Reconciler) Want(ctx context.Context, o *v1beta1.TargetGroupBinding, of registrar.Group,
	targets bindings.Targets) {
	id := ruleID(o)
	if o.Spec.Networking == nil {
		if r.Table.Knows(id) {
			r.Release(ctx, id)
		}
		return
	}
	if !r.Table.Placed(id) {
		r.retain(ctx, o, targets)
	}
	r.mu.Lock()
	w := r.requests[id]
	if w == nil {
		w = &request{refused: map[string]error{}, awaited: map[string]bool{}}
		r.requests[id] = w
	}
	if !w.read {
		r.suspectID(id)
	}
	same := w.binding != nil && w.binding.UID == o.UID && w.binding.Generation == o.Generation &&
		w.targets.Port == targets.Port && w.targets.Endpoints.Equal(targets.Endpoints)
	w.binding, w.of, w.targets, w.expected = o, of, targets, false
	w.serial++
	r.mu.Unlock()
	if same {
		r.bindings.Add(id)
	} else {
		r.bindings.AddNow(id)
	}
}

// Read records that it is known what is registered for a binding, and whether other targets drain, for which an earlier
// process may have written rules: they stay as long. Only then may rules be revoked that such a process left.
func (r *Reconciler) Read(ctx context.Context, o *v1beta1.TargetGroupBinding, draining bool) {
	r.mu.Lock()
	w := r.requests[ruleID(o)]
	first := w != nil && !w.read
	if first {
		w.read = true
	}
	r.mu.Unlock()
	if !first {
		return
	}
	if draining && r.drains != nil && r.mayHaveRules(o) {
		unplaced, unclear, _ := r.networks().Permissions(ctx, o, nil)
		x := drain{ruleID(o), w.of}
		r.Table.Extend(x.String(), nil, append(unplaced, unclear...))
		r.drains.follow(x)
	}
	r.Review(ctx)
}

// Findings returns what prevents the rules that a binding wants. settled is false until everything was tried once.
func (r *Reconciler) Findings(o *v1beta1.TargetGroupBinding) (found diag.List, settled bool) {
	if o.Spec.Networking == nil {
		return nil, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.requests[ruleID(o)]
	if w == nil {
		return nil, false
	}
	return w.findings(), w.settled
}

// Retain keeps the rules that endpoints of a binding may need while the endpoints are not known. What is wrong with its
// networking is reported once they are.
func (r *Reconciler) Retain(ctx context.Context, o *v1beta1.TargetGroupBinding) {
	if o.Spec.Networking == nil {
		return
	}
	r.mu.Lock()
	if w := r.requests[ruleID(o)]; w != nil {
		w.binding = nil // what is being looked up for it is out of date
		w.serial++
	}
	r.mu.Unlock()
	r.retain(ctx, o, bindings.Targets{})
}

// retain keeps the rules that a binding may need of groups that are not known.
func (r *Reconciler) retain(ctx context.Context, o *v1beta1.TargetGroupBinding, targets bindings.Targets) {
	toTargets, asked := r.networks().ToTargets(ctx, o, targets)
	r.enqueue(ctx, r.Table.Extend(ruleID(o), nil, r.claims(o, slices.Concat(asked, toTargets))))
}

// RetainUnknown keeps the rules that a binding may need of which nothing is recorded since the start.
func (r *Reconciler) RetainUnknown(ctx context.Context, o *v1beta1.TargetGroupBinding) {
	if !r.Table.Knows(ruleID(o)) {
		r.Retain(ctx, o)
	}
}

// Locate finds the groups of the endpoints of a binding that ends, and writes no rule: what the binding needs there is
// let go of with the rest. The error is that of reads because of which some groups are not known.
func (r *Reconciler) Locate(ctx context.Context, o *v1beta1.TargetGroupBinding, targets bindings.Targets) error {
	ctx = awsclient.WithCause(awsclient.WithPriority(ctx, awsclient.Vital), awsclient.TargetRules)
	need, unclear, unread := r.networks().Locate(ctx, o, targets)
	r.Table.Extend(ruleID(o), need, unclear)
	return unread
}

// Release lets go of the rules that a binding, or a name under which they stayed, wants.
func (r *Reconciler) Release(ctx context.Context, id string) {
	r.mu.Lock()
	delete(r.requests, id)
	delete(r.heirs, id)
	r.suspectID(id)
	t := r.Table.Set(id, nil)
	wake := r.close(id, t.Changed)
	r.mu.Unlock()
	r.enqueue(ctx, t)
	wake()
}

// Transfer has the rules of a binding that ends stay under another name until that is released. A later process sweeps
// them away, for it knows nothing of the name; in groups where it would not find them they stay only if the binding
// is made again.
func (r *Reconciler) Transfer(ctx context.Context, id, name string, again bool) {
	r.mu.Lock()
	delete(r.requests, id)
	delete(r.heirs, id)
	r.suspectID(id)
	if !again {
		r.lend(id, name)
	}
	t := r.Table.Transfer(id, name)
	r.mu.Unlock()
	r.enqueue(ctx, t)
	r.bindings.AddNow(name)
}
