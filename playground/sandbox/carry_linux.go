package sandbox

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
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
			if f.At == nameServer {
				r.refresh()
			}
			r.connection(client, f)
		})
	}
}

func (r *relay) connection(client net.Conn, f Forward) {
	defer client.Close()
	dialer := net.Dialer{Timeout: dialTimeout}
	target, err := dialer.DialContext(r.ctx, "tcp", f.To.String())
	if f.At == nameServer {
		r.tellNameServer(err)
	}
	if err != nil {
		_ = client.(*net.TCPConn).SetLinger(0) // the client sees a reset
		return
	}
	defer target.Close()
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
	defer from.Close()
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

// queries carries DNS queries to the name server. If it does not answer, the command gets an error at once instead of
// waiting for the time limit of its resolver.
func (r *relay) queries(c net.PacketConn) {
	buf := make([]byte, longest)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		r.refresh()
		query := bytes.Clone(buf[:n])
		r.work.Go(func() {
			answer, err := exchange(r.ctx, r.options.NameServer, query)
			if r.ctx.Err() != nil {
				return
			}
			r.tellNameServer(err)
			if err != nil {
				answer = serverFailure(query)
			}
			_, _ = c.WriteTo(answer, from) // a datagram may be lost
		})
	}
}

// exchange sends a query and returns its answer.
func exchange(ctx context.Context, server netip.AddrPort, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "udp", server.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	end := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer end()
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, longest)
	n, err := c.Read(buf)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return buf[:n], err
}

// serverFailure is the answer SERVFAIL to a query; nil if the query has no header.
func serverFailure(query []byte) []byte {
	const header, isAnswer, codes, failure = 12, 1 << 7, 0x0f, 2
	if len(query) < header {
		return nil
	}
	answer := bytes.Clone(query)
	answer[2] |= isAnswer
	answer[3] = answer[3]&^codes | failure
	return answer
}
