package loadbalancer

import (
	"net/netip"
	"strconv"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// setSourceNAT gives the interfaces of zones the prefixes that source NAT of IPv6 takes addresses from, or takes them
// away when lb has none. The zones then name what they have. What zones ask for was checked.
func (s *LoadBalancers) setSourceNAT(lb *account.LoadBalancer, zones []account.Zone) error {
	for i := range zones {
		n, ok := s.account.Interface(zones[i].Interface)
		if !ok {
			continue
		}
		if lb.SourceNAT != "on" {
			n.IPv6Prefixes, zones[i].SourceNATIPv6 = nil, ""
			continue
		}
		wanted, err := netip.ParsePrefix(zones[i].SourceNATIPv6)
		if err != nil && len(n.IPv6Prefixes) > 0 { // auto_assigned, or none given, and it has one
			wanted = n.IPv6Prefixes[0]
		}
		had := n.IPv6Prefixes
		n.IPv6Prefixes = nil
		got, err := s.account.AssignIPv6Prefix(n.ID, wanted)
		if err != nil {
			n.IPv6Prefixes = had
			return err
		}
		zones[i].SourceNATIPv6 = got.String()
	}
	return nil
}

// secondaryAddresses is the attribute that gives network load balancers more addresses in each subnet.
const secondaryAddresses = "secondary_ips.auto_assigned.per_subnet"

// setSecondary gives each interface of the load balancer that many private addresses besides the primary one; it never
// takes any away. It fails, and changes nothing, when a subnet has too few.
func (s *LoadBalancers) setSecondary(lb *account.LoadBalancer, attributes map[string]string) error {
	want, _ := strconv.Atoi(attributes[secondaryAddresses]) // others have none
	missing := func(z account.Zone) (int, *vpc.Subnet) {
		n, ok := s.account.Interface(z.Interface)
		subnet, found := s.account.Subnet(z.Subnet)
		if !ok || !found || len(n.Addresses) == 0 {
			return 0, subnet
		}
		return want - (len(n.Addresses) - 1), subnet
	}
	for _, z := range lb.Zones {
		if more, subnet := missing(z); more > 0 && int(subnet.AvailableIPs()) < more {
			return noRoom(subnet)
		}
	}
	for _, z := range lb.Zones {
		more, _ := missing(z)
		for range more {
			if _, err := s.account.AssignAddress(z.Interface, netip.Addr{}); err != nil {
				return interfaceError(err)
			}
		}
	}
	return nil
}
