package nlb

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
)

// Flow is a flow through an NLB that is open now.
type Flow struct {
	LoadBalancer string // ARN
	Listener     string // ARN
	TargetGroup  string // ARN
	Protocol     string // TCP, TLS, UDP, QUIC
	Client       netip.AddrPort
	TargetID     string
	Target       netip.AddrPort
	Since        time.Time // on the plane's clock
	Received     int64     // bytes from the client
	Sent         int64     // bytes to the client
}

// flowRecord counts what a flow carries, from its first packet until it ends or is forgotten.
type flowRecord struct {
	open           *OpenFlows
	route          *route
	listener       string
	kind           counter.Transport
	client         netip.AddrPort
	since          time.Time
	received, sent atomic.Int64
	peerReset      atomic.Bool       // the client or the target cut it
	counts         counter.FlowTally // of load balancer and target group, in all and in the zone of the node
	ended          sync.Once
}

// newRecord begins the record of a TCP or TLS flow.
func (l *Listener) newRecord(s *loadbalancer.Snapshot, r *route, client netip.AddrPort) *flowRecord {
	return l.record(s, r, client, counter.TransportOf(s.Listener.Protocol, "tcp"))
}

func (l *Listener) record(s *loadbalancer.Snapshot, r *route, client netip.AddrPort,
	kind counter.Transport) *flowRecord {
	b := l.LoadBalancer
	record := &flowRecord{open: l.open, route: r, listener: s.Listener.ARN, kind: kind, client: client,
		since: b.Clock.Now()}
	record.counts = r.counts(b)
	record.counts.Add(counter.NewFlows.By(kind), 1)
	record.counts.Add(counter.ActiveFlows.By(kind), 1)
	l.open.add(record)
	return record
}

// end takes the flow out of the active ones; only the first call counts.
func (r *flowRecord) end() {
	r.ended.Do(func() {
		r.counts.Add(counter.ActiveFlows.By(r.kind), -1)
		r.open.remove(r)
	})
}

// carried counts bytes from the client or to it.
func (r *flowRecord) carried(n int, fromClient bool) {
	if fromClient {
		r.received.Add(int64(n))
	} else {
		r.sent.Add(int64(n))
	}
	r.counts.Add(counter.FlowBytes.By(r.kind), int64(n))
	r.counts.Add(counter.FlowPackets, 1)
}

// OpenFlows are the flows through one load balancer that are open now.
type OpenFlows struct {
	mu      sync.Mutex
	records map[*flowRecord]bool
}

func (o *OpenFlows) add(r *flowRecord) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.records == nil {
		o.records = map[*flowRecord]bool{}
	}
	o.records[r] = true
}

func (o *OpenFlows) remove(r *flowRecord) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.records, r)
}

// List returns the flows of the load balancer with the ARN.
func (o *OpenFlows) List(loadBalancer string) []Flow {
	o.mu.Lock()
	defer o.mu.Unlock()
	flows := make([]Flow, 0, len(o.records))
	for r := range o.records {
		flows = append(flows, Flow{
			LoadBalancer: loadBalancer, Listener: r.listener, TargetGroup: r.route.group.ARN,
			Protocol: counter.TransportNames[r.kind],
			Client:   r.client, TargetID: r.route.target.Key.ID, Target: r.route.to, Since: r.since,
			Received: r.received.Load(), Sent: r.sent.Load(),
		})
	}
	return flows
}
