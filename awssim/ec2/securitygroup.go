package ec2

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

var securityGroups = collection[*vpc.SecurityGroup]{
	kind:    securityGroupKind,
	idParam: "groupIds",
	all:     (*account.Account).DescribedGroups,
	tags:    func(g *vpc.SecurityGroup) map[string]string { return g.Tags },
	filters: groupFilters(),
}

func groupFilters() map[string]accessor[*vpc.SecurityGroup] {
	table := map[string]accessor[*vpc.SecurityGroup]{
		"group-id":    one(func(g *vpc.SecurityGroup) string { return g.ID }),
		"group-name":  one(func(g *vpc.SecurityGroup) string { return g.Name }),
		"description": one(func(g *vpc.SecurityGroup) string { return g.Description }),
		"vpc-id":      one(func(g *vpc.SecurityGroup) string { return g.VPC }),
		"owner-id":    one(func(g *vpc.SecurityGroup) string { return g.Owner }),
	}
	attributes := map[string]func(a *account.Account, p vpc.Permission) string{
		"cidr":           func(_ *account.Account, p vpc.Permission) string { return blockOf(p, true) },
		"ipv6-cidr":      func(_ *account.Account, p vpc.Permission) string { return blockOf(p, false) },
		"from-port":      func(_ *account.Account, p vpc.Permission) string { return portOf(p, p.From) },
		"to-port":        func(_ *account.Account, p vpc.Permission) string { return portOf(p, p.To) },
		"group-id":       func(_ *account.Account, p vpc.Permission) string { return p.Group },
		"prefix-list-id": func(_ *account.Account, p vpc.Permission) string { return p.PrefixList },
		"protocol":       func(_ *account.Account, p vpc.Permission) string { return p.Protocol },
		"user-id":        func(_ *account.Account, p vpc.Permission) string { return p.PeerOwner },
		"group-name": func(a *account.Account, p vpc.Permission) string {
			if g, ok := a.SecurityGroup(p.Group); ok {
				return g.Name
			}
			return ""
		},
	}
	for name, read := range attributes {
		table["ip-permission."+name] = permissionValues(read, func(g *vpc.SecurityGroup) []vpc.Permission { return g.Ingress })
		table["egress.ip-permission."+name] = permissionValues(read, func(g *vpc.SecurityGroup) []vpc.Permission { return g.Egress })
	}
	return table
}

func blockOf(p vpc.Permission, v4 bool) string {
	if !p.CIDR.IsValid() || p.CIDR.Addr().Is4() != v4 {
		return ""
	}
	return p.CIDR.String()
}

func portOf(p vpc.Permission, port int32) string {
	if !hasPorts(p.PermissionKey) {
		return ""
	}
	return strconv.Itoa(int(port))
}

// permissionValues reads one attribute of all permissions of a direction, leaving out those that lack it.
func permissionValues(read func(*account.Account, vpc.Permission) string, list func(*vpc.SecurityGroup) []vpc.Permission) accessor[*vpc.SecurityGroup] {
	return func(a *account.Account, g *vpc.SecurityGroup) []string {
		var values []string
		for _, p := range list(g) {
			if v := read(a, p); v != "" {
				values = append(values, v)
			}
		}
		return values
	}
}

// CreateSecurityGroup makes a group without ingress and with all egress.
func (s *Service) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput, _ ...func(*ec2.Options)) (*ec2.CreateSecurityGroupOutput, error) {
	return write(ctx, s, "CreateSecurityGroup", in, s.createSecurityGroup)
}

