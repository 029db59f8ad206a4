package awsclient

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
)

// Scope is one account, Region and VPC, as one role sees them. Clients, limits and caches belong to a scope; decision
// 18 says what else does. The zero value of Role is the controller's own role.
type Scope struct {
	Partition string // aws, aws-cn, aws-us-gov
	Region    string
	VPC       string
	// Role is the ARN of a role that is assumed, and ExternalID what its trust policy asks for.
	Role       string
	ExternalID string
}

// String returns what names the scope in logs. It does not hold the external id, which some accounts treat as a secret.
func (s Scope) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.Partition, s.Region, s.VPC, s.Role))
}

// As returns the scope in which the same Region and VPC are seen by a role that is assumed; without a role, s itself.
func (s Scope) As(role, externalID string) Scope {
	if role == "" {
		return s
	}
	s.Role, s.ExternalID = role, externalID
	return s
}

// idleScope is how long the clients and credentials of a role are kept that nothing calls with.
const idleScope = time.Hour

// ScopesOptions adjust Scopes.
type ScopesOptions struct {
	Limiter LimiterOptions // of each limiter
	Cluster string         // names the sessions of roles
	// Came is called when a role can be assumed again after it could not; it must not wait; nil = no call.
	Came func(Scope)
}

// Scopes connects to each scope once. It is safe for concurrent use.
type Scopes struct {
	own     Connection
	options ScopesOptions
	clock   Clock

	mu       sync.Mutex
	clients  *Clients             // of the own scope; nil = not yet
	roles    map[Scope]*connected // mostRoles at most
	limiters map[string]*Limiter  // of the roles of one account, by its id: AWS meters an account and Region
	turns    *assumeTurns
}

// connected are the clients of a role.
type connected struct {
	clients     Clients
	credentials *roleCredentials
	used        time.Time
}

// NewScopes makes a Scopes of the connection of the controller's own role.
func NewScopes(own Connection, options ScopesOptions) *Scopes {
	s := &Scopes{own: own, options: options, clock: options.Limiter.Clock, roles: map[Scope]*connected{},
		limiters: map[string]*Limiter{}}
	if s.clock == nil {
		s.clock = WallClock{}
	}
	s.turns = &assumeTurns{clock: s.clock, spent: map[string]spentTurns{}}
	return s
}

// Own returns the scope of the controller's own role.
func (s *Scopes) Own() Scope { return s.own.Scope }

// Clients returns the clients of a scope: the own one, or that of a role for the same Region and VPC. All calls of the
// own scope pass one limiter, and so do those of all roles of one account. It makes no call: the first call of a client
// assumes the role. An error is that of a scope that no role could reach.
func (s *Scopes) Clients(scope Scope) (Clients, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if scope == s.own.Scope {
		return s.ownClients(), nil
	}
	account, isRole := iamroles.Account(scope.Role)
	if !isRole || scope != s.own.Scope.As(scope.Role, scope.ExternalID) {
		return Clients{}, fmt.Errorf("%s cannot be reached from %s: it takes the ARN of a role for the same Region and VPC",
			scope, s.own.Scope)
	}
	now := s.clock.Now()
	c := s.roles[scope]
	if c == nil {
		s.makeRoom()
		s.forgetIdle(now)
		credentials := &roleCredentials{
			scope: scope, session: naming.RoleSession(s.options.Cluster), sts: s.ownClients().STS, clock: s.clock,
			came: s.options.Came, turns: s.turns,
		}
		c = &connected{clients: s.own.assumed(credentials).Clients(s.limiter(account)), credentials: credentials}
		s.roles[scope] = c
	}
	c.used = now
	return c.clients, nil
}

// ownClients are those of the own scope. The lock is held.
func (s *Scopes) ownClients() Clients {
	if s.clients == nil {
		c := s.own.Clients(NewLimiter(s.options.Limiter))
		s.clients = &c
	}
	return *s.clients
}

// limiter is the one of an account of roles. The lock is held.
func (s *Scopes) limiter(account string) *Limiter {
	l := s.limiters[account]
	if l == nil {
		o := s.options.Limiter
		o.Account = account
		l = NewLimiter(o)
		s.limiters[account] = l
	}
	return l
}

// forgetIdle drops what nothing has called with for a while. The lock is held.
func (s *Scopes) forgetIdle(now time.Time) {
	accounts := map[string]bool{}
	for scope, c := range s.roles {
		if now.Sub(c.used) > idleScope {
			delete(s.roles, scope)
			continue
		}
		account, _ := iamroles.Account(scope.Role)
		accounts[account] = true
	}
	for account := range s.limiters {
		if !accounts[account] {
			delete(s.limiters, account)
		}
	}
}
