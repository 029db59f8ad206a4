// Package dataplane carries the traffic of simulated load balancers: ALB and NLB listeners on loopback and in the virtual
// network, rules, forwarding. It knows no account, no AWS API and no DNS protocol: it serves a topology.Topology and reports
// health. It may import the packages below it, awssim/accesslog, awssim/authn, awssim/clock, awssim/vnet, awssim/webacl,
// internal/stack and internal/traffic.
package dataplane

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/authn"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/accelerator"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// ConnectTimeout is AWS's for connections to targets and for TLS handshakes.
const connectTimeout = 10 * time.Second

// Options configure a Plane; every zero value means a sensible default.
type Options struct {
	// Clock schedules health checks. Time-outs of connections are in real time, since connections are real.
	Clock clock.Clock
	// Network is where targets are; load balancers listen on it too, at the addresses of their zones.
	Network *vnet.Network
	// HealthSink gets each change of a target's health, one call at a time per target, without any lock held.
	HealthSink func(targetgroup.HealthReport)
	// HealthInterval and HealthTimeout replace those of every target group when not 0.
	HealthInterval, HealthTimeout time.Duration
	// ConnectTimeout is how long a target may take to accept a connection, and then for the TLS handshake: 10 s.
	ConnectTimeout time.Duration
	// OutsideClient is what a client on loopback counts as at an internet-facing load balancer: 203.0.113.1.
	OutsideClient netip.Addr
	// Random gives uniformly random bits; it must be safe for concurrent use.
	Random func() uint64
	// Logs gets the lines of the logs that load balancers' attributes ask for; nil drops them.
	Logs *accesslog.Writer
	// Identity reaches identity providers and key sets; nil: none is reachable. Each call may take IdentityTimeout: 5 s.
	Identity        http.RoundTripper
	IdentityTimeout time.Duration
	// Logf gets problems that no caller gets as an error, such as a rule that can never match.
	Logf func(format string, args ...any)
}

// Plane serves the load balancers of one Topology after another.
type Plane struct {
	clock          clock.Clock
	network        *vnet.Network
	connectTimeout time.Duration
	outside        netip.Addr
	random         func() uint64
	logs           *accesslog.Writer
	logf           func(string, ...any)
	cookies        *cookieSealer
	authenticator  *authn.Authenticator
	seed           maphash.Seed // of flow hashes

	ctx          context.Context // ends with Close
	cancel       context.CancelFunc
	work         sync.WaitGroup // every goroutine of the plane
	targetGroups *targetgroup.Groups

	accelerators *accelerator.Set

	updating  sync.Mutex // serialises Update and Close
	mu        sync.RWMutex
	closed    bool
	balancers map[string]*balancer          // by ARN
	groups    map[string]*targetgroup.Group // by ARN
	measuring func() bool                   // stops the timer of the next look at the meters; nil: nothing to measure
	loopbacks flow.Loopbacks
}

// New starts an empty plane. Close it.
func New(o Options) *Plane {
	p := &Plane{
		clock: o.Clock, network: o.Network, connectTimeout: cmp.Or(o.ConnectTimeout, connectTimeout),
		outside: o.OutsideClient, random: o.Random, logs: o.Logs, logf: o.Logf,
		balancers: map[string]*balancer{}, groups: map[string]*targetgroup.Group{},
		seed: maphash.MakeSeed(),
	}
	if p.clock == nil {
		p.clock = clock.Real{}
	}
	if p.network == nil {
		p.network = vnet.New()
	}
	if o.HealthSink == nil {
		o.HealthSink = func(targetgroup.HealthReport) {}
	}
	if !p.outside.IsValid() {
		p.outside = netip.AddrFrom4([4]byte{203, 0, 113, 1})
	}
	if p.random == nil {
		p.random = rand.Uint64
	}
	if p.logf == nil {
		p.logf = func(string, ...any) {}
	}
	p.cookies = newCookieSealer(p.random)
	p.authenticator = newAuthenticator(p, o)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.targetGroups = targetgroup.New(targetgroup.Options{
		Context: p.ctx, Clock: p.clock, Network: p.network, Logs: p.logs, Random: p.random, Seed: p.seed, Spawn: p.spawn, Report: o.HealthSink,
		HealthInterval: o.HealthInterval, HealthTimeout: o.HealthTimeout, ConnectTimeout: p.connectTimeout,
	})
	p.accelerators = accelerator.New(accelerator.Options{
		Context: p.ctx, Clock: p.clock, Network: p.network, Loopbacks: &p.loopbacks, LoadBalancers: endpoints{p}, Outside: p.outside,
		Random: p.random, Seed: p.seed, Spawn: p.spawn, Logf: p.logf,
	})
	return p
}

