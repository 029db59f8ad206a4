package ec2

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

// newEmpty is EC2 over an account with zones and nothing else.
func newEmpty(t *testing.T) *Service {
	t.Helper()
	a := account.New("123456789012", "us-west-2", clock.NewStepped(time.Unix(1_700_000_000, 0)), account.Instant())
	for _, z := range vpc.StandardZones("us-west-2") {
		a.AddZone(z)
	}
	return New(a, nil)
}

// must is the value, or the end of the test.
func must[T any](t *testing.T) func(v *T, err error) *T {
	return func(v *T, err error) *T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// built is the network that buildNetwork makes.
type built struct {
	vpc, subnet, gateway, table, group, instance, eni string
}

// buildNetwork makes a VPC with a public subnet and an instance in it, only by calls.
func buildNetwork(t *testing.T, s *Service) built {
	t.Helper()
	ctx := context.Background()
	tagged := func(kind types.ResourceType) []types.TagSpecification {
		return []types.TagSpecification{
			{ResourceType: kind, Tags: []types.Tag{{Key: aws.String("built"), Value: aws.String("yes")}}}}
	}
	var b built
	b.vpc = *must[ec2.CreateVpcOutput](t)(s.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock: aws.String("10.1.2.3/16"), AmazonProvidedIpv6CidrBlock: aws.Bool(true),
		TagSpecifications: tagged(types.ResourceTypeVpc),
	})).Vpc.VpcId
	six := s.account.VPCs[b.vpc].IPv6CIDRs[0].Prefix
	b.subnet = *must[ec2.CreateSubnetOutput](t)(s.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &b.vpc, CidrBlock: aws.String("10.1.0.0/24"),
		Ipv6CidrBlock:      aws.String(netip.PrefixFrom(six.Addr(), 64).String()),
		AvailabilityZoneId: aws.String("usw2-az1"), TagSpecifications: tagged(types.ResourceTypeSubnet),
	})).Subnet.SubnetId
	for _, change := range []*ec2.ModifySubnetAttributeInput{
		{SubnetId: &b.subnet, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: aws.Bool(true)}},
		{SubnetId: &b.subnet, AssignIpv6AddressOnCreation: &types.AttributeBooleanValue{Value: aws.Bool(true)}},
	} {
		must[ec2.ModifySubnetAttributeOutput](t)(s.ModifySubnetAttribute(ctx, change))
	}
	b.gateway = *must[ec2.CreateInternetGatewayOutput](t)(s.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})).
		InternetGateway.InternetGatewayId
	must[ec2.AttachInternetGatewayOutput](t)(s.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{
		InternetGatewayId: &b.gateway, VpcId: &b.vpc}))
	b.table = *must[ec2.CreateRouteTableOutput](t)(s.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &b.vpc})).
		RouteTable.RouteTableId
	must[ec2.CreateRouteOutput](t)(s.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &b.table,
		DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: &b.gateway}))
	must[ec2.AssociateRouteTableOutput](t)(s.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &b.table,
		SubnetId: &b.subnet}))
	b.group = *must[ec2.CreateSecurityGroupOutput](t)(s.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("g"), Description: aws.String("d"), VpcId: &b.vpc})).GroupId
	run := must[ec2.RunInstancesOutput](t)(s.RunInstances(ctx, &ec2.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ImageId: aws.String("ami-0123456789abcdef0"),
		InstanceType: "m7g.large",
		SubnetId:     &b.subnet, SecurityGroupIds: []string{b.group}, TagSpecifications: tagged(types.ResourceTypeInstance),
	}))
	i := run.Instances[0]
	b.instance, b.eni = *i.InstanceId, *i.NetworkInterfaces[0].NetworkInterfaceId
	if i.Architecture != "arm64" || *i.Placement.AvailabilityZone != "us-west-2b" || i.PublicIpAddress == nil ||
		i.Ipv6Address == nil || *i.Tags[0].Key != "built" {
		t.Errorf("the instance is %+v", i)
	}
	return b
}

