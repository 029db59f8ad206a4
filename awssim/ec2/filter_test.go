package ec2

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestSubnetsAreFoundByFilters(t *testing.T) {
	t.Parallel()
	s := newService(t)
	tests := []struct {
		name    string
		filters []types.Filter
		want    int
	}{
		{"no filter", nil, 7},
		{"vpc", []types.Filter{filterOn("vpc-id", vpcID)}, 7},
		{"role tag with empty or 1", []types.Filter{filterOn("vpc-id", vpcID), filterOn("tag:kubernetes.io/role/elb",
			"", "1")}, 3},
		{"role tag of empty value", []types.Filter{filterOn("tag:kubernetes.io/role/elb", "")}, 0},
		{"any value", []types.Filter{filterOn("tag:kubernetes.io/role/internal-elb", "*")}, 3},
		{"tag key", []types.Filter{filterOn("tag-key", "kubernetes.io/role/*")}, 6},
		{"names or", []types.Filter{filterOn("tag:Name", "demo-public-a", "demo-private-?")}, 4},
		{"and over filters", []types.Filter{filterOn("tag:Name", "demo-public-*"),
			filterOn("availability-zone", "us-west-2b")}, 1},
		{"same filter twice", []types.Filter{filterOn("tag:Name", "*a"), filterOn("tag:Name", "demo-public*")}, 1},
		{"zone id differs from zone letter", []types.Filter{filterOn("availability-zone-id", "usw2-az1"),
			filterOn("availability-zone", "us-west-2b")}, 2},
		{"ipv6 block", []types.Filter{filterOn("ipv6-cidr-block-association.ipv6-cidr-block", "2600:1f14:abc:de00::/64")}, 1},
		{"boolean", []types.Filter{filterOn("map-public-ip-on-launch", "true")}, 3},
		{"case matters", []types.Filter{filterOn("tag:Name", "Demo-*")}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := s.DescribeSubnets(context.Background(), &ec2.DescribeSubnetsInput{Filters: tt.filters})
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Subnets) != tt.want {
				t.Errorf("%d subnets, want %d", len(out.Subnets), tt.want)
			}
		})
	}
}

func TestBadFiltersAreRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	many := make([]types.Filter, 51)
	for i := range many {
		many[i] = filterOn("vpc-id", vpcID)
	}
	values := make([]string, 201)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	tests := []struct {
		name    string
		filters []types.Filter
		code    string
	}{
		{"unknown", []types.Filter{filterOn("vpcid", vpcID)}, "InvalidParameterValue"},
		{"no values", []types.Filter{filterOn("vpc-id")}, "InvalidParameterValue"},
		{"51 filters", many, "FilterLimitExceeded"},
		{"201 values", []types.Filter{filterOn("subnet-id", values...)}, "FilterLimitExceeded"},
		{"200 values over two filters", []types.Filter{filterOn("subnet-id", values[:199]...), filterOn("vpc-id", vpcID)},
			""},
		{"201 values over two filters", []types.Filter{filterOn("subnet-id", values[:200]...), filterOn("vpc-id", vpcID)},
			"FilterLimitExceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.DescribeSubnets(context.Background(), &ec2.DescribeSubnetsInput{Filters: tt.filters})
			wantCode(t, err, tt.code)
		})
	}
}

func TestUnknownAndMalformedIdsHaveDifferentErrors(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	tests := []struct {
		name string
		call func() error
		code string
	}{
		{"vpc", func() error {
			_, err := s.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-00000000"}})
			return err
		}, "InvalidVpcID.NotFound"},
		{"malformed vpc", func() error {
			_, err := s.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"network"}})
			return err
		}, "InvalidVpcId.Malformed"},
		{"one of two subnets", func() error {
			_, err := s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{subnetA, "subnet-deadbeef"}})
			return err
		}, "InvalidSubnetID.NotFound"},
		{"group", func() error {
			_, err := s.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-deadbeef"}})
			return err
		}, "InvalidGroup.NotFound"},
		{"group by name without default VPC", func() error {
			_, err := s.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"web"}})
			return err
		}, "InvalidGroup.NotFound"},
		{"instance", func() error {
			_, err := s.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-deadbeef", "i-deadbee0"}})
			return err
		}, "InvalidInstanceID.NotFound"},
		{"malformed instance", func() error {
			_, err := s.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-xyz"}})
			return err
		}, "InvalidInstanceID.Malformed"},
		{"interface", func() error {
			_, err := s.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
				NetworkInterfaceIds: []string{"eni-deadbeef"}})
			return err
		}, "InvalidNetworkInterfaceID.NotFound"},
		{"zone", func() error {
			_, err := s.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneIds: []string{"usw2-az9"}})
			return err
		}, "InvalidParameterValue"},
		{"ids with page size", func() error {
			_, err := s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{subnetA}, MaxResults: aws.Int32(5)})
			return err
		}, "InvalidParameterCombination"},
		{"page too small", func() error {
			_, err := s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(4)})
			return err
		}, "InvalidParameterValue"},
		{"page too large", func() error {
			_, err := s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(1001)})
			return err
		}, "InvalidParameterValue"},
		{"token", func() error {
			_, err := s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{NextToken: aws.String("?")})
			return err
		}, "InvalidNextToken"},
		{"dry run", func() error {
			_, err := s.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{DryRun: aws.Bool(true)})
			return err
		}, "DryRunOperation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantCode(t, tt.call(), tt.code)
		})
	}
}

func TestIdsAndFiltersBothApply(t *testing.T) {
	t.Parallel()
	s := newService(t)
	out, err := s.DescribeSubnets(context.Background(), &ec2.DescribeSubnetsInput{
		SubnetIds: []string{subnetA}, Filters: []types.Filter{filterOn("tag:Name", "demo-public-a")},
	})
	if err != nil || len(out.Subnets) != 0 {
		t.Errorf("got %v, %v; want nothing", out, err)
	}
}

func TestPagesCoverEverythingOnceWhileGroupsComeAndGo(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := context.Background()
	var ids []string
	for i := range 23 {
		ids = append(ids, newGroup(t, s, fmt.Sprintf("group %d", i)))
	}
	var seen []string
	var token *string
	for page := 0; ; page++ {
		out, err := s.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
			Filters: []types.Filter{filterOn("group-name", "group *")}, MaxResults: aws.Int32(5), NextToken: token,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.SecurityGroups) > 5 {
			t.Errorf("page of %d", len(out.SecurityGroups))
		}
		for _, g := range out.SecurityGroups {
			seen = append(seen, *g.GroupId)
		}
		if page == 0 { // the last one seen goes away; the token that names it must still work
			if _, err := s.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(seen[4])}); err != nil {
				t.Fatal(err)
			}
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	if slices.IsSorted(seen) {
		t.Error("the answer is sorted by id, which AWS's is not")
	}
	slices.Sort(ids)
	slices.Sort(seen)
	if !slices.Equal(ids, seen) {
		t.Errorf("saw %d groups %v, want each of %d once", len(seen), seen, len(ids))
	}
}
