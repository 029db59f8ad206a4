package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// region of AWS.
type region struct{ name, optIn string }

// regions are those of each partition. The account is opted in to its own one, and to no other that
// needs it.
var regions = map[string][]region{
	"aws": {
		{"af-south-1", "not-opted-in"}, {"ap-east-1", "not-opted-in"}, {"ap-northeast-1", ""}, {"ap-northeast-2", ""},
		{"ap-northeast-3", ""},
		{"ap-south-1", ""}, {"ap-south-2", "not-opted-in"}, {"ap-southeast-1", ""}, {"ap-southeast-2", ""},
		{"ap-southeast-3", "not-opted-in"},
		{"ap-southeast-4", "not-opted-in"}, {"ap-southeast-5", "not-opted-in"}, {"ca-central-1", ""},
		{"ca-west-1", "not-opted-in"},
		{"eu-central-1", ""}, {"eu-central-2", "not-opted-in"}, {"eu-north-1", ""}, {"eu-south-1", "not-opted-in"},
		{"eu-south-2", "not-opted-in"},
		{"eu-west-1", ""}, {"eu-west-2", ""}, {"eu-west-3", ""}, {"il-central-1", "not-opted-in"},
		{"me-central-1", "not-opted-in"},
		{"me-south-1", "not-opted-in"}, {"mx-central-1", "not-opted-in"}, {"sa-east-1", ""}, {"us-east-1", ""},
		{"us-east-2", ""}, {"us-west-1", ""}, {"us-west-2", ""},
	},
	"aws-cn":     {{"cn-north-1", ""}, {"cn-northwest-1", ""}},
	"aws-us-gov": {{"us-gov-east-1", ""}, {"us-gov-west-1", ""}},
}

func optInOf(a *account.Account, r region) string {
	switch {
	case r.optIn == "":
		return "opt-in-not-required"
	case r.name == a.Region:
		return "opted-in"
	}
	return r.optIn
}

func endpointOf(a *account.Account, r region) string {
	if a.Partition == "aws-cn" {
		return "ec2." + r.name + ".amazonaws.com.cn"
	}
	return "ec2." + r.name + ".amazonaws.com"
}

var regionFilters = map[string]filter.Accessor[region]{
	"region-name":   filter.One(func(r region) string { return r.name }),
	"endpoint":      func(a *account.Account, r region) []string { return []string{endpointOf(a, r)} },
	"opt-in-status": func(a *account.Account, r region) []string { return []string{optInOf(a, r)} },
}

// DescribeRegions lists the regions of the partition; those that the account has not opted in to, only with AllRegions.
func (s *Service) DescribeRegions(ctx context.Context, in *ec2.DescribeRegionsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeRegionsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeRegions", in, func(in *ec2.DescribeRegionsInput) (
		*ec2.DescribeRegionsOutput, error) {
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		conditions, err := filter.CompileFilters(in.Filters, regionFilters, false)
		if err != nil {
			return nil, err
		}
		all := regions[s.account.Partition]
		for _, name := range in.RegionNames {
			if !slices.ContainsFunc(all, func(r region) bool { return r.name == name }) {
				return nil, request.InvalidValue("Invalid region names: [%s]", name)
			}
		}
		out := &ec2.DescribeRegionsOutput{}
		for _, r := range all {
			optIn := optInOf(s.account, r)
			if optIn == "not-opted-in" && !aws.ToBool(in.AllRegions) && !slices.Contains(in.RegionNames, r.name) ||
				len(in.RegionNames) > 0 && !slices.Contains(in.RegionNames, r.name) || !filter.Passes(s.account, r, nil,
				conditions) {
				continue
			}
			out.Regions = append(out.Regions, types.Region{
				RegionName: aws.String(r.name), OptInStatus: aws.String(optIn), Endpoint: aws.String(endpointOf(s.account, r)),
			})
		}
		return out, nil
	})
}