func TestANetworkIsBuiltAndTornDownByCallsOnly(t *testing.T) {
	t.Parallel()
	s, ctx := newEmpty(t), context.Background()
	b := buildNetwork(t, s)
	if subnet := s.account.Subnets[b.subnet]; !s.account.RoutesToInternet(subnet) || subnet.AvailableIPs() != 250 {
		t.Errorf("the subnet is %+v", subnet)
	}
	// Each of these has to wait for one below it.
	steps := []struct {
		name string
		call func() error
	}{
		{"vpc", func() error { _, err := s.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &b.vpc}); return err }},
		{"gateway", func() error {
			_, err := s.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &b.gateway})
			return err
		}},
		{"attachment", func() error {
			_, err := s.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &b.gateway, VpcId: &b.vpc})
			return err
		}},
		{"table", func() error {
			_, err := s.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &b.table})
			return err
		}},
		{"subnet", func() error { _, err := s.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &b.subnet}); return err }},
		{"group", func() error {
			_, err := s.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &b.group})
			return err
		}},
	}
	for _, step := range steps {
		t.Log(step.name)
		wantCode(t, step.call(), "DependencyViolation")
	}
	must[ec2.TerminateInstancesOutput](t)(s.TerminateInstances(ctx, &ec2.TerminateInstancesInput{
		InstanceIds: []string{b.instance}}))
	for _, name := range []string{"group", "subnet", "table", "attachment", "gateway", "vpc"} {
		for _, step := range steps {
			if step.name == name {
				t.Log(name)
				wantCode(t, step.call(), "")
			}
		}
	}
	a := s.account
	if n := len(a.VPCs) + len(a.Subnets) + len(a.RouteTables) + len(a.InternetGateways) + len(a.SecurityGroups) +
		len(a.Interfaces); n != 0 {
		t.Errorf("%d things are left", n)
	}
}

// row is one mistake and the code that AWS answers.
type row struct {
	name string
	code string
	call func(ctx context.Context, s *Service, b built) error
}

// checkRows makes every mistake in a network of its own.
func checkRows(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := newEmpty(t)
			wantCode(t, r.call(context.Background(), s, buildNetwork(t, s)), r.code)
		})
	}
}

// failing is the error of a call alone.
func failing[T any](_ *T, err error) error { return err }

