package dataplane

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// control keeps the control channel to the agent of a target optimizer open: a TCP connection to the target group's control
// port, tried again at each health check. AWS does not publish what is said on it; here an agent that holds the connection
// open takes requests.
func (c *checker) control(config *groupConfig, user *groupUser, t *target, timeout time.Duration) {
	if config.ControlPort == 0 || user.network || t.controlled() {
		return
	}
	ctx, cancel := context.WithTimeout(c.plane.ctx, timeout)
	defer cancel()
	at := netip.AddrPortFrom(t.spec.Load().Address, uint16(config.ControlPort))
	conn, err := c.plane.network.DialTCP(ctx, topology.OwnAddress(user.zones, t.spec.Load().Zone, at.Addr().Is6()), at)
	if err != nil {
		t.group.counters.Add(counter.ControlErrorCount, 1)
		return
	}
	if !t.setChannel(conn) || !c.plane.spawn(func() {
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
		t.dropChannel(conn)
	}) {
		_ = conn.Close()
		return
	}
	t.group.counters.Add(counter.ControlNewCount, 1)
}

// controlled reports whether the target's agent is there.
func (t *target) controlled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.channel != nil
}

// setChannel takes a control channel over; false: the target is gone.
func (t *target) setChannel(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.channel = c
	t.group.counters.Add(counter.ControlActiveCount, 1)
	return true
}

func (t *target) dropChannel(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.channel == c {
		t.channel = nil
		t.group.counters.Add(counter.ControlActiveCount, -1)
	}
}

// closeChannel ends the control channel of a target that is gone.
func (t *target) closeChannel() {
	t.mu.Lock()
	c := t.channel
	t.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// ready leaves of the targets those that a target optimizer lets take a request.
func (x *exchange) ready(g *group, config *groupConfig, targets []*target) []*target {
	if config.ControlPort == 0 || x.view.Type != stack.Application {
		return targets
	}
	ready := slices.DeleteFunc(slices.Clone(targets), func(t *target) bool { return !t.controlled() })
	if len(ready) > 0 {
		x.groupCounts(g).Add(counter.ControlRequestCount, 1)
	} else {
		x.groupCounts(g).Add(counter.ControlRejectCount, 1)
	}
	return ready
}
