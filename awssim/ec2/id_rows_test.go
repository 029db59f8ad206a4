package ec2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// byID calls a Describe for ids.
func (s *Service) byID(t *testing.T, call string, ids ...string) error {
	t.Helper()
	ctx := t.Context()
	var err error
	switch call {
	case "DescribeVpcs":
		_, err = s.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: ids})
	case "DescribeSubnets":
		_, err = s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: ids})
	case "DescribeSecurityGroups":
		_, err = s.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: ids})
	case "DescribeSecurityGroups by name":
		_, err = s.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupNames: ids})
	case "DescribeNetworkInterfaces":
		_, err = s.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: ids})
	case "DescribeInstances":
		_, err = s.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids})
	case "DescribeAvailabilityZones":
		_, err = s.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: ids})
	case "DescribeAvailabilityZones by id":
		_, err = s.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneIds: ids})
	case "DescribeRouteTables":
		_, err = s.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: ids})
	case "DescribeInternetGateways":
		_, err = s.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: ids})
	case "DescribeAddresses":
		_, err = s.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{AllocationIds: ids})
	case "DescribeAddresses by address":
		_, err = s.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{PublicIps: ids})
	case "GetSecurityGroupsForVpc":
		_, err = s.GetSecurityGroupsForVpc(ctx, &ec2.GetSecurityGroupsForVpcInput{VpcId: aws.String(strings.Join(ids, ""))})
	case "DescribeCoipPools":
		_, err = s.DescribeCoipPools(ctx, &ec2.DescribeCoipPoolsInput{PoolIds: ids})
	case "GetCoipPoolUsage":
		_, err = s.GetCoipPoolUsage(ctx, &ec2.GetCoipPoolUsageInput{PoolId: aws.String(strings.Join(ids, ""))})
	case "DescribeIpamPools":
		_, err = s.DescribeIpamPools(ctx, &ec2.DescribeIpamPoolsInput{IpamPoolIds: ids})
	default:
		t.Fatalf("there is no %s", call)
	}
	return err
}

