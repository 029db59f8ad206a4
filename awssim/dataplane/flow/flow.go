// Package flow carries bytes: sockets and addresses on loopback, datagrams, flows that can be cut together, idle
// time-outs, PROXY protocol headers. It has no load balancer, no target and no protocol above TLS. It may import
// awssim/clock.
package flow

import (
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Flow is something that carries bytes and can be cut from outside.
type Flow struct {
	once  sync.Once
	abort func()
	cut   atomic.Bool // reset was called
}

// New makes a flow; abort cuts it on both sides.
func New(abort func()) *Flow { return &Flow{abort: abort} }

// Reset cuts the flow on both sides.
func (f *Flow) Reset() {
	f.once.Do(func() {
		f.cut.Store(true)
		f.abort()
	})
}

// WasReset reports whether reset was called.
func (f *Flow) WasReset() bool { return f.cut.Load() }

// Tuple identifies a flow: the transport, "tcp" or "udp", and the addresses.
type Tuple struct {
	Network       string
	Client, Local netip.AddrPort
}

// Set is open flows that end together. The zero value is empty.
type Set struct {
	mu    sync.Mutex
	flows map[*Flow]bool
	ended bool
}

// Add puts a flow into the set. It reports false, and resets the flow, when the set has ended.
func (s *Set) Add(f *Flow) bool {
	s.mu.Lock()
	ended := s.ended
	if !ended {
		if s.flows == nil {
			s.flows = map[*Flow]bool{}
		}
		s.flows[f] = true
	}
	s.mu.Unlock()
	if ended {
		f.Reset()
	}
	return !ended
}

// Empty reports whether no flow is in the set.
func (s *Set) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.flows) == 0
}

// Remove takes a flow out of the set.
func (s *Set) Remove(f *Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flows, f)
}

// End makes the set take no further flows; those that are in it go on.
func (s *Set) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// Cut resets all flows.
func (s *Set) Cut() {
	s.mu.Lock()
	flows := slices.Collect(maps.Keys(s.flows))
	s.mu.Unlock()
	for _, f := range flows {
		f.Reset()
	}
}

// Buffers hold what Copy and its like read at once.
var Buffers = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}

// copyBuffer is the size of each of Buffers.
const copyBuffer = 32 << 10

// Copy copies until an end or an error and returns how many bytes it copied.
func Copy(to io.Writer, from io.Reader, idle *IdleTimer) (int64, error) {
	buf := Buffers.Get().(*[]byte)
	defer Buffers.Put(buf)
	var total int64
	for {
		n, err := from.Read(*buf)
		if n > 0 {
			idle.Feed()
			if _, werr := to.Write((*buf)[:n]); werr != nil {
				return total, werr
			}
			total += int64(n)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
