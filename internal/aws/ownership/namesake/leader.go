package namesake

import (
	"fmt"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// Leader is the Lease of a controller's leader, as it was read.
type Leader struct {
	Lease  string // namespace/name
	Holder string
	// Renewal changes with each renewal. Clocks of other machines are not compared.
	Renewal string
}

const (
	// leadsApart is the shortest time between the first and last renewal that prove a second controller. A controller
	// that is reinstalled into another namespace overlaps with the old one for less.
	leadsApart = 30 * time.Second
	// ledLast is the time without a renewal after which a leader counts as gone.
	ledLast = time.Minute
)

// Leaders finds another controller of the cluster by its Lease, which has the name of this one in another namespace.
// Both this controller and the existing one use that name. The zero value is ready to use. It is safe for concurrent
// use.
type Leaders struct {
	Own string // namespace/name of this process's Lease; empty without election
	// OnChange is called with the text of the condition when it changes; "" = the condition ended. It must not block.
	// nil = nothing is called.
	OnChange func(text string)

	mu       sync.Mutex
	renewals map[string]*renewals // by Lease
	shown    string               // the Lease that the condition names
}

type renewals struct {
	token       string
	first, last time.Time // of those that were seen
}

// Saw records all Leases of the name, as read at a time.
func (l *Leaders) Saw(all []Leader, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := map[string]*renewals{}
	found := Leader{}
	for _, x := range all {
		if x.Lease == l.Own || x.Holder == "" {
			continue
		}
		r := l.renewals[x.Lease]
		switch {
		case r == nil:
			r = &renewals{token: x.Renewal}
		case r.token != x.Renewal && r.first.IsZero():
			r.token, r.first, r.last = x.Renewal, at, at
		case r.token != x.Renewal:
			r.token, r.last = x.Renewal, at
		case at.Sub(r.last) > ledLast:
			r.first, r.last = time.Time{}, time.Time{}
		}
		now[x.Lease] = r
		if r.last.Sub(r.first) >= leadsApart && (found.Lease == "" || x.Lease == l.shown) {
			found = x
		}
	}
	l.renewals = now
	if found.Lease == l.shown {
		return
	}
	l.shown = found.Lease
	if l.OnChange != nil {
		l.OnChange(l.text(found))
	}
}

// text is the condition; empty without a leader.
func (l *Leaders) text(x Leader) string {
	if x.Lease == "" {
		return ""
	}
	who := "the existing AWS Load Balancer Controller"
	if naming.IsLeaderIdentity(x.Holder) {
		who = "another release of this controller"
	}
	own := "without election"
	if l.Own != "" {
		own = "by Lease " + l.Own
	}
	return fmt.Sprintf("a second controller works in this cluster: %s holds Lease %s as %s, while this one leads %s", who,
		x.Lease, x.Holder, own)
}
