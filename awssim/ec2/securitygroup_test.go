package ec2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

func TestCreateSecurityGroupValidatesAsAWSDoes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	tests := []struct {
		name string
		in   ec2.CreateSecurityGroupInput
		code string
	}{
		{"good", ec2.CreateSecurityGroupInput{GroupName: aws.String("k8s-a_b.c:(1)"),
			Description: aws.String("[k8s] Shared Backend"), VpcId: aws.String(vpcID)}, ""},
		{"no name", ec2.CreateSecurityGroupInput{Description: aws.String("d"), VpcId: aws.String(vpcID)}, "MissingParameter"},
		{"no description", ec2.CreateSecurityGroupInput{GroupName: aws.String("n"), VpcId: aws.String(vpcID)},
			"MissingParameter"},
		{"sg- name", ec2.CreateSecurityGroupInput{GroupName: aws.String("sg-n"), Description: aws.String("d"),
			VpcId: aws.String(vpcID)}, "InvalidParameterValue"},
		{"long name", ec2.CreateSecurityGroupInput{GroupName: aws.String(strings.Repeat("n", 256)),
			Description: aws.String("d"), VpcId: aws.String(vpcID)}, "InvalidParameterValue"},
		{"bad character", ec2.CreateSecurityGroupInput{GroupName: aws.String("n"), Description: aws.String("d'e"),
			VpcId: aws.String(vpcID)}, "InvalidParameterValue"},
		{"unknown VPC", ec2.CreateSecurityGroupInput{GroupName: aws.String("n"), Description: aws.String("d"),
			VpcId: aws.String("vpc-deadbeef")}, "InvalidVpcID.NotFound"},
		{"no VPC", ec2.CreateSecurityGroupInput{GroupName: aws.String("n"), Description: aws.String("d")},
			"VPCIdNotSpecified"},
		{"taken name", ec2.CreateSecurityGroupInput{GroupName: aws.String("demo-web"), Description: aws.String("d"),
			VpcId: aws.String(vpcID)}, "InvalidGroup.Duplicate"},
		{"tags of another type", ec2.CreateSecurityGroupInput{GroupName: aws.String("n"), Description: aws.String("d"),
			VpcId:             aws.String(vpcID),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance}}}, "InvalidParameterValue"},
		{"reserved tag", ec2.CreateSecurityGroupInput{GroupName: aws.String("n"), Description: aws.String("d"),
			VpcId: aws.String(vpcID),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: []types.Tag{
				{Key: aws.String("aws:x"), Value: aws.String("y")}}}}}, "InvalidParameterValue"},
		{"dry run", ec2.CreateSecurityGroupInput{GroupName: aws.String("dry"), Description: aws.String("d"),
			VpcId: aws.String(vpcID), DryRun: aws.Bool(true)}, "DryRunOperation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.CreateSecurityGroup(context.Background(), &tt.in)
			wantCode(t, err, tt.code)
		})
	}
}

