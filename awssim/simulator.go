// Package awssim is a simulated AWS account as one thing: the services over one state, their HTTP face, the data plane
// that carries the load balancers' traffic, and the administration paths under /_sim/. It only puts together what its
// subpackages do.
//
// [New] makes an account in this process. A test in Go calls its services directly, since they have the methods of the
// SDK's clients:
//
//	sim, err := awssim.New(awssim.Options{})
//	…
//	defer sim.Close()
//	out, err := sim.Balancing.CreateLoadBalancer(ctx, &elasticloadbalancingv2.CreateLoadBalancerInput{…})
//
// Everything else calls it over HTTP: serve [Simulator.Handler] and set AWS_ENDPOINT_URL, or run cmd/awssim, which does
// that.
//
// The account holds at first the content of [Options].Seed (package seed), time is that of Options.Clock (package
// clock), and transitions such as from provisioning to active take as long as in Options.Profile. With
// Options.DataPlane, load balancers listen on loopback and forward. Package simclient reads and steers a simulator that
// runs elsewhere: recorded calls, faults, settings.
package awssim

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/accesslog"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dataplane"
	"github.com/k8s-lbc/lbc/awssim/dns"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/idp"
	"github.com/k8s-lbc/lbc/awssim/page"
	"github.com/k8s-lbc/lbc/awssim/resolver"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/services"
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/awssim/wire"
)

// Options are a simulator's settings. The zero value is the built-in account, the machine's clock, immediate
// transitions, and no data plane.
type Options struct {
	Seed    *seed.File      // what the account holds at first; nil: seed.Default()
	Clock   clock.Clock     // nil: the machine's
	Profile account.Profile // how long transitions take; the zero value: none takes time

	Latency   time.Duration   // added to every call
	Throttle  bool            // AWS's token buckets
	Authorize gate.Authorizer // nil: by the account's policies, see Enforce
	// nil: sessions of roles until they expire, and every other key
	Authenticate func(accessKey, token string) wire.Verdict
	// Enforce refuses callers that are not in the account, and lets those without policies do nothing; else both may do
	// everything. An account file can ask for it, too.
	Enforce bool
	// Verify verifies signatures by the secrets of sessions and of users' access keys, and refuses other keys.
	Verify bool
	// Instance is the id of the instance whose metadata is under /latest/; "" is the cluster's first node.
	Instance  string
	Random    uint64 // seed of the chances of faults and lags, and of request ids
	KeepCalls int    // recorded calls; 0: 10,000

	// Buckets is a directory with a folder for each S3 bucket: bundles of trust stores are read from it, and load
	// balancers can log to the buckets that it has, which is where the logs are delivered unless LogDirectory is set. ""
	// has no objects, and lets load balancers name any bucket.
	Buckets string

	// DataPlane makes load balancers carry traffic, on addresses of loopback.
	DataPlane bool
	// Network is where targets are reached; nil makes one. Only for the data plane.
	Network *vnet.Network
	// HealthInterval and HealthTimeout replace those of every target group when not 0.
	HealthInterval, HealthTimeout time.Duration
	// LogDirectory is where load balancers deliver their logs, a folder per bucket; "" drops them. LogInterval is how long
	// after its first line a file is delivered; 0: AWS's 5 minutes with a profile of real times, else 0.1 s.
	// Close delivers the rest. Only for the data plane.
	LogDirectory string
	LogInterval  time.Duration
	// DNS is the address of the DNS server, UDP and TCP; "" is a free port of 127.0.0.1. Only for the data plane.
	DNS string

	// IdentityProvider is the address of an OpenID provider to run, on loopback, such as "127.0.0.1:0"; "" runs none.
	IdentityProvider string

	// Logf gets what goes wrong inside the simulator; nil drops it.
	Logf func(format string, args ...any)
}

