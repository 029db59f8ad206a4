package dataplane

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// EdgePath is what a metric of Global Accelerator is about: an accelerator, and of it a listener, and of that the endpoint group in
// a region, each "" for all.
type EdgePath struct{ Accelerator, Listener, Region string }

// edgeMetric is an index into edgeCounters.
type edgeMetric int

const (
	edgeNewFlows edgeMetric = iota
	edgeActiveFlows
	edgeBytesIn
	edgeBytesOut
	edgeDrops
	edgeNoEndpoint
	edgeMetrics
)

// edgeNames are CloudWatch's.
var edgeNames = [edgeMetrics]string{
	"NewFlowCount", "ActiveFlowCount", "ProcessedBytesIn", "ProcessedBytesOut", "PacketsDropCount", "Flows_Dropped_No_Endpoint_Found",
}

type edgeCounters [edgeMetrics]atomic.Int64

// edgeTally counts the same for several.
type edgeTally []*edgeCounters

func (t edgeTally) add(m edgeMetric, n int64) {
	for _, c := range t {
		c[m].Add(n)
	}
}

// edgeCounts are the counters of an accelerator by path.
type edgeCounts struct{ paths sync.Map } // EdgePath → *edgeCounters

func (c *edgeCounts) of(p EdgePath) *edgeCounters {
	n, ok := c.paths.Load(p)
	if !ok {
		n, _ = c.paths.LoadOrStore(p, new(edgeCounters))
	}
	return n.(*edgeCounters)
}

// along are the counters of what takes a path: those of the accelerator, of the listener and of the group.
func (e *edge) along(l *topology.AcceleratorListener, g *topology.EndpointGroup) edgeTally {
	path := EdgePath{Accelerator: e.arn}
	t := edgeTally{e.counts.of(path)}
	if l != nil {
		path.Listener = l.ARN
		t = append(t, e.counts.of(path))
	}
	if g != nil {
		path.Region = g.Region
		t = append(t, e.counts.of(path))
	}
	return t
}

// edgeConn is a flow's connection to its endpoint, which counts what it carries.
type edgeConn struct {
	net.Conn
	counts edgeTally
	ended  sync.Once
}

func newEdgeConn(c net.Conn, counts edgeTally) *edgeConn {
	counts.add(edgeNewFlows, 1)
	counts.add(edgeActiveFlows, 1)
	return &edgeConn{Conn: c, counts: counts}
}

// Read implements net.Conn.
func (c *edgeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.counts.add(edgeBytesOut, int64(n))
	return n, err
}

// Write implements net.Conn.
func (c *edgeConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.counts.add(edgeBytesIn, int64(n))
	return n, err
}

// Close implements net.Conn.
func (c *edgeConn) Close() error {
	c.ended.Do(func() { c.counts.add(edgeActiveFlows, -1) })
	return c.Conn.Close()
}

// CloseWrite is net.TCPConn's.
func (c *edgeConn) CloseWrite() error { return flow.CloseWrite(c.Conn) }

// SetLinger is net.TCPConn's.
func (c *edgeConn) SetLinger(seconds int) error { return flow.SetLinger(c.Conn, seconds) }

// edgeStats are the counters of the accelerators, and how many of their endpoints are healthy; the lock is held.
func (p *Plane) edgeStats() map[EdgePath]map[string]int64 {
	out := map[EdgePath]map[string]int64{}
	at := func(path EdgePath) map[string]int64 {
		if out[path] == nil {
			out[path] = map[string]int64{}
		}
		return out[path]
	}
	for arn, e := range p.edges {
		for path, c := range e.counts.paths.Range {
			for m, name := range edgeNames {
				if n := c.(*edgeCounters)[m].Load(); n != 0 {
					at(path.(EdgePath))[name] = n
				}
			}
		}
		config := e.config.Load()
		if config == nil {
			continue // it begins only now
		}
		for _, l := range config.Listeners {
			for i := range l.Groups {
				g := &l.Groups[i]
				counts := at(EdgePath{arn, l.ARN, g.Region})
				for j := range g.Endpoints {
					if healthyAmong(&g.Endpoints[j], p.balancers) {
						counts["HealthyEndpointCount"]++
					} else {
						counts["UnhealthyEndpointCount"]++
					}
				}
			}
		}
	}
	return out
}
