package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// addLacking adds to a listing the load balancers and target groups that its lists lack by mistake, as an empty page
// does: each one that lacking returns is read by its ARN. It is an error if one is neither found nor proven to be
// absent.
func (i *Inventory) addLacking(ctx context.Context, l *listing, progressed func()) error {
	for _, arn := range i.lacking(l) {
		var balancers []awsop.LoadBalancer
		var groups []awsop.TargetGroup
		var n int
		var err error
		if kindOf(arn) == stack.KindLoadBalancer {
			balancers, _, n, err = i.listLoadBalancers(ctx, l, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{
				arn}})
		} else {
			groups, _, n, err = i.listTargetGroups(ctx, l, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
		}
		if err = i.provenAbsent(ctx, arn, n > 0, err); err != nil {
			return fmt.Errorf("looking whether %s, which the list lacks, exists: %w", arn, err)
		}
		progressed()
		l.balancers.items = append(l.balancers.items, balancers...)
		l.targets.items = append(l.targets.items, groups...)
	}
	return nil
}

// provenAbsent returns an error if AWS's answer to a read of a load balancer or target group by its ARN neither shows
// the resource nor proves that it is absent. An answer for another account proves nothing.
func (i *Inventory) provenAbsent(ctx context.Context, arn string, exists bool, err error) error {
	gone, err := absence.OfRead(exists, err != nil && vanished(err), err)
	if !gone.Proven() {
		return err
	}
	if other := i.identity.Other(ctx, arn); other != nil {
		return fmt.Errorf("%w: %w", absence.ErrUnknown, other)
	}
	return nil
}

// lacking returns the ARNs, sorted, that the lists of a listing lack although there is a sign that they exist: a listed
// target group is used by the load balancer, an earlier process knew the resource, or this one knows it and waits for
// the listing to read its stack again. What this process has deleted is left out.
func (i *Inventory) lacking(l *listing) []string {
	signs := map[string]bool{}
	for _, arn := range l.users {
		signs[arn] = true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, d := range i.kept.Stacks {
		for arn := range d.Tags {
			signs[arn] = true
		}
	}
	for _, e := range i.stacks {
		if e.invalid() {
			for _, arn := range arnsOf(&e.obs) {
				signs[arn] = true
			}
			continue
		}
		for _, lb := range e.obs.LoadBalancers { // known without the listing
			delete(signs, lb.ARN)
		}
	}
	for _, arn := range l.arns() {
		delete(signs, arn)
	}
	for arn := range i.gone {
		delete(signs, arn)
	}
	return slices.Sorted(maps.Keys(signs))
}
