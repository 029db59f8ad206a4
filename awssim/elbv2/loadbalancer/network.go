package loadbalancer

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

const (
	minFreeAddresses = 8  // in each subnet
	longestALBPrefix = 27 // of a subnet
	quotaGroups      = "security-groups-per-network-interface"
)

// placement is the zones of a load balancer: one zone for each subnet, sorted by zone name.
type placement struct {
	zones []account.Zone
	vpc   string
}

// place resolves the subnets of a request for lb, whose type, scheme and address type are set.
func (s *LoadBalancers) place(lb *account.LoadBalancer, subnets []string, mappings []types.SubnetMapping) (
	placement, error) {
	var p placement
	if len(subnets) > 0 && len(mappings) > 0 {
		return p, check.Invalid("You can specify either subnets or subnet mappings, not both")
	}
	for _, id := range subnets {
		mappings = append(mappings, types.SubnetMapping{SubnetId: aws.String(id)})
	}
	found := make([]*vpc.Subnet, len(mappings))
	for i, m := range mappings {
		id := aws.ToString(m.SubnetId)
		subnet, ok := s.account.Subnet(id)
		if !ok {
			return p, apierr.New("SubnetNotFound", "The subnet ID '%s' does not exist", id)
		}
		found[i] = subnet
	}
	if len(mappings) == 0 {
		if lb.Type == request.Application {
			return p, check.Invalid("At least two subnets in two different Availability Zones must be specified")
		}
		return p, check.Invalid("At least one subnet must be specified")
	}
	p.vpc = found[0].VPC
	seen := map[string]bool{}
	for i, m := range mappings {
		subnet := found[i]
		switch {
		case subnet.VPC != p.vpc:
			return p, check.InvalidConfiguration("The subnets '%s' and '%s' are not in the same VPC", found[0].ID, subnet.ID)
		case seen[subnet.Zone]:
			return p, check.InvalidConfiguration("A load balancer cannot be attached to multiple subnets in the same " +
				"Availability Zone")
		case strings.HasPrefix(lb.IPAddressType, "dualstack") && !hasIPv6(subnet):
			return p, check.InvalidConfiguration("You must specify subnets with an associated IPv6 CIDR block.")
		}
		seen[subnet.Zone] = true
		zone, err := s.zone(lb, subnet, m)
		if err != nil {
			return p, err
		}
		p.zones = append(p.zones, zone)
	}
	if err := mappedAlike(p.zones); err != nil {
		return p, err
	}
	slices.SortFunc(p.zones, func(x, y account.Zone) int { return cmp.Compare(x.Name, y.Name) })
	return p, s.checkZones(lb, found)
}

// checkZones requires enough zones of kinds that can host the load balancer.
func (s *LoadBalancers) checkZones(lb *account.LoadBalancer, subnets []*vpc.Subnet) error {
	edge, outposts := 0, 0 // edge: outposts and local zones
	for _, subnet := range subnets {
		zone := s.account.Zones[subnet.Zone]
		switch {
		case zone != nil && zone.Type == "wavelength-zone", zone != nil && zone.Type == "local-zone" &&
			lb.Type != request.Application:
			return zoneNotSupported(subnet.Zone, lb.Type)
		case zone != nil && zone.Constrained() && lb.Type != request.Application:
			return zoneNotSupported(subnet.Zone, lb.Type)
		case subnet.Outpost != "":
			edge++
			outposts++
		case zone != nil && zone.Type == "local-zone":
			edge++
		}
	}
	switch {
	case lb.Type != request.Application && outposts > 0:
		return check.InvalidConfiguration("Subnets in Outposts are supported for load balancers with type 'application' only")
	case outposts > 1:
		return check.InvalidConfiguration("You can specify only one subnet in an Outpost")
	case lb.CustomerPool != "" && outposts == 0:
		return check.InvalidConfiguration("A customer-owned address pool is supported for subnets in Outposts only")
	case lb.Type == request.Application && edge > 0 && edge < len(subnets):
		return check.InvalidConfiguration("Subnets in Outposts and Local Zones cannot be combined with subnets in other " +
			"Availability Zones")
	case lb.Type == request.Application && edge == 0 && len(subnets) < 2:
		return check.Invalid("At least two subnets in two different Availability Zones must be specified")
	}
	return nil
}

