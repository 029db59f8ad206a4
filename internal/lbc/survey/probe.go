package survey

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// probe is a call that changes nothing: a read, or a dry run of EC2, which is an error whatever AWS would decide.
type probe func(ctx context.Context, s state, c awsclient.Clients) error

func failed[T any](_ T, err error) error { return err }

// probes are those by action. sts:AssumeRole has none: a role answers a call without the external id that its bindings
// have as one without the permission.
var probes = map[string]probe{
	"acm:ListCertificates": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.ACM.ListCertificates(ctx, &acm.ListCertificatesInput{MaxItems: aws.Int32(1)}))
	},
	"elasticloadbalancing:DescribeLoadBalancers": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{PageSize: aws.Int32(1)}))
	},
	"elasticloadbalancing:DescribeTargetGroups": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{PageSize: aws.Int32(1)}))
	},
	"ec2:DescribeAddresses": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeAvailabilityZones": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeInstances": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeManagedPrefixLists": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeManagedPrefixLists(ctx, &ec2.DescribeManagedPrefixListsInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeNetworkInterfaces": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeRouteTables": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeSecurityGroups": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeSubnets": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{DryRun: aws.Bool(true)}))
	},
	"ec2:DescribeVpcs": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{DryRun: aws.Bool(true)}))
	},
	"tag:GetResources": func(ctx context.Context, _ state, c awsclient.Clients) error {
		return failed(c.Tagging.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{
			ResourcesPerPage: aws.Int32(1)}))
	},
	"ec2:CreateSecurityGroup": func(ctx context.Context, s state, c awsclient.Clients) error {
		tag := []ec2types.Tag{{Key: aws.String(naming.ClusterTag), Value: aws.String(s.config.ClusterName)}}
		return failed(c.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			DryRun: aws.Bool(true), GroupName: aws.String("lbc-doctor"), Description: aws.String("dry run"),
			VpcId:             aws.String(s.config.VPC),
			TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: tag}},
		}))
	},
	"ec2:AuthorizeSecurityGroupIngress": func(ctx context.Context, s state, c awsclient.Clients) error {
		return failed(c.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{DryRun: aws.Bool(true),
			GroupId: groupOf(s), IpPermissions: discard}))
	},
	"ec2:RevokeSecurityGroupIngress": func(ctx context.Context, s state, c awsclient.Clients) error {
		return failed(c.EC2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{DryRun: aws.Bool(true),
			GroupId: groupOf(s), IpPermissions: discard}))
	},
}

// discard is a rule that admits a port that has no use from an address for documentation.
var discard = []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(9), ToPort: aws.Int32(9),
	IpRanges: []ec2types.IpRange{{CidrIp: aws.String("192.0.2.1/32")}}}}

// groupOf is a security group of nodes; nil = none is known.
func groupOf(s state) *string {
	for _, i := range s.facts.Instances {
		if i.Extended != "" {
			return aws.String(i.Extended)
		}
	}
	return nil
}

// probedStatement is the statement of the smallest policy that allows what a probe does.
func probedStatement(action string) string {
	if action == "ec2:AuthorizeSecurityGroupIngress" || action == "ec2:RevokeSecurityGroupIngress" {
		return "NodeSecurityGroups" // groupOf
	}
	return iampolicy.Statements(action)[0]
}

// probed tries the actions of a policy that have a probe, by the credentials in use, and returns those that AWS denies
// and those without.
func probed(
	ctx context.Context, s state, role string, policy iampolicy.Document,
) (lacking []checks.Lack, untried []string) {
	// the others admit no writes, not even dry runs
	clients := s.connection.Clients(awsclient.NewLimiter(awsclient.LimiterOptions{Attempts: attempts}))
	wanted := policy.Actions()
	tried := slices.DeleteFunc(slices.Sorted(maps.Keys(probes)), func(a string) bool {
		return !slices.Contains(wanted, a) || groupOf(s) == nil && (a == "ec2:AuthorizeSecurityGroupIngress" ||
			a == "ec2:RevokeSecurityGroupIngress")
	})
	denied := make([]bool, len(tried))
	_ = parallel(ctx, len(tried), func(ctx context.Context, i int) error {
		err := probes[tried[i]](ctx, s, clients)
		denied[i] = err != nil && awsclient.Classify(err).Class == diag.Denied
		return nil
	})
	for i, a := range tried {
		if denied[i] {
			lacking = append(lacking, lack(role, probedStatement(a), a, "*", false))
		}
	}
	return lacking, slices.DeleteFunc(wanted, func(a string) bool { return slices.Contains(tried, a) })
}
