package awssim

import (
	"cmp"
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// Endpoints are where the load balancers can be reached on this machine, by DNS name, then the accelerators, each by
// two addresses; none without a data plane.
func (s *Simulator) Endpoints() []simclient.Endpoint {
	endpoints := []simclient.Endpoint{}
	if s.Plane == nil {
		return endpoints
	}
	protocols := s.protocols()
	for _, a := range s.Plane.Addresses() {
		e := simclient.Endpoint{ARN: a.ARN, Name: a.Name, DNSName: a.DNSName, Address: a.IP,
			Listeners: listenerAddrs(a, protocols[a.ARN])}
		endpoints = append(endpoints, e)
	}
	for _, a := range s.Plane.Accelerators() {
		endpoints = append(endpoints, simclient.Endpoint{ARN: a.ARN, Name: a.Name, DNSName: a.DNSName, Address: a.IP,
			Listeners: listenerAddrs(a, nil)})
	}
	return endpoints
}

// protocols are the protocols of all listeners by load balancer and port.
func (s *Simulator) protocols() map[string]map[int32]string {
	all := map[string]map[int32]string{}
	for _, x := range s.accounts() {
		x.Account.Lock()
		for arn, lb := range x.Account.LoadBalancers {
			ports := map[int32]string{}
			for _, l := range lb.Listeners {
				ports[l.Port] = l.Protocol
			}
			all[arn] = ports
		}
		x.Account.Unlock()
	}
	return all
}

func listenerAddrs(a flow.Address, protocols map[int32]string) []simclient.ListenerAddr {
	listeners := []simclient.ListenerAddr{}
	for network, ports := range map[string]map[int32]int32{"TCP": a.TCP, "UDP": a.UDP} {
		for _, port := range slices.Sorted(maps.Keys(ports)) {
			protocol := protocols[port]
			if protocol == "TCP_UDP" || protocol == "" {
				protocol = network
			}
			listeners = append(listeners, simclient.ListenerAddr{
				Port: port, Protocol: protocol, Address: netip.AddrPortFrom(a.IP, uint16(ports[port])),
			})
		}
	}
	slices.SortFunc(listeners, func(x, y simclient.ListenerAddr) int {
		return cmp.Or(cmp.Compare(x.Port, y.Port), cmp.Compare(x.Protocol, y.Protocol))
	})
	return listeners
}

// Resolve looks a DNS name up, as the DNS server does for this machine; a name that does not exist has no address. It
// fails without a data plane.
func (s *Simulator) Resolve(name string) ([]netip.Addr, error) {
	return s.ResolveFrom(name, netip.Addr{})
}

// ResolveFrom looks a DNS name up as a machine with that address does. One of the VPC's subnets gets what the VPC's
// resolver answers: private hosted zones, and addresses of the virtual network.
func (s *Simulator) ResolveFrom(name string, from netip.Addr) ([]netip.Addr, error) {
	if s.dns == nil {
		return nil, errNoPlane
	}
	for _, x := range s.accounts() {
		if addresses, found := x.resolver.Addresses(name, from); found && len(addresses) > 0 {
			return addresses, nil
		}
	}
	return nil, nil
}

// DialContext connects to a listener of a load balancer by "DNS name:port", and to the identity provider by its names,
// for HTTP clients in the same process. It fails without a data plane and for other names.
func (s *Simulator) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if s.Plane == nil {
		return nil, errNoPlane
	}
	if host, _, err := net.SplitHostPort(address); err == nil && s.identity != nil &&
		s.identity.serves(strings.ToLower(host)) {
		return new(net.Dialer).DialContext(ctx, network, s.IdentityProvider())
	}
	return s.Plane.DialContext(ctx, network, address)
}
