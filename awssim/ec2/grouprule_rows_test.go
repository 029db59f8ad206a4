package ec2

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

func TestRulesAreListedOneByOneWithTheirPeer(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	const list = "pl-00000001"
	s.account.AddPrefixList(&vpc.PrefixList{ID: list, MaxEntries: 1})
	made, err := s.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("rules"),
		Description: aws.String("d"), VpcId: aws.String(vpcID)})
	if err != nil {
		t.Fatal(err)
	}
	g := made.GroupId
	out, err := s.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: g, TagSpecifications: []types.TagSpecification{
			{ResourceType: "security-group-rule", Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}},
		IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(81),
			IpRanges:         []types.IpRange{{CidrIp: aws.String("192.0.2.0/24"), Description: aws.String("office")}},
			Ipv6Ranges:       []types.Ipv6Range{{CidrIpv6: aws.String("2001:db8::/32")}},
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: g}}, PrefixListIds: []types.PrefixListId{
				{PrefixListId: aws.String(list)}},
		}},
	})
	if err != nil || len(out.SecurityGroupRules) != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
	want := []types.SecurityGroupRule{
		{CidrIpv4: aws.String("192.0.2.0/24"), Description: aws.String("office")},
		{CidrIpv6: aws.String("2001:db8::/32")},
		{PrefixListId: aws.String(list)},
		{ReferencedGroupInfo: &types.ReferencedSecurityGroup{GroupId: g}},
	}
	var ids []string
	for i, r := range out.SecurityGroupRules {
		ids = append(ids, *r.SecurityGroupRuleId)
		group := func(r types.SecurityGroupRule) string {
			if r.ReferencedGroupInfo == nil {
				return ""
			}
			return *r.ReferencedGroupInfo.GroupId
		}
		same := aws.ToString(r.CidrIpv4) == aws.ToString(want[i].CidrIpv4) && aws.ToString(r.CidrIpv6) == aws.ToString(
			want[i].CidrIpv6) &&
			aws.ToString(r.PrefixListId) == aws.ToString(want[i].PrefixListId) && group(r) == group(want[i]) &&
			(r.Description == nil) == (want[i].Description == nil) && aws.ToString(r.Description) == aws.ToString(
			want[i].Description)
		if !same || *r.FromPort != 80 || *r.ToPort != 81 || *r.IsEgress || len(r.Tags) != 1 || *r.Tags[0].Key != "k" {
			t.Errorf("rule %d is %+v, want %+v", i, r, want[i])
		}
	}
	_, err = s.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: g, SecurityGroupRuleIds: ids,
		IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(81), IpRanges: []types.IpRange{
				{CidrIp: aws.String("192.0.2.0/24")}},
		}}})
	wantCode(t, err, "InvalidParameterCombination")
	gone, err := s.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
		GroupId: g, SecurityGroupRuleIds: ids})
	if err != nil || len(gone.RevokedSecurityGroupRules) != 4 {
		t.Fatalf("%+v, %v", gone, err)
	}
	for i, r := range gone.RevokedSecurityGroupRules {
		if last := i == 3; last != (aws.ToString(r.ReferencedGroupId) == *g) {
			t.Errorf("revoked rule %d refers to %q", i, aws.ToString(r.ReferencedGroupId))
		}
	}
}
