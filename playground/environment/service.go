package environment

import (
	"io"
	"net"
	"sync"
)

// service is to the webhooks of several replicas what a Service is in a cluster: each connection to its address goes to
// a replica that takes it, to another one each time.
type service struct {
	listener net.Listener
	done     chan struct{}

	mu       sync.Mutex
	backends []string // host:port of each replica
	next     int
}

func startService() (*service, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{listener: l, done: make(chan struct{})}
	go s.serve()
	return s, nil
}

func (s *service) address() string { return s.listener.Addr().String() }

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

func (s *service) serve() {
	defer close(s.done)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		client, err := s.listener.Accept()
		if err != nil { // it was closed
			return
		}
		running.Go(func() { s.forward(client) })
	}
}

// forward connects a client with the first backend that takes it; without one, its connection ends.
func (s *service) forward(client net.Conn) {
	defer client.Close() //nolint:errcheck // nothing is lost that was to be sent
	for _, address := range s.order() {
		backend, err := net.Dial("tcp", address)
		if err != nil {
			continue
		}
		defer backend.Close() //nolint:errcheck // as above
		both := make(chan struct{}, 2)
		for _, way := range [][2]net.Conn{{client, backend}, {backend, client}} {
			go func() {
				_, _ = io.Copy(way[1], way[0]) // its end is the connection's
				both <- struct{}{}
			}()
		}
		<-both
		return
	}
}

// stop ends the service; connections end with the replicas.
func (s *service) stop() { _ = s.listener.Close() }