func zoneNotSupported(zone, lbType string) error {
	return apierr.New("AvailabilityZoneNotSupported",
		"The Availability Zone '%s' does not support load balancers with type '%s'", zone, lbType)
}

// zone checks one mapping.
func (s *LoadBalancers) zone(lb *account.LoadBalancer, subnet *vpc.Subnet, m types.SubnetMapping) (
	account.Zone, error) {
	z := account.Zone{
		Name: subnet.Zone, Subnet: subnet.ID, AllocationID: aws.ToString(m.AllocationId),
		PrivateIPv4: aws.ToString(m.PrivateIPv4Address),
		IPv6:        aws.ToString(m.IPv6Address), SourceNATIPv6: aws.ToString(m.SourceNatIpv6Prefix),
	}
	private, _ := netip.ParseAddr(z.PrivateIPv4)
	v6, _ := netip.ParseAddr(z.IPv6)
	external := lb.Type == request.Network && lb.Scheme == "internet-facing"
	switch {
	case z.AllocationID != "" && !external:
		return z, check.InvalidConfiguration("Allocation IDs can be specified for internet-facing load balancers with type " +
			"'network' only")
	case z.PrivateIPv4 != "" && (lb.Type != request.Network || lb.Scheme != "internal"):
		return z, check.InvalidConfiguration("Private IPv4 addresses can be specified for internal load balancers with " +
			"type 'network' only")
	case z.PrivateIPv4 != "" && !subnet.Offers(private):
		return z, check.InvalidConfiguration("The private IPv4 address '%s' is not in the CIDR block of the subnet '%s', "+
			"or reserved there", z.PrivateIPv4, subnet.ID)
	case z.IPv6 != "" && (lb.Type != request.Network || lb.IPAddressType != "dualstack"):
		return z, check.InvalidConfiguration("IPv6 addresses can be specified for dualstack load balancers with type " +
			"'network' only")
	case z.IPv6 != "" && !inIPv6(subnet, v6):
		return z, check.InvalidConfiguration("The IPv6 address '%s' is not in an IPv6 CIDR block of the subnet '%s'",
			z.IPv6, subnet.ID)
	case z.SourceNATIPv6 != "" && lb.SourceNAT != "on":
		return z, check.InvalidConfiguration("A source NAT IPv6 prefix can be specified only when " +
			"EnablePrefixForIpv6SourceNat is 'on'")
	}
	if z.AllocationID != "" {
		address := s.account.Addresses[z.AllocationID]
		if address == nil {
			return z, apierr.New("AllocationIdNotFound", "The allocation ID '%s' does not exist", z.AllocationID)
		}
		z.PublicIPv4 = address.Public.String()
	}
	if p := z.SourceNATIPv6; p != "" && p != "auto_assigned" {
		prefix, err := netip.ParsePrefix(p)
		if err != nil || prefix.Bits() != 80 || prefix != prefix.Masked() || !inIPv6(subnet, prefix.Addr()) {
			return z, check.InvalidConfiguration("The source NAT IPv6 prefix '%s' is not a /80 block of the subnet '%s'",
				p, subnet.ID)
		}
	}
	return z, nil
}

// isOwn reports whether that interface is the load balancer's own in the zone.
func isOwn(lb *account.LoadBalancer, zone, eni string) bool {
	return slices.ContainsFunc(lb.Zones, func(z account.Zone) bool { return z.Name == zone && z.Interface == eni })
}

// mappedAlike requires that all or none of the mappings have an allocation, each its own.
func mappedAlike(zones []account.Zone) error {
	seen := map[string]bool{}
	for _, z := range zones {
		switch {
		case (z.AllocationID == "") != (zones[0].AllocationID == ""):
			return check.InvalidConfiguration("You must specify an allocation ID for all subnets or for none")
		case z.AllocationID != "" && seen[z.AllocationID]:
			return check.InvalidConfiguration("The allocation ID '%s' is specified for more than one subnet", z.AllocationID)
		}
		seen[z.AllocationID] = true
	}
	return nil
}

func hasIPv6(subnet *vpc.Subnet) bool {
	return slices.ContainsFunc(subnet.IPv6CIDRs, func(c vpc.CIDR) bool { return c.State == "associated" })
}

