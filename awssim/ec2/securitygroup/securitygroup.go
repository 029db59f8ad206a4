// Package securitygroup is the actions on security groups: their rules, what these are checked against, and the further
// VPCs in which a group is used. It lets no traffic pass, which awssim/dataplane does; of ec2 it imports filter,
// request and kind.
package securitygroup

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// SecurityGroups answers the actions on security groups and their rules.
type SecurityGroups struct {
	account *account.Account
	entry   call.Entry
}

// New is the actions over the account of e.
func New(e call.Entry) *SecurityGroups { return &SecurityGroups{account: e.Account, entry: e} }

var securityGroups = filter.Collection[*vpc.SecurityGroup]{
	Kind:    kind.SecurityGroup,
	IDParam: "groupIds",
	All:     (*account.Account).DescribedGroups,
	Tags:    func(g *vpc.SecurityGroup) map[string]string { return g.Tags },
	Filters: groupFilters(),
}

func groupFilters() map[string]filter.Accessor[*vpc.SecurityGroup] {
	table := map[string]filter.Accessor[*vpc.SecurityGroup]{
		"group-id":    filter.One(func(g *vpc.SecurityGroup) string { return g.ID }),
		"group-name":  filter.One(func(g *vpc.SecurityGroup) string { return g.Name }),
		"description": filter.One(func(g *vpc.SecurityGroup) string { return g.Description }),
		"vpc-id":      filter.One(func(g *vpc.SecurityGroup) string { return g.VPC }),
		"owner-id":    filter.One(func(g *vpc.SecurityGroup) string { return g.Owner }),
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
		table["ip-permission."+name] = permissionValues(read, func(g *vpc.SecurityGroup) []vpc.Permission {
			return g.Ingress
		})
		table["egress.ip-permission."+name] = permissionValues(read, func(g *vpc.SecurityGroup) []vpc.Permission {
			return g.Egress
		})
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
func permissionValues(read func(*account.Account, vpc.Permission) string,
	list func(*vpc.SecurityGroup) []vpc.Permission) filter.Accessor[*vpc.SecurityGroup] {
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
func (s *SecurityGroups) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput,
	_ ...func(*ec2.Options)) (*ec2.CreateSecurityGroupOutput, error) {
	return call.Write(ctx, s.entry, "CreateSecurityGroup", in, s.createSecurityGroup)
}

func (s *SecurityGroups) createSecurityGroup(in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	name, description, vpc := aws.ToString(in.GroupName), aws.ToString(in.Description), aws.ToString(in.VpcId)
	if name == "" {
		return nil, request.Missing("groupName")
	}
	if description == "" {
		return nil, request.Missing("groupDescription")
	}
	if err := checkDescription("security group name", name); err != nil {
		return nil, err
	}
	if name == "default" {
		return nil, request.InvalidValue("Cannot use reserved security group name: default")
	}
	if strings.HasPrefix(name, "sg-") {
		return nil, request.InvalidValue("Invalid value '%s' for groupName. Group names may not be in the format sg-*", name)
	}
	if err := checkDescription("security group description", description); err != nil {
		return nil, err
	}
	tags, err := request.SpecifiedTags(in.TagSpecifications, kind.SecurityGroup)
	if err != nil {
		return nil, err
	}
	if vpc == "" {
		if vpc = request.DefaultVPC(s.account); vpc == "" {
			return nil, apierr.New("VPCIdNotSpecified", "No default VPC for this user")
		}
	}
	if _, ok := s.account.VPC(vpc); !ok {
		return nil, kind.VPC.NotFound([]string{vpc})
	}
	if _, ok := s.account.GroupNamed(vpc, name); ok {
		return nil, apierr.New("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc)
	}
	if len(s.account.SecurityGroups) >= s.account.Quota("security-groups") {
		return nil, apierr.New("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	g, err := s.account.NewSecurityGroup(vpc, "", name, description)
	if err != nil {
		return nil, request.AWSError(err)
	}
	g.Tags = tags
	s.account.CreatedCompute(g.ID)
	return &ec2.CreateSecurityGroupOutput{GroupId: aws.String(g.ID), SecurityGroupArn: aws.String(groupARN(s.account, g)),
		Tags: request.TagList(tags)}, nil
}

func groupARN(a *account.Account, g *vpc.SecurityGroup) string {
	return a.ARN("ec2", "security-group/"+g.ID)
}

// DescribeSecurityGroups lists groups with their permissions merged by protocol and ports.
func (s *SecurityGroups) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeSecurityGroups", in, s.describeSecurityGroups)
}

func (s *SecurityGroups) describeSecurityGroups(in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput,
	error) {
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	ids := append([]string(nil), in.GroupIds...)
	for _, name := range in.GroupNames {
		g, ok := s.account.GroupNamed(request.DefaultVPC(s.account), name)
		if !ok {
			return nil, apierr.New("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name,
				request.DefaultVPC(s.account))
		}
		ids = append(ids, g.ID)
	}
	found, next, err := securityGroups.Describe(s.account, filter.Query{IDs: ids, Filters: in.Filters, Max: in.MaxResults,
		Token: in.NextToken})
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
			Tags:                request.TagList(g.Tags),
		})
	}
	return out, nil
}

// DeleteSecurityGroup deletes a group that nothing uses or refers to.
func (s *SecurityGroups) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput,
	_ ...func(*ec2.Options)) (*ec2.DeleteSecurityGroupOutput, error) {
	return call.Write(ctx, s.entry, "DeleteSecurityGroup", in, s.deleteSecurityGroup)
}

