package awsclient

import (
	"context"
	"slices"
)

type tenantKey struct{}

// WithTenant names the tenant on whose behalf the calls under the returned context are made: the namespace, or the
// group of several namespaces. Calls of one priority that wait for the same bucket take turns by tenant.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// TenantOf is the tenant of calls under a context. Calls without one are those of the controller itself, which is a
// tenant as any other.
func TenantOf(ctx context.Context) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}

type queuedKey struct{}

// WithQueued has a function called whenever a call made under the returned context has to wait for its turn. The
// function must not wait.
func WithQueued(ctx context.Context, queued func()) context.Context {
	return context.WithValue(ctx, queuedKey{}, queued)
}

func queued(ctx context.Context) {
	if f, ok := ctx.Value(queuedKey{}).(func()); ok {
		f()
	}
}

// waiter is a call that waits for a token.
type waiter struct {
	ready chan struct{}
	gone  bool // it waits no longer
	low   bool // the other calls of its tenant go first
}

// turns is a queue in which tenants take turns in rounds. In a round each tenant that waits has one turn. A tenant that
// comes while others wait joins the current round, before those that had their turn in it: it waits for at most one
// turn of each other tenant.
type turns struct {
	round []string             // the tenants that wait for their turn in this round, first come first
	later []string             // the tenants that had their turn in this round and wait for the next one
	had   map[string]bool      // the tenants that had their turn in this round
	calls map[string][]*waiter // of the tenants in round and later, in order of arrival, those that are low last
	size  int                  // the waiters that are not gone
}

// waiting is how many calls wait.
func (t *turns) waiting() int { return t.size }

func (t *turns) push(tenant string, w *waiter) {
	if t.calls == nil {
		t.calls = map[string][]*waiter{}
	}
	if _, queued := t.calls[tenant]; !queued {
		if t.had[tenant] {
			t.later = append(t.later, tenant)
		} else {
			t.round = append(t.round, tenant)
		}
	}
	at := len(t.calls[tenant])
	if !w.low {
		for ; at > 0 && t.calls[tenant][at-1].low; at-- {
		}
	}
	t.calls[tenant] = slices.Insert(t.calls[tenant], at, w)
	t.size++
}

// leave drops a waiter before its turn.
func (t *turns) leave(w *waiter) {
	w.gone = true
	t.size--
}

// pass notes the turn of a call that did not have to wait.
func (t *turns) pass(tenant string) {
	if t.had[tenant] || t.had == nil {
		t.had = map[string]bool{}
	}
	t.had[tenant] = true
}

// pop takes the waiter whose turn it is; nil if none waits.
func (t *turns) pop() *waiter {
	for len(t.round)+len(t.later) > 0 {
		if len(t.round) == 0 {
			t.round, t.later, t.had = t.later, nil, nil
		}
		tenant := t.round[0]
		t.round = t.round[1:]
		w := t.first(tenant)
		if w == nil {
			delete(t.calls, tenant)
			continue
		}
		if t.had == nil {
			t.had = map[string]bool{}
		}
		t.had[tenant] = true
		if len(t.calls[tenant]) > 0 {
			t.later = append(t.later, tenant)
		} else {
			delete(t.calls, tenant)
		}
		t.size--
		return w
	}
	return nil
}

// first takes the first waiter of a tenant that is not gone.
func (t *turns) first(tenant string) *waiter {
	for len(t.calls[tenant]) > 0 {
		w := t.calls[tenant][0]
		t.calls[tenant] = t.calls[tenant][1:]
		if !w.gone {
			return w
		}
	}
	return nil
}
