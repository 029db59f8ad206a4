package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// limitedEC2 passes every call of EC2 through the limiter.
type limitedEC2 struct {
	inner EC2
	l     *Limiter
}

func (c limitedEC2) AuthorizeSecurityGroupIngress(ctx context.Context, in *ec2.AuthorizeSecurityGroupIngressInput, opts ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	return call(ctx, c.l, ServiceEC2, "AuthorizeSecurityGroupIngress", in, c.inner.AuthorizeSecurityGroupIngress, opts)
}

func (c limitedEC2) CreateSecurityGroup(ctx context.Context, in *ec2.CreateSecurityGroupInput, opts ...func(*ec2.Options)) (*ec2.CreateSecurityGroupOutput, error) {
	return call(ctx, c.l, ServiceEC2, "CreateSecurityGroup", in, c.inner.CreateSecurityGroup, opts)
}

func (c limitedEC2) CreateTags(ctx context.Context, in *ec2.CreateTagsInput, opts ...func(*ec2.Options)) (*ec2.CreateTagsOutput, error) {
	return call(ctx, c.l, ServiceEC2, "CreateTags", in, c.inner.CreateTags, opts)
}

func (c limitedEC2) DeleteSecurityGroup(ctx context.Context, in *ec2.DeleteSecurityGroupInput, opts ...func(*ec2.Options)) (*ec2.DeleteSecurityGroupOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DeleteSecurityGroup", in, c.inner.DeleteSecurityGroup, opts)
}

func (c limitedEC2) DeleteTags(ctx context.Context, in *ec2.DeleteTagsInput, opts ...func(*ec2.Options)) (*ec2.DeleteTagsOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DeleteTags", in, c.inner.DeleteTags, opts)
}

func (c limitedEC2) DescribeAvailabilityZones(ctx context.Context, in *ec2.DescribeAvailabilityZonesInput, opts ...func(*ec2.Options)) (*ec2.DescribeAvailabilityZonesOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DescribeAvailabilityZones", in, c.inner.DescribeAvailabilityZones, opts)
}

func (c limitedEC2) DescribeInstances(ctx context.Context, in *ec2.DescribeInstancesInput, opts ...func(*ec2.Options)) (*ec2.DescribeInstancesOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DescribeInstances", in, c.inner.DescribeInstances, opts)
}

func (c limitedEC2) DescribeNetworkInterfaces(ctx context.Context, in *ec2.DescribeNetworkInterfacesInput, opts ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DescribeNetworkInterfaces", in, c.inner.DescribeNetworkInterfaces, opts)
}

func (c limitedEC2) DescribeRouteTables(ctx context.Context, in *ec2.DescribeRouteTablesInput, opts ...func(*ec2.Options)) (*ec2.DescribeRouteTablesOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DescribeRouteTables", in, c.inner.DescribeRouteTables, opts)
}

func (c limitedEC2) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput, opts ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DescribeSecurityGroups", in, c.inner.DescribeSecurityGroups, opts)
}

func (c limitedEC2) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput, opts ...func(*ec2.Options)) (*ec2.DescribeSubnetsOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DescribeSubnets", in, c.inner.DescribeSubnets, opts)
}

func (c limitedEC2) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput, opts ...func(*ec2.Options)) (*ec2.DescribeVpcsOutput, error) {
	return call(ctx, c.l, ServiceEC2, "DescribeVpcs", in, c.inner.DescribeVpcs, opts)
}

func (c limitedEC2) RevokeSecurityGroupIngress(ctx context.Context, in *ec2.RevokeSecurityGroupIngressInput, opts ...func(*ec2.Options)) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	return call(ctx, c.l, ServiceEC2, "RevokeSecurityGroupIngress", in, c.inner.RevokeSecurityGroupIngress, opts)
}
