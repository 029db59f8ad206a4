package awsclient

// Roles is how many scopes of roles are connected.
func (s *Scopes) Roles() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetIdle(s.clock.Now())
	return len(s.roles)
}
