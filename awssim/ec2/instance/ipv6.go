package instance

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// AssignIpv6Addresses gives an interface IPv6 addresses, chosen by the caller or by number, or /80 prefixes by number.
func (s *Instances) AssignIpv6Addresses(ctx context.Context, in *ec2.AssignIpv6AddressesInput,
	_ ...func(*ec2.Options)) (*ec2.AssignIpv6AddressesOutput, error) {
	return call.Write(ctx, s.entry, "AssignIpv6Addresses", in, func(in *ec2.AssignIpv6AddressesInput) (
		*ec2.AssignIpv6AddressesOutput, error) {
		n, err := s.ownInterface(in.NetworkInterfaceId)
		if err != nil {
			return nil, err
		}
		count, prefixes := int(aws.ToInt32(in.Ipv6AddressCount)), int(aws.ToInt32(in.Ipv6PrefixCount))
		switch {
		case len(in.Ipv6Addresses) > 0 && count > 0:
			return nil, apierr.New("InvalidParameterCombination", "You can't specify both ipv6Addresses and ipv6AddressCount")
		case len(in.Ipv6Addresses) == 0 && count == 0 && prefixes == 0:
			return nil, request.Missing("ipv6Addresses or ipv6AddressCount")
		}
		out, err := s.assignIPv6(n, in.Ipv6Addresses, count, prefixes)
		if err != nil {
			return nil, err
		}
		out.NetworkInterfaceId = aws.String(n.ID)
		return out, nil
	})
}

// assignIPv6 adds all addresses of a request, or none.
func (s *Instances) assignIPv6(n *vpc.Interface, addresses []string, count, prefixes int) (
	*ec2.AssignIpv6AddressesOutput, error) {
	if err := countable(count, prefixes); err != nil {
		return nil, err
	}
	var asked []netip.Addr
	for _, text := range addresses {
		addr, err := netip.ParseAddr(text)
		if err != nil || !addr.Is6() {
			return nil, request.InvalidValue("Invalid value '%s' for ipv6Addresses. Invalid IPv6 address", text)
		}
		asked = append(asked, addr)
	}
	asked = append(asked, make([]netip.Addr, count)...) // the invalid address stands for any
	out := &ec2.AssignIpv6AddressesOutput{}
	addrs, blocks := len(n.IPv6Addresses), len(n.IPv6Prefixes)
	undo := func(err error) error {
		for _, addr := range slices.Clone(n.IPv6Addresses[addrs:]) {
			_ = s.account.UnassignIPv6(n.ID, addr) // assigned just now
		}
		for _, p := range slices.Clone(n.IPv6Prefixes[blocks:]) {
			_ = s.account.UnassignIPv6Prefix(n.ID, p) // assigned just now
		}
		return request.AWSError(err)
	}
	for _, addr := range asked {
		got := addr
		var err error
		if addr.IsValid() {
			err = s.account.AssignIPv6Address(n.ID, addr)
		} else {
			got, err = s.account.AssignIPv6(n.ID)
		}
		if err != nil {
			return nil, undo(err)
		}
		out.AssignedIpv6Addresses = append(out.AssignedIpv6Addresses, got.String())
	}
	for range prefixes {
		p, err := s.account.AssignIPv6Prefix(n.ID, netip.Prefix{})
		if err != nil {
			return nil, undo(err)
		}
		out.AssignedIpv6Prefixes = append(out.AssignedIpv6Prefixes, p.String())
	}
	return out, nil
}

// UnassignIpv6Addresses takes IPv6 addresses and prefixes away from an interface, all or none.
func (s *Instances) UnassignIpv6Addresses(ctx context.Context, in *ec2.UnassignIpv6AddressesInput,
	_ ...func(*ec2.Options)) (*ec2.UnassignIpv6AddressesOutput, error) {
	return call.Write(ctx, s.entry, "UnassignIpv6Addresses", in, func(in *ec2.UnassignIpv6AddressesInput) (
		*ec2.UnassignIpv6AddressesOutput, error) {
		n, err := s.ownInterface(in.NetworkInterfaceId)
		if err != nil {
			return nil, err
		}
		if len(in.Ipv6Addresses) == 0 && len(in.Ipv6Prefixes) == 0 {
			return nil, request.Missing("ipv6Addresses")
		}
		addrs, err := assigned(n.ID, in.Ipv6Addresses, n.IPv6Addresses, netip.ParseAddr)
		if err != nil {
			return nil, err
		}
		blocks, err := assigned(n.ID, in.Ipv6Prefixes, n.IPv6Prefixes, netip.ParsePrefix)
		if err != nil {
			return nil, err
		}
		out := &ec2.UnassignIpv6AddressesOutput{NetworkInterfaceId: aws.String(n.ID)}
		for _, addr := range addrs {
			if err := s.account.UnassignIPv6(n.ID, addr); err != nil {
				return nil, request.AWSError(err)
			}
			out.UnassignedIpv6Addresses = append(out.UnassignedIpv6Addresses, addr.String())
		}
		for _, p := range blocks {
			if err := s.account.UnassignIPv6Prefix(n.ID, p); err != nil {
				return nil, request.AWSError(err)
			}
			out.UnassignedIpv6Prefixes = append(out.UnassignedIpv6Prefixes, p.String())
		}
		return out, nil
	})
}

// assigned parses what the interface must have, each once.
func assigned[T comparable](eni string, texts []string, have []T, parse func(string) (T, error)) ([]T, error) {
	var found []T
	for _, text := range texts {
		v, err := parse(text)
		if err != nil || !slices.Contains(have, v) || slices.Contains(found, v) {
			return nil, request.InvalidValue("Some of [%s] are not assigned to interface %s", text, eni)
		}
		found = append(found, v)
	}
	return found, nil
}
