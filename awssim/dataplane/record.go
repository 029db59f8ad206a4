package dataplane

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
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
	balancer       *balancer
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
func (f *front) newRecord(v *view, r *route, client netip.AddrPort) *flowRecord {
	return f.record(v, r, client, counter.TransportOf(v.listener.Protocol, "tcp"))
}

func (f *front) record(v *view, r *route, client netip.AddrPort, kind counter.Transport) *flowRecord {
	b := f.balancer
	record := &flowRecord{balancer: b, route: r, listener: v.listener.ARN, kind: kind, client: client, since: b.plane.clock.Now()}
	record.counts = r.counts(b)
	record.counts.Add(counter.NewFlows.By(kind), 1)
	record.counts.Add(counter.ActiveFlows.By(kind), 1)
	b.open.add(record)
	return record
}

// end takes the flow out of the active ones; only the first call counts.
func (r *flowRecord) end() {
	r.ended.Do(func() {
		r.counts.Add(counter.ActiveFlows.By(r.kind), -1)
		r.balancer.open.remove(r)
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

// openFlows are the records of the flows of one load balancer.
type openFlows struct {
	mu      sync.Mutex
	records map[*flowRecord]bool
}

func (o *openFlows) add(r *flowRecord) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.records == nil {
		o.records = map[*flowRecord]bool{}
	}
	o.records[r] = true
}

func (o *openFlows) remove(r *flowRecord) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.records, r)
}

// Flows lists the open flows of all NLBs, oldest first.
func (p *Plane) Flows() []Flow {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var flows []Flow
	for _, b := range p.balancers {
		b.open.mu.Lock()
		for r := range b.open.records {
			flows = append(flows, Flow{
				LoadBalancer: b.arn, Listener: r.listener, TargetGroup: r.route.group.ARN, Protocol: counter.TransportNames[r.kind],
				Client: r.client, TargetID: r.route.target.Key.ID, Target: r.route.to, Since: r.since,
				Received: r.received.Load(), Sent: r.sent.Load(),
			})
		}
		b.open.mu.Unlock()
	}
	slices.SortFunc(flows, func(a, b Flow) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Client.Compare(b.Client), a.Target.Compare(b.Target))
	})
	return flows
}
