package compile

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// networking are the rules of targets for traffic from the load balancer; nil = they are not managed.
func (b *build) networking(tg *intent.TargetGroup) []stack.NetworkingRule {
	switch {
	case b.noGroups:
		return b.networkingFromRanges(tg)
	case b.source == nil:
		return nil
	case b.e.Type == stack.Network:
		return b.networkingOfNetwork(tg)
	}
	return b.networkingOfApplication(tg)
}

// networkingOfApplication returns one rule per port.
func (b *build) networkingOfApplication(tg *intent.TargetGroup) []stack.NetworkingRule {
	var out []stack.NetworkingRule
	allow := func(port string) {
		out = append(out, stack.NetworkingRule{FromGroups: []stack.Ref{*b.source}, Ports: []stack.NetworkingPort{
			{Protocol: "TCP", Port: port}}})
	}
	if b.cfg.DisableRestrictedSecurityGroups {
		allow("")
		return out
	}
	allow(tg.TargetPort)
	if tg.HealthCheck.Port != "" && tg.HealthCheck.Port != stack.TrafficPort {
		allow(tg.HealthCheck.Port)
	}
	if tg.ControlPort != 0 {
		allow(strconv.Itoa(int(tg.ControlPort)))
	}
	return out
}

// checksTraffic reports whether health checks go to the traffic port itself.
func checksTraffic(tg *intent.TargetGroup) bool {
	return tg.HealthCheck.Port == "" || tg.HealthCheck.Port == stack.TrafficPort || tg.HealthCheck.Port == tg.TargetPort
}

// networkingOfNetwork returns one rule with all ports, or one per port.
func (b *build) networkingOfNetwork(tg *intent.TargetGroup) []stack.NetworkingRule {
	ports := b.portsOfNetwork(tg)
	if !b.e.RulePerPort || b.cfg.DisableRestrictedSecurityGroups {
		return []stack.NetworkingRule{{FromGroups: []stack.Ref{*b.source}, Ports: ports}}
	}
	var out []stack.NetworkingRule
	for _, p := range ports {
		out = append(out, stack.NetworkingRule{FromGroups: []stack.Ref{*b.source}, Ports: []stack.NetworkingPort{p}})
	}
	return out
}

// portsOfNetwork are the ports of targets that a network load balancer with security groups reaches.
func (b *build) portsOfNetwork(tg *intent.TargetGroup) (ports []stack.NetworkingPort) {
	allow := func(protocol, port string) {
		ports = append(ports, stack.NetworkingPort{Protocol: protocol, Port: port})
	}
	p := tg.TargetPort
	switch {
	case b.cfg.DisableRestrictedSecurityGroups:
		allow("TCP", "")
		if udp(tg.Protocol) {
			allow("UDP", "")
		}
		return ports
	case tg.Protocol == "TCP_UDP", tg.Protocol == "TCP_QUIC":
		allow("UDP", p)
		allow("TCP", p)
	case udp(tg.Protocol):
		allow("UDP", p)
		if checksTraffic(tg) {
			allow("TCP", p)
		}
	default:
		allow("TCP", p)
	}
	if !checksTraffic(tg) {
		allow("TCP", tg.HealthCheck.Port)
	}
	return ports
}

// networkingFromRanges returns the rules for an NLB without security groups, whose traffic has the addresses of the
// clients or its own.
func (b *build) networkingFromRanges(tg *intent.TargetGroup) []stack.NetworkingRule {
	clients := udp(tg.Protocol) || b.preservesClients(tg)
	p := b.portTo(tg)
	b.noteUnguarded(p, clients)
	if !b.settings.manageBackend.Or(true) || !b.subnetsInFull() {
		return nil
	}
	subnets := b.subnetRanges(tg.IPv6)
	from, everyone := subnets, false
	if clients {
		from = nil
		if p != nil {
			from = p.cidrs.Value
		}
		if len(from) == 0 {
			everyone = true
			if from = b.anyClient(tg); from == nil {
				return nil
			}
		}
	}
	everyone = everyone || slices.Contains(from, "0.0.0.0/0") || slices.Contains(from, "::/0")
	traffic := stack.NetworkingRule{FromCIDRs: from}
	// Unrestricted rules open all ports to the load balancer, whose addresses are those of its subnets, and never to its
	// clients.
	unrestricted := b.cfg.DisableRestrictedSecurityGroups
	if unrestricted && !clients {
		traffic.Ports = []stack.NetworkingPort{{Protocol: "TCP"}}
		return []stack.NetworkingRule{traffic}
	}
	traffic.Ports = append(traffic.Ports, trafficPorts(tg)...)
	out := []stack.NetworkingRule{traffic}
	// Health checks come from the subnets; TCP from all sources to the traffic port covers them.
	covered := slices.ContainsFunc(traffic.Ports, func(p stack.NetworkingPort) bool { return p.Protocol == "TCP" }) &&
		checksTraffic(tg) && (everyone || slices.Equal(from, subnets))
	if covered {
		return out
	}
	port := tg.HealthCheck.Port
	switch {
	case unrestricted:
		port = ""
	case port == "" || port == stack.TrafficPort:
		port = tg.TargetPort
	}
	return append(out, stack.NetworkingRule{FromCIDRs: subnets, Ports: []stack.NetworkingPort{
		{Protocol: "TCP", Port: port}}})
}

