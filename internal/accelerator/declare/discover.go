package declare

import (
	"fmt"
	"slices"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/accelerator"
)

// declared is a listener with protocol and ports.
type declared struct {
	index    int    // of its declaration
	path     string // of its declaration
	spec     agav1beta1.Listener
	protocol string
	ports    []accelerator.PortRange
}

// discovers reports whether protocol and ports of the listener may be those of its only endpoint.
func discovers(ga *agav1beta1.GlobalAccelerator) bool {
	if len(ga.Spec.Listeners) != 1 {
		return false
	}
	l := &ga.Spec.Listeners[0]
	return len(l.EndpointGroups) == 1 && len(l.EndpointGroups[0].Endpoints) == 1 && (l.Protocol == nil || l.PortRanges == nil)
}

// discover are the listeners of the object, with protocols and ports of the load balancer where the object leaves them out. deferred: that is not known yet.
func (b *building) discover(loaded map[place]loadedEndpoint) (out []declared, deferred bool) {
	if discovers(b.ga) {
		return b.discovered(loaded[place{}])
	}
	for i := range b.ga.Spec.Listeners {
		l := &b.ga.Spec.Listeners[i]
		path := fmt.Sprintf("spec.listeners[%d]", i)
		if l.Protocol == nil {
			b.wrong(path+".protocol", "listener protocol must be specified: it is taken from the load balancer only where one listener has one endpoint group with one endpoint", "set protocol")
		}
		if l.PortRanges == nil {
			b.wrong(path+".portRanges", "listener port ranges must be specified: they are taken from the load balancer only where one listener has one endpoint group with one endpoint", "set portRanges")
		}
		out = append(out, declared{index: i, path: path, spec: *l, protocol: string(value(l.Protocol)), ports: ranges(l.PortRanges)})
	}
	return out, false
}

func ranges(list []agav1beta1.PortRange) []accelerator.PortRange {
	var out []accelerator.PortRange
	for _, r := range list {
		out = append(out, accelerator.PortRange{From: r.FromPort, To: r.ToPort})
	}
	return out
}

// discovered are the listeners of the protocols of a load balancer.
func (b *building) discovered(e loadedEndpoint) (out []declared, deferred bool) {
	l, path := b.ga.Spec.Listeners[0], "spec.listeners[0]"
	if !e.ready {
		b.emptied = e.known
		return nil, true
	}
	if e.problem != "" {
		b.wrong(path, "protocol and ports cannot be taken from the load balancer: "+e.problem, "set protocol and portRanges")
		return nil, true
	}
	byProtocol := map[string][]int32{}
	for _, p := range e.ports {
		byProtocol[p.Protocol] = append(byProtocol[p.Protocol], p.Port)
	}
	var protocols []string
	for _, p := range []string{accelerator.TCP, accelerator.UDP} {
		if len(byProtocol[p]) > 0 {
			protocols = append(protocols, p)
		}
	}
	if l.Protocol != nil {
		protocols = []string{string(*l.Protocol)}
	}
	if len(protocols) == 0 {
		b.wrong(path, "no protocol or port information found of the load balancer", "set protocol and portRanges")
		return nil, true
	}
	for _, p := range protocols {
		d := declared{path: path, spec: l, protocol: p, ports: ranges(l.PortRanges)}
		if d.ports == nil {
			d.ports = accelerator.Join(byProtocol[p])
		}
		if len(d.ports) == 0 {
			b.wrong(path+".portRanges", "listener port ranges must be specified: the load balancer has no port of protocol "+p, "set portRanges")
		}
		out = append(out, d)
	}
	if len(out) == 2 {
		b.shareOverrides(out)
	}
	return out, false
}

// shareOverrides leaves each port override to the listener that has its port. What none has stays with the first, of which it is reported; what both have stays
// with both, which is reported as well.
func (b *building) shareOverrides(both []declared) {
	groups := both[0].spec.EndpointGroups
	has := func(d declared, port int32) bool { return accelerator.Listener{Ports: d.ports}.Contains(port) }
	for i := range both {
		other := both[1-i]
		both[i].spec.EndpointGroups = slices.Clone(groups)
		for j := range groups {
			both[i].spec.EndpointGroups[j].PortOverrides = slices.DeleteFunc(slices.Clone(groups[j].PortOverrides), func(o agav1beta1.PortOverride) bool {
				return !has(both[i], o.ListenerPort) && (i == 1 || has(other, o.ListenerPort))
			})
		}
	}
}
