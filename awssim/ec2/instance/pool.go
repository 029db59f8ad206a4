package instance

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

var customerPools = filter.Collection[*vpc.CustomerPool]{
	Kind:    kind.CustomerPool,
	IDParam: "poolIds",
	All:     func(a *account.Account) map[string]*vpc.CustomerPool { return a.CustomerPools },
	Tags:    func(p *vpc.CustomerPool) map[string]string { return p.Tags },
	Filters: map[string]filter.Accessor[*vpc.CustomerPool]{
		"coip-pool.pool-id":                      filter.One(func(p *vpc.CustomerPool) string { return p.ID }),
		"coip-pool.local-gateway-route-table-id": filter.One(func(p *vpc.CustomerPool) string { return p.RouteTable }),
	},
}

// DescribeCoipPools lists pools of customer-owned addresses.
func (s *Instances) DescribeCoipPools(ctx context.Context, in *ec2.DescribeCoipPoolsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeCoipPoolsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeCoipPools", in, func(in *ec2.DescribeCoipPoolsInput) (
		*ec2.DescribeCoipPoolsOutput, error) {
		found, next, err := customerPools.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.PoolIds,
			Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.DescribeCoipPoolsOutput{NextToken: next}
		for _, p := range found {
			item := types.CoipPool{
				PoolId: aws.String(p.ID), LocalGatewayRouteTableId: aws.String(p.RouteTable), Tags: request.TagList(p.Tags),
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
var coipUsageFilters = map[string]filter.Accessor[*vpc.ElasticAddress]{
	"coip-address-usage.allocation-id": filter.One(func(e *vpc.ElasticAddress) string { return e.Allocation }),
	"coip-address-usage.co-ip":         filter.One(func(e *vpc.ElasticAddress) string { return e.Public.String() }),
	"coip-address-usage.aws-account-id": func(a *account.Account, _ *vpc.ElasticAddress) []string {
		return []string{a.ID}
	},
	"coip-address-usage.aws-service": func(*account.Account, *vpc.ElasticAddress) []string { return nil },
}

// GetCoipPoolUsage lists the addresses of a pool that are allocated.
func (s *Instances) GetCoipPoolUsage(ctx context.Context, in *ec2.GetCoipPoolUsageInput, _ ...func(*ec2.Options)) (
	*ec2.GetCoipPoolUsageOutput, error) {
	return call.Read(ctx, s.entry, "GetCoipPoolUsage", in, func(in *ec2.GetCoipPoolUsageInput) (
		*ec2.GetCoipPoolUsageOutput, error) {
		p, err := request.Named(s.account, kind.CustomerPool, "poolId", in.PoolId, s.account.CustomerPools)
		if err != nil {
			return nil, err
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		c := filter.Collection[*vpc.ElasticAddress]{Kind: kind.Address, Filters: coipUsageFilters,
			All: func(a *account.Account) map[string]*vpc.ElasticAddress {
				used := map[string]*vpc.ElasticAddress{}
				for id, e := range a.Addresses {
					if e.CustomerPool == p.ID {
						used[id] = e
					}
				}
				return used
			}}
		found, next, err := c.Describe(s.account, filter.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.GetCoipPoolUsageOutput{CoipPoolId: aws.String(p.ID), LocalGatewayRouteTableId: aws.String(p.RouteTable),
			NextToken: next}
		for _, e := range found {
			out.CoipAddressUsages = append(out.CoipAddressUsages, types.CoipAddressUsage{
				AllocationId: aws.String(e.Allocation), CoIp: aws.String(e.Public.String()), AwsAccountId: aws.String(s.account.ID),
			})
		}
		return out, nil
	})
}

var ipamPools = filter.Collection[*vpc.IPAMPool]{
	Kind:    kind.IPAMPool,
	IDParam: "ipamPoolIds",
	All:     func(a *account.Account) map[string]*vpc.IPAMPool { return a.IPAMPools },
	Tags:    func(p *vpc.IPAMPool) map[string]string { return p.Tags },
	Filters: map[string]filter.Accessor[*vpc.IPAMPool]{
		"ipam-pool-id":    filter.One(func(p *vpc.IPAMPool) string { return p.ID }),
		"address-family":  filter.One(func(p *vpc.IPAMPool) string { return p.Family }),
		"description":     filter.One(func(p *vpc.IPAMPool) string { return p.Description }),
		"ipam-scope-type": filter.One(scopeOf),
		"locale":          func(a *account.Account, _ *vpc.IPAMPool) []string { return []string{a.Region} },
		"owner-id":        func(a *account.Account, _ *vpc.IPAMPool) []string { return []string{a.ID} },
		"state":           filter.One(func(*vpc.IPAMPool) string { return "create-complete" }),
	},
}

func scopeOf(p *vpc.IPAMPool) string {
	if p.Public {
		return "public"
	}
	return "private"
}

// DescribeIpamPools lists pools of addresses that IPAM manages.
func (s *Instances) DescribeIpamPools(ctx context.Context, in *ec2.DescribeIpamPoolsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeIpamPoolsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeIpamPools", in, func(in *ec2.DescribeIpamPoolsInput) (
		*ec2.DescribeIpamPoolsOutput, error) {
		found, next, err := ipamPools.Describe(s.account, filter.Query{DryRun: in.DryRun, IDs: in.IpamPoolIds,
			Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
		if err != nil {
			return nil, err
		}
		out := &ec2.DescribeIpamPoolsOutput{NextToken: next}
		for _, p := range found {
			out.IpamPools = append(out.IpamPools, types.IpamPool{
				IpamPoolId: aws.String(p.ID), IpamPoolArn: aws.String(s.account.ARN("ec2", "ipam-pool/"+p.ID)),
				OwnerId:     aws.String(s.account.ID),
				Description: aws.String(p.Description), AddressFamily: types.AddressFamily(p.Family),
				IpamScopeType: types.IpamScopeType(scopeOf(p)),
				IpamRegion:    aws.String(s.account.Region), Locale: aws.String(s.account.Region),
				State: types.IpamPoolStateCreateComplete, Tags: request.TagList(p.Tags),
			})
		}
		return out, nil
	})
}
