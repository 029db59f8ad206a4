package accelerator

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// Path is what a metric of Global Accelerator is about: an accelerator, and of it a listener, and of that the endpoint
// group in a region, each "" for all.
type Path struct{ Accelerator, Listener, Region string }

// metric is an index into counters.
type metric int

const (
	newFlowCount metric = iota
	activeFlowCount
	bytesIn
	bytesOut
	droppedPackets
	noEndpoint
	metrics
)

// names are CloudWatch's.
var names = [metrics]string{
	"NewFlowCount", "ActiveFlowCount", "ProcessedBytesIn", "ProcessedBytesOut", "PacketsDropCount",
	"Flows_Dropped_No_Endpoint_Found",
}

type counters [metrics]atomic.Int64

// tally counts the same for several.
type tally []*counters

func (t tally) add(m metric, n int64) {
	for _, c := range t {
		c[m].Add(n)
	}
}

// pathCounts are the counters of an accelerator by path.
type pathCounts struct{ paths sync.Map } // Path → *counters

func (c *pathCounts) of(p Path) *counters {
	n, ok := c.paths.Load(p)
	if !ok {
		n, _ = c.paths.LoadOrStore(p, new(counters))
	}
	return n.(*counters)
}

// along are the counters of what takes a path: those of the accelerator, of the listener and of the group.
func (e *accelerator) along(l *topology.AcceleratorListener, g *topology.EndpointGroup) tally {
	path := Path{Accelerator: e.arn}
	t := tally{e.counts.of(path)}
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

// countedConn is a flow's connection to its endpoint, which counts what it carries.
type countedConn struct {
	net.Conn
	counts tally
	ended  sync.Once
}

func newCountedConn(c net.Conn, counts tally) *countedConn {
	counts.add(newFlowCount, 1)
	counts.add(activeFlowCount, 1)
	return &countedConn{Conn: c, counts: counts}
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.counts.add(bytesOut, int64(n))
	return n, err
}

// Write implements net.Conn.
func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.counts.add(bytesIn, int64(n))
	return n, err
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.ended.Do(func() { c.counts.add(activeFlowCount, -1) })
	return c.Conn.Close()
}

// CloseWrite is net.TCPConn's.
func (c *countedConn) CloseWrite() error { return flow.CloseWrite(c.Conn) }

// SetLinger is net.TCPConn's.
func (c *countedConn) SetLinger(seconds int) error { return flow.SetLinger(c.Conn, seconds) }

// Stats are the counters of the accelerators, and how many of their endpoints are healthy, under CloudWatch's names.
func (s *Set) Stats() map[Path]map[string]int64 {
	out := map[Path]map[string]int64{}
	at := func(path Path) map[string]int64 {
		if out[path] == nil {
			out[path] = map[string]int64{}
		}
		return out[path]
	}
	for _, e := range s.list() {
		for path, c := range e.counts.paths.Range {
			for m, name := range names {
				if n := c.(*counters)[m].Load(); n != 0 {
					at(path.(Path))[name] = n
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
				counts := at(Path{e.arn, l.ARN, g.Region})
				for j := range g.Endpoints {
					if s.healthyEndpoint(&g.Endpoints[j]) {
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
