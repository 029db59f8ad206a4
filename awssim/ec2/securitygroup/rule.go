package securitygroup

import (
	"context"
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

// direction of a rule.
type direction string

const (
	ingress direction = "ingress"
	egress  direction = "egress"
)

func rulesOf(g *vpc.SecurityGroup, dir direction) *[]vpc.Permission {
	if dir == egress {
		return &g.Egress
	}
	return &g.Ingress
}

// AuthorizeSecurityGroupIngress adds ingress rules, all or none.
func (s *SecurityGroups) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput,
	_ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	return call.Write(ctx, s.entry, "AuthorizeSecurityGroupIngress", in, func(in *ec2.AuthorizeSecurityGroupIngressInput) (
		*ec2.AuthorizeSecurityGroupIngressOutput, error) {
		g, err := s.group(in.GroupId, in.GroupName)
		if err != nil {
			return nil, err
		}
		flat := types.IpPermission{IpProtocol: in.IpProtocol, FromPort: in.FromPort, ToPort: in.ToPort}
		rules, err := s.authorize(g, ingress, withFlat(in.IpPermissions, flat, in.CidrIp), in.TagSpecifications, in.DryRun)
		if err != nil {
			return nil, err
		}
		return &ec2.AuthorizeSecurityGroupIngressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, nil
	})
}

// AuthorizeSecurityGroupEgress adds egress rules, all or none.
func (s *SecurityGroups) AuthorizeSecurityGroupEgress(ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput,
	_ ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	return call.Write(ctx, s.entry, "AuthorizeSecurityGroupEgress", in, func(in *ec2.AuthorizeSecurityGroupEgressInput) (
		*ec2.AuthorizeSecurityGroupEgressOutput, error) {
		g, err := s.group(in.GroupId, nil)
		if err != nil {
			return nil, err
		}
		flat := types.IpPermission{IpProtocol: in.IpProtocol, FromPort: in.FromPort, ToPort: in.ToPort}
		rules, err := s.authorize(g, egress, withFlat(in.IpPermissions, flat, in.CidrIp), in.TagSpecifications, in.DryRun)
		if err != nil {
			return nil, err
		}
		return &ec2.AuthorizeSecurityGroupEgressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, nil
	})
}

// withFlat adds the one permission that old callers put directly into the request.
func withFlat(list []types.IpPermission, flat types.IpPermission, cidr *string) []types.IpPermission {
	if len(list) > 0 || cidr == nil {
		return list
	}
	flat.IpRanges = []types.IpRange{{CidrIp: cidr}}
	return []types.IpPermission{flat}
}

func (s *SecurityGroups) authorize(g *vpc.SecurityGroup, dir direction, list []types.IpPermission,
	specs []types.TagSpecification, dry *bool) ([]types.SecurityGroupRule, error) {
	added, err := parsePermissions(list)
	if err != nil {
		return nil, err
	}
	if err := s.checkPeers(g, added); err != nil {
		return nil, err
	}
	tags, err := request.SpecifiedTags(specs, kind.GroupRule)
	if err != nil {
		return nil, err
	}
	rules := rulesOf(g, dir)
	present := keysOf(*rules)
	for _, p := range added {
		if present[p.PermissionKey] {
			return nil, apierr.New("InvalidPermission.Duplicate", "the specified rule %q already exists",
				describeKey(p.PermissionKey))
		}
	}
	if err := s.checkQuota(slices.Concat(*rules, added)); err != nil {
		return nil, err
	}
	if err := request.DryRun(dry); err != nil {
		return nil, err
	}
	s.account.ChangingGroup(g)
	var out []types.SecurityGroupRule
	for _, p := range added {
		p.ID = s.account.NewID("sgr")
		for k, v := range tags {
			if p.Tags == nil {
				p.Tags = map[string]string{}
			}
			p.Tags[k] = v
		}
		*rules = append(*rules, p)
		out = append(out, ruleOut(s.account, groupRule{g, dir, p}))
	}
	return out, nil
}