func inIPv6(subnet *vpc.Subnet, addr netip.Addr) bool {
	return slices.ContainsFunc(subnet.IPv6CIDRs, func(c vpc.CIDR) bool {
		return c.State == "associated" && c.Prefix.Contains(addr)
	})
}

// checkRoom requires an internet gateway where one is needed, and free addresses, given and own, in the zones that are
// new to lb.
func (s *LoadBalancers) checkRoom(lb *account.LoadBalancer, p placement) error {
	if lb.Scheme == "internet-facing" && !s.account.HasInternetGateway(p.vpc) {
		return apierr.New("InvalidSubnet", "VPC %s has no internet gateway", p.vpc)
	}
	for _, z := range p.zones {
		subnet, _ := s.account.Subnet(z.Subnet)
		if address := s.account.Addresses[z.AllocationID]; address != nil && address.Interface != "" &&
			!isOwn(lb, subnet.Zone, address.Interface) {
			return apierr.New("ResourceInUse", "The allocation ID '%s' is already in use", z.AllocationID)
		}
		if prefix, err := netip.ParsePrefix(z.SourceNATIPv6); err == nil {
			if holder := s.account.IPv6PrefixHolder(p.vpc, prefix); holder != "" && !isOwn(lb, subnet.Zone, holder) {
				return check.InvalidConfiguration("The source NAT IPv6 prefix '%s' is already in use", prefix)
			}
		}
		if slices.ContainsFunc(lb.Zones, func(have account.Zone) bool { return have.Subnet == z.Subnet }) ||
			subnet.IPv6Native {
			continue
		}
		if lb.Type == request.Application && subnet.CIDR.Bits() > longestALBPrefix {
			return apierr.New("InvalidSubnet", "The CIDR block of %s is too small: it must have a prefix length of at most /%d",
				subnet.ID, longestALBPrefix)
		}
		chosen := lb.Type == request.Network && z.PrivateIPv4 != ""
		if !chosen && subnet.AvailableIPs() < minFreeAddresses {
			return noRoom(subnet)
		}
	}
	return s.checkInterfaces(lb, p)
}

func noRoom(subnet *vpc.Subnet) error {
	return apierr.New("InvalidSubnet", "Not enough IP space available in %s. ELB requires at least %d free IP addresses "+
		"in each subnet.", subnet.ID, minFreeAddresses)
}

// checkInterfaces holds the quotas per VPC: on interfaces of network load balancers, and on gateway load balancers.
func (s *LoadBalancers) checkInterfaces(lb *account.LoadBalancer, p placement) error {
	interfaces, gateways := len(p.zones), 1
	for _, o := range s.account.LoadBalancers {
		if o.VPC != p.vpc || o.Name == lb.Name {
			continue
		}
		switch o.Type {
		case request.Network:
			interfaces += len(o.Zones)
		case request.Gateway:
			gateways++
		}
	}
	if most := s.account.Quota(request.QuotaInterfaces); lb.Type == request.Network && interfaces > most {
		return apierr.New("TooManyLoadBalancers", "The maximum number of network interfaces of load balancers with type "+
			"'network' in the VPC '%s', '%d', would be exceeded", p.vpc, most)
	}
	if most := s.account.Quota(request.QuotaGWLBsPerVPC); lb.Type == request.Gateway && gateways > most {
		return apierr.New("TooManyLoadBalancers", "The maximum number of load balancers with type 'gateway' in the VPC "+
			"'%s', '%d', would be exceeded", p.vpc, most)
	}
	return nil
}

// checkGroups requires that security groups exist in the VPC. Which code an unknown one gives depends on the action.
func (s *LoadBalancers) checkGroups(vpc string, groups []string, unknown string) error {
	for _, id := range groups {
		g, ok := s.account.SecurityGroup(id)
		switch {
		case !ok:
			return apierr.New(unknown, "One or more security groups are invalid: '%s' does not exist", id)
		case !g.UsableIn(vpc):
			return check.InvalidConfiguration("One or more security groups are invalid: '%s' is not in the VPC '%s'", id, vpc)
		}
	}
	most := s.account.Quota(quotaGroups)
	return check.When(len(groups) > most, check.InvalidConfiguration("You cannot specify more than '%d' security groups",
		most))
}

