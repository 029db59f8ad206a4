package counter

import (
	"sync"
	"sync/atomic"
)

// Transport is what an NLB counts a flow as; a number so that counters of several transports lie side by side.
type Transport int

// The transports.
const (
	OverTCP Transport = iota
	OverTLS
	OverUDP
	OverQUIC
	Transports
)

// TransportNames are the suffixes of CloudWatch's metrics.
var TransportNames = [Transports]string{"TCP", "TLS", "UDP", "QUIC"}

// TransportOf is what a flow of a listener counts as.
func TransportOf(protocol, network string) Transport {
	switch {
	case protocol == "TLS":
		return OverTLS
	case network == "tcp":
		return OverTCP
	case protocol == "QUIC" || protocol == "TCP_QUIC":
		return OverQUIC
	}
	return OverUDP
}

// FlowMetric is an index into Flows.
type FlowMetric int

// Metrics of flows by transport; see FlowMetric.By.
const (
	NewFlows    FlowMetric = iota
	ActiveFlows            = NewFlows + FlowMetric(Transports) // each of these three has one counter for every transport
	FlowBytes              = ActiveFlows + FlowMetric(Transports)
)

// Metrics of flows of all transports.
const (
	FlowPackets FlowMetric = FlowBytes + FlowMetric(Transports) + iota
	ClientResets
	BalancerResets
	TargetResets
	UnhealthyFlows
	RejectedFlows
	PortErrors
	blockedInTCP
	blockedInUDP
	blockedOutTCP
	blockedOutUDP
	ClientTLSErrors
	TargetTLSErrors
	UnknownServers
	flowMetrics
)

// flowNames are CloudWatch's names of the counters that are not by transport.
var flowNames = map[FlowMetric]string{
	FlowPackets: "ProcessedPackets", ClientResets: "TCP_Client_Reset_Count", BalancerResets: "TCP_ELB_Reset_Count",
	TargetResets: "TCP_Target_Reset_Count", UnhealthyFlows: "UnhealthyRoutingFlowCount",
	RejectedFlows: "RejectedFlowCount",
	PortErrors:    "PortAllocationErrorCount", blockedInTCP: "SecurityGroupBlockedFlowCount_Inbound_TCP",
	blockedInUDP: "SecurityGroupBlockedFlowCount_Inbound_UDP", blockedOutTCP: "SecurityGroupBlockedFlowCount_Outbound_TCP",
	blockedOutUDP: "SecurityGroupBlockedFlowCount_Outbound_UDP", ClientTLSErrors: "ClientTLSNegotiationErrorCount",
	TargetTLSErrors: "TargetTLSNegotiationErrorCount", UnknownServers: "QUIC_Unknown_Server_ID_Packet_Drop_Count",
}

// Flows count the flows of one NLB or of one of its target groups.
type Flows [flowMetrics]atomic.Int64

// Add adds to a metric.
func (c *Flows) Add(m FlowMetric, n int64) { c[m].Add(n) }

// FlowsByZone count in all and by zone.
type FlowsByZone struct {
	Flows
	zones sync.Map // zone → *Flows
}

// Of is the counters of a zone.
func (z *FlowsByZone) Of(zone string) *Flows {
	if c, ok := z.zones.Load(zone); ok {
		return c.(*Flows)
	}
	c, _ := z.zones.LoadOrStore(zone, new(Flows))
	return c.(*Flows)
}

// ByZone is Named of each zone.
func (z *FlowsByZone) ByZone() map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for zone, c := range z.zones.Range {
		out[zone.(string)] = c.(*Flows).Named()
	}
	return out
}

// FlowTally counts the same for several.
type FlowTally []*Flows

// Add adds to a metric of all.
func (t FlowTally) Add(m FlowMetric, n int64) {
	for _, c := range t {
		c.Add(m, n)
	}
}

// By is the counter of a transport among the metric's.
func (m FlowMetric) By(t Transport) FlowMetric { return m + FlowMetric(t) }

// AddBlockedIn counts a flow that security groups keep out.
func (c *Flows) AddBlockedIn(network string) {
	m := blockedInTCP
	if network == "udp" {
		m = blockedInUDP
	}
	c.Add(m, 1)
}

// AddBlockedOut counts a flow that security groups keep from leaving.
func (t FlowTally) AddBlockedOut(network string) {
	m := blockedOutTCP
	if network == "udp" {
		m = blockedOutUDP
	}
	t.Add(m, 1)
}

// Named is the counters that are not zero under CloudWatch's names: in all and by transport.
func (c *Flows) Named() map[string]int64 {
	out := map[string]int64{}
	for m, name := range flowNames {
		if n := c[m].Load(); n != 0 {
			out[name] = n
		}
	}
	for name, first := range map[string]FlowMetric{"NewFlowCount": NewFlows, "ActiveFlowCount": ActiveFlows,
		"ProcessedBytes": FlowBytes} {
		for t := range Transports {
			n := c[first.By(t)].Load()
			if n == 0 {
				continue
			}
			out[name] += n
			if first != ActiveFlows || t != OverQUIC { // CloudWatch has no such metric
				out[name+"_"+TransportNames[t]] = n
			}
		}
	}
	if n, ok := out["RejectedFlowCount"]; ok { // UDP has no refusal
		out["RejectedFlowCount_TCP"] = n
	}
	return out
}