func keysOf(list []vpc.Permission) map[vpc.PermissionKey]bool {
	keys := make(map[vpc.PermissionKey]bool, len(list))
	for _, p := range list {
		keys[p.PermissionKey] = true
	}
	return keys
}

// RevokeSecurityGroupIngress removes ingress rules, all or none.
func (s *SecurityGroups) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput,
	_ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	return call.Write(ctx, s.entry, "RevokeSecurityGroupIngress", in, func(in *ec2.RevokeSecurityGroupIngressInput) (
		*ec2.RevokeSecurityGroupIngressOutput, error) {
		g, err := s.group(in.GroupId, in.GroupName)
		if err != nil {
			return nil, err
		}
		flat := types.IpPermission{IpProtocol: in.IpProtocol, FromPort: in.FromPort, ToPort: in.ToPort}
		revoked, unknown, err := s.revoke(g, ingress, withFlat(in.IpPermissions, flat, in.CidrIp),
			in.SecurityGroupRuleIds, in.DryRun)
		if err != nil {
			return nil, err
		}
		return &ec2.RevokeSecurityGroupIngressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: revoked,
			UnknownIpPermissions: unknown}, nil
	})
}

// RevokeSecurityGroupEgress removes egress rules, all or none.
func (s *SecurityGroups) RevokeSecurityGroupEgress(ctx context.Context, in *ec2.RevokeSecurityGroupEgressInput,
	_ ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	return call.Write(ctx, s.entry, "RevokeSecurityGroupEgress", in, func(in *ec2.RevokeSecurityGroupEgressInput) (
		*ec2.RevokeSecurityGroupEgressOutput, error) {
		g, err := s.group(in.GroupId, nil)
		if err != nil {
			return nil, err
		}
		flat := types.IpPermission{IpProtocol: in.IpProtocol, FromPort: in.FromPort, ToPort: in.ToPort}
		revoked, unknown, err := s.revoke(g, egress, withFlat(in.IpPermissions, flat, in.CidrIp),
			in.SecurityGroupRuleIds, in.DryRun)
		if err != nil {
			return nil, err
		}
		return &ec2.RevokeSecurityGroupEgressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: revoked,
			UnknownIpPermissions: unknown}, nil
	})
}

// revoke removes the rules that the permissions or ids name. What a permission names and the group lacks is an error,
// except in a default VPC, where it is only listed in the answer.
func (s *SecurityGroups) revoke(g *vpc.SecurityGroup, dir direction, list []types.IpPermission, ids []string,
	dry *bool) (revoked []types.RevokedSecurityGroupRule, unknown []types.IpPermission, err error) {
	if len(list) > 0 && len(ids) > 0 {
		return nil, nil, apierr.New("InvalidParameterCombination",
			"You can't specify both ipPermissions and securityGroupRuleIds")
	}
	rules := rulesOf(g, dir)
	gone := map[string]bool{} // rule ids
	if len(ids) > 0 {
		for _, id := range ids {
			if !slices.ContainsFunc(*rules, func(p vpc.Permission) bool { return p.ID == id }) {
				return nil, nil, kind.GroupRule.NotFound([]string{id})
			}
			gone[id] = true
		}
	} else {
		asked, err := parsePermissions(list)
		if err != nil {
			return nil, nil, err
		}
		var absent []vpc.Permission
		for _, p := range asked {
			i := slices.IndexFunc(*rules, func(r vpc.Permission) bool { return r.PermissionKey == p.PermissionKey })
			if i < 0 {
				absent = append(absent, p)
				continue
			}
			gone[(*rules)[i].ID] = true
		}
		if v, ok := s.account.VPC(g.VPC); len(absent) > 0 && (!ok || !v.Default) {
			return nil, nil, apierr.New("InvalidPermission.NotFound",
				"The specified rule does not exist in this security group.")
		}
		unknown = groupPermissions(absent)
	}
	if err := request.DryRun(dry); err != nil {
		return nil, nil, err
	}
	s.account.ChangingGroup(g)
	var kept []vpc.Permission
	for _, p := range *rules {
		if !gone[p.ID] {
			kept = append(kept, p)
			continue
		}
		r := ruleOut(s.account, groupRule{g, dir, p})
		out := types.RevokedSecurityGroupRule{
			SecurityGroupRuleId: r.SecurityGroupRuleId, GroupId: r.GroupId, IsEgress: r.IsEgress, IpProtocol: r.IpProtocol,
			FromPort: r.FromPort, ToPort: r.ToPort, CidrIpv4: r.CidrIpv4, CidrIpv6: r.CidrIpv6, PrefixListId: r.PrefixListId,
			Description: r.Description,
		}
		if r.ReferencedGroupInfo != nil {
			out.ReferencedGroupId = r.ReferencedGroupInfo.GroupId
		}
		revoked = append(revoked, out)
	}
	*rules = kept
	return revoked, unknown, nil
}

