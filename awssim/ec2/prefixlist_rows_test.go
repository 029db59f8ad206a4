package ec2

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

func TestPrefixListsAndPeersRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	checkRows(t, slices.Concat(newPrefixListRows(), prefixListRows(), peeringRows(), sharedGroupRows(),
		groupRuleRows(), poolRows()))
}

// newPrefixListRows are calls of CreateManagedPrefixList.
func newPrefixListRows() []row {
	create := func(change func(*ec2.CreateManagedPrefixListInput)) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, _ built) error {
			in := &ec2.CreateManagedPrefixListInput{PrefixListName: aws.String("l"), AddressFamily: aws.String("IPv4"),
				MaxEntries: aws.Int32(2), Entries: adding("10.0.0.1/8")}
			change(in)
			return failing(s.CreateManagedPrefixList(ctx, in))
		}
	}
	return []row{
		{"list", "", create(func(*ec2.CreateManagedPrefixListInput) {})},
		{"list without a name", "MissingParameter", create(func(in *ec2.CreateManagedPrefixListInput) {
			in.PrefixListName = nil
		})},
		{"list of AWS's name", "InvalidParameterValue",
			create(func(in *ec2.CreateManagedPrefixListInput) { in.PrefixListName = aws.String("com.amazonaws.x") })},
		{"list of no family", "InvalidParameterValue",
			create(func(in *ec2.CreateManagedPrefixListInput) { in.AddressFamily = aws.String("ipv4") })},
		{"list of nothing", "InvalidParameterValue",
			create(func(in *ec2.CreateManagedPrefixListInput) { in.MaxEntries = aws.Int32(0) })},
		{"list that is too long", "PrefixListMaxEntriesExceeded", create(func(in *ec2.CreateManagedPrefixListInput) {
			in.MaxEntries, in.Entries = aws.Int32(1), adding("10.0.0.0/8", "11.0.0.0/8")
		})},
		{"entry of the other family", "InvalidParameterValue",
			create(func(in *ec2.CreateManagedPrefixListInput) { in.Entries = adding("::/0") })},
		{"too many lists", "PrefixListLimitExceeded", func(ctx context.Context, s *Service, _ built) error {
			_ = s.account.SetQuota("prefix-lists", 0)
			return failing(s.CreateManagedPrefixList(ctx, &ec2.CreateManagedPrefixListInput{PrefixListName: aws.String("l"),
				AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(2)}))
		}},
	}
}

