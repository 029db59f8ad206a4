package standin

import (
	"context"
	"io"
	"net"
	"sync"
)

// ServeTCP writes the pod's name and a newline to each client and then echoes what it receives until the client ends.
func ServeTCP(l net.Listener, id Identity) Server {
	return serveConnections(l, func(c net.Conn) {
		if _, err := io.WriteString(c, id.Pod+"\n"); err == nil {
			_, _ = io.Copy(c, c) // either end closing is the normal end
		}
	})
}

// serveConnections runs handle for each connection, which ends with it.
func serveConnections(l net.Listener, handle func(net.Conn)) Server {
	s := &tcpServer{listener: l, handle: handle, open: map[net.Conn]struct{}{}}
	s.wait.Add(1)
	go func() {
		defer s.wait.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !s.track(c) {
				_ = c.Close()
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

type tcpServer struct {
	listener net.Listener
	handle   func(net.Conn)
	wait     sync.WaitGroup // the accept loop and every connection

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

func (s *tcpServer) track(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.open[c] = struct{}{}
	s.wait.Add(1)
	return true
}

func (s *tcpServer) serve(c net.Conn) {
	defer s.wait.Done()
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	}()
	s.handle(c)
}

// Shutdown implements Server. A TCP conversation has no request that could finish: connections end at once, as with
// most servers that are asked to terminate.
func (s *tcpServer) Shutdown(context.Context) {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// ServeUDP answers each datagram with the pod's name.
func ServeUDP(c net.PacketConn, id Identity) Server {
	return serveDatagrams(c, func([]byte) []byte { return []byte(id.Pod) })
}

// serveDatagrams answers each datagram with what answer makes of it; nil is no answer. answer may change the datagram.
func serveDatagrams(c net.PacketConn, answer func(datagram []byte) []byte) Server {
	s := &udpServer{conn: c, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if a := answer(buf[:n]); a != nil {
				_, _ = c.WriteTo(a, from) // datagrams may be lost
			}
		}
	}()
	return s
}

type udpServer struct {
	conn net.PacketConn
	done chan struct{}
}

func (s *udpServer) Shutdown(context.Context) {
	_ = s.conn.Close()
	<-s.done
}