func (s *Service) createSecurityGroup(in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	name, description, vpc := aws.ToString(in.GroupName), aws.ToString(in.Description), aws.ToString(in.VpcId)
	if name == "" {
		return nil, missing("groupName")
	}
	if description == "" {
		return nil, missing("groupDescription")
	}
	if err := checkDescription("security group name", name); err != nil {
		return nil, err
	}
	if name == "default" {
		return nil, invalidValue("Cannot use reserved security group name: default")
	}
	if strings.HasPrefix(name, "sg-") {
		return nil, invalidValue("Invalid value '%s' for groupName. Group names may not be in the format sg-*", name)
	}
	if err := checkDescription("security group description", description); err != nil {
		return nil, err
	}
	tags, err := specifiedTags(in.TagSpecifications, securityGroupKind)
	if err != nil {
		return nil, err
	}
	if vpc == "" {
		if vpc = s.defaultVPC(); vpc == "" {
			return nil, apierr.New("VPCIdNotSpecified", "No default VPC for this user")
		}
	}
	if _, ok := s.account.VPC(vpc); !ok {
		return nil, vpcKind.notFound([]string{vpc})
	}
	if _, ok := s.account.GroupNamed(vpc, name); ok {
		return nil, apierr.New("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc)
	}
	if len(s.account.SecurityGroups) >= s.account.Quota("security-groups") {
		return nil, apierr.New("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	g, err := s.account.NewSecurityGroup(vpc, "", name, description)
	if err != nil {
		return nil, wireError(err)
	}
	g.Tags = tags
	s.account.CreatedCompute(g.ID)
	return &ec2.CreateSecurityGroupOutput{GroupId: aws.String(g.ID), SecurityGroupArn: aws.String(groupARN(s.account, g)), Tags: tagList(tags)}, nil
}

func (s *Service) defaultVPC() string {
	for _, id := range slices.Sorted(maps.Keys(s.account.VPCs)) {
		if s.account.VPCs[id].Default {
			return id
		}
	}
	return ""
}

func groupARN(a *account.Account, g *vpc.SecurityGroup) string {
	return a.ARN("ec2", "security-group/"+g.ID)
}

// DescribeSecurityGroups lists groups with their permissions merged by protocol and ports.
func (s *Service) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput, _ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	return read(ctx, s, "DescribeSecurityGroups", in, s.describeSecurityGroups)
}

func (s *Service) describeSecurityGroups(in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	ids := append([]string(nil), in.GroupIds...)
	for _, name := range in.GroupNames {
		g, ok := s.account.GroupNamed(s.defaultVPC(), name)
		if !ok {
			return nil, apierr.New("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name, s.defaultVPC())
		}
		ids = append(ids, g.ID)
	}
	found, next, err := securityGroups.describe(s.account, query{ids, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupsOutput{NextToken: next}
	for _, g := range found {
		out.SecurityGroups = append(out.SecurityGroups, types.SecurityGroup{
			GroupId:             aws.String(g.ID),
			SecurityGroupArn:    aws.String(groupARN(s.account, g)),
			GroupName:           aws.String(g.Name),
			Description:         aws.String(g.Description),
			VpcId:               aws.String(g.VPC),
			OwnerId:             aws.String(g.Owner),
			IpPermissions:       groupPermissions(g.Ingress),
			IpPermissionsEgress: groupPermissions(g.Egress),
			Tags:                tagList(g.Tags),
		})
	}
	return out, nil
}

// DeleteSecurityGroup deletes a group that nothing uses or refers to.
func (s *Service) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput, _ ...func(*ec2.Options)) (*ec2.DeleteSecurityGroupOutput, error) {
	return write(ctx, s, "DeleteSecurityGroup", in, s.deleteSecurityGroup)
}

func (s *Service) deleteSecurityGroup(in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	g, err := s.group(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if g.Default {
		return nil, apierr.New("CannotDelete", "the specified group: %q name: %q cannot be deleted by a user", g.ID, g.Name)
	}
	if by := s.account.GroupDependent(g.ID); by != "" {
		return nil, wireError(resource.InUse(g.ID, by))
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.ChangingGroup(g)
	if err := s.account.DeleteSecurityGroup(g.ID); err != nil {
		return nil, wireError(err)
	}
	return &ec2.DeleteSecurityGroupOutput{GroupId: aws.String(g.ID), Return: aws.Bool(true)}, nil
}

// group finds the group that a call names by id or, in the default VPC only, by name.
func (s *Service) group(id, name *string) (*vpc.SecurityGroup, error) {
	if aws.ToString(id) != "" {
		g, ok := s.account.SecurityGroup(*id)
		if !ok || !s.account.Usable(*id) {
			return nil, securityGroupKind.notFound([]string{*id})
		}
		return g, nil
	}
	if aws.ToString(name) == "" {
		return nil, missing("groupName or groupId")
	}
	vpc := s.defaultVPC()
	if vpc == "" {
		return nil, apierr.New("VPCIdNotSpecified", "No default VPC for this user")
	}
	g, ok := s.account.GroupNamed(vpc, *name)
	if !ok {
		return nil, apierr.New("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", *name, vpc)
	}
	return g, nil
}

// GetSecurityGroupsForVpc lists the groups that things in a VPC may use: its own and those associated with it.
func (s *Service) GetSecurityGroupsForVpc(ctx context.Context, in *ec2.GetSecurityGroupsForVpcInput, _ ...func(*ec2.Options)) (*ec2.GetSecurityGroupsForVpcOutput, error) {
	return read(ctx, s, "GetSecurityGroupsForVpc", in, s.getSecurityGroupsForVpc)
}

func (s *Service) getSecurityGroupsForVpc(in *ec2.GetSecurityGroupsForVpcInput) (*ec2.GetSecurityGroupsForVpcOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	id := aws.ToString(in.VpcId)
	if id == "" {
		return nil, missing("vpcId")
	}
	if _, ok := s.account.VPC(id); !ok {
		return nil, vpcKind.notFound([]string{id})
	}
	usable := securityGroups
	usable.all = func(a *account.Account) map[string]*vpc.SecurityGroup { return groupsOf(a, id) }
	usable.tags = nil // the call has no filters by tag
	usable.filters = map[string]accessor[*vpc.SecurityGroup]{
		"group-id":       securityGroups.filters["group-id"],
		"group-name":     securityGroups.filters["group-name"],
		"description":    securityGroups.filters["description"],
		"owner-id":       securityGroups.filters["owner-id"],
		"primary-vpc-id": securityGroups.filters["vpc-id"],
	}
	found, next, err := usable.describe(s.account, query{nil, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.GetSecurityGroupsForVpcOutput{NextToken: next}
	for _, g := range found {
		out.SecurityGroupForVpcs = append(out.SecurityGroupForVpcs, types.SecurityGroupForVpc{
			GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Description: aws.String(g.Description),
			OwnerId: aws.String(g.Owner), PrimaryVpcId: aws.String(g.VPC), Tags: tagList(g.Tags),
		})
	}
	return out, nil
}

func groupsOf(a *account.Account, vpcID string) map[string]*vpc.SecurityGroup {
	groups := map[string]*vpc.SecurityGroup{}
	for id, g := range a.DescribedGroups() {
		usable := g.VPC == vpcID
		for _, other := range g.AssociatedVPCs {
			usable = usable || other == vpcID
		}
		if usable {
			groups[id] = g
		}
	}
	return groups
}
