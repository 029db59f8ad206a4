package awssim

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// describeEdge adds what stands in front of load balancers: web ACLs, protections and accelerators.
func describeEdge(a *account.Account, r *simclient.Resources) {
	for _, arn := range slices.Sorted(maps.Keys(a.WebACLs)) {
		w := a.WebACLs[arn]
		r.WebACLs = append(r.WebACLs, simclient.WebACL{ARN: arn, Name: w.Name, LoadBalancers: a.LoadBalancersOf(arn),
			Tags: maps.Clone(w.Tags)})
	}
	for _, id := range slices.Sorted(maps.Keys(a.Protections)) {
		p := a.Protections[id]
		r.Protections = append(r.Protections, simclient.Protection{ID: id, Name: p.Name, Resource: p.Resource,
			Tags: maps.Clone(p.Tags)})
	}
	for _, x := range a.AcceleratorsInOrder() {
		r.Accelerators = append(r.Accelerators, describeAccelerator(a, x))
	}
}

func describeAccelerator(a *account.Account, x *account.Accelerator) simclient.Accelerator {
	d := simclient.Accelerator{
		ARN: x.ARN, Name: x.Name, DNSName: x.DNSName, DualStackDNSName: x.DualStackDNSName, IPAddressType: x.IPAddressType,
		Enabled: x.Enabled,
		Status:  a.AcceleratorStatus(x), Addresses: slices.Concat(x.IPv4, x.IPv6), Tags: maps.Clone(x.Tags),
		Listeners: []simclient.AcceleratorListener{},
	}
	for _, l := range x.Listeners {
		listener := simclient.AcceleratorListener{ARN: l.ARN, Protocol: l.Protocol, ClientAffinity: l.Affinity}
		for _, p := range l.Ports {
			listener.Ports = append(listener.Ports, simclient.PortRange{From: p.From, To: p.To})
		}
		for _, g := range l.Groups {
			group := simclient.EndpointGroup{ARN: g.ARN, Region: g.Region, TrafficDial: g.Dial}
			for _, o := range g.Overrides {
				group.PortOverrides = append(group.PortOverrides, simclient.PortOverride{Listener: o.Listener,
					Endpoint: o.Endpoint})
			}
			for _, e := range g.Endpoints {
				state, reason := a.EndpointHealth(e)
				group.Endpoints = append(group.Endpoints, simclient.AcceleratorEndpoint{
					ID: e.ID, Weight: e.Weight, PreserveClientIP: e.PreserveClientIP, State: state, Reason: reason,
				})
			}
			listener.Groups = append(listener.Groups, group)
		}
		d.Listeners = append(d.Listeners, listener)
	}
	return d
}
