package environment

import (
	"context"
	"errors"
	"net"
	"sync"
)

// service is to the webhooks of several replicas what a Service is in a cluster: each connection goes to a replica that
// takes it, to another one each time.
type service struct {
	mu       sync.Mutex
	backends []string // host:port of each replica
	next     int
}

// use replaces the backends.
func (s *service) use(backends []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backends, s.next = backends, 0
}

// order are the backends in the order in which a connection tries them.
func (s *service) order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.backends) == 0 {
		return nil
	}
	s.next = (s.next + 1) % len(s.backends)
	return append(append([]string(nil), s.backends[s.next:]...), s.backends[:s.next]...)
}

// dial connects to the first backend that takes the connection.
func (s *service) dial(ctx context.Context) (net.Conn, error) {
	err := errors.New("no replica is ready")
	for _, address := range s.order() {
		var conn net.Conn
		if conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