// prefixListRows are calls about the entries of prefix lists, and about their end.
func prefixListRows() []row {
	list := func(s *Service) *string {
		l := &vpc.PrefixList{Name: "l", Owner: s.account.ID, MaxEntries: 2, Family: "IPv4"}
		s.account.AddPrefixList(l)
		return &l.ID
	}
	modify := func(in ec2.ModifyManagedPrefixListInput) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, _ built) error {
			in.PrefixListId = list(s)
			return failing(s.ModifyManagedPrefixList(ctx, &in))
		}
	}
	return []row{
		{"entries", "", modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1),
			AddEntries: adding("10.0.0.0/8")})},
		{"entries of no version", "MissingParameter",
			modify(ec2.ModifyManagedPrefixListInput{AddEntries: adding("10.0.0.0/8")})},
		{"entries of another version", "PrefixListVersionMismatch",
			modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(2), AddEntries: adding("10.0.0.0/8")})},
		{"too many entries", "PrefixListMaxEntriesExceeded",
			modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1), AddEntries: adding("10.0.0.0/8", "11.0.0.0/8",
				"12.0.0.0/8")})},
		{"entry that is not there", "InvalidPrefixListModification",
			modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1), RemoveEntries: []types.RemovePrefixListEntry{
				{Cidr: aws.String("10.0.0.0/8")}}})},
		{"size and entries", "InvalidParameterCombination",
			modify(ec2.ModifyManagedPrefixListInput{CurrentVersion: aws.Int64(1), MaxEntries: aws.Int32(3),
				AddEntries: adding("10.0.0.0/8")})},
		{"entries read back", "", func(ctx context.Context, s *Service, _ built) error {
			id := list(s)
			entries := []types.AddPrefixListEntry{{Cidr: aws.String("10.0.0.1/8"), Description: aws.String("mine")}}
			if _, err := s.ModifyManagedPrefixList(ctx, &ec2.ModifyManagedPrefixListInput{
				PrefixListId: id, CurrentVersion: aws.Int64(1), AddEntries: entries}); err != nil {
				return err
			}
			out, err := s.GetManagedPrefixListEntries(ctx, &ec2.GetManagedPrefixListEntriesInput{
				PrefixListId: id, TargetVersion: aws.Int64(2)})
			if err == nil && (len(out.Entries) != 1 || *out.Entries[0].Cidr != "10.0.0.0/8" ||
				*out.Entries[0].Description != "mine") {
				return fmt.Errorf("entries %+v", out.Entries)
			}
			return err
		}},
		{"list in use", "DependencyViolation", func(ctx context.Context, s *Service, b built) error {
			id := list(s)
			if err := authorize(s, b.group, types.IpPermission{IpProtocol: aws.String("-1"), PrefixListIds: []types.PrefixListId{
				{PrefixListId: id}}}); err != nil {
				return err
			}
			return failing(s.DeleteManagedPrefixList(ctx, &ec2.DeleteManagedPrefixListInput{PrefixListId: id}))
		}},
		{"list of AWS", "UnauthorizedOperation", func(ctx context.Context, s *Service, _ built) error {
			l := &vpc.PrefixList{Name: "com.amazonaws.x", Owner: "AWS"}
			s.account.AddPrefixList(l)
			return failing(s.DeleteManagedPrefixList(ctx, &ec2.DeleteManagedPrefixListInput{PrefixListId: &l.ID}))
		}},
	}
}

// peeringRows are calls about peerings, and rules for groups of peers.
func peeringRows() []row {
	pair := func(group string) types.IpPermission {
		return types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &group}}}
	}
	return []row{
		{"rule for a group elsewhere", "InvalidGroup.NotFound", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.account.DefaultGroup(*otherVPC(ctx, s))
			return authorize(s, b.group, pair(g.ID))
		}},
		{"rule for a group of a peered VPC", "", func(ctx context.Context, s *Service, b built) error {
			other := otherVPC(ctx, s)
			p, err := s.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{VpcId: &b.vpc, PeerVpcId: other})
			if err != nil {
				return err
			}
			g, _ := s.account.DefaultGroup(*other)
			if authorize(s, b.group, pair(g.ID)) == nil {
				return fmt.Errorf("the peering counts before it was accepted")
			}
			if _, err := s.AcceptVpcPeeringConnection(ctx, &ec2.AcceptVpcPeeringConnectionInput{
				VpcPeeringConnectionId: p.VpcPeeringConnection.VpcPeeringConnectionId}); err != nil {
				return err
			}
			if err := authorize(s, b.group, pair(g.ID)); err != nil {
				return err
			}
			if _, err := s.DeleteVpcPeeringConnection(ctx, &ec2.DeleteVpcPeeringConnectionInput{
				VpcPeeringConnectionId: p.VpcPeeringConnection.VpcPeeringConnectionId}); err != nil {
				return err
			}
			out, err := s.DescribeVpcPeeringConnections(ctx, &ec2.DescribeVpcPeeringConnectionsInput{
				Filters: []types.Filter{filterOn("status-code", "deleted"), filterOn("accepter-vpc-info.vpc-id", *other)}})
			if err == nil && (len(out.VpcPeeringConnections) != 1 || *out.VpcPeeringConnections[0].AccepterVpcInfo.CidrBlock !=
				"10.2.0.0/16") {
				return fmt.Errorf("connections %+v", out.VpcPeeringConnections)
			}
			return err
		}},
		{"peering with itself", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{
				VpcId: &b.vpc, PeerVpcId: &b.vpc}))
		}},
		{"peering with nobody", "InvalidVpcID.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{
				VpcId: &b.vpc, PeerVpcId: aws.String("vpc-deadbeef")}))
		}},
	}
}

