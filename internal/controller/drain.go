package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// drains keeps the rules of bindings that are gone for as long as what they registered drains: load balancers finish requests that
// are under way. It spends at most one read per tick. What it knows ends with the process; the next one sweeps the rules away.
type drains struct {
	registry *targets.Registry
	rules    *rules
	now      func() time.Time

	mu  sync.Mutex
	due map[drain]*wait
}

// drain is a binding that ended, with the target group that it had.
type drain struct{ binding, arn string }

// String names the drain among those who need rules; no binding is named so.
func (d drain) String() string { return d.binding + " drains from " + d.arn }

type wait struct {
	at    time.Time // of the next look
	taken int       // looks
	until time.Time
	// kept targets do not drain: the rules stay until those of the binding that is made again stand, or the target group is gone.
	kept bool
}

const (
	drainTick      = time.Second
	firstDrainLook = 5 * time.Second
	// longestDrain is the longest deregistration delay that AWS knows, and some.
	longestDrain     = time.Hour + longestDrainLook
	longestDrainLook = 5 * time.Minute
)

// drainPauses are those before the looks at one group that drains.
var drainPauses = backoff.Policy{First: firstDrainLook, Longest: longestDrainLook}

func newDrains(registry *targets.Registry, r *rules, now func() time.Time) *drains {
	return &drains{registry: registry, rules: r, now: now, due: map[drain]*wait{}}
}

// begin lets go of the rules of a binding whose targets were deregistered: when they have drained, or at once if none does.
func (d *drains) begin(ctx context.Context, binding, arn string) {
	if !d.draining(ctx, arn) {
		d.rules.release(ctx, binding)
		return
	}
	x := drain{binding, arn}
	now := d.now()
	d.mu.Lock()
	d.due[x] = &wait{at: now.Add(firstDrainLook), until: now.Add(longestDrain)}
	d.mu.Unlock()
	d.rules.keepFor(ctx, binding, x.String())
}

// keep has the rules of a binding stay whose targets stay registered until it is made again.
func (d *drains) keep(ctx context.Context, binding, arn string) {
	x := drain{binding, arn}
	d.mu.Lock()
	d.due[x] = &wait{at: d.now().Add(firstDrainLook), kept: true}
	d.mu.Unlock()
	d.rules.keepFor(ctx, binding, x.String())
}

// needed reports whether the rules of a binding whose targets stayed are still needed.
func (d *drains) needed(ctx context.Context, x drain) bool {
	if d.rules.table.Knows(x.binding) {
		return false
	}
	_, err := d.registry.Health(ctx, x.arn)
	gone := err != nil && cloud.Classify(err).Code == cloud.CodeTargetGroupNotFound
	if gone {
		d.registry.Forget(x.arn)
	}
	return !gone
}

// draining reports whether a target of a group drains. Of a group that cannot be read, or is gone, nobody can tell.
func (d *drains) draining(ctx context.Context, arn string) bool {
	health, err := d.registry.Health(ctx, arn)
	return err == nil && slices.ContainsFunc(health, targets.Health.Draining)
}

// Start runs until ctx ends; it implements manager.Runnable.
func (d *drains) Start(ctx context.Context) error {
	queue.Every(queue.Background(ctx), drainTick, nil, d.lookAtOne)
	return nil
}

// lookAtOne looks at the group that has been due the longest, and takes the rules away once nothing drains there.
func (d *drains) lookAtOne(ctx context.Context) {
	x, late, kept := d.next()
	switch {
	case x == (drain{}), kept && d.needed(ctx, x):
		return
	case !kept && !late:
		health, err := d.registry.Health(ctx, x.arn)
		if err != nil && cloud.Classify(err).Code != cloud.CodeTargetGroupNotFound || slices.ContainsFunc(health, targets.Health.Draining) {
			return // the next look tells more
		}
	}
	d.rules.release(ctx, x.String())
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.due, x)
}

// next is the drain to look at, late if it has lasted too long; the zero one if none is due.
func (d *drains) next() (x drain, late, kept bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	var first *wait
	for k, w := range d.due {
		if !w.at.After(now) && (first == nil || w.at.Before(first.at)) {
			x, first = k, w
		}
	}
	if first == nil {
		return drain{}, false, false
	}
	first.taken++
	first.at = now.Add(drainPauses.Pause(first.taken + 1))
	return x, !now.Before(first.until), first.kept
}
