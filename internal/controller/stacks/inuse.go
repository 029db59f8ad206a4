package stacks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// inUse are the target groups of a stack that AWS did not delete because load balancers of others forward to them, by ARN: when that was.
type inUse map[string]time.Time

// inUseFor is for how long passes leave out the deletion of such a target group.
const inUseFor = time.Minute

// at are those whose deletion is not tried at a time.
func (u inUse) at(now time.Time) map[string]bool {
	out := map[string]bool{}
	for arn, since := range u {
		if now.Sub(since) < inUseFor {
			out[arn] = true
		}
	}
	return out
}

// noteInUse notes the target groups that AWS refused to delete because listeners of others forward to them, so that the next pass goes on
// without: an object that is deleted does not wait for the rule of another one. found tells of them; again reports that there are some.
func (s *Reconciler) noteInUse(ctx context.Context, key stack.Key, w front.Input, p *plan.Plan, r apply.Result) (found diag.List, again bool) {
	for _, step := range p.Steps {
		op, ok := step.Op.(awsop.DeleteTargetGroup)
		if !ok || r.Outcomes[step.ID].Err == nil || !awsclient.Classify(r.Outcomes[step.ID].Err).InUse() {
			continue
		}
		arn := op.TargetGroup.Literal
		user, err := s.usedBy(ctx, key, arn)
		if err != nil || user == "" { // AWS may need a moment after the deletion of our own listeners
			continue
		}
		s.mu.Lock()
		st := s.state(key)
		if st.inUse == nil {
			st.inUse = inUse{}
		}
		st.inUse[arn] = s.Now()
		s.mu.Unlock()
		again = true
		for _, m := range w.Leaving {
			found = append(found, diag.New(owner.Object(m), "", diag.TargetGroupInUse,
				fmt.Sprintf("target group %s stays in AWS without targets, as load balancer %s forwards to it", naming.OfTargetGroup(arn), user),
				"remove the rule that names it, and delete the target group; lbc orphans lists it"))
		}
	}
	return found, again
}

// usedBy is the name of a load balancer that is not of a stack and that uses a target group; empty = there is none.
func (s *Reconciler) usedBy(ctx context.Context, key stack.Key, arn string) (string, error) {
	groups, err := s.Clients.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
	if err != nil {
		return "", fmt.Errorf("reading which load balancers use target group %s: %w", arn, err)
	}
	var users []string
	for _, tg := range groups.TargetGroups {
		users = append(users, tg.LoadBalancerArns...)
	}
	if len(users) == 0 {
		return "", nil
	}
	balancers, err := s.Clients.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: users})
	if err != nil { // one that is gone among them: AWS has yet to notice
		return "", fmt.Errorf("reading the load balancers that use target group %s: %w", arn, err)
	}
	observed, err := s.Inventory.Observed(ctx, key, nil)
	if err != nil {
		return "", fmt.Errorf("reading the load balancers of %s: %w", key, err)
	}
	for _, lb := range balancers.LoadBalancers {
		own := slices.ContainsFunc(observed.LoadBalancers, func(x awsop.LoadBalancer) bool { return x.ARN == aws.ToString(lb.LoadBalancerArn) })
		if !own {
			return aws.ToString(lb.LoadBalancerName), nil
		}
	}
	return "", nil
}