// sharedGroupRows are calls about security groups in several VPCs.
func sharedGroupRows() []row {
	return []row{
		{"group in another VPC", "DependencyViolation", func(ctx context.Context, s *Service, b built) error {
			other := otherVPC(ctx, s)
			if _, err := s.AssociateSecurityGroupVpc(ctx, &ec2.AssociateSecurityGroupVpcInput{
				GroupId: &b.group, VpcId: other}); err != nil {
				return err
			}
			usable, err := s.GetSecurityGroupsForVpc(ctx, &ec2.GetSecurityGroupsForVpcInput{
				VpcId: other, Filters: []types.Filter{filterOn("primary-vpc-id", b.vpc)}})
			if err != nil || len(usable.SecurityGroupForVpcs) != 1 {
				return fmt.Errorf("usable: %+v, %w", usable, err)
			}
			listed, err := s.DescribeSecurityGroupVpcAssociations(ctx, &ec2.DescribeSecurityGroupVpcAssociationsInput{
				Filters: []types.Filter{filterOn("vpc-id", *other)}})
			if err != nil || len(listed.SecurityGroupVpcAssociations) != 1 {
				return fmt.Errorf("listed: %+v, %w", listed, err)
			}
			if err := failing(s.TerminateInstances(ctx, &ec2.TerminateInstancesInput{
				InstanceIds: []string{b.instance}})); err != nil {
				return fmt.Errorf("the instance stays: %w", err)
			}
			return failing(s.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &b.group}))
		}},
		{"group in its own VPC", "InvalidParameter", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssociateSecurityGroupVpc(ctx, &ec2.AssociateSecurityGroupVpcInput{
				GroupId: &b.group, VpcId: &b.vpc}))
		}},
		{"group not in the VPC", "InvalidGroup.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DisassociateSecurityGroupVpc(ctx, &ec2.DisassociateSecurityGroupVpcInput{
				GroupId: &b.group, VpcId: &b.vpc}))
		}},
		{"default group elsewhere", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			g, _ := s.account.DefaultGroup(b.vpc)
			return failing(s.AssociateSecurityGroupVpc(ctx, &ec2.AssociateSecurityGroupVpcInput{
				GroupId: &g.ID, VpcId: otherVPC(ctx, s)}))
		}},
	}
}

// groupRuleRows are calls about the rules of security groups.
func groupRuleRows() []row {
	return []row{
		{"description of a rule", "", func(ctx context.Context, s *Service, b built) error {
			p := tcp(80, "10.0.0.0/8")
			if err := authorize(s, b.group, p); err != nil {
				return err
			}
			p.IpRanges[0].Description = aws.String("new words")
			_, err := s.UpdateSecurityGroupRuleDescriptionsIngress(ctx, &ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{
				GroupId: &b.group, IpPermissions: []types.IpPermission{p}})
			if got := s.account.SecurityGroups[b.group].Ingress[0]; got.Description != "new words" {
				return fmt.Errorf("the rule is %+v", got)
			}
			return err
		}},
		{"description of no rule", "InvalidPermission.NotFound", func(ctx context.Context, s *Service, b built) error {
			return failing(s.UpdateSecurityGroupRuleDescriptionsEgress(ctx, &ec2.UpdateSecurityGroupRuleDescriptionsEgressInput{
				GroupId: &b.group, IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8")}}))
		}},
		{"description of a rule by id", "InvalidSecurityGroupRuleId.NotFound", func(ctx context.Context, s *Service,
			b built) error {
			return failing(s.UpdateSecurityGroupRuleDescriptionsIngress(ctx,
				&ec2.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: &b.group,
					SecurityGroupRuleDescriptions: []types.SecurityGroupRuleDescription{
						{SecurityGroupRuleId: aws.String("sgr-deadbeef")}}}))
		}},
		{"rule becomes another's double", "InvalidPermission.Duplicate", func(ctx context.Context, s *Service,
			b built) error {
			if err := authorize(s, b.group, tcp(80, "10.0.0.0/8", "11.0.0.0/8")); err != nil {
				return err
			}
			return failing(s.ModifySecurityGroupRules(ctx, &ec2.ModifySecurityGroupRulesInput{
				GroupId: &b.group, SecurityGroupRules: []types.SecurityGroupRuleUpdate{{
					SecurityGroupRuleId: &s.account.SecurityGroups[b.group].Ingress[0].ID,
					SecurityGroupRule: &types.SecurityGroupRuleRequest{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80),
						ToPort: aws.Int32(80), CidrIpv4: aws.String("11.0.0.0/8")},
				}}}))
		}},
		{"reserved name", "InvalidParameterValue", func(ctx context.Context, s *Service, b built) error {
			return failing(s.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("default"),
				Description: aws.String("d"), VpcId: &b.vpc}))
		}},
	}
}