func TestVPCsAndSubnetsRefuseAsAWSDoes(t *testing.T) {
	t.Parallel()
	vpc := func(in ec2.CreateVpcInput) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, _ built) error { return failing(s.CreateVpc(ctx, &in)) }
	}
	subnet := func(change func(*ec2.CreateSubnetInput)) func(context.Context, *Service, built) error {
		return func(ctx context.Context, s *Service, b built) error {
			in := &ec2.CreateSubnetInput{VpcId: &b.vpc, CidrBlock: aws.String("10.1.1.0/24")}
			change(in)
			return failing(s.CreateSubnet(ctx, in))
		}
	}
	block := func(text string) func(*ec2.CreateSubnetInput) {
		return func(in *ec2.CreateSubnetInput) { in.CidrBlock = &text }
	}
	checkRows(t, []row{
		{"vpc", "", vpc(ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})},
		{"vpc without a block", "MissingParameter", vpc(ec2.CreateVpcInput{})},
		{"vpc with a malformed block", "InvalidParameterValue", vpc(ec2.CreateVpcInput{CidrBlock: aws.String("ten")})},
		{"vpc too large", "InvalidVpc.Range", vpc(ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/15")})},
		{"vpc too small", "InvalidVpc.Range", vpc(ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/29")})},
		{"vpc dry run", "DryRunOperation", vpc(ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"),
			DryRun: aws.Bool(true)})},
		{"sixth vpc", "VpcLimitExceeded", func(ctx context.Context, s *Service, _ built) error {
			var err error
			for range 5 {
				_, err = s.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.9.0.0/16")})
			}
			return err
		}},
		{"unknown vpc", "InvalidVpcID.NotFound", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: aws.String("vpc-deadbeef")}))
		}},
		{"malformed vpc", "InvalidVpcId.Malformed", func(ctx context.Context, s *Service, _ built) error {
			return failing(s.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: aws.String("vpc-xyz")}))
		}},
		{"two attributes", "InvalidParameterCombination", func(ctx context.Context, s *Service, b built) error {
			on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
			return failing(s.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &b.vpc, EnableDnsSupport: on,
				EnableDnsHostnames: on}))
		}},
		{"block that overlaps", "InvalidVpc.Range", func(ctx context.Context, s *Service, b built) error {
			return failing(s.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{
				VpcId: &b.vpc, CidrBlock: aws.String("10.1.128.0/17")}))
		}},
		{"sixth block", "CidrLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			var err error
			for _, c := range []string{"10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16", "10.5.0.0/16", "10.6.0.0/16"} {
				_, err = s.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{VpcId: &b.vpc, CidrBlock: aws.String(c)})
			}
			return err
		}},
		{"primary block away", "OperationNotPermitted", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DisassociateVpcCidrBlock(ctx, &ec2.DisassociateVpcCidrBlockInput{
				AssociationId: &s.account.VPCs[b.vpc].CIDRs[0].Association}))
		}},
		{"block with a subnet away", "DependencyViolation", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DisassociateVpcCidrBlock(ctx, &ec2.DisassociateVpcCidrBlockInput{
				AssociationId: &s.account.VPCs[b.vpc].IPv6CIDRs[0].Association}))
		}},
		{"unknown block away", "InvalidVpcCidrBlockAssociationID.NotFound", func(ctx context.Context, s *Service,
			_ built) error {
			return failing(s.DisassociateVpcCidrBlock(ctx, &ec2.DisassociateVpcCidrBlockInput{
				AssociationId: aws.String("vpc-cidr-assoc-1")}))
		}},
		{"block and back", "", func(ctx context.Context, s *Service, b built) error {
			out, err := s.AssociateVpcCidrBlock(ctx, &ec2.AssociateVpcCidrBlockInput{
				VpcId: &b.vpc, CidrBlock: aws.String("100.64.0.0/16")})
			if err != nil {
				return err
			}
			_, err = s.DisassociateVpcCidrBlock(ctx, &ec2.DisassociateVpcCidrBlockInput{
				AssociationId: out.CidrBlockAssociation.AssociationId})
			if n := len(s.account.RouteTables[b.table].Routes); n != 3 {
				return errors.New("the local route of the block is left")
			}
			return err
		}},

		{"subnet", "", subnet(func(*ec2.CreateSubnetInput) {})},
		{"subnet outside", "InvalidSubnet.Range", subnet(block("10.9.0.0/24"))},
		{"subnet too small", "InvalidSubnet.Range", subnet(block("10.1.1.0/29"))},
		{"subnet malformed", "InvalidParameterValue", subnet(block("ten"))},
		{"subnet without a block", "MissingParameter", subnet(func(in *ec2.CreateSubnetInput) { in.CidrBlock = nil })},
		{"subnet in another's place", "InvalidSubnet.Conflict", subnet(block("10.1.0.128/25"))},
		{"subnet in no zone", "InvalidParameterValue",
			subnet(func(in *ec2.CreateSubnetInput) { in.AvailabilityZone = aws.String("us-west-2z") })},
		{"subnet in two zones", "InvalidParameterCombination", subnet(func(in *ec2.CreateSubnetInput) {
			in.AvailabilityZone, in.AvailabilityZoneId = aws.String("us-west-2a"), aws.String("usw2-az2")
		})},
		{"subnet in no vpc", "InvalidVpcID.NotFound",
			subnet(func(in *ec2.CreateSubnetInput) { in.VpcId = aws.String("vpc-deadbeef") })},
		{"foreign IPv6 block", "InvalidSubnet.Range",
			subnet(func(in *ec2.CreateSubnetInput) { in.Ipv6CidrBlock = aws.String("2001:db8::/64") })},
		{"IPv6 only with an IPv4 block", "InvalidParameterCombination",
			subnet(func(in *ec2.CreateSubnetInput) { in.Ipv6Native = aws.Bool(true) })},
		{"subnet with tags of another", "InvalidParameterValue", subnet(func(in *ec2.CreateSubnetInput) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVpc}}
		})},
		{"subnet over the quota", "SubnetLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			_ = s.account.SetQuota("subnets-per-vpc", 1) // exists
			return failing(s.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &b.vpc, CidrBlock: aws.String("10.1.1.0/24")}))
		}},
		{"two attributes of a subnet", "InvalidParameterCombination", func(ctx context.Context, s *Service, b built) error {
			on := &types.AttributeBooleanValue{Value: aws.Bool(true)}
			return failing(s.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &b.subnet, EnableDns64: on,
				MapPublicIpOnLaunch: on}))
		}},
		{"IPv6 block in use", "InvalidSubnetCidrBlock.InUse", func(ctx context.Context, s *Service, b built) error {
			return failing(s.DisassociateSubnetCidrBlock(ctx, &ec2.DisassociateSubnetCidrBlockInput{
				AssociationId: &s.account.Subnets[b.subnet].IPv6CIDRs[0].Association}))
		}},
		{"second IPv6 block", "SubnetCidrBlockLimitExceeded", func(ctx context.Context, s *Service, b built) error {
			six := s.account.VPCs[b.vpc].IPv6CIDRs[0].Prefix.Addr().As16()
			six[7]++
			return failing(s.AssociateSubnetCidrBlock(ctx, &ec2.AssociateSubnetCidrBlockInput{SubnetId: &b.subnet,
				Ipv6CidrBlock: aws.String(netip.PrefixFrom(netip.AddrFrom16(six), 64).String())}))
		}},
	})
}
