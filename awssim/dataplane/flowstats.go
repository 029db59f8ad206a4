package dataplane

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// transport is what an NLB counts a flow as; a number so that counters of several transports lie side by side.
type transport int

const (
	overTCP transport = iota
	overTLS
	overUDP
	overQUIC
	transports
)

// transportNames are the suffixes of CloudWatch's metrics.
var transportNames = [transports]string{"TCP", "TLS", "UDP", "QUIC"}

// flowMetric is an index into flowCounters.
type flowMetric int

const (
	newFlows    flowMetric = iota
	activeFlows            = newFlows + flowMetric(transports) // each of these three has one counter for every transport
	flowBytes              = activeFlows + flowMetric(transports)
)

const (
	flowPackets flowMetric = flowBytes + flowMetric(transports) + iota
	clientResets
	balancerResets
	targetResets
	unhealthyFlows
	rejectedFlows
	portErrors
	blockedInTCP
	blockedInUDP
	blockedOutTCP
	blockedOutUDP
	clientTLSErrors
	targetTLSErrors
	unknownServers
	flowMetrics
)

// flowNames are CloudWatch's names of the counters that are not by transport.
var flowNames = map[flowMetric]string{
	flowPackets: "ProcessedPackets", clientResets: "TCP_Client_Reset_Count", balancerResets: "TCP_ELB_Reset_Count",
	targetResets: "TCP_Target_Reset_Count", unhealthyFlows: "UnhealthyRoutingFlowCount", rejectedFlows: "RejectedFlowCount",
	portErrors: "PortAllocationErrorCount", blockedInTCP: "SecurityGroupBlockedFlowCount_Inbound_TCP",
	blockedInUDP: "SecurityGroupBlockedFlowCount_Inbound_UDP", blockedOutTCP: "SecurityGroupBlockedFlowCount_Outbound_TCP",
	blockedOutUDP: "SecurityGroupBlockedFlowCount_Outbound_UDP", clientTLSErrors: "ClientTLSNegotiationErrorCount",
	targetTLSErrors: "TargetTLSNegotiationErrorCount", unknownServers: "QUIC_Unknown_Server_ID_Packet_Drop_Count",
}

// flowCounters count the flows of one NLB or of one of its target groups.
type flowCounters [flowMetrics]atomic.Int64

func (c *flowCounters) add(m flowMetric, n int64) { c[m].Add(n) }

// zonedFlows count in all and by zone.
type zonedFlows struct {
	flowCounters
	zones sync.Map // zone → *flowCounters
}

// of is the counters of a zone.
func (z *zonedFlows) of(zone string) *flowCounters {
	if c, ok := z.zones.Load(zone); ok {
		return c.(*flowCounters)
	}
	c, _ := z.zones.LoadOrStore(zone, new(flowCounters))
	return c.(*flowCounters)
}

func (z *zonedFlows) byZone() map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for zone, c := range z.zones.Range {
		out[zone.(string)] = c.(*flowCounters).named()
	}
	return out
}

// flowTally counts the same for several.
type flowTally []*flowCounters

func (t flowTally) add(m flowMetric, n int64) {
	for _, c := range t {
		c.add(m, n)
	}
}

// by is the counter of a transport among the metric's.
func (m flowMetric) by(t transport) flowMetric { return m + flowMetric(t) }

// blockedIn and blockedOut count what security groups kept out and in.
func (c *flowCounters) blockedIn(network string) {
	m := blockedInTCP
	if network == "udp" {
		m = blockedInUDP
	}
	c.add(m, 1)
}

func (t flowTally) blockedOut(network string) {
	m := blockedOutTCP
	if network == "udp" {
		m = blockedOutUDP
	}
	t.add(m, 1)
}

// named is the counters that are not zero under CloudWatch's names: in all and by transport.
func (c *flowCounters) named() map[string]int64 {
	out := map[string]int64{}
	for m, name := range flowNames {
		if n := c[m].Load(); n != 0 {
			out[name] = n
		}
	}
	for name, first := range map[string]flowMetric{"NewFlowCount": newFlows, "ActiveFlowCount": activeFlows, "ProcessedBytes": flowBytes} {
		for t := range transports {
			n := c[first.by(t)].Load()
			if n == 0 {
				continue
			}
			out[name] += n
			if first != activeFlows || t != overQUIC { // CloudWatch has no such metric
				out[name+"_"+transportNames[t]] = n
			}
		}
	}
	if n, ok := out["RejectedFlowCount"]; ok { // UDP has no refusal
		out["RejectedFlowCount_TCP"] = n
	}
	return out
}

// flowStats adds what NLBs count, and their zones in DNS, to s.
func (p *Plane) flowStats(s *Stats) {
	for arn, b := range p.balancers {
		c := b.config.Load()
		if c == nil || c.Type != stack.Network {
			continue
		}
		s.LoadBalancers[arn] = b.flows.named()
		zones := b.flows.byZone()
		for _, z := range b.zoneStates() {
			if zones[z.Name] == nil {
				zones[z.Name] = map[string]int64{}
			}
			if z.Healthy {
				zones[z.Name]["ZonalHealthStatus"] = 1
			}
		}
		s.LoadBalancerZones[arn] = zones
	}
	for arn, g := range p.groups {
		maps.Copy(s.TargetGroups[arn], g.flows.named())
		for zone, counts := range g.flows.byZone() {
			if s.TargetGroupZones[arn][zone] == nil {
				s.TargetGroupZones[arn][zone] = map[string]int64{}
			}
			maps.Copy(s.TargetGroupZones[arn][zone], counts)
		}
	}
}