// A row is the call, and whether the id is unknown or malformed.
func TestEveryDescribeNamesUnknownIDs(t *testing.T) {
	t.Parallel()
	s, _ := variety(t)
	for _, tt := range []struct {
		row     string
		ids     []string
		code    string
		message string // if the documentation has it
	}{
		{"DescribeVpcs, unknown", []string{vpcID, "vpc-deadbeef"}, "InvalidVpcID.NotFound",
			"The vpc ID 'vpc-deadbeef' does not exist"},
		{"DescribeVpcs, malformed", []string{"vpc-xyz"}, "InvalidVpcId.Malformed", ""},
		{"DescribeSubnets, unknown", []string{subnetA, "subnet-deadbeef"}, "InvalidSubnetID.NotFound",
			"The subnet ID 'subnet-deadbeef' does not exist"},
		{"DescribeSubnets, malformed", []string{"subnet-xyz"}, "InvalidSubnetId.Malformed", ""},
		{"DescribeSecurityGroups, unknown", []string{"sg-deadbeef"}, "InvalidGroup.NotFound",
			"The security group 'sg-deadbeef' does not exist"},
		{"DescribeSecurityGroups, malformed", []string{"sg-xyz"}, "InvalidGroupId.Malformed", ""},
		{"DescribeSecurityGroups by name, in the default VPC", []string{"demo-web"}, "", ""},
		{"DescribeSecurityGroups by name, unknown", []string{"other"}, "InvalidGroup.NotFound", ""},
		{"DescribeNetworkInterfaces, unknown", []string{"eni-deadbeef"}, "InvalidNetworkInterfaceID.NotFound", ""},
		{"DescribeNetworkInterfaces, malformed", []string{"eni-xyz"}, "InvalidNetworkInterfaceId.Malformed", ""},
		{"DescribeInstances, unknown", []string{"i-deadbeef", "i-deadbee0"}, "InvalidInstanceID.NotFound",
			"The instance IDs 'i-deadbee0, i-deadbeef' do not exist"},
		{"DescribeInstances, malformed", []string{"i-xyz"}, "InvalidInstanceID.Malformed", ""},
		{"DescribeAvailabilityZones, unknown", []string{"us-west-2z"}, "InvalidParameterValue",
			"Invalid availability zone: [us-west-2z]"},
		{"DescribeAvailabilityZones by id, unknown", []string{"usw2-az9"}, "InvalidParameterValue",
			"Invalid availability zone: [usw2-az9]"},
		{"DescribeRouteTables, unknown", []string{"rtb-deadbeef"}, "InvalidRouteTableID.NotFound", ""},
		{"DescribeRouteTables, malformed", []string{"rtb-xyz"}, "InvalidRouteTableId.Malformed", ""},
		{"DescribeInternetGateways, unknown", []string{"igw-deadbeef"}, "InvalidInternetGatewayID.NotFound", ""},
		{"DescribeAddresses, unknown", []string{"eipalloc-deadbeef"}, "InvalidAllocationID.NotFound", ""},
		{"DescribeAddresses by address, unknown", []string{"192.0.2.1"}, "InvalidAddress.NotFound", ""},
		{"GetSecurityGroupsForVpc, unknown", []string{"vpc-deadbeef"}, "InvalidVpcID.NotFound", ""},
		{"GetSecurityGroupsForVpc, none", nil, "MissingParameter", ""},
		{"DescribeCoipPools, unknown", []string{"ipv4pool-coip-deadbeef"}, "InvalidCoipPoolId.NotFound", ""},
		{"GetCoipPoolUsage, unknown", []string{"ipv4pool-coip-deadbeef"}, "InvalidCoipPoolId.NotFound", ""},
		{"DescribeIpamPools, unknown", []string{"ipam-pool-deadbeef"}, "InvalidIpamPoolId.NotFound", ""},
	} {
		call, _, _ := strings.Cut(tt.row, ",")
		err := s.byID(t, call, tt.ids...)
		wantCode(t, err, tt.code)
		if e := apierr.As(err); tt.message != "" && (e == nil || e.Message != tt.message) {
			t.Errorf("%s: %v, want %q", tt.row, err, tt.message)
		}
	}
}

