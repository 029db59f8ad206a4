package declare

import (
	"fmt"
	"slices"

	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// declared is a listener with protocol and ports.
type declared struct {
	index    int    // of its declaration
	path     string // of its declaration
	spec     agav1beta1.Listener
	protocol string
	ports    []accelerator.PortRange
}

// discover are the listeners of the object, with protocols and ports of the load balancer where the object leaves them
// out. deferred: that is not known yet.
func (b *building) discover(loaded map[place]loadedEndpoint) (out []declared, deferred bool) {
	if check.Discovers(&b.ga.Spec) {
		return b.discovered(loaded[place{}])
	}
	for i := range b.ga.Spec.Listeners {
		l := &b.ga.Spec.Listeners[i]
		path := fmt.Sprintf("spec.listeners[%d]", i)
		out = append(out, declared{index: i, path: path, spec: *l, protocol: string(ptr.Deref(l.Protocol, "")),
			ports: check.Ranges(l.PortRanges)})
	}
	return out, false
}

// discovered are the listeners of the protocols of a load balancer.
func (b *building) discovered(e loadedEndpoint) (out []declared, deferred bool) {
	l, path := b.ga.Spec.Listeners[0], "spec.listeners[0]"
	if !e.ready {
		b.emptied = e.known
		return nil, true
	}
	if e.problem != "" {
		b.wrong(path, "cannot read protocol and ports from the load balancer: "+e.problem, "set protocol and portRanges")
		return nil, true
	}
	if e.given && !check.IsLoadBalancer(e.ID) { // which is reported
		return nil, true
	}
	if e.unconfirmed && b.ga.Status.AcceleratorARN != nil { // a second list decides about the ports that serve
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
		d := declared{path: path, spec: l, protocol: p, ports: check.Ranges(l.PortRanges)}
		if d.ports == nil {
			d.ports = accelerator.Join(byProtocol[p])
		}
		if len(d.ports) == 0 {
			b.wrong(path+".portRanges", "listener port ranges must be specified: the load balancer has no port of protocol "+p,
				"set portRanges")
			return nil, true
		}
		out = append(out, d)
	}
	if len(out) == 2 {
		b.shareOverrides(out)
	}
	return out, false
}

// shareOverrides leaves each port override to the listener that has its port. What none has stays with the first, of
// which it is reported; what both have stays with both, which is reported as well.
func (b *building) shareOverrides(both []declared) {
	groups := both[0].spec.EndpointGroups
	has := func(d declared, port int32) bool { return accelerator.Listener{Ports: d.ports}.Contains(port) }
	for i := range both {
		other := both[1-i]
		both[i].spec.EndpointGroups = slices.Clone(groups)
		for j := range groups {
			both[i].spec.EndpointGroups[j].PortOverrides = slices.DeleteFunc(slices.Clone(groups[j].PortOverrides),
				func(o agav1beta1.PortOverride) bool {
					return !has(both[i], o.ListenerPort) && (i == 1 || has(other, o.ListenerPort))
				})
		}
	}
}