func (s *SecurityGroups) deleteSecurityGroup(in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	g, err := s.group(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if g.Default {
		return nil, apierr.New("CannotDelete", "the specified group: %q name: %q cannot be deleted by a user", g.ID, g.Name)
	}
	if by := s.account.GroupDependent(g.ID); by != "" {
		return nil, request.AWSError(resource.InUse(g.ID, by))
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.ChangingGroup(g)
	if err := s.account.DeleteSecurityGroup(g.ID); err != nil {
		return nil, request.AWSError(err)
	}
	return &ec2.DeleteSecurityGroupOutput{GroupId: aws.String(g.ID), Return: aws.Bool(true)}, nil
}

// group finds the group that a call names by id or, in the default VPC only, by name.
func (s *SecurityGroups) group(id, name *string) (*vpc.SecurityGroup, error) {
	if aws.ToString(id) != "" {
		g, ok := s.account.SecurityGroup(*id)
		if !ok || !s.account.Usable(*id) {
			return nil, kind.SecurityGroup.NotFound([]string{*id})
		}
		return g, nil
	}
	if aws.ToString(name) == "" {
		return nil, request.Missing("groupName or groupId")
	}
	vpc := request.DefaultVPC(s.account)
	if vpc == "" {
		return nil, apierr.New("VPCIdNotSpecified", "No default VPC for this user")
	}
	g, ok := s.account.GroupNamed(vpc, *name)
	if !ok {
		return nil, apierr.New("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", *name,
			vpc)
	}
	return g, nil
}

// GetSecurityGroupsForVpc lists the groups that things in a VPC may use: its own and those associated with it.
func (s *SecurityGroups) GetSecurityGroupsForVpc(ctx context.Context, in *ec2.GetSecurityGroupsForVpcInput,
	_ ...func(*ec2.Options)) (*ec2.GetSecurityGroupsForVpcOutput, error) {
	return call.Read(ctx, s.entry, "GetSecurityGroupsForVpc", in, s.getSecurityGroupsForVpc)
}

func (s *SecurityGroups) getSecurityGroupsForVpc(in *ec2.GetSecurityGroupsForVpcInput) (
	*ec2.GetSecurityGroupsForVpcOutput, error) {
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	id := aws.ToString(in.VpcId)
	if id == "" {
		return nil, request.Missing("vpcId")
	}
	if _, ok := s.account.VPC(id); !ok {
		return nil, kind.VPC.NotFound([]string{id})
	}
	usable := securityGroups
	usable.All = func(a *account.Account) map[string]*vpc.SecurityGroup { return request.UsableGroups(a, id) }
	usable.Tags = nil // the call has no filters by tag
	usable.Filters = map[string]filter.Accessor[*vpc.SecurityGroup]{
		"group-id":       securityGroups.Filters["group-id"],
		"group-name":     securityGroups.Filters["group-name"],
		"description":    securityGroups.Filters["description"],
		"owner-id":       securityGroups.Filters["owner-id"],
		"primary-vpc-id": securityGroups.Filters["vpc-id"],
	}
	found, next, err := usable.Describe(s.account, filter.Query{Filters: in.Filters, Max: in.MaxResults,
		Token: in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.GetSecurityGroupsForVpcOutput{NextToken: next}
	for _, g := range found {
		out.SecurityGroupForVpcs = append(out.SecurityGroupForVpcs, types.SecurityGroupForVpc{
			GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Description: aws.String(g.Description),
			OwnerId: aws.String(g.Owner), PrimaryVpcId: aws.String(g.VPC), Tags: request.TagList(g.Tags),
		})
	}
	return out, nil
}
