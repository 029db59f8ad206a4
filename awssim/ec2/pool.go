package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

var customerPools = collection[*vpc.CustomerPool]{
	kind:    customerPoolKind,
	idParam: "poolIds",
	all:     func(a *account.Account) map[string]*vpc.CustomerPool { return a.CustomerPools },
	tags:    func(p *vpc.CustomerPool) map[string]string { return p.Tags },
	filters: map[string]accessor[*vpc.CustomerPool]{
		"coip-pool.pool-id":                      one(func(p *vpc.CustomerPool) string { return p.ID }),
		"coip-pool.local-gateway-route-table-id": one(func(p *vpc.CustomerPool) string { return p.RouteTable }),
	},
}

// DescribeCoipPools lists pools of customer-owned addresses.
func (s *Service) DescribeCoipPools(ctx context.Context, in *ec2.DescribeCoipPoolsInput, _ ...func(*ec2.Options)) (*ec2.DescribeCoipPoolsOutput, error) {
	return read(ctx, s, "DescribeCoipPools", in, func(in *ec2.DescribeCoipPoolsInput) (*ec2.DescribeCoipPoolsOutput, error) {
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		found, next, err := customerPools.describe(s.account, query{in.PoolIds, in.Filters, in.MaxResults, in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.DescribeCoipPoolsOutput{NextToken: next}
		for _, p := range found {
			item := types.CoipPool{
				PoolId: aws.String(p.ID), LocalGatewayRouteTableId: aws.String(p.RouteTable), Tags: tagList(p.Tags),
				PoolArn: aws.String(s.account.ARN("ec2", "coip-pool/"+p.ID)),
			}
			for _, c := range p.CIDRs {
				item.PoolCidrs = append(item.PoolCidrs, c.String())
			}
			out.CoipPools = append(out.CoipPools, item)
		}
		return out, nil
	})
}

// coipUsageFilters are those of addresses in use.
var coipUsageFilters = map[string]accessor[*vpc.ElasticAddress]{
	"coip-address-usage.allocation-id":  one(func(e *vpc.ElasticAddress) string { return e.Allocation }),
	"coip-address-usage.co-ip":          one(func(e *vpc.ElasticAddress) string { return e.Public.String() }),
	"coip-address-usage.aws-account-id": func(a *account.Account, _ *vpc.ElasticAddress) []string { return []string{a.ID} },
	"coip-address-usage.aws-service":    func(*account.Account, *vpc.ElasticAddress) []string { return nil },
}

// GetCoipPoolUsage lists the addresses of a pool that are allocated.
func (s *Service) GetCoipPoolUsage(ctx context.Context, in *ec2.GetCoipPoolUsageInput, _ ...func(*ec2.Options)) (*ec2.GetCoipPoolUsageOutput, error) {
	return read(ctx, s, "GetCoipPoolUsage", in, func(in *ec2.GetCoipPoolUsageInput) (*ec2.GetCoipPoolUsageOutput, error) {
		p, err := named(s, customerPoolKind, "poolId", in.PoolId, s.account.CustomerPools)
		if err != nil {
			return nil, err
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		c := collection[*vpc.ElasticAddress]{kind: addressKind, filters: coipUsageFilters, all: func(a *account.Account) map[string]*vpc.ElasticAddress {
			used := map[string]*vpc.ElasticAddress{}
			for id, e := range a.Addresses {
				if e.CustomerPool == p.ID {
					used[id] = e
				}
			}
			return used
		}}
		found, next, err := c.describe(s.account, query{filters: in.Filters, max: in.MaxResults, token: in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.GetCoipPoolUsageOutput{CoipPoolId: aws.String(p.ID), LocalGatewayRouteTableId: aws.String(p.RouteTable), NextToken: next}
		for _, e := range found {
			out.CoipAddressUsages = append(out.CoipAddressUsages, types.CoipAddressUsage{
				AllocationId: aws.String(e.Allocation), CoIp: aws.String(e.Public.String()), AwsAccountId: aws.String(s.account.ID),
			})
		}
		return out, nil
	})
}

var ipamPools = collection[*vpc.IPAMPool]{
	kind:    ipamPoolKind,
	idParam: "ipamPoolIds",
	all:     func(a *account.Account) map[string]*vpc.IPAMPool { return a.IPAMPools },
	tags:    func(p *vpc.IPAMPool) map[string]string { return p.Tags },
	filters: map[string]accessor[*vpc.IPAMPool]{
		"ipam-pool-id":    one(func(p *vpc.IPAMPool) string { return p.ID }),
		"address-family":  one(func(p *vpc.IPAMPool) string { return p.Family }),
		"description":     one(func(p *vpc.IPAMPool) string { return p.Description }),
		"ipam-scope-type": one(scopeOf),
		"locale":          func(a *account.Account, _ *vpc.IPAMPool) []string { return []string{a.Region} },
		"owner-id":        func(a *account.Account, _ *vpc.IPAMPool) []string { return []string{a.ID} },
		"state":           one(func(*vpc.IPAMPool) string { return "create-complete" }),
	},
}

func scopeOf(p *vpc.IPAMPool) string {
	if p.Public {
		return "public"
	}
	return "private"
}

// DescribeIpamPools lists pools of addresses that IPAM manages.
func (s *Service) DescribeIpamPools(ctx context.Context, in *ec2.DescribeIpamPoolsInput, _ ...func(*ec2.Options)) (*ec2.DescribeIpamPoolsOutput, error) {
	return read(ctx, s, "DescribeIpamPools", in, func(in *ec2.DescribeIpamPoolsInput) (*ec2.DescribeIpamPoolsOutput, error) {
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		found, next, err := ipamPools.describe(s.account, query{in.IpamPoolIds, in.Filters, in.MaxResults, in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.DescribeIpamPoolsOutput{NextToken: next}
		for _, p := range found {
			out.IpamPools = append(out.IpamPools, types.IpamPool{
				IpamPoolId: aws.String(p.ID), IpamPoolArn: aws.String(s.account.ARN("ec2", "ipam-pool/"+p.ID)), OwnerId: aws.String(s.account.ID),
				Description: aws.String(p.Description), AddressFamily: types.AddressFamily(p.Family), IpamScopeType: types.IpamScopeType(scopeOf(p)),
				IpamRegion: aws.String(s.account.Region), Locale: aws.String(s.account.Region), State: types.IpamPoolStateCreateComplete, Tags: tagList(p.Tags),
			})
		}
		return out, nil
	})
}
