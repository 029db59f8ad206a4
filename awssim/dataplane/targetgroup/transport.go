package targetgroup

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
)

const (
	maxResponseHeader = 32 << 10
	idlePerTarget     = 512 // connections kept for reuse
	idleTarget        = 60 * time.Second
)

// Transport returns the connections to a target. A request that chose the target just before it was deregistered gets a
// transport of its own that keeps nothing.
func (t *Target) Transport() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.transport != nil {
		return t.transport
	}
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if err := t.Group.Leaves(ctx, "tcp", t.AddrPort()); err != nil {
				return nil, &DialError{err}
			}
			return t.Group.groups.Dial(ctx, t.AddrPort())
		},
		TLSClientConfig:        handshake.TargetConfig(),
		TLSHandshakeTimeout:    t.Group.groups.ConnectTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerTarget,
		IdleConnTimeout:        idleTarget,
		MaxResponseHeaderBytes: maxResponseHeader,
		Protocols:              new(http.Protocols),
	}
	switch t.Group.Config().ProtocolVersion {
	case "HTTP2", "GRPC":
		tr.Protocols = handshake.HTTP2Only()
	default:
		tr.Protocols.SetHTTP1(true)
	}
	if t.ended {
		tr.DisableKeepAlives = true
		return tr
	}
	t.transport = tr
	return tr
}

// errBlocked is a connection attempt that the load balancer's security groups keep from leaving.
var errBlocked error = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}

// Leaves waits for the attempt's time-out when the security groups of the load balancer that uses the group do not let
// it speak to an address.
func (g *Group) Leaves(ctx context.Context, network string, to netip.AddrPort) error {
	if g.User().Permits(network, to) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, g.groups.ConnectTimeout)
	defer cancel()
	<-ctx.Done()
	return errBlocked
}

// fromKey carries the load balancer's own address to the dialer of a transport.
type fromKey struct{}

// WithSource is a context in which connections to targets come from a load balancer's address.
func WithSource(ctx context.Context, from netip.Addr) context.Context {
	return context.WithValue(ctx, fromKey{}, from)
}

// Dial connects to a target from the address of WithSource.
func (p *Groups) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	from, ok := ctx.Value(fromKey{}).(netip.Addr)
	if !ok {
		from = netip.IPv4Unspecified()
	}
	ctx, cancel := context.WithTimeout(ctx, p.ConnectTimeout)
	defer cancel()
	c, err := p.Network.DialTCP(ctx, from, to)
	if err != nil {
		return nil, &DialError{err}
	}
	return c, nil
}

// DialError is a connection that could not be made.
type DialError struct{ err error }

// Error implements error.
func (e *DialError) Error() string { return "connect to target: " + e.err.Error() }

// Unwrap gives the cause.
func (e *DialError) Unwrap() error { return e.err }

// Timeout implements net.Error.
func (e *DialError) Timeout() bool {
	var timeout net.Error
	return errors.As(e.err, &timeout) && timeout.Timeout()
}
