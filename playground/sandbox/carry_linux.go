package sandbox

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// silence ends the answers to a client's datagrams.
	silence = 30 * time.Second
	// longest is the longest datagram.
	longest = 65535
)

// connections carries TCP connections.
func (r *relay) connections(l net.Listener, f Forward) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() {
			if f.At.Port() == dnsPort {
				r.refresh()
			}
			r.connection(client, f)
		})
	}
}

func (r *relay) connection(client net.Conn, f Forward) {
	defer client.Close() //nolint:errcheck // it ends here
	dialer := net.Dialer{Timeout: dialTimeout}
	target, err := dialer.DialContext(r.ctx, "tcp", f.To.String())
	if err != nil {
		_ = client.(*net.TCPConn).SetLinger(0) // the client sees a reset
		return
	}
	defer target.Close() //nolint:errcheck // it ends here
	end := context.AfterFunc(r.ctx, func() {
		_ = client.Close()
		_ = target.Close()
	})
	defer end()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{target, client}, {client, target}} {
		both.Go(func() {
			if _, err := io.Copy(pair[0], pair[1]); err != nil { // a reset is passed on
				for _, c := range pair {
					_ = c.(*net.TCPConn).SetLinger(0)
					_ = c.Close()
				}
				return
			}
			_ = pair[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

// datagrams carries UDP: each client has a socket of this machine, until it is silent.
func (r *relay) datagrams(c net.PacketConn, f Forward) {
	var mu sync.Mutex
	targets := map[string]net.Conn{}
	buf := make([]byte, longest)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			mu.Lock()
			for _, target := range targets {
				_ = target.Close()
			}
			mu.Unlock()
			return
		}
		if f.At.Port() == dnsPort {
			r.refresh()
		}
		mu.Lock()
		target := targets[from.String()]
		mu.Unlock()
		if target == nil {
			if target, err = net.Dial("udp", f.To.String()); err != nil {
				continue
			}
			mu.Lock()
			targets[from.String()] = target
			mu.Unlock()
			r.work.Go(func() {
				answers(c, target, from)
				mu.Lock()
				delete(targets, from.String())
				mu.Unlock()
			})
		}
		_, _ = target.Write(buf[:n]) // a datagram may be lost
	}
}

// answers carries what comes back to a client.
func answers(to net.PacketConn, from net.Conn, client net.Addr) {
	defer from.Close() //nolint:errcheck // it ends here
	buf := make([]byte, longest)
	for {
		_ = from.SetReadDeadline(time.Now().Add(silence))
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.WriteTo(buf[:n], client); err != nil {
			return
		}
	}
}
