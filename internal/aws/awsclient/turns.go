package awsclient

import (
	"context"
	"maps"
	"slices"
	"sort"
)

type tenantKey struct{}

// WithTenant names the tenant for whom the returned context calls AWS: the namespace, or the
// group of several namespaces. Calls of one priority that wait for the same bucket take turns by tenant.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// TenantOf returns the tenant of calls under a context. Calls without one are those of the controller itself, which is
// a tenant as any other.
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

// credit is how many turns a tenant has before others that have waited for longer, once it had none for a while: those
// of an edit. Without it, each call of the edit would wait for one turn of each other tenant.
const credit = 4

// turns is a queue in which the tenant is next that had the fewest turns; of several, the one that waits for longest. A
// tenant counts as one that had at most credit turns fewer than those that are served, however long it has rested.
type turns struct {
	order []string             // the tenants that wait, the next one first
	had   map[string]int       // the turns of tenants that wait, and of those that had some lately
	last  int                  // the most turns that a tenant had had when it was served
	full  int                  // the length of had at which tenants that rest are forgotten
	calls map[string][]*waiter // of the tenants in order: by arrival, those that are low last
	size  int                  // the waiters that are not gone
}

// waiting is how many calls wait.
func (t *turns) waiting() int { return t.size }

func (t *turns) push(tenant string, w *waiter) {
	if t.calls == nil {
		t.calls = map[string][]*waiter{}
	}
	if _, queued := t.calls[tenant]; !queued {
		t.join(tenant)
		t.enqueue(tenant)
	}
	at := len(t.calls[tenant])
	if !w.low {
		for ; at > 0 && t.calls[tenant][at-1].low; at-- {
		}
	}
	t.calls[tenant] = slices.Insert(t.calls[tenant], at, w)
	t.size++
}

// join gives a tenant that did not wait the turns that count for it.
func (t *turns) join(tenant string) {
	if t.had == nil {
		t.had = map[string]int{}
	}
	t.had[tenant] = max(t.had[tenant], t.last-credit)
}

// enqueue puts a tenant behind those that had as few turns.
func (t *turns) enqueue(tenant string) {
	n := t.had[tenant]
	at := sort.Search(len(t.order), func(i int) bool { return t.had[t.order[i]] > n })
	t.order = slices.Insert(t.order, at, tenant)
}

// serve counts a turn of a tenant.
func (t *turns) serve(tenant string) {
	t.last = max(t.last, t.had[tenant])
	t.had[tenant]++
	if len(t.had) <= t.full {
		return
	}
	maps.DeleteFunc(t.had, func(of string, n int) bool {
		_, queued := t.calls[of]
		return !queued && n <= t.last-credit
	})
	t.full = 2*len(t.had) + 16
}

// leave drops a waiter before its turn.
func (t *turns) leave(w *waiter) {
	w.gone = true
	t.size--
}

// pass notes the turn of a call that did not have to wait.
func (t *turns) pass(tenant string) {
	t.join(tenant)
	t.serve(tenant)
}

// pop takes the waiter whose turn it is; nil if none waits.
func (t *turns) pop() *waiter {
	for len(t.order) > 0 {
		tenant := t.order[0]
		t.order = t.order[1:]
		w := t.first(tenant)
		if w == nil {
			delete(t.calls, tenant)
			continue
		}
		t.serve(tenant)
		if len(t.calls[tenant]) > 0 {
			t.enqueue(tenant)
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