// poolRows are calls about pools of addresses, and regions.
func poolRows() []row {
	return []row{
		{"pools", "", func(ctx context.Context, s *Service, _ built) error {
			coip, pool := &vpc.CustomerPool{RouteTable: "lgw-rtb-1"}, &vpc.IPAMPool{Family: "ipv4", Public: true}
			s.account.AddCustomerPool(coip)
			s.account.AddIPAMPool(pool)
			if _, err := s.AllocateAddress(ctx, &ec2.AllocateAddressInput{CustomerOwnedIpv4Pool: &coip.ID}); err != nil {
				return err
			}
			used, err := s.GetCoipPoolUsage(ctx, &ec2.GetCoipPoolUsageInput{PoolId: &coip.ID})
			if err != nil || len(used.CoipAddressUsages) != 1 {
				return fmt.Errorf("used %+v, %w", used, err)
			}
			pools, err := s.DescribeCoipPools(ctx, &ec2.DescribeCoipPoolsInput{PoolIds: []string{coip.ID},
				Filters: []types.Filter{filterOn("coip-pool.local-gateway-route-table-id", "lgw-*")}})
			if err != nil || len(pools.CoipPools) != 1 {
				return fmt.Errorf("pools %+v, %w", pools, err)
			}
			ipam, err := s.DescribeIpamPools(ctx, &ec2.DescribeIpamPoolsInput{IpamPoolIds: []string{pool.ID}})
			if err != nil || len(ipam.IpamPools) != 1 || ipam.IpamPools[0].IpamScopeType != "public" {
				return fmt.Errorf("IPAM pools %+v, %w", ipam, err)
			}
			return nil
		}},
		{"regions", "", func(ctx context.Context, s *Service, _ built) error {
			some, err := s.DescribeRegions(ctx, nil)
			if err != nil {
				return err
			}
			all, err := s.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
			if err != nil || len(all.Regions) <= len(some.Regions) || len(some.Regions) < 15 {
				return fmt.Errorf("%d of %d regions, %w", len(some.Regions), len(all.Regions), err)
			}
			return failing(s.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{
				AttributeNames: []types.AccountAttributeName{"default-vpc"}}))
		}},
		{"unknown region", "InvalidParameterValue", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DescribeRegions(ctx, &ec2.DescribeRegionsInput{RegionNames: []string{"mars-1"}}))
		}},
	}
}

// adding are new entries of a prefix list.
func adding(cidrs ...string) []types.AddPrefixListEntry {
	var all []types.AddPrefixListEntry
	for i := range cidrs {
		all = append(all, types.AddPrefixListEntry{Cidr: &cidrs[i]})
	}
	return all
}

// otherVPC creates another VPC.
func otherVPC(ctx context.Context, s *Service) *string {
	out, err := s.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.2.0.0/16")})
	if err != nil {
		return aws.String("vpc-deadbeef")
	}
	return out.Vpc.VpcId
}