func TestANewGroupHasNoIngressAllEgressAndItsTags(t *testing.T) {
	t.Parallel()
	s := newService(t)
	out, err := s.CreateSecurityGroup(context.Background(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("n"), Description: aws.String("d"), VpcId: aws.String(vpcID),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: []types.Tag{
			{Key: aws.String("k"), Value: aws.String("v")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := types.SecurityGroup{
		GroupId: out.GroupId, GroupName: aws.String("n"), Description: aws.String("d"), VpcId: aws.String(vpcID),
		OwnerId:          aws.String("123456789012"),
		SecurityGroupArn: aws.String("arn:aws:ec2:us-west-2:123456789012:security-group/" + *out.GroupId),
		IpPermissionsEgress: []types.IpPermission{{
			IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
			Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}},
		}},
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}
	if diff := cmp.Diff(want, describeGroup(t, s, *out.GroupId), cmpopts.EquateEmpty(),
		cmpopts.IgnoreUnexported(types.SecurityGroup{}, types.IpPermission{}, types.IpRange{}, types.Ipv6Range{},
			types.Tag{})); diff != "" {
		t.Error(diff)
	}
}

// TestListsOfAGroupAreSentEmptyToo: a client in Python reads them without asking whether they are there.
func TestListsOfAGroupAreSentEmptyToo(t *testing.T) {
	t.Parallel()
	s := newService(t)
	g := newGroup(t, s, "g")
	if got := describeGroup(t, s, g).IpPermissions; got == nil || len(got) > 0 {
		t.Errorf("inbound rules of a new group: %#v", got)
	}
	if err := authorize(s, g, tcp(80, "10.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	for _, p := range describeGroup(t, s, g).IpPermissions {
		if p.Ipv6Ranges == nil || p.PrefixListIds == nil || p.UserIdGroupPairs == nil {
			t.Errorf("a list is missing: %+v", p)
		}
	}
}

func TestPermissionsAreGroupedByProtocolAndPorts(t *testing.T) {
	t.Parallel()
	s := newService(t)
	g := newGroup(t, s, "g")
	first := tcp(80, "100.68.0.18/18", "10.0.0.0/8")
	first.IpRanges[0].Description = aws.String("host bits")
	second := types.IpPermission{
		IpProtocol: aws.String("6"), FromPort: aws.Int32(80), ToPort: aws.Int32(80),
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(webGroup)}},
		Ipv6Ranges:       []types.Ipv6Range{{CidrIpv6: aws.String("2001:DB8:0:0::1/32")}},
	}
	all := types.IpPermission{IpProtocol: aws.String("-1"), FromPort: aws.Int32(1), ToPort: aws.Int32(2),
		IpRanges: []types.IpRange{{CidrIp: aws.String("192.0.2.0/24")}}}
	ping := types.IpPermission{IpProtocol: aws.String("ICMP"), FromPort: aws.Int32(8), ToPort: aws.Int32(-1),
		IpRanges: []types.IpRange{{CidrIp: aws.String("192.0.2.0/24")}}}
	if err := authorize(s, g, first, second, all, ping); err != nil {
		t.Fatal(err)
	}
	want := []types.IpPermission{
		{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80),
			IpRanges: []types.IpRange{{CidrIp: aws.String("100.68.0.0/18"), Description: aws.String("host bits")},
				{CidrIp: aws.String("10.0.0.0/8")}},
			Ipv6Ranges:       []types.Ipv6Range{{CidrIpv6: aws.String("2001:db8::/32")}},
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(webGroup), UserId: aws.String("123456789012")}},
		},
		{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("192.0.2.0/24")}}},
		{IpProtocol: aws.String("icmp"), FromPort: aws.Int32(8), ToPort: aws.Int32(-1), IpRanges: []types.IpRange{
			{CidrIp: aws.String("192.0.2.0/24")}}},
	}
	if diff := cmp.Diff(want, describeGroup(t, s, g).IpPermissions, cmpopts.EquateEmpty(),
		cmpopts.IgnoreUnexported(types.IpPermission{}, types.IpRange{}, types.Ipv6Range{}, types.UserIdGroupPair{})); diff !=
		"" {
		t.Error(diff)
	}
}

