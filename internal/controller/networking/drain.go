package networking

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Drains keeps the security group rules of deleted bindings, and of endpoints that left a security group, while
// their targets drain: load balancers still finish requests. It makes at most one read per tick, and no look waits
// for a look of another namespace. Rules of deleted bindings are forgotten when the process ends, and the next
// process revokes them. The next process keeps the rules of departed endpoints if it finds draining targets.
type Drains struct {
	registry   *registrar.Registry
	reconciler *Reconciler
	now        func() time.Time

	mu      sync.Mutex
	due     map[drain]*drainLook
	looking map[string]bool // namespaces with a look under way
}

// drain is a binding that ended, with the target group that it had.
type drain struct {
	binding string
	of      registrar.Group
}

// String names the drain in the table of needs; no binding has such a name.
func (d drain) String() string { return d.binding + " drains from " + d.of.ARN }

// namespace is that of the binding.
func (d drain) namespace() string {
	namespace, _, _ := strings.Cut(d.binding, "/")
	return namespace
}

type drainLook struct {
	at    time.Time // of the next look
	taken int       // looks
	until time.Time
	// kept targets do not drain: the rules stay until those of the recreated binding exist, or the target group
	// is gone.
	kept bool
}

const (
	drainTick      = time.Second
	firstDrainLook = 5 * time.Second
	// longestDrain is the longest deregistration delay that AWS knows, and some.
	longestDrain     = time.Hour + longestDrainLook
	longestDrainLook = 5 * time.Minute
	// mostDrainLooks is how many looks may be under way, one of a namespace; each takes drainLookTimeout at most.
	mostDrainLooks   = 64
	drainLookTimeout = 20 * time.Second
)

// drainPauses are those before the looks at one group that drains.
var drainPauses = backoff.Policy{First: firstDrainLook, Longest: longestDrainLook}

// NewDrains makes Drains of the rules of a Reconciler.
func NewDrains(registry *registrar.Registry, r *Reconciler, now func() time.Time) *Drains {
	d := &Drains{registry: registry, reconciler: r, now: now, due: map[drain]*drainLook{}, looking: map[string]bool{}}
	r.drains = d
	return d
}

// follow manages rules that a binding lent to a drain. What is lent later counts from then on.
func (d *Drains) follow(x drain) {
	d.registry.KeepRules(x.of, true)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due[x] = &drainLook{at: d.now().Add(firstDrainLook), until: d.now().Add(longestDrain)}
}

// Begin lets go of the rules of a binding whose targets were deregistered: when they have drained, or at once if none
// does.
func (d *Drains) Begin(ctx context.Context, binding string, of registrar.Group) {
	if !d.draining(ctx, of) {
		d.reconciler.Release(ctx, binding)
		return
	}
	d.transfer(ctx, drain{binding, of}, drainLook{until: d.now().Add(longestDrain)})
}

// Keep keeps the rules of a binding whose targets stay registered until it is created again.
func (d *Drains) Keep(ctx context.Context, binding string, of registrar.Group) {
	d.transfer(ctx, drain{binding, of}, drainLook{kept: true})
}

func (d *Drains) transfer(ctx context.Context, x drain, look drainLook) {
	look.at = d.now().Add(firstDrainLook)
	d.mu.Lock()
	d.due[x] = &look
	d.mu.Unlock()
	d.reconciler.Transfer(ctx, x.binding, x.String(), look.kept)
}

// needed reports whether the rules of a binding whose targets stayed are still needed.
func (d *Drains) needed(ctx context.Context, x drain) bool {
	if d.reconciler.Table.Knows(x.binding) {
		return false
	}
	_, err := d.registry.Health(ctx, x.of)
	gone := err != nil && awsclient.Classify(err).Code == awsclient.CodeTargetGroupNotFound
	if gone {
		d.registry.Forget(x.of)
	}
	return !gone
}

// draining reports whether a target of a group drains, or may, as AWS did not say; false for a group that is gone.
func (d *Drains) draining(ctx context.Context, of registrar.Group) bool {
	health, err := d.registry.Health(ctx, of)
	if err != nil {
		return awsclient.Classify(err).Code != awsclient.CodeTargetGroupNotFound
	}
	return registrar.Drains(health)
}

// Len returns how many bindings that ended keep their rules.
func (d *Drains) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.due)
}

// Start runs until ctx ends; it implements manager.Runnable.
func (d *Drains) Start(ctx context.Context) error {
	queue.EveryConcurrent(queue.Background(ctx, awsclient.Draining), drainTick, mostDrainLooks, d.Look)
	return nil
}

// Look looks at the group that has been due the longest, of a namespace without a look under way, and takes the rules
// away once nothing drains there.
func (d *Drains) Look(ctx context.Context) {
	x, late, kept := d.next()
	if x == (drain{}) {
		return
	}
	defer d.looked(x)
	reading, cancel := context.WithTimeout(ctx, drainLookTimeout)
	defer cancel()
	switch {
	case kept && d.needed(reading, x):
		return
	case !kept && !late:
		if d.registry.Leaving(x.of) {
			return // until the next look
		}
		health, err := d.registry.Health(reading, x.of)
		if err != nil && awsclient.Classify(err).Code != awsclient.CodeTargetGroupNotFound || registrar.Drains(health) {
			return // likewise
		}
	}
	d.registry.KeepRules(x.of, false)
	d.reconciler.Release(ctx, x.String())
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.due, x)
}

// next is the drain to look at, late if it has lasted too long; the zero one if none is due.
func (d *Drains) next() (x drain, late, kept bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	var first *drainLook
	for k, w := range d.due {
		if !w.at.After(now) && !d.looking[k.namespace()] && (first == nil || w.at.Before(first.at)) {
			x, first = k, w
		}
	}
	if first == nil {
		return drain{}, false, false
	}
	d.looking[x.namespace()] = true
	first.taken++
	first.at = now.Add(drainPauses.Pause(first.taken + 1))
	return x, !now.Before(first.until), first.kept
}

// looked ends the look at a drain.
func (d *Drains) looked(x drain) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.looking, x.namespace())
}
