// Package nodeport plays kube-proxy's part for node ports: a connection to a port of a node on the virtual network
// reaches a ready endpoint of the Service that owns the port. No cluster addresses, no session affinity by address
// range. It imports client-go and the virtual network.
package nodeport

import (
	"net/netip"
	"sort"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

type portKey struct {
	network string // tcp or udp
	port    uint16
}

type endpoint struct {
	address netip.AddrPort
	node    string
	ready   bool // else it terminates and still serves
}

// entry is where connections to one node port go.
type entry struct {
	service   string // namespace/name, for messages
	local     bool   // externalTrafficPolicy Local: endpoints of the same node only
	endpoints []endpoint
}

// healthCheck is the answer of one health check node port.
type healthCheck struct {
	namespace, name string
	local           map[string]int // node → ready endpoints on it
}

// table is what all nodes forward; it is rebuilt as a whole when something changes.
type table struct {
	ports  map[portKey]entry
	health map[uint16]healthCheck
}

// build makes the table. slices is by namespace/name of the Service.
func build(services []*corev1.Service, slices map[string][]*discoveryv1.EndpointSlice) table {
	t := table{ports: map[portKey]entry{}, health: map[uint16]healthCheck{}}
	for _, svc := range services {
		if svc.Spec.Type != corev1.ServiceTypeNodePort && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
			continue
		}
		name := svc.Namespace + "/" + svc.Name
		local := svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
		for _, p := range svc.Spec.Ports {
			network := map[corev1.Protocol]string{corev1.ProtocolTCP: "tcp", corev1.ProtocolUDP: "udp"}[p.Protocol]
			if p.NodePort == 0 || network == "" {
				continue
			}
			t.ports[portKey{network, uint16(p.NodePort)}] = entry{
				service: name, local: local, endpoints: endpointsOf(slices[name], p.Name, p.Protocol),
			}
		}
		if port := svc.Spec.HealthCheckNodePort; port > 0 && local {
			hc := healthCheck{namespace: svc.Namespace, name: svc.Name, local: map[string]int{}}
			for _, node := range nodesOf(slices[name]) {
				hc.local[node]++
			}
			t.health[uint16(port)] = hc
		}
	}
	return t
}

// endpointsOf lists the endpoints of a Service port that are ready, and those that terminate but still serve.
func endpointsOf(slices []*discoveryv1.EndpointSlice, port string, protocol corev1.Protocol) []endpoint {
	var out []endpoint
	for _, s := range slices {
		for _, p := range s.Ports {
			if p.Port == nil || p.Name != nil && *p.Name != port || p.Name == nil && port != "" || p.Protocol != nil &&
				*p.Protocol != protocol {
				continue
			}
			for _, e := range s.Endpoints {
				for _, a := range e.Addresses {
					addr, err := netip.ParseAddr(a)
					if err != nil { // an FQDN slice
						continue
					}
					to := endpoint{address: netip.AddrPortFrom(addr, uint16(*p.Port)), ready: isTrue(e.Conditions.Ready, true)}
					if e.NodeName != nil {
						to.node = *e.NodeName
					}
					if to.ready || isTrue(e.Conditions.Serving, false) && isTrue(e.Conditions.Terminating, false) {
						out = append(out, to)
					}
				}
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].address.Compare(out[j].address) < 0 })
	return out
}

// nodesOf lists the node of every ready endpoint, one entry for each endpoint.
func nodesOf(slices []*discoveryv1.EndpointSlice) []string {
	var nodes []string
	seen := map[string]bool{}
	for _, s := range slices {
		for _, e := range s.Endpoints {
			if !isTrue(e.Conditions.Ready, true) || e.NodeName == nil || len(e.Addresses) == 0 || seen[e.Addresses[0]] {
				continue
			}
			seen[e.Addresses[0]] = true
			nodes = append(nodes, *e.NodeName)
		}
	}
	return nodes
}

func isTrue(b *bool, unset bool) bool {
	if b == nil {
		return unset
	}
	return *b
}

// pick chooses the n-th endpoint for a connection to an address of the node, in turn: one of the same family, and on
// the same node if the Service says so. As kube-proxy does, it takes those that terminate if none of these is ready: a
// node whose last pod ends goes on to forward to it.
func (e entry) pick(node string, six bool, n uint64) (endpoint, bool) {
	var candidates, terminating []endpoint
	for _, c := range e.endpoints {
		switch {
		case c.address.Addr().Is6() != six || e.local && c.node != node:
		case c.ready:
			candidates = append(candidates, c)
		default:
			terminating = append(terminating, c)
		}
	}
	if len(candidates) == 0 {
		candidates = terminating
	}
	if len(candidates) == 0 {
		return endpoint{}, false
	}
	return candidates[n%uint64(len(candidates))], true
}
