package cloud

import (
	"fmt"
	"strings"
	"sync"
)

// Scope is one account, Region and VPC, as one role sees them. Clients, limits and caches belong to a scope; decision 18 says what else does.
// The zero value of Role is the controller's own role.
type Scope struct {
	Partition string // aws, aws-cn, aws-us-gov
	Region    string
	VPC       string
	// Role is the ARN of a role that is assumed, and ExternalID what its trust policy asks for.
	Role       string
	ExternalID string
}

// String is what names the scope in logs. It does not hold the external id, which some accounts treat as a secret.
func (s Scope) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.Partition, s.Region, s.VPC, s.Role))
}

// Scopes connects to each scope once. It is safe for concurrent use.
type Scopes struct {
	own     Connection
	options LimiterOptions

	mu      sync.Mutex
	clients map[Scope]Clients
}

// NewScopes makes a Scopes of the connection of the controller's own role. options are those of the limiter of each scope.
func NewScopes(own Connection, options LimiterOptions) *Scopes {
	return &Scopes{own: own, options: options, clients: map[Scope]Clients{}}
}

// Own is the scope of the controller's own role.
func (s *Scopes) Own() Scope { return s.own.Scope }

// Clients are the clients of a scope. All calls in a scope pass the same limiter.
func (s *Scopes) Clients(scope Scope) (Clients, error) {
	if scope != s.own.Scope {
		return Clients{}, fmt.Errorf("%s is not supported yet: the controller works in %s only", scope, s.own.Scope)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, connected := s.clients[scope]
	if !connected {
		c = s.own.Clients(NewLimiter(s.options))
		s.clients[scope] = c
	}
	return c, nil
}
