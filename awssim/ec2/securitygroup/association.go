package securitygroup

import (
	"context"
	"slices"

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

// AssociateSecurityGroupVpc lets things in another VPC use the group.
func (s *SecurityGroups) AssociateSecurityGroupVpc(ctx context.Context, in *ec2.AssociateSecurityGroupVpcInput,
	_ ...func(*ec2.Options)) (*ec2.AssociateSecurityGroupVpcOutput, error) {
	return call.Write(ctx, s.entry, "AssociateSecurityGroupVpc", in, func(in *ec2.AssociateSecurityGroupVpcInput) (
		*ec2.AssociateSecurityGroupVpcOutput, error) {
		g, v, err := s.groupAndVPC(in.GroupId, in.VpcId)
		if err != nil {
			return nil, err
		}
		switch home := s.account.VPCs[g.VPC]; {
		case g.Default || home != nil && home.Default:
			return nil, request.InvalidValue("Default security groups and those of default VPCs cannot be associated: %s", g.ID)
		case g.UsableIn(v.ID):
			return nil, apierr.New("InvalidParameter", "The security group '%s' is already associated with VPC '%s'", g.ID, v.ID)
		}
		if _, taken := s.account.GroupNamed(v.ID, g.Name); taken {
			return nil, apierr.New("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", g.Name, v.ID)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		g.AssociatedVPCs = append(g.AssociatedVPCs, v.ID)
		return &ec2.AssociateSecurityGroupVpcOutput{State: types.SecurityGroupVpcAssociationStateAssociating}, nil
	})
}

// DisassociateSecurityGroupVpc ends an association that nothing in the VPC needs.
func (s *SecurityGroups) DisassociateSecurityGroupVpc(ctx context.Context, in *ec2.DisassociateSecurityGroupVpcInput,
	_ ...func(*ec2.Options)) (*ec2.DisassociateSecurityGroupVpcOutput, error) {
	return call.Write(ctx, s.entry, "DisassociateSecurityGroupVpc", in, func(in *ec2.DisassociateSecurityGroupVpcInput) (
		*ec2.DisassociateSecurityGroupVpcOutput, error) {
		g, v, err := s.groupAndVPC(in.GroupId, in.VpcId)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(g.AssociatedVPCs, v.ID) {
			return nil, apierr.New("InvalidGroup.NotFound", "The security group '%s' is not associated with VPC '%s'", g.ID,
				v.ID)
		}
		for _, n := range s.account.Interfaces {
			if n.VPC == v.ID && slices.Contains(n.Groups, g.ID) {
				return nil, request.AWSError(resource.InUse(g.ID, n.ID))
			}
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		g.Dissociate(v.ID)
		return &ec2.DisassociateSecurityGroupVpcOutput{State: types.SecurityGroupVpcAssociationStateDisassociating}, nil
	})
}

func (s *SecurityGroups) groupAndVPC(group, vpc *string) (*vpc.SecurityGroup, *vpc.VPC, error) {
	g, err := request.Named(s.account, kind.SecurityGroup, "groupId", group, s.account.SecurityGroups)
	if err != nil {
		return nil, nil, err
	}
	v, err := request.Named(s.account, kind.VPC, "vpcId", vpc, s.account.VPCs)
	return g, v, err
}

// groupAssociation is one line of DescribeSecurityGroupVpcAssociations.
type groupAssociation struct {
	group *vpc.SecurityGroup
	vpc   string
}

var groupAssociationFilters = map[string]filter.Accessor[groupAssociation]{
	"group-id":       filter.One(func(x groupAssociation) string { return x.group.ID }),
	"group-owner-id": filter.One(func(x groupAssociation) string { return x.group.Owner }),
	"vpc-id":         filter.One(func(x groupAssociation) string { return x.vpc }),
	"vpc-owner-id":   func(a *account.Account, _ groupAssociation) []string { return []string{a.ID} },
	"state":          filter.One(func(groupAssociation) string { return "associated" }),
}

// DescribeSecurityGroupVpcAssociations lists which groups may be used in which other VPCs.
func (s *SecurityGroups) DescribeSecurityGroupVpcAssociations(ctx context.Context,
	in *ec2.DescribeSecurityGroupVpcAssociationsInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeSecurityGroupVpcAssociationsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeSecurityGroupVpcAssociations", in,
		func(in *ec2.DescribeSecurityGroupVpcAssociationsInput) (*ec2.DescribeSecurityGroupVpcAssociationsOutput, error) {
			if err := request.DryRun(in.DryRun); err != nil {
				return nil, err
			}
			c := filter.Collection[groupAssociation]{Filters: groupAssociationFilters,
				All: func(a *account.Account) map[string]groupAssociation {
					all := map[string]groupAssociation{}
					for id, g := range a.SecurityGroups {
						for _, v := range g.AssociatedVPCs {
							all[id+"/"+v] = groupAssociation{g, v}
						}
					}
					return all
				}}
			found, next, err := c.Describe(s.account, filter.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken})
			if err != nil {
				return nil, err
			}
			out := &ec2.DescribeSecurityGroupVpcAssociationsOutput{NextToken: next}
			for _, x := range found {
				out.SecurityGroupVpcAssociations = append(out.SecurityGroupVpcAssociations, types.SecurityGroupVpcAssociation{
					GroupId: aws.String(x.group.ID), GroupOwnerId: aws.String(x.group.Owner), VpcId: aws.String(x.vpc),
					VpcOwnerId: aws.String(s.account.ID),
					State:      types.SecurityGroupVpcAssociationStateAssociated,
				})
			}
			return out, nil
		})
}