// groupRule is a rule with the group that it belongs to.
type groupRule struct {
	group *vpc.SecurityGroup
	dir   direction
	vpc.Permission
}

func ruleOut(a *account.Account, r groupRule) types.SecurityGroupRule {
	out := types.SecurityGroupRule{
		SecurityGroupRuleId:  aws.String(r.ID),
		SecurityGroupRuleArn: aws.String(a.ARN("ec2", "security-group-rule/"+r.ID)),
		GroupId:              aws.String(r.group.ID),
		GroupOwnerId:         aws.String(r.group.Owner),
		IsEgress:             aws.Bool(r.dir == egress),
		IpProtocol:           aws.String(r.Protocol),
		FromPort:             aws.Int32(r.From),
		ToPort:               aws.Int32(r.To),
		Tags:                 request.TagList(r.Tags),
	}
	if r.Description != "" {
		out.Description = aws.String(r.Description)
	}
	switch {
	case r.Group != "":
		out.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: aws.String(r.Group),
			UserId: aws.String(r.PeerOwner)}
	case r.PrefixList != "":
		out.PrefixListId = aws.String(r.PrefixList)
	case r.CIDR.Addr().Is4():
		out.CidrIpv4 = aws.String(r.CIDR.String())
	default:
		out.CidrIpv6 = aws.String(r.CIDR.String())
	}
	return out
}

var groupRuleFilters = map[string]filter.Accessor[groupRule]{
	"group-id":               filter.One(func(r groupRule) string { return r.group.ID }),
	"security-group-rule-id": filter.One(func(r groupRule) string { return r.ID }),
}

// DescribeSecurityGroupRules lists rules one by one.
func (s *SecurityGroups) DescribeSecurityGroupRules(ctx context.Context, in *ec2.DescribeSecurityGroupRulesInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeSecurityGroupRules", in, s.describeSecurityGroupRules)
}

func (s *SecurityGroups) describeSecurityGroupRules(in *ec2.DescribeSecurityGroupRulesInput) (
	*ec2.DescribeSecurityGroupRulesOutput, error) {
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	rules := map[string]groupRule{}
	for _, g := range s.account.DescribedGroups() {
		if !s.account.Described(g.ID) {
			continue
		}
		for _, dir := range []direction{ingress, egress} {
			for _, p := range *rulesOf(g, dir) {
				rules[p.ID] = groupRule{g, dir, p}
			}
		}
	}
	c := filter.Collection[groupRule]{
		Kind:    kind.GroupRule,
		IDParam: "securityGroupRuleIds",
		All:     func(*account.Account) map[string]groupRule { return rules },
		Tags:    func(r groupRule) map[string]string { return r.Tags },
		Filters: groupRuleFilters,
	}
	found, next, err := c.Describe(s.account, filter.Query{IDs: in.SecurityGroupRuleIds, Filters: in.Filters,
		Max: in.MaxResults, Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeSecurityGroupRulesOutput{
		SecurityGroupRules: filter.Answer(found, func(r groupRule) types.SecurityGroupRule { return ruleOut(s.account, r) }),
		NextToken:          next}, nil
}
