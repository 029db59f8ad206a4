package instance

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// AssignPrivateIpAddresses gives an interface more private addresses, chosen by the caller or by number, or /28
// prefixes.
func (s *Instances) AssignPrivateIpAddresses(ctx context.Context, in *ec2.AssignPrivateIpAddressesInput,
	_ ...func(*ec2.Options)) (*ec2.AssignPrivateIpAddressesOutput, error) {
	return call.Write(ctx, s.entry, "AssignPrivateIpAddresses", in, s.assignPrivateIPAddresses)
}

func (s *Instances) assignPrivateIPAddresses(in *ec2.AssignPrivateIpAddressesInput) (
	*ec2.AssignPrivateIpAddressesOutput, error) {
	n, err := s.ownInterface(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	count, prefixes := int(aws.ToInt32(in.SecondaryPrivateIpAddressCount)), int(aws.ToInt32(in.Ipv4PrefixCount))
	if len(in.PrivateIpAddresses) > 0 && count > 0 {
		return nil, apierr.New("InvalidParameterCombination",
			"You can't specify both privateIpAddresses and secondaryPrivateIpAddressCount")
	}
	if len(in.PrivateIpAddresses) == 0 && count == 0 && prefixes == 0 {
		return nil, request.Missing("privateIpAddresses or secondaryPrivateIpAddressCount")
	}
	s.account.ChangingInterface(n)
	out, err := s.assign(n, in.PrivateIpAddresses, count, prefixes)
	if err != nil {
		return nil, err
	}
	out.NetworkInterfaceId = aws.String(n.ID)
	return out, nil
}

// mostAssigned is how many addresses or prefixes one call assigns by number: more than an interface of any instance
// type holds.
const mostAssigned = 1000

// countable refuses numbers of addresses and prefixes that no interface holds.
func countable(addresses, prefixes int) error {
	switch {
	case addresses < 0 || prefixes < 0:
		return request.InvalidValue("Invalid value '%d' for a number of addresses", min(addresses, prefixes))
	case addresses > mostAssigned || prefixes > mostAssigned:
		return apierr.New("PrivateIpAddressLimitExceeded", "Number of addresses will exceed limit of %d.", mostAssigned)
	}
	return nil
}

// assign adds all addresses of a request, or none.
func (s *Instances) assign(n *vpc.Interface, addresses []string, count, prefixes int) (
	*ec2.AssignPrivateIpAddressesOutput, error) {
	if err := countable(count, prefixes); err != nil {
		return nil, err
	}
	var asked []netip.Addr
	for _, text := range addresses {
		addr, err := request.Address(text)
		if err != nil {
			return nil, err
		}
		asked = append(asked, addr)
	}
	asked = append(asked, make([]netip.Addr, count)...) // the invalid address stands for any
	out := &ec2.AssignPrivateIpAddressesOutput{}
	var done []netip.Addr
	fail := func(err error) error {
		for _, addr := range done {
			_ = s.account.UnassignAddress(n.ID, addr) // assigned just now
		}
		return request.AWSError(err)
	}
	for _, addr := range asked {
		if slices.ContainsFunc(n.Addresses, func(p vpc.PrivateAddress) bool { return p.Addr == addr }) {
			continue // assigning what the interface has already succeeds
		}
		got, err := s.account.AssignAddress(n.ID, addr)
		if err != nil {
			return nil, fail(err)
		}
		done = append(done, got)
		out.AssignedPrivateIpAddresses = append(out.AssignedPrivateIpAddresses, types.AssignedPrivateIpAddress{
			PrivateIpAddress: aws.String(got.String())})
	}
	var delegated []netip.Prefix
	for range prefixes {
		p, err := s.account.AssignPrefix(n.ID)
		if err != nil {
			for _, p := range delegated {
				_ = s.account.UnassignPrefix(n.ID, p) // assigned just now
			}
			return nil, fail(err)
		}
		delegated = append(delegated, p)
		out.AssignedIpv4Prefixes = append(out.AssignedIpv4Prefixes, types.Ipv4PrefixSpecification{
			Ipv4Prefix: aws.String(p.String())})
	}
	return out, nil
}

// UnassignPrivateIpAddresses takes secondary private addresses and prefixes away from an interface.
func (s *Instances) UnassignPrivateIpAddresses(ctx context.Context, in *ec2.UnassignPrivateIpAddressesInput,
	_ ...func(*ec2.Options)) (*ec2.UnassignPrivateIpAddressesOutput, error) {
	return call.Write(ctx, s.entry, "UnassignPrivateIpAddresses", in, s.unassignPrivateIPAddresses)
}

func (s *Instances) unassignPrivateIPAddresses(in *ec2.UnassignPrivateIpAddressesInput) (
	*ec2.UnassignPrivateIpAddressesOutput, error) {
	n, err := s.ownInterface(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if len(in.PrivateIpAddresses) == 0 && len(in.Ipv4Prefixes) == 0 {
		return nil, request.Missing("privateIpAddresses")
	}
	assigned := map[string]netip.Addr{}
	for i, p := range n.Addresses {
		if i > 0 {
			assigned[p.Addr.String()] = p.Addr
		}
	}
	for _, text := range in.PrivateIpAddresses {
		if _, ok := assigned[text]; !ok {
			return nil, request.InvalidValue("Some of [%s] are not assigned to interface %s", text, n.ID)
		}
	}
	delegated := map[string]netip.Prefix{}
	for _, p := range n.Prefixes {
		delegated[p.String()] = p
	}
	for _, text := range in.Ipv4Prefixes {
		if _, ok := delegated[text]; !ok {
			return nil, request.InvalidValue("Some of [%s] are not assigned to interface %s", text, n.ID)
		}
	}
	s.account.ChangingInterface(n)
	for _, text := range in.PrivateIpAddresses {
		if err := s.account.UnassignAddress(n.ID, assigned[text]); err != nil {
			return nil, request.AWSError(err)
		}
	}
	for _, text := range in.Ipv4Prefixes {
		if err := s.account.UnassignPrefix(n.ID, delegated[text]); err != nil {
			return nil, request.AWSError(err)
		}
	}
	return &ec2.UnassignPrivateIpAddressesOutput{}, nil
}

var addresses = filter.Collection[*vpc.ElasticAddress]{
	Kind:    kind.Address,
	IDParam: "allocationIds",
	All:     func(a *account.Account) map[string]*vpc.ElasticAddress { return a.Addresses },
	Tags:    func(e *vpc.ElasticAddress) map[string]string { return e.Tags },
	Filters: map[string]filter.Accessor[*vpc.ElasticAddress]{
		"allocation-id":        filter.One(func(e *vpc.ElasticAddress) string { return e.Allocation }),
		"association-id":       filter.One(func(e *vpc.ElasticAddress) string { return e.Association }),
		"public-ip":            filter.One(func(e *vpc.ElasticAddress) string { return e.Public.String() }),
		"network-interface-id": filter.One(func(e *vpc.ElasticAddress) string { return e.Interface }),
		"network-border-group": func(a *account.Account, _ *vpc.ElasticAddress) []string { return []string{a.Region} },
		"private-ip-address": func(_ *account.Account, e *vpc.ElasticAddress) []string {
			if !e.Private.IsValid() {
				return nil
			}
			return []string{e.Private.String()}
		},
	},
	Whole: true,
}

// DescribeAddresses lists Elastic IP addresses.
func (s *Instances) DescribeAddresses(ctx context.Context, in *ec2.DescribeAddressesInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeAddressesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeAddresses", in, s.describeAddresses)
}

func (s *Instances) describeAddresses(in *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	ids := slices.Clone(in.AllocationIds)
	for _, public := range in.PublicIps {
		found := false
		for id, e := range s.account.Addresses {
			if e.Public.String() == public {
				ids, found = append(ids, id), true
			}
		}
		if !found {
			return nil, apierr.New("InvalidAddress.NotFound", "Address '%s' not found.", public)
		}
	}
	found, _, err := addresses.Describe(s.account, filter.Query{IDs: ids, Filters: in.Filters})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeAddressesOutput{}
	for _, e := range found {
		item := types.Address{
			AllocationId: aws.String(e.Allocation), PublicIp: aws.String(e.Public.String()), Domain: types.DomainTypeVpc,
			NetworkBorderGroup: aws.String(s.account.Region), PublicIpv4Pool: aws.String("amazon"),
			Tags: request.TagList(e.Tags),
		}
		if e.Association != "" {
			item.AssociationId, item.NetworkInterfaceId = aws.String(e.Association), aws.String(e.Interface)
			item.PrivateIpAddress = aws.String(e.Private.String())
			if n, ok := s.account.Interface(e.Interface); ok {
				item.NetworkInterfaceOwnerId, item.SubnetId = aws.String(n.Owner), aws.String(n.Subnet)
			}
		}
		out.Addresses = append(out.Addresses, item)
	}
	return out, nil
}
