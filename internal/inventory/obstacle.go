package inventory

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// HeldByOther reads what holds the name that AWS says is taken, by that name. It reports true if the holder is not the stack's
// by its tags, so that no other reading helps. It reports false if the holder is the stack's, or gone, or if the operation
// creates nothing that has a name of its own. It costs two calls at most.
func (i *Inventory) HeldByOther(ctx context.Context, key stack.Key, op plan.Operation) (bool, error) {
	var tags []map[string]string
	var err error
	switch op := op.(type) {
	case elb.CreateLoadBalancer:
		tags, err = i.balancerTags(ctx, op.LoadBalancer.Name)
	case elb.CreateTargetGroup:
		tags, err = i.targetGroupTags(ctx, op.TargetGroup.Name)
	case elb.CreateSecurityGroup:
		tags, err = i.securityGroupTags(ctx, op.VPC, op.Group.Name)
	}
	if err != nil && vanished(err) {
		return false, nil
	}
	for _, t := range tags {
		if owner, _, ours := naming.StackOf(i.cfg.Cluster, t); ours && owner == key {
			return false, nil
		}
	}
	return len(tags) > 0, err
}

// balancerTags are the tags of the load balancer of a name.
func (i *Inventory) balancerTags(ctx context.Context, name string) ([]map[string]string, error) {
	out, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{Names: []string{name}})
	if err != nil {
		return nil, fmt.Errorf("describing the load balancer that holds the name %s: %w", name, err)
	}
	var arns []string
	for _, lb := range out.LoadBalancers {
		arns = append(arns, aws.ToString(lb.LoadBalancerArn))
	}
	return i.tagsOf(ctx, arns)
}

// targetGroupTags are the tags of the target group of a name.
func (i *Inventory) targetGroupTags(ctx context.Context, name string) ([]map[string]string, error) {
	out, err := i.clients.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Names: []string{name}})
	if err != nil {
		return nil, fmt.Errorf("describing the target group that holds the name %s: %w", name, err)
	}
	var arns []string
	for _, tg := range out.TargetGroups {
		arns = append(arns, aws.ToString(tg.TargetGroupArn))
	}
	return i.tagsOf(ctx, arns)
}

func (i *Inventory) tagsOf(ctx context.Context, arns []string) ([]map[string]string, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	tags, err := i.allTags(ctx, arns)
	if err != nil {
		return nil, err
	}
	var out []map[string]string
	for _, arn := range arns {
		out = append(out, tags[arn])
	}
	return out, nil
}

// securityGroupTags are the tags of the security group of a name in a VPC.
func (i *Inventory) securityGroupTags(ctx context.Context, vpc, name string) ([]map[string]string, error) {
	out, err := i.clients.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{
		{Name: aws.String("vpc-id"), Values: []string{vpc}}, {Name: aws.String("group-name"), Values: []string{name}},
	}})
	if err != nil {
		return nil, fmt.Errorf("describing the security group that holds the name %s: %w", name, err)
	}
	var tags []map[string]string
	for n := range out.SecurityGroups {
		tags = append(tags, securitygroup.Observed(&out.SecurityGroups[n]).Tags)
	}
	return tags, nil
}