// Simulator is one simulated account with all that is around it. Its services are those of the embedded set, as in
// sim.Balancing.CreateLoadBalancer.
type Simulator struct {
	*services.Set

	Others map[string]*Other // other accounts of the seed, by id

	Network  *vnet.Network    // where targets are reached; nil without a data plane
	Plane    *dataplane.Plane // nil without a data plane
	Provider *idp.Provider    // nil without an identity provider

	handler  http.Handler
	face     *wire.Server
	dns      *dns.Server        // nil without a data plane
	resolver *resolver.Resolver // nil without a data plane
	toIDP    *http.Transport    // nil without a data plane
	identity *identityServer    // nil without an identity provider
	logs     *accesslog.Writer
	logf     func(string, ...any)

	changes changes
}

// New makes a simulator and, with a data plane, starts it. Close it.
func New(o Options) (*Simulator, error) {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Seed == nil {
		f := seed.Default()
		o.Seed = &f
	}
	set, err := services.New(services.Options{
		Seed: o.Seed, Clock: o.Clock, Profile: o.Profile, Latency: o.Latency, Throttle: o.Throttle, Authorize: o.Authorize,
		Enforce: o.Enforce,
		Random:  o.Random, KeepCalls: o.KeepCalls, Buckets: o.Buckets,
	})
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	s, err := around(set, o)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	if o.IdentityProvider != "" {
		if err := s.startProvider(o.IdentityProvider, o); err != nil {
			return nil, fmt.Errorf("simulator: %w", err)
		}
	}
	if o.DataPlane {
		o.LogDirectory = cmp.Or(o.LogDirectory, o.Buckets)
		if err := s.startPlane(o); err != nil {
			return nil, errors.Join(fmt.Errorf("simulator: %w", err), s.Close())
		}
	}
	return s, nil
}

// around gives the services of an account, and those of the others of its seed, their HTTP face.
func around(set *services.Set, o Options) (*Simulator, error) {
	s := &Simulator{Set: set, Others: map[string]*Other{}, logf: o.Logf}
	face, err := s.newFace(o)
	if err != nil {
		return nil, err
	}
	s.face, set.Perform = face, face.Perform
	for id, other := range set.Elsewhere {
		single := o
		single.Authenticate = nil
		x, err := around(other, single)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", id, err)
		}
		s.Others[id] = &Other{x}
	}
	mux := http.NewServeMux()
	mux.Handle("/", page.Front("/_sim/ui/", s.front(face)))
	mux.Handle("/_sim/", s.administration())
	s.administerOthers(mux)
	s.serveMetadata(mux, o.Instance)
	s.handler = mux
	return s, nil
}

func (s *Simulator) newFace(o Options) (*wire.Server, error) {
	authenticate := o.Authenticate
	if authenticate == nil {
		authenticate = s.authenticate
	}
	var secret func(string) (string, bool)
	if o.Verify {
		secret = s.secret
	}
	return wire.New(wire.Options{
		Region: s.Account.Region, NewRequestID: s.Gate.NewRequestID, Authenticate: authenticate, Refused: s.Gate.Refuse,
		Logf:   o.Logf,
		Secret: secret, Now: func() time.Time { return s.serviceTime(o.Verify) }, CheckTime: s.skewed,
		Services: actions(s.Set),
	})
}

// Handler is the HTTP face: AWS's services on "/", the administration under "/_sim/", an instance's metadata under
// "/latest/", and the credentials of pods on "/v1/credentials".
func (s *Simulator) Handler() http.Handler { return s.handler }