func TestAuthorizeRefusesAsAWSDoes(t *testing.T) {
	t.Parallel()
	udp := func(from, to *int32) types.IpPermission {
		return types.IpPermission{IpProtocol: aws.String("udp"), FromPort: from, ToPort: to, IpRanges: []types.IpRange{
			{CidrIp: aws.String("10.0.0.0/8")}}}
	}
	described := tcp(443, "10.0.0.0/8")
	described.IpRanges[0].Description = aws.String("other words for the same rule")
	badDescription := tcp(443, "10.0.0.0/8")
	badDescription.IpRanges[0].Description = aws.String("quote \"")
	pair := func(id string) types.IpPermission {
		return types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(1), ToPort: aws.Int32(1),
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(id)}}}
	}
	tests := []struct {
		name        string
		permissions []types.IpPermission
		code        string
	}{
		{"nothing", nil, "MissingParameter"},
		{"no protocol", []types.IpPermission{{IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}}},
			"MissingParameter"},
		{"no peer", []types.IpPermission{tcp(80)}, "MissingParameter"},
		{"unknown protocol", []types.IpPermission{
			{IpProtocol: aws.String("sctpx"), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}}},
			"InvalidParameterValue"},
		{"protocol 50", []types.IpPermission{
			{IpProtocol: aws.String("50"), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}}}, ""},
		{"one port only", []types.IpPermission{udp(aws.Int32(1), nil)}, "InvalidParameterValue"},
		{"ports of -1", []types.IpPermission{udp(aws.Int32(-1), aws.Int32(-1))}, "InvalidParameterValue"},
		{"from above to", []types.IpPermission{udp(aws.Int32(2), aws.Int32(1))}, "InvalidParameterValue"},
		{"port 65536", []types.IpPermission{udp(aws.Int32(1), aws.Int32(65536))}, "InvalidParameterValue"},
		{"malformed block", []types.IpPermission{tcp(1, "10.0.0.0")}, "InvalidParameterValue"},
		{"IPv6 block among IPv4", []types.IpPermission{tcp(1, "::/0")}, "InvalidParameterValue"},
		{"bad description", []types.IpPermission{badDescription}, "InvalidParameterValue"},
		{"duplicate", []types.IpPermission{tcp(80, "192.0.2.0/24"), tcp(443, "10.0.0.0/8")}, "InvalidPermission.Duplicate"},
		{"duplicate with other description", []types.IpPermission{described}, "InvalidPermission.Duplicate"},
		{"duplicate after clearing host bits", []types.IpPermission{tcp(443, "10.1.2.3/8")}, "InvalidPermission.Duplicate"},
		{"twice in one request", []types.IpPermission{tcp(81, "10.0.0.0/8"), tcp(81, "10.0.0.1/8")}, "InvalidParameterValue"},
		{"unknown group", []types.IpPermission{pair("sg-deadbeef")}, "InvalidGroup.NotFound"},
		{"malformed group", []types.IpPermission{pair("nodes")}, "InvalidGroupId.Malformed"},
		{"unknown prefix list", []types.IpPermission{{IpProtocol: aws.String("-1"), PrefixListIds: []types.PrefixListId{
			{PrefixListId: aws.String("pl-deadbeef")}}}}, "InvalidPrefixListID.NotFound"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			g := newGroup(t, s, "g")
			if err := authorize(s, g, tcp(443, "10.0.0.0/8")); err != nil {
				t.Fatal(err)
			}
			wantCode(t, authorize(s, g, tt.permissions...), tt.code)
			if n := len(s.account.SecurityGroups[g].Ingress); tt.code != "" && n != 1 {
				t.Errorf("the group has %d rules after a refusal, want 1", n)
			}
		})
	}
}

func TestTheDuplicateIsNamedInAWSsWords(t *testing.T) {
	t.Parallel()
	s := newService(t)
	g := newGroup(t, s, "g")
	_ = authorize(s, g, tcp(80, "10.0.0.0/8"))
	err := apierr.As(authorize(s, g, tcp(80, "10.0.0.0/8")))
	if want := `the specified rule "peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW" already exists`; err ==
		nil || err.Message != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRuleQuotaCountsFamiliesSeparately(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.account.AddPrefixList(&vpc.PrefixList{ID: "pl-00000001", MaxEntries: 55})
	g := newGroup(t, s, "g")
	var cidrs []string
	for i := range 60 {
		cidrs = append(cidrs, fmt.Sprintf("10.%d.0.0/16", i))
	}
	v6 := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80),
		Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}}
	pair := types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{
		{GroupId: aws.String(webGroup)}}}
	list := types.IpPermission{IpProtocol: aws.String("-1"), PrefixListIds: []types.PrefixListId{
		{PrefixListId: aws.String("pl-00000001")}}}
	wantCode(t, authorize(s, g, tcp(80, append(cidrs, "11.0.0.0/8")...)), "RulesPerSecurityGroupLimitExceeded")
	wantCode(t, authorize(s, g, tcp(80, cidrs...)), "")
	wantCode(t, authorize(s, g, v6), "")
	wantCode(t, authorize(s, g, pair), "RulesPerSecurityGroupLimitExceeded")
	wantCode(t, authorize(s, g, list), "RulesPerSecurityGroupLimitExceeded")
	wantCode(t, revoke(s, g, tcp(80, cidrs[:55]...)), "")
	wantCode(t, authorize(s, g, list), "")
}

func TestRevokeIsByIdentityAndAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	g := newGroup(t, s, "g")
	p := tcp(80, "10.0.0.0/8", "192.0.2.0/24")
	p.IpRanges[0].Description = aws.String("a")
	if err := authorize(s, g, p); err != nil {
		t.Fatal(err)
	}
	wantCode(t, revoke(s, g, tcp(80, "10.0.0.0/8"), tcp(81, "10.0.0.0/8")), "InvalidPermission.NotFound")
	if n := len(s.account.SecurityGroups[g].Ingress); n != 2 {
		t.Fatalf("%d rules after a refused revocation, want 2", n)
	}
	wantCode(t, revoke(s, g, tcp(80, "10.9.9.9/8")), "")
	rules, err := s.DescribeSecurityGroupRules(context.Background(), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []types.Filter{filterOn("group-id", g)}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rules.SecurityGroupRules, func(r types.SecurityGroupRule) bool { return !*r.IsEgress })
	in := &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(g), SecurityGroupRuleIds: []string{
		*rules.SecurityGroupRules[i].SecurityGroupRuleId}}
	out, err := s.RevokeSecurityGroupIngress(context.Background(), in)
	if err != nil || len(out.RevokedSecurityGroupRules) != 1 || *out.RevokedSecurityGroupRules[0].CidrIpv4 !=
		"192.0.2.0/24" {
		t.Errorf("revoke by id: %v, %v", out, err)
	}
	_, err = s.RevokeSecurityGroupIngress(context.Background(), in)
	wantCode(t, err, "InvalidSecurityGroupRuleId.NotFound")
}

func TestRevokeInADefaultVPCListsWhatTheGroupLacks(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.account.VPCs[vpcID].Default = true
	out, err := s.RevokeSecurityGroupIngress(context.Background(), &ec2.RevokeSecurityGroupIngressInput{
		GroupName: aws.String("demo-web"), IpPermissions: []types.IpPermission{tcp(80, "0.0.0.0/0"), tcp(81, "0.0.0.0/0")},
	})
	if err != nil || len(out.UnknownIpPermissions) != 1 || *out.UnknownIpPermissions[0].FromPort != 81 ||
		len(out.RevokedSecurityGroupRules) != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestEgressRulesAreKeptApartFromIngressRules(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	g := newGroup(t, s, "g")
	_, err := s.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: aws.String(g),
		IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8")}})
	wantCode(t, err, "")
	wantCode(t, authorize(s, g, tcp(80, "10.0.0.0/8")), "")
	_, err = s.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: aws.String(g),
		IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8")}})
	wantCode(t, err, "")
	if got := s.account.SecurityGroups[g]; len(got.Ingress) != 1 || len(got.Egress) != 2 {
		t.Errorf("%d ingress and %d egress rules", len(got.Ingress), len(got.Egress))
	}
}

func TestDependentsBlockDeletionOfAGroup(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	remove := func(id string) error {
		_, err := s.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)})
		return err
	}
	lb, other := newGroup(t, s, "lb"), newGroup(t, s, "other")
	self := types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{
		{GroupId: aws.String(lb)}}}
	if err := errors.Join(authorize(s, lb, self), authorize(s, other, self)); err != nil {
		t.Fatal(err)
	}
	eni, err := s.account.NewInterface(subnetA, []string{lb}, "ELB app/x/1", true)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, remove(lb), "DependencyViolation") // interface and rule
	if err := s.account.DeleteInterface(eni.ID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, remove(lb), "DependencyViolation") // rule
	wantCode(t, revoke(s, other, self), "")
	s.account.SecurityGroups[lb].AssociatedVPCs = []string{"vpc-00000002"}
	wantCode(t, remove(lb), "DependencyViolation") // association
	s.account.SecurityGroups[lb].AssociatedVPCs = nil
	wantCode(t, remove(lb), "") // its rule for itself does not count
	wantCode(t, remove(lb), "InvalidGroup.NotFound")
	wantCode(t, remove(""), "MissingParameter")
	def, _ := s.account.DefaultGroup(vpcID)
	wantCode(t, remove(def.ID), "CannotDelete")
}

