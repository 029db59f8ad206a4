package survey

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

func (r *reader) limits(ctx context.Context, s state) (put, error) {
	all := map[quota.Limit]int{}
	for p := elbv2.NewDescribeAccountLimitsPaginator(s.clients.ELBV2, nil); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, l := range out.Limits {
			n := 0
			if _, err := fmt.Sscan(aws.ToString(l.Max), &n); err == nil {
				all[quota.Limit(aws.ToString(l.Name))] = n
			}
		}
	}
	return func(s *state) { s.facts.Limits = all }, nil
}

// accountAttributes is a call that the controller does not make.
type accountAttributes interface {
	DescribeAccountAttributes(context.Context, *ec2.DescribeAccountAttributesInput, ...func(*ec2.Options)) (
		*ec2.DescribeAccountAttributesOutput, error)
}

// groupsOfInterface is the attribute of an account with this limit.
const groupsOfInterface = "vpc-max-security-groups-per-interface"

func (r *reader) groupRules(ctx context.Context, s state) (put, error) {
	limit := 0
	if client, ok := s.clients.EC2.(accountAttributes); ok {
		out, err := client.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{
			AttributeNames: []ec2types.AccountAttributeName{groupsOfInterface}})
		// else the default is assumed
		if err == nil && len(out.AccountAttributes) == 1 && len(out.AccountAttributes[0].AttributeValues) == 1 {
			_, _ = fmt.Sscan(aws.ToString(out.AccountAttributes[0].AttributeValues[0].AttributeValue), &limit)
		}
	}
	var all []checks.GroupRules
	in := &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{s.config.VPC}}}, MaxResults: aws.Int32(1000)}
	for p := ec2.NewDescribeSecurityGroupsPaginator(s.clients.EC2, in); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range out.SecurityGroups {
			all = append(all, rulesOf(&out.SecurityGroups[i]))
		}
	}
	return func(s *state) { s.facts.Rules, s.facts.GroupLimit = all, limit }, nil
}

func rulesOf(g *ec2types.SecurityGroup) checks.GroupRules {
	x := checks.GroupRules{ID: aws.ToString(g.GroupId), Serves: sgsync.Serves(awsclient.FromPermissions(g.IpPermissions))}
	for i := range g.IpPermissions {
		p := &g.IpPermissions[i]
		x.IPv4 += len(p.IpRanges) + len(p.UserIdGroupPairs) + len(p.PrefixListIds)
		x.IPv6 += len(p.Ipv6Ranges) + len(p.UserIdGroupPairs)
		x.PrefixLists += len(p.PrefixListIds)
	}
	return x
}

func (r *reader) certificateList(ctx context.Context, s state) (put, error) {
	in := &acm.ListCertificatesInput{Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()},
		MaxItems: aws.Int32(1000)}
	var imported []time.Time
	for p := acm.NewListCertificatesPaginator(s.clients.ACM, in); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for i := range out.CertificateSummaryList {
			imported = append(imported, aws.ToTime(out.CertificateSummaryList[i].ImportedAt))
		}
	}
	return func(s *state) { s.facts.Imported = imported }, nil
}
