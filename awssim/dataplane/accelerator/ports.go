package accelerator

import (
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// maxLoopbackPorts is how many ports an accelerator opens on loopback without a reason to believe that something
// answers there. Each port takes two sockets, and a listener may have all 65,535 ports.
const maxLoopbackPorts = 256

// wantedPorts are the ports to open on loopback: all of a deployed accelerator, unless these are more than
// maxLoopbackPorts. Then they are those that lead to a listener of a load balancer, however many, and up to
// maxLoopbackPorts of those that lead to an address, at which any port may answer. The lock is held.
func (e *accelerator) wantedPorts(a *topology.Accelerator) map[portKey]bool {
	wanted := map[portKey]bool{}
	if !a.Deployed {
		return wanted
	}
	total := 0
	for i := range a.Listeners {
		for _, r := range a.Listeners[i].Ports {
			total += int(r.To - r.From + 1)
		}
	}
	for i := range a.Listeners {
		if l := &a.Listeners[i]; total > maxLoopbackPorts {
			e.wantLed(wanted, l)
		}
	}
	for i := range a.Listeners {
		if l := &a.Listeners[i]; total <= maxLoopbackPorts || leadsToAddress(l) {
			e.wantLowest(wanted, l)
		}
	}
	return wanted
}

// wantLed adds the ports of a listener that lead to listeners of its load balancers.
func (o *Options) wantLed(wanted map[portKey]bool, l *topology.AcceleratorListener) {
	network := "tcp"
	if l.Protocol == "UDP" {
		network = "udp"
	}
	want := func(port int32) {
		if l.Has(port) {
			wanted[portKey{l.Protocol, port}] = true
		}
	}
	for i := range l.Groups {
		g := &l.Groups[i]
		for j := range g.Endpoints {
			if g.Endpoints[j].LoadBalancer == "" {
				continue
			}
			for _, port := range o.LoadBalancers.Ports(g.Endpoints[j].LoadBalancer, network) {
				if _, elsewhere := g.Overrides[port]; !elsewhere {
					want(port)
				}
				for from, to := range g.Overrides {
					if to == port {
						want(from)
					}
				}
			}
		}
	}
}

// wantLowest adds the lowest ports of a listener for as long as there are fewer than maxLoopbackPorts in all.
func (e *accelerator) wantLowest(wanted map[portKey]bool, l *topology.AcceleratorListener) {
	for _, r := range l.Ports {
		for port := r.From; port <= r.To; port++ {
			if len(wanted) < maxLoopbackPorts {
				wanted[portKey{l.Protocol, port}] = true
				continue
			}
			if !e.told && !wanted[portKey{l.Protocol, port}] {
				e.told = true
				e.Logf("data plane: accelerator %s: more than %d ports lead to addresses, the others are open on the "+
					"virtual network only", e.arn, maxLoopbackPorts)
			}
			return
		}
	}
}

// leadsToAddress reports whether an endpoint of the listener is no load balancer.
func leadsToAddress(l *topology.AcceleratorListener) bool {
	for i := range l.Groups {
		for j := range l.Groups[i].Endpoints {
			if l.Groups[i].Endpoints[j].LoadBalancer == "" {
				return true
			}
		}
	}
	return false
}
