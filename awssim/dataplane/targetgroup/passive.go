package targetgroup

import (
	"errors"
	"net"
)

// passiveFailures is how many flows in a row a target must fail to take for the load balancer to call it unhealthy
// without waiting for its checks.
const passiveFailures = 3

// Observe is the passive health check: it counts the connection attempts of real flows. It does nothing for target
// groups with stickiness, and datagrams show nothing. What security groups kept from leaving, or what failed after the
// connection was made, does not count.
func (g *Group) Observe(t *Target, err error) {
	config := g.Config()
	var dial *net.OpError
	if config.Settings.Sticky || errors.Is(err, errBlocked) || err != nil &&
		(!errors.As(err, &dial) || dial.Op != "dial") {
		return
	}
	g.mu.Lock()
	if err == nil {
		t.health.refusals = 0
		g.mu.Unlock()
		return
	}
	t.health.refusals++
	user := g.User()
	turned := t.health.refusals >= passiveFailures && t.health.state == stateHealthy && user != nil
	if turned {
		t.health.refusals, t.health.passed = 0, 0
		t.health.state = stateUnhealthy
		t.healthyNow.Store(false)
		g.rebuild()
	}
	ticket := t.ticket
	g.mu.Unlock()
	if turned {
		g.groups.checks.turned(subject{t, user, config}, ticket, stateUnhealthy,
			verdict{reason: reasonFailed, description: "Health checks failed"})
	}
}

// turned acts on a change of a target's health and reports it. A target of an NLB that keeps its flows may be
// unhealthy.draining for a time first.
func (c *checker) turned(s subject, ticket int, state string, v verdict) {
	t, settings := s.target, &s.config.Settings
	if state != stateUnhealthy || !s.user.Network {
		c.report(t, state, v)
		return
	}
	if settings.CutUnhealthy {
		t.Flows.Cut()
	}
	if settings.CutUnhealthy || settings.UnhealthyDrain <= 0 {
		c.report(t, state, v)
		return
	}
	c.report(t, stateUnhealthyDraining, v)
	t.Group.mu.Lock()
	t.health.declines++
	decline := t.health.declines
	t.Group.mu.Unlock()
	c.Clock.AfterFunc(settings.UnhealthyDrain, func() { c.drained(t, ticket, decline, v) })
}

// drained ends the time of unhealthy.draining, unless the target recovered meanwhile.
func (c *checker) drained(t *Target, ticket, decline int, v verdict) {
	t.Group.mu.Lock()
	still := t.ticket == ticket && t.checkable() && t.health.state == stateUnhealthy && t.health.declines == decline
	t.Group.mu.Unlock()
	if still && c.Context.Err() == nil {
		c.report(t, stateUnhealthy, v)
	}
}
