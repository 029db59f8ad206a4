package check

import (
	"fmt"
	"strings"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// portRanges reports ranges of one protocol that have a port in common. Of listeners without a protocol, those of the
// same listener are compared.
func (c *checking) portRanges() {
	type place struct{ listener, index int }
	var all []place
	for i, l := range c.spec.Listeners {
		for k := range l.PortRanges {
			all = append(all, place{i, k})
		}
	}
	for n, b := range all {
		for _, a := range all[:n] {
			l, m := &c.spec.Listeners[a.listener], &c.spec.Listeners[b.listener]
			if a.listener != b.listener && (l.Protocol == nil || m.Protocol == nil || *l.Protocol != *m.Protocol) {
				continue
			}
			if r, s := Ranges(l.PortRanges)[a.index], Ranges(m.PortRanges)[b.index]; r.Overlaps(s) {
				text := "overlapping port ranges detected in the listener, which is not allowed"
				if m.Protocol != nil {
					text = fmt.Sprintf("overlapping port ranges detected for protocol %s, which is not allowed", *m.Protocol)
				}
				c.add(OverlappingPortRanges, fmt.Sprintf("%s.portRanges[%d]", c.listenerPath(b.listener), b.index),
					fmt.Sprintf("%s: %s of listener[%d] and %s of listener[%d]", text, r, c.at(a.listener), s, c.at(b.listener)),
					"give each port of a protocol to one range")
			}
		}
	}
}

// Ranges are port ranges of an object as those of an accelerator, in their order.
func Ranges(list []agav1beta1.PortRange) []accelerator.PortRange {
	var out []accelerator.PortRange
	for _, r := range list {
		out = append(out, accelerator.PortRange{From: r.FromPort, To: r.ToPort})
	}
	return out
}

func contains(list []agav1beta1.PortRange, port int32) bool {
	return accelerator.Listener{Ports: Ranges(list)}.Contains(port)
}

// rangesText is "443, 80-81", in the order of the object.
func rangesText(list []agav1beta1.PortRange) string {
	var texts []string
	for _, r := range Ranges(list) {
		texts = append(texts, r.String())
	}
	return strings.Join(texts, ", ")
}

// portOverrides reports overrides of a group that contradict each other, their listener, or the ports and overrides of
// other listeners. Ports that are taken from a load balancer are not known here.
func (c *checking) portOverrides(i, j int) {
	l := &c.spec.Listeners[i]
	overrides := l.EndpointGroups[j].PortOverrides
	if n := len(overrides); n > accelerator.MaxPortOverrides {
		c.add(Limits, c.groupPath(i, j)+".portOverrides",
			fmt.Sprintf("the endpoint group has %d port overrides, and AWS allows %d", n, accelerator.MaxPortOverrides),
			"remove port overrides")
	}
	for k, o := range overrides {
		path := fmt.Sprintf("%s.portOverrides[%d]", c.groupPath(i, j), k)
		add := func(field, text, remedy string) { c.add(PortOverrides, path+"."+field, text, remedy) }
		if len(l.PortRanges) > 0 && !contains(l.PortRanges, o.ListenerPort) {
			add("listenerPort", fmt.Sprintf("port override listener port %d is not within any listener port ranges: %s",
				o.ListenerPort, rangesText(l.PortRanges)), "override a port of the listener")
		}
		for n := range c.spec.Listeners {
			if contains(c.spec.Listeners[n].PortRanges, o.EndpointPort) {
				add("endpointPort", fmt.Sprintf("port override endpoint port %d is within the port ranges of listener[%d] (%s), "+
					"and AWS allows no port of a listener of the accelerator", o.EndpointPort, c.at(n),
					rangesText(c.spec.Listeners[n].PortRanges)), "override to another port")
				break
			}
		}
		for _, before := range overrides[:k] {
			if before.ListenerPort == o.ListenerPort {
				add("listenerPort", fmt.Sprintf("duplicate port override listener port %d in the endpoint group", o.ListenerPort),
					"remove one of the port overrides")
				break
			}
		}
		for _, before := range overrides[:k] {
			if before.EndpointPort == o.EndpointPort {
				add("endpointPort", fmt.Sprintf("duplicate port override endpoint port %d in the endpoint group", o.EndpointPort),
					"override to another port")
				break
			}
		}
		if n, ok := c.overriddenBefore(i, o.EndpointPort); ok {
			add("endpointPort", fmt.Sprintf("port override endpoint port %d is used by listener[%d], too", o.EndpointPort,
				c.at(n)), "override to another port")
		}
	}
}

// overriddenBefore is the first of the listeners before one that overrides to a port of endpoints.
func (c *checking) overriddenBefore(listener int, port int32) (int, bool) {
	for n, l := range c.spec.Listeners[:listener] {
		for _, g := range l.EndpointGroups {
			for _, o := range g.PortOverrides {
				if o.EndpointPort == port {
					return n, true
				}
			}
		}
	}
	return 0, false
}