// attach gives lb a network interface in each of the zones that has none yet; on an error there are none of the new
// ones.
func (s *LoadBalancers) attach(lb *account.LoadBalancer, zones []account.Zone) error {
	var made []string
	err := func() error {
		for i := range zones {
			if zones[i].Interface != "" {
				continue
			}
			n, err := s.newInterface(lb, zones[i])
			if err != nil {
				return err
			}
			zones[i].Interface = n.ID
			made = append(made, n.ID)
		}
		return s.setSourceNAT(lb, zones)
	}()
	if err == nil {
		return nil
	}
	for _, id := range made {
		_ = s.account.DeleteInterface(id) // it was just made
	}
	return interfaceError(err)
}

func (s *LoadBalancers) newInterface(lb *account.LoadBalancer, z account.Zone) (*vpc.Interface, error) {
	n := &vpc.Interface{
		Description: "ELB " + request.TypePath[lb.Type] + "/" + lb.Name + "/" + lb.ID, RequesterManaged: true,
		RequesterID:     "amazon-elb",
		SourceDestCheck: lb.Type != request.Network,
		Attachment: &vpc.Attachment{ID: s.account.NewID("ela-attach"), InstanceOwner: "amazon-elb", DeviceIndex: 1,
			Status: "attached"},
	}
	switch lb.Type {
	case request.Network:
		n.Type = "network_load_balancer"
	case request.Gateway:
		n.Type = "gateway_load_balancer"
	}
	private, _ := netip.ParseAddr(z.PrivateIPv4) // checked; invalid means any
	if err := s.account.AddInterface(n, z.Subnet, lb.SecurityGroups, private); err != nil {
		return nil, err
	}
	s.publish(lb, z, n)
	if strings.HasPrefix(lb.IPAddressType, "dualstack") {
		if err := s.assignIPv6(n, z); err != nil {
			_ = s.account.DeleteInterface(n.ID) // it was just made
			return nil, err
		}
	}
	return n, nil
}

// assignIPv6 gives an interface the IPv6 address that was asked for, or any.
func (s *LoadBalancers) assignIPv6(n *vpc.Interface, z account.Zone) error {
	if addr, err := netip.ParseAddr(z.IPv6); err == nil {
		return s.account.AssignIPv6Address(n.ID, addr)
	}
	_, err := s.account.AssignIPv6(n.ID)
	return err
}

// publish gives an interface the public address that its load balancer has there, if any.
func (s *LoadBalancers) publish(lb *account.LoadBalancer, z account.Zone, n *vpc.Interface) {
	if lb.Scheme != "internet-facing" || lb.IPAddressType == "dualstack-without-public-ipv4" || len(n.Addresses) == 0 {
		return
	}
	primary := &n.Addresses[0]
	primary.Public, primary.PublicOwner = netip.Addr{}, "amazon-elb"
	if address := s.account.Addresses[z.AllocationID]; address != nil {
		address.Interface, address.Private, address.Association = n.ID, primary.Addr, s.account.NewID("eipassoc")
		primary.Public, primary.Allocation, primary.Association = address.Public, address.Allocation, address.Association
		return
	}
	primary.Public = s.publicAddress(lb)
}

func interfaceError(err error) error {
	if errors.Is(err, vpc.ErrNoFreeAddress) {
		return apierr.New("InvalidSubnet", "Not enough IP space available: %s", err)
	}
	return check.InvalidConfiguration("%s", err)
}

// release removes interfaces, once AWS has let go of them.
func (s *LoadBalancers) release(lb *account.LoadBalancer, zones []account.Zone) {
	remove := func() {
		for _, z := range zones {
			_ = s.account.DeleteInterface(z.Interface) // it may be gone already
		}
	}
	s.after(lb, s.account.Profile.InterfaceRelease, s.account.Profile.NetworkInterfaceRelease, remove)
}

// after runs f, which finds the account locked, when the time that such a transition takes for the load balancer's type
// is over: at once if it takes none, else announcing the change.
func (s *LoadBalancers) after(lb *account.LoadBalancer, applicationTime, networkTime time.Duration, f func()) {
	d := applicationTime
	if lb.Type == request.Network {
		d = networkTime
	}
	if d <= 0 {
		f()
		return
	}
	s.account.Clock.AfterFunc(d, func() {
		s.account.Lock()
		f()
		s.account.Unlock()
		s.account.Changed()
	})
}
