package awssim

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// accelerator is what the data plane serves of an accelerator.
func accelerator(a *account.Account, x *account.Accelerator) topology.Accelerator {
	served := topology.Accelerator{
		ARN: x.ARN, Name: x.Name, DNSName: x.DNSName, DualStackDNSName: x.DualStackDNSName,
		Deployed: a.AcceleratorDeployed(x), Enabled: x.Enabled, Addresses: slices.Concat(x.IPv4, x.IPv6),
	}
	for _, l := range x.Listeners {
		listener := topology.AcceleratorListener{ARN: l.ARN, Protocol: l.Protocol, Sticky: l.Affinity == "SOURCE_IP"}
		for _, r := range l.Ports {
			listener.Ports = append(listener.Ports, topology.PortRange{From: r.From, To: r.To})
		}
		for _, g := range l.Groups {
			group := topology.EndpointGroup{Region: g.Region, Dial: float64(g.Dial), Overrides: map[int32]int32{}}
			for _, o := range g.Overrides {
				group.Overrides[o.Listener] = o.Endpoint
			}
			for _, e := range g.Endpoints {
				group.Endpoints = append(group.Endpoints, endpoint(a, e))
			}
			// The account's own region is the nearest: the client is there.
			if g.Region == a.Region {
				listener.Groups = slices.Insert(listener.Groups, 0, group)
				continue
			}
			listener.Groups = append(listener.Groups, group)
		}
		served.Listeners = append(served.Listeners, listener)
	}
	return served
}

func endpoint(a *account.Account, e *account.AcceleratorEndpoint) topology.Endpoint {
	served := topology.Endpoint{Weight: e.Weight, PreserveClientIP: e.PreserveClientIP}
	if strings.HasPrefix(e.ID, "arn:") {
		served.LoadBalancer = e.ID
		return served
	}
	served.Address = endpointAddress(a, e.ID)
	state, _ := a.EndpointHealth(e)
	served.Running = state == "HEALTHY"
	return served
}

// endpointAddress is where an instance, or the interface of an Elastic IP address, is reached.
func endpointAddress(a *account.Account, id string) netip.Addr {
	if eip := a.Addresses[id]; eip != nil {
		return eip.Private
	}
	if i, ok := a.Instance(id); ok && len(i.Interfaces) > 0 {
		if n, ok := a.Interface(i.Interfaces[0]); ok {
			return n.PrimaryAddress()
		}
	}
	return netip.Addr{}
}
