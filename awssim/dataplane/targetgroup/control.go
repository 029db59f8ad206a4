package targetgroup

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// leastChannelTimeout bounds an attempt to open a control channel from below: a connection that the agent's security
// groups admit a moment later begins with a second SYN, after a second.
const leastChannelTimeout = 2 * time.Second

// control keeps the control channel to the agent of a target optimizer open: a TCP connection to the target group's
// control port, tried again beside each health check. AWS does not publish its protocol; here an agent that holds the
// connection open takes requests.
func (c *checker) control(config *Config, user *User, t *Target, timeout time.Duration) {
	if config.ControlPort == 0 || user.Network || !t.beginChannel() {
		return
	}
	if !c.Spawn(func() {
		defer t.endAttempt()
		c.openChannel(config, user, t, max(timeout, leastChannelTimeout))
	}) {
		t.endAttempt()
	}
}

// openChannel makes one attempt.
func (c *checker) openChannel(config *Config, user *User, t *Target, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(c.Context, timeout)
	defer cancel()
	at := netip.AddrPortFrom(t.Spec().Address, uint16(config.ControlPort))
	conn, err := c.Network.DialTCP(ctx, topology.OwnAddress(user.zones, t.Spec().Zone, at.Addr().Is6()), at)
	if err != nil {
		t.Group.Counters.Add(counter.ControlErrorCount, 1)
		return
	}
	if !t.setChannel(conn) || !c.Spawn(func() {
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
		t.dropChannel(conn)
	}) {
		_ = conn.Close()
		return
	}
	t.Group.Counters.Add(counter.ControlNewCount, 1)
}

// Controlled reports whether the target's agent is there.
func (t *Target) Controlled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.channel != nil
}

// Attempted is closed once the first attempt to reach the target's agent has ended.
func (t *Target) Attempted() <-chan struct{} { return t.attempted }

// beginChannel reports whether an attempt to open the channel is to be made: there is no channel, and no other attempt.
func (t *Target) beginChannel() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.channel != nil || t.opening || t.ended {
		return false
	}
	t.opening = true
	return true
}

func (t *Target) endAttempt() {
	t.mu.Lock()
	t.opening = false
	t.mu.Unlock()
	t.tried()
}

// setChannel takes a control channel over; false: the target is gone.
func (t *Target) setChannel(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.channel = c
	t.Group.Counters.Add(counter.ControlActiveCount, 1)
	return true
}

func (t *Target) dropChannel(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.channel == c {
		t.channel = nil
		t.Group.Counters.Add(counter.ControlActiveCount, -1)
	}
}

// closeChannel ends the control channel of a target that is gone.
func (t *Target) closeChannel() {
	t.mu.Lock()
	c := t.channel
	t.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}
