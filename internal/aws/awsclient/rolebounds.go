package awsclient

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// mostRoles limits how many role scopes have clients at the same time. The least used one is connected again at its
	// next use.
	mostRoles = 256
	// assumeRate and assumeBurst limit the calls of AssumeRole for one tenant, per second and in a burst. A tenant with
	// more roles or external ids waits. AWS allows 600 calls per second for an account, and its other programs need some
	// of them.
	assumeRate  = 5
	assumeBurst = 100
)

// errManyRoles is the error of a call of AssumeRole that was not sent.
var errManyRoles = errors.New("too many roles and external ids at once")

// assumeTurns bounds the calls of AssumeRole of each tenant. It is safe for concurrent use.
type assumeTurns struct {
	clock Clock

	mu    sync.Mutex
	spent map[string]spentTurns // by tenant; one without an entry has spent none
}

// spentTurns are the turns that a tenant had spent at a time, less those that it got back.
type spentTurns struct {
	turns float64
	at    time.Time
}

// take takes a turn of a tenant. An error says that the tenant has none left; it does not wait. A nil assumeTurns
// bounds nothing.
func (a *assumeTurns) take(tenant string) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Now()
	s := a.spent[tenant].left(now)
	if s.turns+1 > assumeBurst {
		return fmt.Errorf("%w: the controller asks STS for roles of namespace %s at most %d times per second", errManyRoles,
			tenant, assumeRate)
	}
	if _, known := a.spent[tenant]; !known {
		a.forgetIdle(now)
	}
	s.turns++
	a.spent[tenant] = s
	return nil
}

// left is what counts of spent turns at a later time.
func (s spentTurns) left(now time.Time) spentTurns {
	return spentTurns{turns: max(0, s.turns-assumeRate*now.Sub(s.at).Seconds()), at: now}
}

// forgetIdle drops the tenants that have got all of their turns back. The lock is held.
func (a *assumeTurns) forgetIdle(now time.Time) {
	for tenant, s := range a.spent {
		if s.left(now).turns == 0 {
			delete(a.spent, tenant)
		}
	}
}

// makeRoom drops scopes until one more may be connected: of the tenant that has the most of them, the one that was used
// least recently. Nobody loses the clients of his role because somebody else names many. The lock is held.
func (s *Scopes) makeRoom() {
	for len(s.roles) >= mostRoles {
		count := map[string]int{}
		for _, c := range s.roles {
			count[c.credentials.user()]++
		}
		var least Scope
		for scope, c := range s.roles {
			most, than := count[c.credentials.user()], 0
			if k := s.roles[least]; k != nil {
				than = count[k.credentials.user()]
			}
			if most > than || most == than && c.used.Before(s.roles[least].used) {
				least = scope
			}
		}
		delete(s.roles, least)
	}
}
