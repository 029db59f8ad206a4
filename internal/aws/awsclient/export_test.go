package awsclient

import "context"

// Do runs one call of an operation as the middleware of a client does.
func (l *Limiter) Do(ctx context.Context, service, operation string, send func(context.Context) error) error {
	_, err := l.do(ctx, service, operation, send)
	return err
}

// Roles is how many scopes of roles are connected.
func (s *Scopes) Roles() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetIdle(s.clock.Now())
	return len(s.roles)
}
