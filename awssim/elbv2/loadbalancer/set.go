package loadbalancer

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/elbv2/targetgroup"
)

// SetSubnets replaces the subnets of a load balancer.
func (s *LoadBalancers) SetSubnets(ctx context.Context, in *elb.SetSubnetsInput, _ ...func(*elb.Options)) (
	*elb.SetSubnetsOutput, error) {
	return call.Write(ctx, s.entry, "SetSubnets", in, s.setSubnets)
}

func (s *LoadBalancers) setSubnets(in *elb.SetSubnetsInput) (*elb.SetSubnetsOutput, error) {
	if err := check.First(check.Present("loadBalancerArn", in.LoadBalancerArn),
		check.OneOf("ipAddressType", in.IpAddressType, in.IpAddressType.Values()),
		check.OneOf("enablePrefixForIpv6SourceNat", in.EnablePrefixForIpv6SourceNat,
			in.EnablePrefixForIpv6SourceNat.Values())); err != nil {
		return nil, err
	}
	lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if s.account.Clock.Now().Before(lb.Capacity.ReadyAt) {
		return nil, apierr.New("CapacityReservationPending", "The capacity reservation of the load balancer '%s' is pending",
			lb.ARN)
	}
	want := *lb
	want.IPAddressType = cmp.Or(string(in.IpAddressType), lb.IPAddressType)
	want.SourceNAT = cmp.Or(string(in.EnablePrefixForIpv6SourceNat), lb.SourceNAT)
	if err := s.checkNewAddressType(lb, &want); err != nil {
		return nil, err
	}
	where, err := s.place(&want, in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	if where.vpc != lb.VPC {
		return nil, check.InvalidConfiguration("The subnets are not in the VPC '%s' of the load balancer", lb.VPC)
	}
	if err := s.checkSwap(lb, &want, where.zones); err != nil {
		return nil, err
	}
	if err := s.checkRoom(&want, where); err != nil {
		return nil, err
	}
	for i, z := range where.zones {
		if have := lb.InSubnet(z.Subnet); have != nil {
			where.zones[i].Interface = have.Interface
		}
	}
	if err := s.attach(&want, where.zones); err != nil {
		return nil, err
	}
	s.changing(lb)
	gone := slices.DeleteFunc(slices.Clone(lb.Zones), func(z account.Zone) bool {
		return slices.ContainsFunc(where.zones, func(kept account.Zone) bool { return kept.Interface == z.Interface })
	})
	lb.Zones, lb.SourceNAT = where.zones, want.SourceNAT
	s.release(lb, gone)
	if err := check.First(s.readdress(lb, want.IPAddressType), s.setSecondary(lb, lb.Attributes)); err != nil {
		return nil, err
	}
	return &elb.SetSubnetsOutput{
		AvailabilityZones: s.describeZones(lb), IpAddressType: types.IpAddressType(lb.IPAddressType),
		EnablePrefixForIpv6SourceNat: types.EnablePrefixForIpv6SourceNatEnum(lb.SourceNAT),
	}, nil
}

// checkSwap holds the rules for replacing zones of load balancers whose addresses clients may use.
func (s *LoadBalancers) checkSwap(lb, want *account.LoadBalancer, zones []account.Zone) error {
	if lb.Type == request.Application {
		return nil
	}
	for _, z := range zones {
		i := slices.IndexFunc(lb.Zones, func(have account.Zone) bool { return have.Name == z.Name })
		switch {
		case i < 0:
		case lb.Zones[i].Subnet != z.Subnet:
			return check.Invalid("You cannot specify an additional subnet from an Availability Zone that is already "+
				"associated with the load balancer. "+
				"The Availability Zone '%s' corresponding to the new subnet '%s' is already associated with the load balancer.",
				z.Name, z.Subnet)
		case !sameMapping(lb.Zones[i], z) && !sameButIPv6(lb, want, lb.Zones[i], z):
			return check.InvalidConfiguration("You cannot change the addresses of the Availability Zone '%s', which is "+
				"already associated with the load balancer", z.Name)
		}
	}
	for _, have := range lb.Zones {
		if slices.ContainsFunc(zones, func(z account.Zone) bool { return z.Name == have.Name }) {
			continue
		}
		if lb.Type == request.Network && s.account.FixedSubnets {
			return check.Invalid("Subnet removal is not supported for Network Load Balancers. You must specify all existing " +
				"subnets along with any new ones")
		}
		if lb.Type == request.Gateway || len(lb.Associated) > 0 {
			return check.InvalidConfiguration("You cannot remove the Availability Zone '%s' from the load balancer", have.Name)
		}
	}
	return nil
}

// sameButIPv6 reports whether a zone differs by the IPv6 address that it gets, or loses, with another address type of
// its load balancer.
func sameButIPv6(lb, want *account.LoadBalancer, have, z account.Zone) bool {
	have.IPv6, z.IPv6 = "", ""
	return lb.IPAddressType != want.IPAddressType && sameMapping(have, z)
}

// SetSecurityGroups replaces the security groups of a load balancer.
func (s *LoadBalancers) SetSecurityGroups(ctx context.Context, in *elb.SetSecurityGroupsInput,
	_ ...func(*elb.Options)) (*elb.SetSecurityGroupsOutput, error) {
	return call.Write(ctx, s.entry, "SetSecurityGroups", in, func(in *elb.SetSecurityGroupsInput) (
		*elb.SetSecurityGroupsOutput, error) {
		enforce := in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic
		if err := check.First(check.Present("loadBalancerArn", in.LoadBalancerArn),
			check.OneOf("enforceSecurityGroupInboundRulesOnPrivateLinkTraffic", enforce, enforce.Values())); err != nil {
			return nil, err
		}
		lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		groups := request.Distinct(in.SecurityGroups)
		switch {
		case lb.Type == request.Gateway:
			return nil, check.InvalidConfiguration("Security groups are not supported for load balancers with type 'gateway'")
		case lb.Type == request.Network && len(lb.SecurityGroups) == 0:
			return nil, check.InvalidConfiguration("You cannot set security groups on a Network Load Balancer that was " +
				"created without security groups")
		case len(groups) == 0:
			return nil, check.Invalid("At least one security group must be specified")
		case enforce != "" && lb.Type != request.Network:
			return nil, check.InvalidConfiguration("The inbound rules on PrivateLink traffic can be set for load balancers " +
				"with type 'network' only")
		}
		if err := s.checkGroups(lb.VPC, groups, "InvalidSecurityGroup"); err != nil {
			return nil, err
		}
		s.changing(lb)
		lb.SecurityGroups = groups
		lb.EnforceInbound = cmp.Or(string(enforce), lb.EnforceInbound)
		for _, z := range lb.Zones {
			if n, ok := s.account.Interface(z.Interface); ok {
				n.Groups = slices.Clone(groups)
			}
		}
		return &elb.SetSecurityGroupsOutput{
			SecurityGroupIds: slices.Clone(groups),
			EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: types.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum(
				lb.EnforceInbound),
		}, nil
	})
}

// SetIpAddressType changes which families of addresses clients may use.
func (s *LoadBalancers) SetIpAddressType(ctx context.Context, in *elb.SetIpAddressTypeInput, _ ...func(*elb.Options)) (
	*elb.SetIpAddressTypeOutput, error) {
	return call.Write(ctx, s.entry, "SetIpAddressType", in, func(in *elb.SetIpAddressTypeInput) (
		*elb.SetIpAddressTypeOutput, error) {
		if err := check.First(check.Present("loadBalancerArn", in.LoadBalancerArn), check.When(in.IpAddressType == "",
			check.Present[string]("ipAddressType", nil)),
			check.OneOf("ipAddressType", in.IpAddressType, in.IpAddressType.Values())); err != nil {
			return nil, err
		}
		lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		want := *lb
		want.IPAddressType = string(in.IpAddressType)
		if err := s.checkNewAddressType(lb, &want); err != nil {
			return nil, err
		}
		for _, z := range lb.Zones {
			if subnet, ok := s.account.Subnet(z.Subnet); ok && strings.HasPrefix(want.IPAddressType, "dualstack") &&
				!hasIPv6(subnet) {
				return nil, check.InvalidConfiguration("You must specify subnets with an associated IPv6 CIDR block.")
			}
		}
		s.changing(lb)
		if err := s.readdress(lb, want.IPAddressType); err != nil {
			return nil, err
		}
		return &elb.SetIpAddressTypeOutput{IpAddressType: types.IpAddressType(lb.IPAddressType)}, nil
	})
}

// checkNewAddressType refuses address types that the load balancer's listeners or target groups cannot follow.
func (s *LoadBalancers) checkNewAddressType(lb, want *account.LoadBalancer) error {
	if err := checkAddressType(lb, want.IPAddressType); err != nil {
		return err
	}
	if want.SourceNAT == "on" && (lb.Type != request.Network || want.IPAddressType != "dualstack") {
		return check.InvalidConfiguration("EnablePrefixForIpv6SourceNat is supported for dualstack load balancers with " +
			"type 'network' only")
	}
	for _, l := range lb.Listeners {
		connectionless := targetgroup.IsUDP(l.Protocol) || targetgroup.IsQUIC(l.Protocol)
		if connectionless && want.IPAddressType == "dualstack" && want.SourceNAT != "on" {
			return check.InvalidConfiguration("The %s listener on port '%d' requires EnablePrefixForIpv6SourceNat to be 'on' "+
				"on dualstack load balancers", l.Protocol, l.Port)
		}
	}
	if want.IPAddressType != "ipv4" {
		return nil
	}
	for arn := range lb.TargetGroups() {
		if tg := s.account.TargetGroups[arn]; tg != nil && tg.IPAddressType == "ipv6" {
			return check.InvalidConfiguration("The IP address type cannot be 'ipv4' while the target group '%s' with the IP "+
				"address type 'ipv6' is in use", arn)
		}
	}
	return nil
}

// readdress gives the interfaces of a load balancer the addresses that the new type needs. Of type ipv4 it has no IPv6
// addresses; others that it does not need stay with the interfaces, which AWS does not guarantee otherwise.
func (s *LoadBalancers) readdress(lb *account.LoadBalancer, addressType string) error {
	lb.IPAddressType = addressType
	for i, z := range lb.Zones {
		n, ok := s.account.Interface(z.Interface)
		if !ok {
			continue
		}
		if addressType == "ipv4" {
			lb.Zones[i].IPv6 = ""
			for _, addr := range slices.Clone(n.IPv6Addresses) {
				if err := s.account.UnassignIPv6(n.ID, addr); err != nil {
					return interfaceError(err)
				}
			}
		}
		if strings.HasPrefix(addressType, "dualstack") && len(n.IPv6Addresses) == 0 {
			if err := s.assignIPv6(n, z); err != nil {
				return interfaceError(err)
			}
		}
		if len(n.Addresses) == 0 {
			continue
		}
		if had := n.Addresses[0].Public.IsValid(); had == (addressType == "dualstack-without-public-ipv4") {
			n.Addresses[0].Public = netip.Addr{}
			s.publish(lb, z, n)
		}
	}
	return nil
}
