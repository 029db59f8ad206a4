package declare

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/accelerator"
	"github.com/k8s-lbc/lbc/internal/diag"
)

// check reports what AWS would refuse once steps before it are done.
func (b *building) check(listeners []declared, out []accelerator.Listener) {
	b.checkPorts(listeners)
	endpointPorts := map[int32]int{} // the listener that overrides to a port
	for i, l := range listeners {
		b.checkGroups(l, out[i])
		for j, g := range out[i].Groups {
			b.checkOverrides(l, j, out[i], g, out)
			for k, o := range g.Overrides {
				if first, ok := endpointPorts[o.EndpointPort]; ok && first != i {
					b.wrong(overridePath(l.path, j, k, "endpointPort"), fmt.Sprintf("endpoint port %d is used by port overrides of two listeners", o.EndpointPort), "override to another port")
				}
				endpointPorts[o.EndpointPort] = i
			}
		}
	}
	if len(out) > accelerator.MaxListeners {
		b.quota("spec.listeners", fmt.Sprintf("%d listeners are declared, and AWS admits %d of an accelerator by default", len(out), accelerator.MaxListeners))
	}
}

// quota notes that a quota would be exceeded that AWS may have raised.
func (b *building) quota(path, text string) {
	d := diag.New(Object(b.ga), path, diag.QuotaExceeded, text, "ask AWS for a higher quota, if it was not raised already")
	d.Class = diag.Note
	b.found = append(b.found, d)
}

func (b *building) checkPorts(listeners []declared) {
	for i, l := range listeners {
		if n := len(l.ports); n > accelerator.MaxPortRanges {
			b.wrong(l.path+".portRanges", fmt.Sprintf("the listener has %d port ranges (%s), and AWS admits %d", n, accelerator.Text(l.ports), accelerator.MaxPortRanges),
				"set portRanges to fewer ones, which may include ports that the load balancer does not have")
		}
		for k, r := range l.ports {
			for i2 := i; i2 < len(listeners); i2++ {
				o := listeners[i2]
				for k2, r2 := range o.ports {
					if (i2 > i || k2 > k) && l.protocol == o.protocol && l.protocol != "" && r.Overlaps(r2) {
						b.wrong(fmt.Sprintf("%s.portRanges[%d]", o.path, k2), fmt.Sprintf("overlapping port ranges detected for protocol %s, which is not allowed: %s and %s", l.protocol, r, r2),
							"give each port to one listener")
					}
				}
			}
		}
	}
}

func (b *building) checkGroups(l declared, out accelerator.Listener) {
	regions := map[string]int{}
	for j, g := range out.Groups {
		path := fmt.Sprintf("%s.endpointGroups[%d]", l.path, j)
		if first, ok := regions[g.Region]; ok {
			b.wrong(path+".region", fmt.Sprintf("endpointGroups[%d] has Region %s too, and AWS admits one endpoint group of a listener in each", first, g.Region), "join the two groups, or correct the Region")
		}
		regions[g.Region] = j
		if n := len(g.Endpoints); n > accelerator.MaxEndpoints {
			b.wrong(path+".endpoints", fmt.Sprintf("the group has %d endpoints, and AWS admits %d", n, accelerator.MaxEndpoints), "remove endpoints")
		}
		ids := map[string]bool{}
		for _, e := range g.Endpoints {
			if ids[e.ID] {
				b.wrong(path+".endpoints", fmt.Sprintf("two endpoints of the group have the load balancer %s", e.ID), "remove one of them")
			}
			ids[e.ID] = true
		}
	}
	if n := len(out.Groups); n > accelerator.MaxEndpointGroups {
		b.quota(l.path+".endpointGroups", fmt.Sprintf("%d endpoint groups are declared, and AWS admits %d of a listener by default", n, accelerator.MaxEndpointGroups))
	}
}

// checkOverrides reports port overrides of a group that AWS does not admit.
func (b *building) checkOverrides(l declared, j int, out accelerator.Listener, g accelerator.Group, all []accelerator.Listener) {
	if n := len(g.Overrides); n > accelerator.MaxPortOverrides {
		b.wrong(fmt.Sprintf("%s.endpointGroups[%d].portOverrides", l.path, j), fmt.Sprintf("the group has %d port overrides, and AWS admits %d", n, accelerator.MaxPortOverrides), "remove port overrides")
	}
	for k, o := range g.Overrides {
		if !out.Contains(o.ListenerPort) {
			b.wrong(overridePath(l.path, j, k, "listenerPort"), fmt.Sprintf("port override listener port %d is not within any listener port ranges (%s)", o.ListenerPort, accelerator.Text(out.Ports)),
				"override a port of the listener")
		}
		for _, other := range all {
			if other.Contains(o.EndpointPort) {
				b.wrong(overridePath(l.path, j, k, "endpointPort"), fmt.Sprintf("port override endpoint port %d is within the port ranges of a listener (%s %s), which AWS does not admit", o.EndpointPort, other.Protocol, accelerator.Text(other.Ports)),
					"take the port away from the listener, or override to another one")
				break
			}
		}
		for _, before := range g.Overrides[:k] {
			if before.ListenerPort == o.ListenerPort {
				b.wrong(overridePath(l.path, j, k, "listenerPort"), fmt.Sprintf("listener port %d is overridden twice in the group", o.ListenerPort), "remove one of the port overrides")
			}
			if before.EndpointPort == o.EndpointPort {
				b.wrong(overridePath(l.path, j, k, "endpointPort"), fmt.Sprintf("two port overrides of the group are to endpoint port %d", o.EndpointPort), "override to another port")
			}
		}
	}
}