// Rows of security groups and tags that other tests do not have.
func TestBoundsOfGroupsRulesAndTags(t *testing.T) {
	t.Parallel()
	create := func(name, description, vpc string) func(*Service) error {
		return func(s *Service) error {
			_, err := s.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String(name),
				Description: aws.String(description), VpcId: aws.String(vpc)})
			return err
		}
	}
	described := func(text string) func(*Service) error {
		return func(s *Service) error {
			p := tcp(80, "10.0.0.0/8")
			p.IpRanges[0].Description = aws.String(text)
			return authorize(s, nodeGroup, p)
		}
	}
	tagged := func(n int, ids ...string) func(*Service) error {
		return func(s *Service) error {
			in := &ec2.CreateTagsInput{Resources: ids}
			for i := range n {
				in.Tags = append(in.Tags, tag(strings.Repeat("k", i+1), ""))
			}
			_, err := s.CreateTags(t.Context(), in)
			return err
		}
	}
	pair := func(group string) func(*Service) error {
		return func(s *Service) error {
			s.account.AddPrefixList(&vpc.PrefixList{ID: "pl-00000055", MaxEntries: 55})
			return authorize(s, nodeGroup, types.IpPermission{IpProtocol: aws.String("-1"),
				UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(group)}}})
		}
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = webGroup
	}
	for row, tt := range map[string]struct {
		do   func(*Service) error
		code string
	}{
		"group name of 255 characters":            {create(strings.Repeat("n", 255), "d", vpcID), ""},
		"group name with every allowed character": {create("aZ0 ._-:/()#,@[]+=&;{}!$*", "d", vpcID), ""},
		"group name with another character":       {create("a%", "d", vpcID), "InvalidParameterValue"},
		"group description of 255 characters":     {create("n", strings.Repeat("d", 255), vpcID), ""},
		"group description of 256 characters":     {create("n", strings.Repeat("d", 256), vpcID), "InvalidParameterValue"},
		"group beyond the quota of the region": {func(s *Service) error {
			_ = s.account.SetQuota("security-groups", 3)
			return create("n", "d", vpcID)(s)
		}, "SecurityGroupLimitExceeded"},
		"same group name in another VPC": {func(s *Service) error {
			return create("demo-web", "d", secondVPC(t, s))(s)
		}, ""},
		"rule description of 255 characters":       {described(strings.Repeat("d", 255)), ""},
		"rule description of 256 characters":       {described(strings.Repeat("d", 256)), "InvalidParameterValue"},
		"rule description with allowed characters": {described("aZ0. _-:/()#,@[]+=;{}!$*&"), ""},
		"rule for a group of the same VPC":         {pair(webGroup), ""},
		"rule for a group of a VPC that is not ours": {func(s *Service) error {
			return pair(groupIn(t, s, secondVPC(t, s)))(s)
		}, "InvalidGroup.NotFound"},
		"rule for a group of a peered VPC": {func(s *Service) error {
			other := secondVPC(t, s)
			s.account.AddPeering(&vpc.Peering{Requester: vpcID, Accepter: other, Status: "active"})
			return pair(groupIn(t, s, other))(s)
		}, ""},
		"50 tags of one resource":    {tagged(49, webGroup), ""}, // it has one
		"51 tags in one request":     {tagged(51, "subnet-0a1de0000000000a1"), "TagLimitExceeded"},
		"more than 1,000 resources":  {tagged(1, many...), "InvalidParameterValue"},
		"unknown network interface":  {tagged(1, "eni-deadbeef"), "InvalidNetworkInterfaceID.NotFound"},
		"unknown VPC among the tags": {tagged(1, "vpc-deadbeef"), "InvalidVpcID.NotFound"},
	} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			wantCode(t, tt.do(newService(t)), tt.code)
		})
	}
}

func secondVPC(t *testing.T, s *Service) string {
	t.Helper()
	out, err := s.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Vpc.VpcId
}

func groupIn(t *testing.T, s *Service, vpc string) string {
	t.Helper()
	out, err := s.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"),
		Description: aws.String("d"), VpcId: aws.String(vpc)})
	if err != nil {
		t.Fatal(err)
	}
	return *out.GroupId
}

func TestEgressOfANewGroupFollowsTheFamiliesOfItsVPC(t *testing.T) {
	t.Parallel()
	s := newService(t)
	g := describeGroup(t, s, groupIn(t, s, secondVPC(t, s)))
	if len(g.IpPermissionsEgress) != 1 || len(g.IpPermissionsEgress[0].IpRanges) != 1 ||
		len(g.IpPermissionsEgress[0].Ipv6Ranges) != 0 || len(g.IpPermissions) != 0 {
		t.Errorf("in a VPC without IPv6: %+v", g)
	}
}

func TestAPrefixListCountsAsTheRulesThatItMayHold(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.account.AddPrefixList(&vpc.PrefixList{ID: "pl-82a045eb", Name: "com.amazonaws.global.cloudfront.origin-facing",
		MaxEntries: 55})
	list := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
		PrefixListIds: []types.PrefixListId{{PrefixListId: aws.String("pl-82a045eb")}}}
	g := newGroup(t, s, "g")
	wantCode(t, authorize(s, g, list), "")
	wantCode(t, authorize(s, g, tcp(80, "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16")), "")
	wantCode(t, authorize(s, g, tcp(81, "10.0.0.0/8")), "RulesPerSecurityGroupLimitExceeded")
	list.FromPort, list.ToPort = aws.Int32(80), aws.Int32(80)
	wantCode(t, authorize(s, g, list), "RulesPerSecurityGroupLimitExceeded")
}
