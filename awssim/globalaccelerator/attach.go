package globalaccelerator

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// What Global Accelerator puts into a VPC for endpoints that see the client's address (developer guide, "Best practices
// for client IP address preservation").
const (
	groupName        = "GlobalAccelerator"
	groupDescription = "GlobalAccelerator configured SecurityGroup"
	interfaceType    = "global_accelerator_managed"
	interfaceText    = "GlobalAccelerator managed resource"
)

// attach makes the interfaces of the VPCs be those that the endpoints with client IP preservation need: one in each
// subnet of theirs, in a security group of the VPC's that the first one brings along. What is not needed any more goes
// later, the group with the last interface, unless something else uses it.
func (s *Service) attach() {
	needed := s.subnets()
	for _, subnet := range slices.Sorted(maps.Keys(needed)) {
		if _, ok := s.interfaceIn(subnet); ok {
			continue
		}
		s.attachTo(subnet)
	}
	surplus := false
	for _, n := range s.account.Interfaces {
		surplus = surplus || n.Type == interfaceType && !needed[n.Subnet]
	}
	d := s.account.Profile.InterfaceRelease
	switch {
	case !surplus:
	case d <= 0:
		s.detach()
	default:
		s.account.Clock.AfterFunc(d, func() {
			s.account.Lock()
			s.detach()
			s.account.Unlock()
			s.account.Changed()
		})
	}
}

// subnets are those of all endpoints with client IP preservation.
func (s *Service) subnets() map[string]bool {
	needed := map[string]bool{}
	for _, x := range s.account.Accelerators {
		for _, l := range x.Listeners {
			for _, g := range l.Groups {
				for _, e := range g.Endpoints {
					if !e.PreserveClientIP {
						continue
					}
					if i, ok := s.account.Instance(e.ID); ok {
						needed[i.Subnet] = true
					}
					if lb := s.account.LoadBalancers[e.ID]; lb != nil {
						for _, z := range lb.Zones {
							needed[z.Subnet] = true
						}
					}
				}
			}
		}
	}
	return needed
}

func (s *Service) interfaceIn(subnet string) (*vpc.Interface, bool) {
	for _, n := range s.account.Interfaces {
		if n.Type == interfaceType && n.Subnet == subnet {
			return n, true
		}
	}
	return nil, false
}

// attachTo makes an interface in the subnet, unless the subnet is full.
func (s *Service) attachTo(subnet string) {
	at, ok := s.account.Subnet(subnet)
	if !ok {
		return // gone with its load balancer
	}
	group, ok := s.account.GroupNamed(at.VPC, groupName)
	if !ok {
		var err error
		if group, err = s.account.NewSecurityGroup(at.VPC, "", groupName, groupDescription); err != nil {
			return // nor is there a VPC
		}
	}
	n := &vpc.Interface{
		Description: interfaceText, Type: interfaceType, RequesterID: s.account.ID, RequesterManaged: true,
		SourceDestCheck: true,
		Attachment: &vpc.Attachment{ID: s.account.NewID("ela-attach"), InstanceOwner: "amazon-aws", DeviceIndex: 1,
			Status: "attached"},
	}
	_ = s.account.AddInterface(n, subnet, []string{group.ID}, netip.Addr{})
}

// detach removes what no endpoint needs.
func (s *Service) detach() {
	needed := s.subnets()
	var groups []string
	for _, id := range slices.Sorted(maps.Keys(s.account.Interfaces)) {
		n := s.account.Interfaces[id]
		if n.Type != interfaceType || needed[n.Subnet] {
			continue
		}
		groups = append(groups, n.Groups...)
		_ = s.account.DeleteInterface(id) // it exists
	}
	slices.Sort(groups)
	for _, id := range slices.Compact(groups) {
		if g, ok := s.account.SecurityGroup(id); ok && g.Name == groupName {
			_ = s.account.DeleteSecurityGroup(id) // stays while something uses it
		}
	}
}
