package awsclient

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Permissions turns inbound rules into the shape of EC2, one entry each, in the given order.
func Permissions(ps []stack.Permission, resolve Resolve) []ec2types.IpPermission {
	out := make([]ec2types.IpPermission, len(ps))
	for i, p := range ps {
		ip := ec2types.IpPermission{IpProtocol: aws.String(p.Protocol)}
		if p.Protocol != "-1" {
			ip.FromPort, ip.ToPort = aws.Int32(p.FromPort), aws.Int32(p.ToPort)
		}
		desc := optional(p.Description)
		switch {
		case p.CIDR != "":
			ip.IpRanges = []ec2types.IpRange{{CidrIp: aws.String(p.CIDR), Description: desc}}
		case p.IPv6CIDR != "":
			ip.Ipv6Ranges = []ec2types.Ipv6Range{{CidrIpv6: aws.String(p.IPv6CIDR), Description: desc}}
		case p.PrefixList != "":
			ip.PrefixListIds = []ec2types.PrefixListId{{PrefixListId: aws.String(p.PrefixList), Description: desc}}
		default:
			ip.UserIdGroupPairs = []ec2types.UserIdGroupPair{{GroupId: aws.String(resolve(p.Group)), Description: desc}}
		}
		out[i] = ip
	}
	return out
}

// FromPermissions splits what EC2 groups by protocol and ports into one rule per source.
func FromPermissions(ips []ec2types.IpPermission) []stack.Permission {
	var out []stack.Permission
	for _, ip := range ips {
		base := stack.Permission{Protocol: value(ip.IpProtocol), FromPort: value(ip.FromPort), ToPort: value(ip.ToPort)}
		add := func(desc *string, set func(*stack.Permission)) {
			p := base
			p.Description = value(desc)
			set(&p)
			out = append(out, p)
		}
		for _, r := range ip.IpRanges {
			add(r.Description, func(p *stack.Permission) { p.CIDR = value(r.CidrIp) })
		}
		for _, r := range ip.Ipv6Ranges {
			add(r.Description, func(p *stack.Permission) { p.IPv6CIDR = value(r.CidrIpv6) })
		}
		for _, r := range ip.PrefixListIds {
			add(r.Description, func(p *stack.Permission) { p.PrefixList = value(r.PrefixListId) })
		}
		for _, r := range ip.UserIdGroupPairs {
			add(r.Description, func(p *stack.Permission) { p.Group = stack.Literal(stack.KindSecurityGroup, value(r.GroupId)) })
		}
	}
	return out
}

func (s *requestBuilder) CreateSecurityGroup(op awsop.CreateSecurityGroup) {
	in := &ec2.CreateSecurityGroupInput{
		VpcId: aws.String(op.VPC), GroupName: aws.String(op.Group.Name), Description: aws.String(op.Group.Description),
	}
	if len(op.Group.Tags) > 0 {
		in.TagSpecifications = []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup,
			Tags: computeTags(op.Group.Tags)}}
	}
	setCreate(s, s.c.EC2.CreateSecurityGroup, in, func(out *ec2.CreateSecurityGroupOutput) awsop.Output {
		return awsop.Output{ID: value(out.GroupId)}
	})
}

func (s *requestBuilder) AuthorizeSecurityGroupIngress(op awsop.AuthorizeSecurityGroupIngress) {
	setCall(s, s.c.EC2.AuthorizeSecurityGroupIngress, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: s.id(op.Group), IpPermissions: Permissions(op.Permissions, s.resolve),
	})
}

func (s *requestBuilder) RevokeSecurityGroupIngress(op awsop.RevokeSecurityGroupIngress) {
	setCall(s, s.c.EC2.RevokeSecurityGroupIngress, &ec2.RevokeSecurityGroupIngressInput{
		GroupId: s.id(op.Group), IpPermissions: Permissions(op.Permissions, s.resolve),
	})
}

func (s *requestBuilder) DeleteSecurityGroup(op awsop.DeleteSecurityGroup) {
	setCall(s, s.c.EC2.DeleteSecurityGroup, &ec2.DeleteSecurityGroupInput{GroupId: s.id(op.Group)})
}
