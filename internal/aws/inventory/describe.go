package inventory

import (
	"context"
	"fmt"
	"strings"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// balancerPage makes one call: load balancers, and where the next page of them begins.
func (i *Inventory) balancerPage(ctx context.Context, in *elbv2.DescribeLoadBalancersInput) (
	page []elbv2types.LoadBalancer, more *string, err error) {
	out, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, in)
	if err != nil {
		return nil, nil, fmt.Errorf("describing load balancers: %w", err)
	}
	return out.LoadBalancers, out.NextMarker, nil
}

// targetGroupPage makes one call: target groups, and where the next page of them begins.
func (i *Inventory) targetGroupPage(ctx context.Context, in *elbv2.DescribeTargetGroupsInput) (
	page []elbv2types.TargetGroup, more *string, err error) {
	out, err := i.clients.ELBV2.DescribeTargetGroups(ctx, in)
	if err != nil {
		return nil, nil, fmt.Errorf("describing target groups: %w", err)
	}
	return out.TargetGroups, out.NextMarker, nil
}

// describeLoadBalancers makes one call, which names load balancers.
func (i *Inventory) describeLoadBalancers(ctx context.Context, in *elbv2.DescribeLoadBalancersInput) (
	out []awsop.LoadBalancer, err error) {
	page, _, err := i.balancerPage(ctx, in)
	for _, lb := range page {
		out = append(out, awsclient.FromLoadBalancer(lb))
	}
	return out, err
}

// describeTargetGroups makes one call, which names target groups.
func (i *Inventory) describeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput) (
	out []awsop.TargetGroup, err error) {
	page, _, err := i.targetGroupPage(ctx, in)
	for _, tg := range page {
		out = append(out, awsclient.FromTargetGroup(tg))
	}
	return out, err
}

// find reads a load balancer, target group or security group by ARN or group id, or by name. It is no error if AWS says
// that the resource does not exist. It is an error if the answer lacks a resource that was named by its id.
func (i *Inventory) find(ctx context.Context, kind stack.Kind, id, name string) (found awsop.Observed, err error) {
	var ids, names []string
	if id != "" {
		ids = []string{id}
	} else {
		names = []string{name}
	}
	switch kind {
	case stack.KindLoadBalancer:
		found.LoadBalancers, err = i.describeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: ids,
			Names: names})
	case stack.KindTargetGroup:
		found.TargetGroups, err = i.describeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: ids,
			Names: names})
	case stack.KindSecurityGroup:
		if id == "" {
			found.SecurityGroups, err = i.groups.Named(ctx, name)
		} else {
			found.SecurityGroups, err = i.groups.Read(ctx, id)
		}
	// read in other ways
	case stack.KindListener, stack.KindRule, stack.KindBinding, stack.KindCertificate, stack.KindTrustStore:
	}
	missing := err != nil && vanished(err)
	// an answer without a name, or without the group of a filter, means that the resource does not exist
	if id == "" || kind == stack.KindSecurityGroup {
		if missing {
			err = nil
		}
		return found, err
	}
	if err = i.provenAbsent(ctx, id, len(found.LoadBalancers)+len(found.TargetGroups) > 0, err); err != nil {
		return found, fmt.Errorf("looking whether %s exists: %w", id, err)
	}
	return found, nil
}

// describeAttributes reads the attributes of a load balancer, target group or listener.
func (i *Inventory) describeAttributes(ctx context.Context, arn string) (out map[string]string, err error) {
	switch kindOf(arn) {
	case stack.KindLoadBalancer:
		var got *elbv2.DescribeLoadBalancerAttributesOutput
		if got, err = i.clients.ELBV2.DescribeLoadBalancerAttributes(ctx, &elbv2.DescribeLoadBalancerAttributesInput{
			LoadBalancerArn: &arn}); err == nil {
			return awsclient.BalancingPairs(got.Attributes), nil
		}
	case stack.KindTargetGroup:
		var got *elbv2.DescribeTargetGroupAttributesOutput
		if got, err = i.clients.ELBV2.DescribeTargetGroupAttributes(ctx, &elbv2.DescribeTargetGroupAttributesInput{
			TargetGroupArn: &arn}); err == nil {
			return awsclient.BalancingPairs(got.Attributes), nil
		}
	default:
		var got *elbv2.DescribeListenerAttributesOutput
		if got, err = i.clients.ELBV2.DescribeListenerAttributes(ctx, &elbv2.DescribeListenerAttributesInput{
			ListenerArn: &arn}); err == nil {
			return awsclient.BalancingPairs(got.Attributes), nil
		}
	}
	return nil, fmt.Errorf("describing attributes of %s: %w", arn, err)
}

// kindOf returns the kind of the resource with an ARN: load balancer, target group or listener.
func kindOf(arn string) stack.Kind {
	switch {
	case strings.Contains(arn, ":loadbalancer/"):
		return stack.KindLoadBalancer
	case strings.Contains(arn, ":listener/"):
		return stack.KindListener
	}
	return stack.KindTargetGroup
}

// arnsOf are the ARNs of the load balancers and target groups of an observation.
func arnsOf(o *awsop.Observed) (arns []string) {
	for r := range o.Resources(stack.KindLoadBalancer, stack.KindTargetGroup) {
		arns = append(arns, r.Literal)
	}
	return arns
}

// readStacks reads the tags of found resources, and groups these by stack.
func (i *Inventory) readStacks(ctx context.Context, found awsop.Observed) (map[stack.Key]*awsop.Observed, error) {
	tags, err := i.allTags(ctx, arnsOf(&found))
	return i.byStack(found, func(arn string) map[string]string { return tags[arn] }), err
}

// byStack groups found resources by the stacks of this cluster that their tags name. tags returns the tags of an ARN.
func (i *Inventory) byStack(found awsop.Observed,
	tags func(arn string) map[string]string) map[stack.Key]*awsop.Observed {
	of := map[stack.Key]*awsop.Observed{}
	owner := func(name string, tags map[string]string, identity *string) *awsop.Observed {
		key, id, ours := naming.StackOf(i.cfg.Cluster, name, tags)
		if !ours {
			return nil
		}
		*identity = id
		if of[key] == nil {
			of[key] = &awsop.Observed{Key: key}
		}
		return of[key]
	}
	for _, lb := range found.LoadBalancers {
		lb.Tags = tags(lb.ARN)
		lb.Set(awsop.Read, awsop.PartTags)
		if o := owner(lb.ARN, lb.Tags, &lb.ID); o != nil {
			o.LoadBalancers = append(o.LoadBalancers, lb)
		}
	}
	for _, tg := range found.TargetGroups {
		tg.Tags = tags(tg.ARN)
		tg.Set(awsop.Read, awsop.PartTags)
		if o := owner(tg.ARN, tg.Tags, &tg.ID); o != nil {
			o.TargetGroups = append(o.TargetGroups, tg)
		}
	}
	for _, g := range found.SecurityGroups {
		if naming.IsBackendGroup(i.cfg.Cluster, g.Name, g.Description, g.Tags) {
			continue
		}
		if o := owner(g.Name, g.Tags, &g.ID); o != nil {
			o.SecurityGroups = append(o.SecurityGroups, g)
		}
	}
	return of
}
