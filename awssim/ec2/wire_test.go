package ec2_test

import (
	"context"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// describer is what both the service and the SDK's client can do.
type describer interface {
	DescribeVpcs(context.Context, *ec2.DescribeVpcsInput, ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error)
	DescribeSubnets(context.Context, *ec2.DescribeSubnetsInput, ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error)
	DescribeRouteTables(context.Context, *ec2.DescribeRouteTablesInput, ...func(*ec2.Options)) (
		*ec2.DescribeRouteTablesOutput, error)
	DescribeInternetGateways(context.Context, *ec2.DescribeInternetGatewaysInput, ...func(*ec2.Options)) (
		*ec2.DescribeInternetGatewaysOutput, error)
	DescribeAvailabilityZones(context.Context, *ec2.DescribeAvailabilityZonesInput, ...func(*ec2.Options)) (
		*ec2.DescribeAvailabilityZonesOutput, error)
	DescribeSecurityGroups(context.Context, *ec2.DescribeSecurityGroupsInput, ...func(*ec2.Options)) (
		*ec2.DescribeSecurityGroupsOutput, error)
	DescribeSecurityGroupRules(context.Context, *ec2.DescribeSecurityGroupRulesInput, ...func(*ec2.Options)) (
		*ec2.DescribeSecurityGroupRulesOutput, error)
	DescribeNetworkInterfaces(context.Context, *ec2.DescribeNetworkInterfacesInput, ...func(*ec2.Options)) (
		*ec2.DescribeNetworkInterfacesOutput, error)
	DescribeInstances(context.Context, *ec2.DescribeInstancesInput, ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput,
		error)
	DescribeAddresses(context.Context, *ec2.DescribeAddressesInput, ...func(*ec2.Options)) (*ec2.DescribeAddressesOutput,
		error)
	DescribeTags(context.Context, *ec2.DescribeTagsInput, ...func(*ec2.Options)) (*ec2.DescribeTagsOutput, error)
}

func TestEveryAnswerIsTheSameInProcessAndThroughTheSDKsClient(t *testing.T) {
	t.Parallel()
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	client := ec2.New(ec2.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(server.URL), HTTPClient: sdkhttp.Client(server.Client()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})
	ctx := context.Background()
	group, err := client.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("g"), Description: aws.String("d"), VpcId: aws.String("vpc-0a1de000000000001"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup, Tags: []types.Tag{
			{Key: aws.String("a"), Value: aws.String("")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group.GroupId,
		IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(90),
			IpRanges:         []types.IpRange{{CidrIp: aws.String("10.0.0.0/8"), Description: aws.String("x")}},
			Ipv6Ranges:       []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}},
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String("sg-0a1de000000000001")}},
		}}})
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(describer) (any, error){
		"vpcs": func(d describer) (any, error) { return d.DescribeVpcs(ctx, nil) },
		"subnets by role tag": func(d describer) (any, error) {
			return d.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{
				Filters: []types.Filter{{Name: aws.String("tag:kubernetes.io/role/elb"), Values: []string{"", "1"}}}})
		},
		"route tables":         func(d describer) (any, error) { return d.DescribeRouteTables(ctx, nil) },
		"internet gateways":    func(d describer) (any, error) { return d.DescribeInternetGateways(ctx, nil) },
		"zones":                func(d describer) (any, error) { return d.DescribeAvailabilityZones(ctx, nil) },
		"security groups":      func(d describer) (any, error) { return d.DescribeSecurityGroups(ctx, nil) },
		"security group rules": func(d describer) (any, error) { return d.DescribeSecurityGroupRules(ctx, nil) },
		"interfaces":           func(d describer) (any, error) { return d.DescribeNetworkInterfaces(ctx, nil) },
		"instances":            func(d describer) (any, error) { return d.DescribeInstances(ctx, nil) },
		"addresses":            func(d describer) (any, error) { return d.DescribeAddresses(ctx, nil) },
		"tags":                 func(d describer) (any, error) { return d.DescribeTags(ctx, nil) },
	}
	options := []cmp.Option{
		cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty(),
		cmpopts.IgnoreTypes(middleware.Metadata{}),
	}
	for name, call := range calls {
		want, err := call(sim.Compute)
		if err != nil {
			t.Errorf("%s in process: %v", name, err)
			continue
		}
		got, err := call(client)
		if err != nil {
			t.Errorf("%s over HTTP: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, options...); diff != "" {
			t.Errorf("%s differ (- in process, + over HTTP):\n%s", name, diff)
		}
	}
}