func TestGroupsAreFoundByTheirPermissions(t *testing.T) {
	t.Parallel()
	s := newService(t)
	tests := []struct {
		filters []types.Filter
		want    []string
	}{
		{[]types.Filter{filterOn("ip-permission.cidr", "0.0.0.0/0"), filterOn("ip-permission.from-port", "443")},
			[]string{webGroup}},
		{[]types.Filter{filterOn("ip-permission.group-id", nodeGroup)}, []string{nodeGroup}},
		{[]types.Filter{filterOn("ip-permission.group-name", "demo-node")}, []string{nodeGroup}},
		{[]types.Filter{filterOn("ip-permission.protocol", "tcp")}, []string{webGroup}},
		{[]types.Filter{filterOn("egress.ip-permission.cidr", "0.0.0.0/0"), filterOn("tag:Name", "demo-*")},
			[]string{nodeGroup, webGroup}},
		{[]types.Filter{filterOn("tag:kubernetes.io/cluster/demo-cluster", "owned", "shared"), filterOn("vpc-id", vpcID)},
			[]string{nodeGroup}},
	}
	for _, tt := range tests {
		out, err := s.DescribeSecurityGroups(context.Background(), &ec2.DescribeSecurityGroupsInput{Filters: tt.filters})
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, g := range out.SecurityGroups {
			got = append(got, *g.GroupId)
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s=%v: got %v, want %v", *tt.filters[0].Name, tt.filters[0].Values, got, tt.want)
		}
	}
}

func TestGroupsForAVPCIncludeAssociatedOnes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	out, err := s.GetSecurityGroupsForVpc(context.Background(), &ec2.GetSecurityGroupsForVpcInput{VpcId: aws.String(vpcID),
		Filters: []types.Filter{filterOn("group-name", "demo-*")}})
	if err != nil || len(out.SecurityGroupForVpcs) != 2 {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = s.GetSecurityGroupsForVpc(context.Background(), &ec2.GetSecurityGroupsForVpcInput{
		VpcId: aws.String("vpc-deadbeef")})
	wantCode(t, err, "InvalidVpcID.NotFound")
}

func TestDescribesShowChangesOfGroupsAndInterfacesLater(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.account.Profile.ComputeChanged = time.Second
	steps := s.account.Clock.(*clock.Stepped)
	ctx := t.Context()
	g := newGroup(t, s, "g")
	rules := func() int { return len(describeGroup(t, s, g).IpPermissions) }
	oneByOne := func() (n int) {
		out, err := s.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{
			Filters: []types.Filter{filterOn("group-id", g)}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.SecurityGroupRules {
			if !*r.IsEgress {
				n++
			}
		}
		return n
	}
	expect := func(step string, want int) {
		t.Helper()
		if rules() != want || oneByOne() != want {
			t.Errorf("%s: %d rules, one by one %d, want %d", step, rules(), oneByOne(), want)
		}
	}
	wantCode(t, authorize(s, g, tcp(80, "10.0.0.0/8")), "")
	expect("authorised", 0)
	wantCode(t, authorize(s, g, tcp(80, "10.0.0.0/8")), "InvalidPermission.Duplicate") // writes see it
	steps.Advance(time.Second)
	expect("a second later", 1)
	wantCode(t, revoke(s, g, tcp(80, "10.0.0.0/8")), "")
	wantCode(t, authorize(s, g, tcp(81, "10.0.0.0/8"), tcp(82, "10.0.0.0/8")), "")
	expect("replaced", 1)
	steps.Advance(time.Second)
	expect("a second after", 2)

	exists := func() string {
		_, err := s.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{g}})
		if e := apierr.As(err); e != nil {
			return e.Code
		}
		usable, err := s.GetSecurityGroupsForVpc(ctx, &ec2.GetSecurityGroupsForVpcInput{VpcId: aws.String(vpcID),
			Filters: []types.Filter{filterOn("group-id", g)}})
		if err != nil || len(usable.SecurityGroupForVpcs) != 1 {
			t.Errorf("usable in the VPC: %+v, %v", usable, err)
		}
		return ""
	}
	_, err := s.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(g)})
	wantCode(t, err, "")
	if got := exists(); got != "" {
		t.Errorf("just deleted: %s", got)
	}
	wantCode(t, authorize(s, g, tcp(83, "10.0.0.0/8")), "InvalidGroup.NotFound")
	steps.Advance(time.Second)
	if got := exists(); got != "InvalidGroup.NotFound" {
		t.Errorf("a second later: %q", got)
	}

	eni := s.account.Instances[nodeA].Interfaces[0]
	groups := func() string {
		out, err := s.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{eni}})
		if err != nil {
			t.Fatal(err)
		}
		return *out.NetworkInterfaces[0].Groups[0].GroupId
	}
	_, err = s.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: aws.String(eni), Groups: []string{webGroup}})
	wantCode(t, err, "")
	if groups() != nodeGroup {
		t.Error("the interface's new group is described at once")
	}
	steps.Advance(time.Second)
	if groups() != webGroup {
		t.Error("the interface's new group is not described")
	}
}
