package dataplane

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
)

const (
	maxResponseHeader = 32 << 10
	idlePerTarget     = 512 // connections kept for reuse
	idleTarget        = 60 * time.Second
)

// transportTo returns the connections to a target. A request that chose the target just before it was deregistered gets a
// transport of its own that keeps nothing.
func (t *target) transportTo() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.transport != nil {
		return t.transport
	}
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if err := t.group.leaves(ctx, "tcp", t.addrPort()); err != nil {
				return nil, &dialError{err}
			}
			return t.group.plane.dialTarget(ctx, t.addrPort())
		},
		TLSClientConfig:        handshake.TargetConfig(),
		TLSHandshakeTimeout:    t.group.plane.connectTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerTarget,
		IdleConnTimeout:        idleTarget,
		MaxResponseHeaderBytes: maxResponseHeader,
		Protocols:              new(http.Protocols),
	}
	switch t.group.config.Load().ProtocolVersion {
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