// Operations are the names of the operations that the simulator serves, sorted. A name that several services have
// occurs once.
func (s *Simulator) Operations() []string {
	var names []string
	for name := range actions(s.Set) {
		names = append(names, s.face.Actions(name)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// CA is the certificate, in PEM, of the authority that signs the account's certificates.
func (s *Simulator) CA() ([]byte, error) { return s.Account.Authority().PEM() }

// DNS is the address of the DNS server; "" without a data plane.
func (s *Simulator) DNS() string {
	if s.dns == nil {
		return ""
	}
	return s.dns.Address().String()
}

// Close stops the data plane and the DNS server. Handler calls after it still change the account.
func (s *Simulator) Close() error {
	s.changes.stop()
	var err error
	if s.identity != nil {
		err = s.identity.close()
	}
	if s.dns == nil {
		return err
	}
	err = errors.Join(err, s.dns.Close())
	s.Plane.Close()
	s.toIDP.CloseIdleConnections()
	return errors.Join(err, s.logs.Close())
}

// Admits is the firewall of a target: whether the security groups of the interface that has the address let the
// connection in. Addresses that no interface has are not guarded. It fits vnet.Firewall.
func (s *Simulator) Admits(network string, from, to netip.AddrPort) bool {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	for id := range a.VPCs {
		if n, ok := a.InterfaceAt(id, to.Addr()); ok {
			if a.Trouble.ZoneOut(n.Zone) {
				return false
			}
			return a.Permits(n.Groups, network, int32(to.Port()), from.Addr())
		}
	}
	return true
}

// changes bring the data plane up to date with the account.
type changes struct {
	mu      sync.Mutex // one at a time
	pending sync.Mutex // guards what follows
	seen    uint64     // changes so far
	stopped bool
	timer   func() bool // stops the callback for the next change that comes by itself

	done uint64 // changes that the plane has seen; guarded by mu
}

func (c *changes) stop() {
	c.pending.Lock()
	defer c.pending.Unlock()
	c.stopped = true
	if c.timer != nil {
		c.timer()
	}
}

// startPlane starts the data plane and keeps it up to date from then on.
func (s *Simulator) startPlane(o Options) error {
	s.Network = o.Network
	if s.Network == nil {
		s.Network = vnet.New()
	}
	for _, x := range s.accounts() {
		x.Account.Lock()
		x.Account.HealthReported = true
		x.Account.Unlock()
	}
	if o.LogDirectory != "" {
		s.logs = accesslog.New(accesslog.Options{
			Directory: o.LogDirectory, Account: s.Account.ID, Region: s.Account.Region, Clock: o.Clock,
			Interval: cmp.Or(o.LogInterval, logInterval(o.Profile)), Random: rand.Uint64, Logf: o.Logf,
		})
	}
	transport, err := s.identityTransport()
	if err != nil {
		return err
	}
	s.toIDP = transport
	s.Plane = dataplane.New(dataplane.Options{
		Identity: transport,
		Logs:     s.logs,
		Clock:    o.Clock, Network: s.Network, HealthInterval: o.HealthInterval, HealthTimeout: o.HealthTimeout, Logf: o.Logf,
		HealthSink: s.report,
	})
	for _, x := range s.accounts() {
		x.Account.Lock()
		x.Account.Anomaly = s.Plane.Anomaly
		x.Account.Unlock()
	}
	if err := s.startDNS(o); err != nil {
		s.Plane.Close()
		return err
	}
	for _, x := range s.accounts() {
		x.Account.OnChange(s.refresh)
	}
	s.refresh()
	return nil
}

// logInterval is how often logs are delivered: as often as AWS does where transitions take real time, else soon.
func logInterval(p account.Profile) time.Duration {
	if p.LoadBalancerActive >= time.Minute {
		return accesslog.DeliveryInterval
	}
	return 100 * time.Millisecond
}

// refresh shows the account to the data plane. When it returns, the plane serves the account as of the call or later;
// of several calls at a time one does the work for all that came before it.
func (s *Simulator) refresh() {
	c := &s.changes
	c.pending.Lock()
	c.seen++
	mine := c.seen
	c.pending.Unlock()

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done >= mine {
		return
	}
	c.pending.Lock()
	covers, stopped := c.seen, c.stopped
	c.pending.Unlock()
	if stopped {
		return
	}
	s.Account.Lock()
	t, next := topologyOf(s.Account)
	now := s.Account.Clock.Now()
	s.Account.Unlock()
	t = s.withOthers(t, func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	})
	if err := s.Plane.Update(t); err != nil {
		s.logf("simulator: %v", err)
	}
	c.done = covers

	c.pending.Lock()
	defer c.pending.Unlock()
	if c.timer != nil {
		c.timer()
		c.timer = nil
	}
	if !next.IsZero() && !c.stopped {
		c.timer = s.Account.Clock.AfterFunc(next.Sub(now), s.refresh)
	}
}

var errNoPlane = errors.New("the simulator runs without a data plane: nothing listens, and no name resolves")