// Update makes the plane serve t. Established connections and requests in flight are not disturbed by it, except those of
// load balancers and listeners that are gone. It returns what could not be served (ports that cannot be bound); everything
// else is.
func (p *Plane) Update(t topology.Topology) error {
	p.updating.Lock()
	defer p.updating.Unlock()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errors.New("data plane: update: the plane is closed")
	}
	p.updateGroups(t)
	gone := p.keepBalancers(t)
	p.keepMeasuring()
	p.mu.Unlock()

	for _, b := range gone {
		b.stop()
	}
	var bad []error
	for i := range t.LoadBalancers {
		p.mu.RLock()
		b := p.balancers[t.LoadBalancers[i].ARN]
		p.mu.RUnlock()
		bad = append(bad, b.update(&t.LoadBalancers[i]))
	}
	p.useGroups(t)
	bad = append(bad, p.accelerators.Update(t.Accelerators))
	return errors.Join(bad...)
}

// keepBalancers makes new balancers and takes out those that t does not have; the lock is held.
func (p *Plane) keepBalancers(t topology.Topology) (gone []*balancer) {
	wanted := make(map[string]bool, len(t.LoadBalancers))
	for _, lb := range t.LoadBalancers {
		wanted[lb.ARN] = true
		if p.balancers[lb.ARN] == nil {
			p.balancers[lb.ARN] = newBalancer(p, lb.ARN)
		}
	}
	for arn, b := range p.balancers {
		if !wanted[arn] {
			delete(p.balancers, arn)
			gone = append(gone, b)
		}
	}
	return gone
}

// updateGroups brings the target groups up to date; the lock is held.
func (p *Plane) updateGroups(t topology.Topology) {
	wanted := make(map[string]bool, len(t.TargetGroups))
	for i := range t.TargetGroups {
		tg := &t.TargetGroups[i]
		wanted[tg.ARN] = true
		g := p.groups[tg.ARN]
		if g == nil {
			g = p.targetGroups.NewGroup(tg.ARN)
			p.groups[tg.ARN] = g
		}
		g.Update(tg)
	}
	for arn, g := range p.groups {
		if !wanted[arn] {
			delete(p.groups, arn)
			g.Update(&topology.TargetGroup{ARN: arn})
		}
	}
}

// useGroups sets the active load balancer that uses each target group, since targets of a group without one are not checked.
func (p *Plane) useGroups(t topology.Topology) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	users, ports := map[string]*topology.LoadBalancer{}, map[string]int32{}
	for i := range t.LoadBalancers {
		lb := &t.LoadBalancers[i]
		if !lb.Active {
			continue
		}
		for j := range lb.Listeners {
			for arn := range lb.Listeners[j].TargetGroups() {
				users[arn] = lb
				if port := lb.Listeners[j].Port; ports[arn] == 0 || port < ports[arn] {
					ports[arn] = port
				}
			}
		}
	}
	for arn, g := range p.groups {
		g.SetUser(users[arn], ports[arn])
	}
}

// balancer finds a load balancer; nil: there is none.
func (p *Plane) balancer(arn string) *balancer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.balancers[arn]
}

// group finds a target group.
func (p *Plane) group(arn string) *targetgroup.Group {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.groups[arn]
}

// spawn runs f in a goroutine that Close waits for. It reports false when the plane is closed and f will not run.
func (p *Plane) spawn(f func()) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return false
	}
	p.work.Go(f)
	return true
}

// accept gives each connection of a socket to take until the socket closes.
func (p *Plane) accept(l net.Listener, take func(net.Conn)) {
	flow.Accept(p.ctx, l, take, func(err error) { p.logf("data plane: accept at %s: %v", l.Addr(), err) })
}

// begin makes Close wait until the caller calls p.work.Done. It reports false when the plane is closed.
func (p *Plane) begin() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return false
	}
	p.work.Add(1)
	return true
}

// Close cuts every connection, releases the addresses and waits for all goroutines of the plane.
func (p *Plane) Close() {
	p.updating.Lock()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.updating.Unlock()
		return
	}
	p.closed = true
	if p.measuring != nil {
		p.measuring()
	}
	balancers, groups := p.balancers, p.groups
	p.balancers, p.groups = map[string]*balancer{}, map[string]*targetgroup.Group{}
	p.mu.Unlock()

	p.cancel()
	p.targetGroups.Stop()
	p.accelerators.Stop()
	for _, b := range balancers {
		b.stop()
	}
	for arn, g := range groups {
		g.Update(&topology.TargetGroup{ARN: arn})
	}
	p.updating.Unlock() // a health report on its way may end in Update
	p.work.Wait()
}