// preservesClients reports whether targets see the addresses of clients. Without a declaration, AWS keeps the value
// that the target group has: rules for its default would cut clients off.
func (b *build) preservesClients(tg *intent.TargetGroup) bool {
	const attribute = "preserve_client_ip.enabled"
	if v, declared := tg.Attributes[attribute]; declared {
		return v == "true"
	}
	kept, _ := b.stayingGroup(tg)
	if v, has := kept[attribute]; has {
		return v == "true"
	}
	for _, n := range []facts.Need{needStack(&b.e), facts.NeedGroupDetails(b.e.Key, tg.ID)} {
		if b.f.Failed(n) != nil {
			b.lookUp(n) // the rules stay as they are
		}
	}
	return tg.TargetType == stack.TargetInstance
}

// trafficPorts are the ports to which a load balancer sends the traffic of a target group.
func trafficPorts(tg *intent.TargetGroup) (ports []stack.NetworkingPort) {
	for _, protocol := range []string{"TCP", "UDP"} {
		if protocol == "UDP" && udp(tg.Protocol) || protocol == "TCP" && tg.Protocol != "UDP" && tg.Protocol != "QUIC" {
			ports = append(ports, stack.NetworkingPort{Protocol: protocol, Port: tg.TargetPort})
		}
	}
	return ports
}

// subnetRanges are the addresses of the load balancer's subnets.
func (b *build) subnetRanges(ipv6 bool) []string {
	var subnets []string
	for _, s := range b.subnets {
		if ipv6 {
			subnets = append(subnets, s.IPv6CIDRs...)
		} else if s.CIDR != "" {
			subnets = append(subnets, s.CIDR)
		}
	}
	return subnets
}

// noteUnguarded notes restrictions of a port whose load balancer has no security groups. Source ranges hold in the
// rules of the targets if these see the addresses of clients and the controller manages the rules; prefix lists never
// hold.
func (b *build) noteUnguarded(p *port, clients bool) {
	if p == nil {
		return
	}
	note := func(f merge.Owned[[]string], what, why, remedy string) {
		if f.Set && len(f.Value) > 0 && !slices.Contains(f.Value, "0.0.0.0/0") {
			b.note(f.Member, diag.New(b.members[f.Member].Object, f.Source.Place(), diag.GuardNotApplied, fmt.Sprintf(
				"%s restrict nobody: the load balancer has no security groups%s; all clients are served", what, why), remedy))
		}
	}
	const recreate = "let the load balancer have security groups; one that was created without them must be recreated"
	note(p.prefixLists, "prefix lists", "", recreate)
	switch {
	case !b.settings.manageBackend.Or(true):
		note(p.cidrs, "source ranges", ", and the controller does not manage the rules of its targets",
			recreate+", or let the controller manage the rules")
	case !clients:
		note(p.cidrs, "source ranges", ", and its targets do not see the addresses of clients",
			recreate+", or set target group attribute preserve_client_ip.enabled=true")
	}
}

// portTo is the port with a listener that forwards to a target group; nil = none does.
func (b *build) portTo(tg *intent.TargetGroup) *port {
	for _, p := range b.ports {
		for _, w := range p.listeners {
			for _, a := range w.Default {
				for _, backend := range a.Backends {
					if backend.TargetGroup != nil && backend.TargetGroup.ID == tg.ID {
						return p
					}
				}
			}
		}
	}
	return nil
}

// anyClient are the ranges of clients without restrictions: everywhere, or the VPC for an internal load balancer.
func (b *build) anyClient(tg *intent.TargetGroup) []string {
	if b.lb.Scheme == stack.InternetFacing {
		if tg.IPv6 {
			return []string{"::/0"}
		}
		return []string{"0.0.0.0/0"}
	}
	if b.f.VPC == nil {
		b.lookUp(facts.Need{Kind: facts.NeedVPC})
		return nil
	}
	if tg.IPv6 {
		return b.f.VPC.IPv6CIDRs
	}
	return b.f.VPC.CIDRs
}
