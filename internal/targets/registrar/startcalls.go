package registrar

import (
	"context"
	"errors"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// readTime limits how long registrations wait for the first read of a group. After it, the registrar registers wanted
// targets except those that earlier processes have most likely registered. To register a target again has no effect
// (ELB API reference, RegisterTargets).
const readTime = time.Second

// startCalls starts every call that a group needs and that need not wait for a call in progress. The caller holds the
// group's lock.
func (r *Registry) startCalls(ctx context.Context, g *group) {
	q := g.request
	if (!g.known || g.reread) && !g.written && r.createdHere(g.Group) {
		g.known, g.reread = true, false
	}
	if (!g.known || g.reread) && !g.reading && !g.readFailed {
		r.readMembers(ctx, g)
	}
	if q.Record != nil && !g.recording && !g.recordFailed {
		r.startRecordCalls(ctx, g, q)
	}
	if t := g.toRegister(ctx, q); len(t) > 0 { // the decision is final
		r.startWrite(ctx, g, register, t)
	}
	for _, binding := range g.freed {
		r.Progress(binding)
	}
	g.freed = nil
	moved := g.moved(q, r.Clock.Now())
	if t := g.toDeregister(q, moved); len(t) > 0 {
		r.startWrite(ctx, g, deregister, t)
	}
	r.awaitMoved(ctx, g, moved)
	g.unnoted(q)
	g.noteWaiting(q, moved, r.Clock.Now())
	r.index(r.waiting, g, len(g.waits) > 0)
}

// inBackground runs call in a goroutine, without the group's lock. It then runs the function that call returned under
// the lock, and starts the calls that waited for it.
func (r *Registry) inBackground(ctx context.Context, g *group, call func() (result func())) {
	go func() {
		result := call()
		g.mu.Lock()
		result()
		r.startCalls(ctx, g)
		close(g.ended)
		g.ended = make(chan struct{})
		binding, waited := g.request.Binding, g.waiters > 0
		g.mu.Unlock()
		if !waited {
			r.Progress(binding)
		}
	}()
}

func (r *Registry) readMembers(ctx context.Context, g *group) {
	g.reading, g.reread, g.touched = true, false, map[string]bool{}
	stop := func() bool { return true }
	if !g.known {
		stop = r.Clock.AfterFunc(readTime, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.reading && !g.known && g.request != nil {
				g.overdue = true
				r.startCalls(ctx, g)
			}
		})
	}
	r.inBackground(ctx, g, func() func() {
		health, err := r.Health(ctx, g.Group)
		if err == nil {
			health, err = r.confirmed(ctx, g, health)
		}
		if err == nil && r.Seen != nil {
			r.Seen(g.ARN, health)
		}
		return func() {
			stop()
			g.reading = false
			if err == nil {
				g.setMembers(health)
				return
			}
			g.readFailed, g.reread = true, g.known
			class := awsclient.Classify(err).Class
			if class == diag.Denied { // reads are denied
				g.inherited = nil
			}
			g.overdue = class != diag.NotFound && class != diag.Invalid
			g.fail(err)
		}
	})
}

// startWrite starts the calls of one action for targets. It does not wait for them.
func (r *Registry) startWrite(ctx context.Context, g *group, a action, targets []Target) {
	c, q, zoned := g.calls[a], *g.request, g.homeZones
	c.n++
	g.written = true
	for _, t := range targets {
		c.keys[t.Key()] = true
	}
	since := g.timed(targets)
	r.inBackground(ctx, g, func() func() {
		sent := r.send(ctx, q, a, targets)
		return func() {
			c.n--
			for _, t := range targets {
				key := t.Key()
				delete(c.keys, key)
				c.failed[key] = true
				if g.reading {
					g.touched[key] = true
				}
			}
			r.reportLag(g, a, targets, sent.done, since)
			for _, t := range sent.done {
				g.done(a, t)
				g.prove(a, t.Key(), since)
			}
			for _, t := range sent.uncertain {
				g.members[t.Key()] = registeredTarget{t, true}
			}
			for _, t := range sent.inOtherVPC {
				delete(c.failed, t.Key())
				g.inOtherVPC[t.ID] = true
			}
			for _, t := range sent.absent {
				delete(g.members, t.Key())
				g.reread = true
			}
			if !zoned && q.HomeZone != nil && wantsZones(errors.Join(sent.errs...)) {
				g.homeZones = true
				for _, t := range targets {
					delete(c.failed, t.Key())
				}
				return
			}
			g.fail(errors.Join(sent.errs...))
			if g.retry.IsZero() || !sent.retry.IsZero() && sent.retry.Before(g.retry) {
				g.retry = sent.retry
			}
		}
	})
}

// done records that AWS accepted the call for a target.
func (g *group) done(a action, t Target) {
	key := t.Key()
	g.misnamed = false
	delete(g.calls[a].failed, key)
	delete(g.moves.settled, key)
	if a == deregister {
		delete(g.members, key)
		delete(g.requested, key)
		g.deregistered++
		return
	}
	g.members[key], g.requested[key] = registeredTarget{Target: t}, true
	g.registered++
	g.added = append(g.added, key)
}
