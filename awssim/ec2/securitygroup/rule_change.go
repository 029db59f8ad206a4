package securitygroup

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// UpdateSecurityGroupRuleDescriptionsIngress changes descriptions of ingress rules, all or none.
func (s *SecurityGroups) UpdateSecurityGroupRuleDescriptionsIngress(ctx context.Context,
	in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput, _ ...func(*ec2.Options)) (
	*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
	return call.Write(ctx, s.entry, "UpdateSecurityGroupRuleDescriptionsIngress", in,
		func(in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput,
			error) {
			g, err := s.group(in.GroupId, in.GroupName)
			if err != nil {
				return nil, err
			}
			if err := s.describeRules(g, ingress, in.IpPermissions, in.SecurityGroupRuleDescriptions, in.DryRun); err != nil {
				return nil, err
			}
			return &ec2.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: aws.Bool(true)}, nil
		})
}

// UpdateSecurityGroupRuleDescriptionsEgress changes descriptions of egress rules, all or none.
func (s *SecurityGroups) UpdateSecurityGroupRuleDescriptionsEgress(ctx context.Context,
	in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput, _ ...func(*ec2.Options)) (
	*ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
	return call.Write(ctx, s.entry, "UpdateSecurityGroupRuleDescriptionsEgress", in,
		func(in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) (*ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput,
			error) {
			g, err := s.group(in.GroupId, in.GroupName)
			if err != nil {
				return nil, err
			}
			if err := s.describeRules(g, egress, in.IpPermissions, in.SecurityGroupRuleDescriptions, in.DryRun); err != nil {
				return nil, err
			}
			return &ec2.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: aws.Bool(true)}, nil
		})
}

// describeRules sets the descriptions of rules, named by what they permit or by id.
func (s *SecurityGroups) describeRules(g *vpc.SecurityGroup, dir direction, list []types.IpPermission,
	byID []types.SecurityGroupRuleDescription, dry *bool) error {
	if len(list) > 0 && len(byID) > 0 {
		return apierr.New("InvalidParameterCombination",
			"You can't specify both ipPermissions and securityGroupRuleDescriptions")
	}
	rules := *rulesOf(g, dir)
	words := map[int]string{}
	if len(byID) == 0 {
		asked, err := parsePermissions(list)
		if err != nil {
			return err
		}
		for _, p := range asked {
			i := slices.IndexFunc(rules, func(r vpc.Permission) bool { return r.PermissionKey == p.PermissionKey })
			if i < 0 {
				return apierr.New("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			words[i] = p.Description
		}
	}
	for _, d := range byID {
		id := aws.ToString(d.SecurityGroupRuleId)
		i := slices.IndexFunc(rules, func(r vpc.Permission) bool { return r.ID == id })
		if i < 0 {
			return kind.GroupRule.NotFound([]string{id})
		}
		if err := checkDescription("rule description", aws.ToString(d.Description)); err != nil {
			return err
		}
		words[i] = aws.ToString(d.Description)
	}
	if err := request.DryRun(dry); err != nil {
		return err
	}
	s.account.ChangingGroup(g)
	for i, text := range words {
		rules[i].Description = text
	}
	return nil
}

// ModifySecurityGroupRules changes what rules permit, all or none; they keep their ids and directions.
func (s *SecurityGroups) ModifySecurityGroupRules(ctx context.Context, in *ec2.ModifySecurityGroupRulesInput,
	_ ...func(*ec2.Options)) (*ec2.ModifySecurityGroupRulesOutput, error) {
	return call.Write(ctx, s.entry, "ModifySecurityGroupRules", in, s.modifySecurityGroupRules)
}

func (s *SecurityGroups) modifySecurityGroupRules(in *ec2.ModifySecurityGroupRulesInput) (
	*ec2.ModifySecurityGroupRulesOutput, error) {
	g, err := s.group(in.GroupId, nil)
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroupRules) == 0 {
		return nil, request.Missing("SecurityGroupRule")
	}
	changed := map[direction][]vpc.Permission{ingress: slices.Clone(g.Ingress), egress: slices.Clone(g.Egress)}
	for _, u := range in.SecurityGroupRules {
		id := aws.ToString(u.SecurityGroupRuleId)
		is := func(r vpc.Permission) bool { return r.ID == id }
		dir := ingress
		if slices.ContainsFunc(g.Egress, is) {
			dir = egress
		}
		i := slices.IndexFunc(changed[dir], is)
		if i < 0 {
			return nil, kind.GroupRule.NotFound([]string{id})
		}
		if u.SecurityGroupRule == nil {
			return nil, request.Missing("SecurityGroupRule")
		}
		p, err := parseRule(u.SecurityGroupRule)
		if err != nil {
			return nil, err
		}
		one := []vpc.Permission{p}
		if err := s.checkPeers(g, one); err != nil {
			return nil, err
		}
		one[0].ID, one[0].Tags = id, changed[dir][i].Tags
		changed[dir][i] = one[0]
	}
	for _, list := range changed {
		if len(keysOf(list)) < len(list) {
			return nil, apierr.New("InvalidPermission.Duplicate", "two rules of %s would permit the same", g.ID)
		}
		if err := s.checkQuota(list); err != nil {
			return nil, err
		}
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.ChangingGroup(g)
	g.Ingress, g.Egress = changed[ingress], changed[egress]
	return &ec2.ModifySecurityGroupRulesOutput{Return: aws.Bool(true)}, nil
}

// parseRule reads a rule that names exactly one peer.
func parseRule(r *types.SecurityGroupRuleRequest) (vpc.Permission, error) {
	p := types.IpPermission{IpProtocol: r.IpProtocol, FromPort: r.FromPort, ToPort: r.ToPort}
	if r.CidrIpv4 != nil {
		p.IpRanges = []types.IpRange{{CidrIp: r.CidrIpv4, Description: r.Description}}
	}
	if r.CidrIpv6 != nil {
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: r.CidrIpv6, Description: r.Description}}
	}
	if r.PrefixListId != nil {
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: r.PrefixListId, Description: r.Description}}
	}
	if r.ReferencedGroupId != nil {
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: r.ReferencedGroupId, Description: r.Description}}
	}
	parsed, err := parsePermissions([]types.IpPermission{p})
	if err != nil {
		return vpc.Permission{}, err
	}
	if len(parsed) != 1 {
		return vpc.Permission{}, apierr.New("InvalidParameterCombination",
			"Only one of cidrIpv4, cidrIpv6, prefixListId, or referencedGroupId can be specified")
	}
	return parsed[0], nil
}
