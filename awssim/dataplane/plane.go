// Package dataplane carries the traffic of simulated load balancers: it serves a topology.Topology and reports health.
// It owns the sockets of listeners on loopback and in the virtual network, and joins the packages below it: alb serves
// requests, nlb flows. It has no account, no AWS API and no DNS protocol. It may import the packages below it,
// awssim/accesslog, awssim/clock, awssim/vnet and internal/model/stack.
package dataplane

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane/accelerator"
	"github.com/k8s-lbc/lbc/awssim/dataplane/alb"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// connectTimeout is AWS's for connections to targets and for TLS handshakes with them.
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
	options      loadbalancer.Options
	cancel       context.CancelFunc // of options.Context, which ends with Close
	work         sync.WaitGroup     // every goroutine of the plane
	sessions     *alb.Sessions
	accelerators *accelerator.Set

	updating      sync.Mutex // serialises Update and Close
	mu            sync.RWMutex
	closed        bool
	loadBalancers map[string]*loadBalancer      // by ARN
	targetGroups  map[string]*targetgroup.Group // by ARN
	// stops the timer of the end of the meters' window; nil: nothing to measure
	measuring func() bool
	loopbacks flow.Loopbacks
}

// New starts an empty plane. Close it.
func New(o Options) *Plane {
	p := &Plane{loadBalancers: map[string]*loadBalancer{}, targetGroups: map[string]*targetgroup.Group{}}
	p.options = loadbalancer.Options{
		Clock: o.Clock, Network: o.Network, Logs: o.Logs, Random: o.Random, Seed: maphash.MakeSeed(),
		Outside:        netip.AddrFrom4([4]byte{203, 0, 113, 1}),
		ConnectTimeout: cmp.Or(o.ConnectTimeout, connectTimeout), Spawn: p.spawn, Begin: p.begin, End: p.work.Done,
		TargetGroup: p.targetGroup, Logf: o.Logf,
	}
	all := &p.options
	if all.Clock == nil {
		all.Clock = clock.Real{}
	}
	if all.Network == nil {
		all.Network = vnet.New()
	}
	if o.HealthSink == nil {
		o.HealthSink = func(targetgroup.HealthReport) {}
	}
	if all.Random == nil {
		all.Random = rand.Uint64
	}
	if all.Logf == nil {
		all.Logf = func(string, ...any) {}
	}
	all.Context, p.cancel = context.WithCancel(context.Background())
	all.TargetGroups = targetgroup.New(targetgroup.Options{
		Context: all.Context, Clock: all.Clock, Network: all.Network, Logs: all.Logs, Random: all.Random, Seed: all.Seed,
		Spawn: all.Spawn, Report: o.HealthSink,
		HealthInterval: o.HealthInterval, HealthTimeout: o.HealthTimeout, ConnectTimeout: all.ConnectTimeout,
	})
	p.sessions = alb.NewSessions(all.Random, all.Clock.Now, o.Identity, o.IdentityTimeout)
	p.accelerators = accelerator.New(accelerator.Options{
		Context: all.Context, Clock: all.Clock, Network: all.Network, Loopbacks: &p.loopbacks, LoadBalancers: endpoints{p},
		Outside: all.Outside,
		Random:  all.Random, Seed: all.Seed, Spawn: all.Spawn, Logf: all.Logf,
	})
	return p
}

// Update makes the plane serve t. Established connections and requests in flight are not disturbed by it, except those
// of load balancers and listeners that are gone. It returns what could not be served (ports that cannot be bound);
// everything else is.
func (p *Plane) Update(t topology.Topology) error {
	p.updating.Lock()
	defer p.updating.Unlock()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errors.New("data plane: update: the plane is closed")
	}
	led := t.Led()
	p.updateGroups(t, led)
	gone := p.keepLoadBalancers(t)
	p.keepMeasuring()
	p.mu.Unlock()

	for _, b := range gone {
		b.stop()
	}
	var bad []error
	for i := range t.LoadBalancers {
		p.mu.RLock()
		b := p.loadBalancers[t.LoadBalancers[i].ARN]
		p.mu.RUnlock()
		bad = append(bad, b.update(&t.LoadBalancers[i]))
	}
	p.mu.Lock()
	p.endGroups(t, led)
	p.mu.Unlock()
	p.useGroups(t)
	bad = append(bad, p.accelerators.Update(t.Accelerators))
	return errors.Join(bad...)
}

// keepLoadBalancers makes new balancers and takes out those that t does not have; the lock is held.
func (p *Plane) keepLoadBalancers(t topology.Topology) (gone []*loadBalancer) {
	wanted := make(map[string]bool, len(t.LoadBalancers))
	for _, lb := range t.LoadBalancers {
		wanted[lb.ARN] = true
		if p.loadBalancers[lb.ARN] == nil {
			p.loadBalancers[lb.ARN] = newLoadBalancer(p, lb.ARN)
		}
	}
	for arn, b := range p.loadBalancers {
		if !wanted[arn] {
			delete(p.loadBalancers, arn)
			gone = append(gone, b)
		}
	}
	return gone
}

// updateGroups brings the target groups up to date that listeners lead to; the lock is held.
func (p *Plane) updateGroups(t topology.Topology, led map[string]bool) {
	for i := range t.TargetGroups {
		if tg := &t.TargetGroups[i]; led[tg.ARN] {
			p.updateGroup(tg)
		}
	}
}

func (p *Plane) updateGroup(tg *topology.TargetGroup) {
	g := p.targetGroups[tg.ARN]
	if g == nil {
		g = p.options.TargetGroups.NewGroup(tg.ARN)
		p.targetGroups[tg.ARN] = g
	}
	g.Update(tg)
}

// endGroups brings the other target groups up to date, and ends those that are gone; the lock is held. Listeners led to
// some of them until just now: without targets before the listeners have others, connections would be reset.
func (p *Plane) endGroups(t topology.Topology, led map[string]bool) {
	wanted := make(map[string]bool, len(t.TargetGroups))
	for i := range t.TargetGroups {
		tg := &t.TargetGroups[i]
		wanted[tg.ARN] = true
		if !led[tg.ARN] {
			p.updateGroup(tg)
		}
	}
	for arn, g := range p.targetGroups {
		if !wanted[arn] {
			delete(p.targetGroups, arn)
			g.Update(&topology.TargetGroup{ARN: arn})
		}
	}
}

// useGroups sets the active load balancer that uses each target group, since targets of a group without one are not
// checked.
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
	for arn, g := range p.targetGroups {
		g.SetUser(users[arn], ports[arn])
	}
}

// loadBalancer finds a load balancer; nil: there is none.
func (p *Plane) loadBalancer(arn string) *loadBalancer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.loadBalancers[arn]
}

// targetGroup finds a target group; nil: there is none.
func (p *Plane) targetGroup(arn string) *targetgroup.Group {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.targetGroups[arn]
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

// begin makes Close wait for a call of p.work.Done. It reports false when the plane is closed.
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
	loadBalancers, groups := p.loadBalancers, p.targetGroups
	p.loadBalancers, p.targetGroups = map[string]*loadBalancer{}, map[string]*targetgroup.Group{}
	p.mu.Unlock()

	p.cancel()
	p.options.TargetGroups.Stop()
	p.accelerators.Stop()
	for _, b := range loadBalancers {
		b.stop()
	}
	for arn, g := range groups {
		g.Update(&topology.TargetGroup{ARN: arn})
	}
	p.updating.Unlock() // a health report on its way may end in Update
	p.work.Wait()
}
