package vnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Sizes of a direction's buffer: it starts small, since most connections carry little, and grows to what a kernel would
// give a connection with a short round trip.
const (
	firstBuffer = 4 << 10
	fullBuffer  = 64 << 10
)

// stream is one direction of a connection: a bounded byte queue between one writer and one reader.
type stream struct {
	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond

	ring  []byte
	start int // index of the first unread byte
	size  int // unread bytes

	finished   bool  // the writer sent all (FIN)
	readerGone bool  // the reader closed
	writerGone bool  // the writer closed
	broken     error // reset

	read, write deadline
}

func newStream() *stream {
	s := &stream{}
	s.readable.L, s.writable.L = &s.mu, &s.mu
	return s
}

// Read waits for bytes, the end, a reset or the deadline. As with kernel sockets a passed deadline wins over waiting
// bytes.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerGone:
			return 0, net.ErrClosed
		case s.read.passed():
			return 0, os.ErrDeadlineExceeded
		case s.broken != nil:
			return 0, os.NewSyscallError("read", s.broken)
		case len(p) == 0:
			return 0, nil
		case s.size > 0:
			n := s.take(p)
			s.writable.Signal()
			return n, nil
		case s.finished:
			return 0, io.EOF
		}
		s.readable.Wait()
	}
}

func (s *stream) take(p []byte) int {
	n := copy(p, s.ring[s.start:min(s.start+s.size, len(s.ring))])
	if n < len(p) && n < s.size {
		n += copy(p[n:], s.ring[:s.size-n])
	}
	s.size -= n
	s.start += n
	if s.start >= len(s.ring) {
		s.start -= len(s.ring)
	}
	if s.size == 0 {
		s.start = 0
	}
	return n
}

// Write returns once all of p is queued.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		switch {
		case s.writerGone:
			return written, net.ErrClosed
		case s.write.passed():
			return written, os.ErrDeadlineExceeded
		case s.broken != nil:
			return written, os.NewSyscallError("write", s.broken)
		case s.readerGone || s.finished:
			return written, os.NewSyscallError("write", syscall.EPIPE)
		case len(p) == 0:
			return written, nil
		}
		if n := s.put(p); n > 0 {
			written += n
			p = p[n:]
			s.readable.Signal()
			continue
		}
		s.writable.Wait()
	}
}

func (s *stream) put(p []byte) int {
	if free := len(s.ring) - s.size; free < len(p) && len(s.ring) < fullBuffer {
		s.grow(s.size + len(p))
	}
	free := len(s.ring) - s.size
	p = p[:min(len(p), free)]
	end := s.start + s.size
	if end >= len(s.ring) {
		end -= len(s.ring)
	}
	n := copy(s.ring[end:], p)
	copy(s.ring, p[n:])
	s.size += len(p)
	return len(p)
}

func (s *stream) grow(want int) {
	size := max(len(s.ring), firstBuffer)
	for size < want && size < fullBuffer {
		size *= 2
	}
	ring := make([]byte, size)
	unread := s.size
	if unread > 0 {
		s.take(ring[:unread])
	}
	s.ring, s.start, s.size = ring, 0, unread
}

// finish is the writer's FIN: the reader sees the end after what is queued.
func (s *stream) finish() {
	s.mu.Lock()
	s.finished = true
	s.wake()
	s.mu.Unlock()
}

// closeWriter ends the writer's use of the stream.
func (s *stream) closeWriter() {
	s.mu.Lock()
	s.finished, s.writerGone = true, true
	s.write.stop()
	s.wake()
	s.mu.Unlock()
}

// closeReader ends the reader's use of the stream; what is queued is lost.
func (s *stream) closeReader() {
	s.mu.Lock()
	s.readerGone = true
	s.ring, s.start, s.size = nil, 0, 0
	s.read.stop()
	s.wake()
	s.mu.Unlock()
}

// reset breaks the stream for both sides; what is queued is lost.
func (s *stream) reset() {
	s.mu.Lock()
	s.broken = syscall.ECONNRESET
	s.wake()
	s.mu.Unlock()
}

func (s *stream) wake() {
	s.readable.Broadcast()
	s.writable.Broadcast()
}

func (s *stream) setReadDeadline(t time.Time) {
	s.mu.Lock()
	s.read.set(t, &s.readable)
	s.mu.Unlock()
}

func (s *stream) setWriteDeadline(t time.Time) {
	s.mu.Lock()
	s.write.set(t, &s.writable)
	s.mu.Unlock()
}

// deadline wakes the waiters of a condition at a time; all its methods are called with the condition's lock held.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

func (d *deadline) set(t time.Time, waiters *sync.Cond) {
	d.at = t
	d.stop()
	if !t.IsZero() {
		if wait := time.Until(t); wait > 0 {
			if d.timer == nil {
				d.timer = time.AfterFunc(wait, func() {
					waiters.L.Lock()
					waiters.Broadcast()
					waiters.L.Unlock()
				})
			} else {
				d.timer.Reset(wait)
			}
			return
		}
	}
	waiters.Broadcast()
}
