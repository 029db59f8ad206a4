package stacks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// use says that something outside the stack uses a resource of the stack.
type use struct {
	id   string // ARN or id of the resource
	user string // empty = nothing is known to use it
	// code, text and remedy are of the finding.
	code         diag.Code
	text, remedy string
}

// userOf returns what uses a resource that AWS refused to delete, if it does not belong to the stack.
func (s *Reconciler) userOf(ctx context.Context, key stack.Key, op plan.Operation, leaving []metav1.Object) (u use,
	err error) {
	const remedy = "let it use another resource, and delete this one; lbc orphans lists it"
	switch op := op.(type) {
	case awsop.DeleteTargetGroup:
		u.id = op.TargetGroup.Literal
		u.user, err = s.userOfTargetGroup(ctx, key, u.id)
		u.code = diag.TargetGroupInUse
		u.text = fmt.Sprintf("target group %s stays in AWS without targets, because load balancer %s forwards to it",
			naming.OfTargetGroup(u.id), u.user)
		u.remedy = "remove the rule that names it, and delete the target group; lbc orphans lists it"
	case awsop.DeleteSecurityGroup:
		u.id = op.Group.Literal
		u.user, err = s.userOfSecurityGroup(ctx, key, u.id, s.overdue(leaving))
		u.code, u.remedy = diag.ResourceInUse, remedy
		u.text = fmt.Sprintf("security group %s stays in AWS, because %s uses it", u.id, u.user)
	case awsop.DeleteCertificate:
		u.id = op.Certificate.Literal
		u.user, err = s.userOfCertificate(ctx, key, u.id)
		u.code, u.remedy = diag.ResourceInUse, remedy
		u.text = fmt.Sprintf("certificate %s stays in AWS, because %s uses it", u.id, u.user)
	}
	return u, err
}

// overdue reports whether all objects that leave have waited for long.
func (s *Reconciler) overdue(leaving []metav1.Object) bool {
	return len(leaving) > 0 && !slices.ContainsFunc(leaving, func(m metav1.Object) bool {
		at := m.GetDeletionTimestamp()
		return at == nil || s.Now().Sub(at.Time) < overdue
	})
}

// userOfTargetGroup returns the name of a load balancer outside the stack that uses a target group; empty = there is
// none.
func (s *Reconciler) userOfTargetGroup(ctx context.Context, key stack.Key, arn string) (string, error) {
	groups, err := s.Clients.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{
		TargetGroupArns: []string{arn}})
	if err != nil {
		return "", fmt.Errorf("reading which load balancers use target group %s: %w", arn, err)
	}
	var arns []string
	for _, tg := range groups.TargetGroups {
		arns = append(arns, tg.LoadBalancerArns...)
	}
	return s.otherBalancer(ctx, key, arns)
}

// userOfCertificate returns what uses a certificate and does not belong to the stack; empty = nothing.
func (s *Reconciler) userOfCertificate(ctx context.Context, key stack.Key, arn string) (string, error) {
	c, err := s.Clients.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: &arn})
	if err != nil || c.Certificate == nil {
		return "", errors.Join(err, errUnread)
	}
	var balancers []string
	for _, user := range c.Certificate.InUseBy {
		if !strings.Contains(user, ":elasticloadbalancing:") {
			return user, nil
		}
		balancers = append(balancers, user)
	}
	name, err := s.otherBalancer(ctx, key, balancers)
	return named(name), err
}

// errUnread says that AWS does not show a resource.
var errUnread = errors.New("AWS does not show the resource")

// named names a load balancer in a text.
func named(balancer string) string {
	if balancer == "" {
		return ""
	}
	return "load balancer " + balancer
}

// mostUsers is how many load balancers one pass checks for their use of a resource.
const mostUsers = 10

// otherBalancer returns the name of the first of some load balancers that exists and does not belong to the stack;
// empty = there is none.
func (s *Reconciler) otherBalancer(ctx context.Context, key stack.Key, arns []string) (string, error) {
	return s.firstOther(ctx, key, arns, func(arn string) (in elbv2.DescribeLoadBalancersInput, is func(string) bool) {
		return elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}}, func(found string) bool {
			return found == arn
		}
	})
}

// firstOther reads one load balancer after the other: in a call for several, one that no longer exists would fail the
// whole call.
func (s *Reconciler) firstOther(ctx context.Context, key stack.Key, list []string,
	ask func(string) (elbv2.DescribeLoadBalancersInput, func(arn string) bool)) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	observed, err := s.Inventory.Observed(ctx, key, nil)
	if err != nil {
		return "", fmt.Errorf("reading the load balancers of %s: %w", key, err)
	}
	for _, one := range list[:min(len(list), mostUsers)] {
		in, is := ask(one)
		out, err := s.Clients.ELBV2.DescribeLoadBalancers(ctx, &in)
		if err != nil && awsclient.Classify(err).Missing() == stack.KindLoadBalancer {
			continue // AWS does not know yet that it no longer exists
		}
		if err != nil {
			return "", fmt.Errorf("reading load balancer %s: %w", one, err)
		}
		for _, lb := range out.LoadBalancers {
			arn := aws.ToString(lb.LoadBalancerArn)
			if is(arn) && !slices.ContainsFunc(observed.LoadBalancers, func(x awsop.LoadBalancer) bool { return x.ARN == arn }) {
				return aws.ToString(lb.LoadBalancerName), nil
			}
		}
	}
	return "", nil
}

// userOfSecurityGroup returns what uses a security group and does not belong to the stack; empty = nothing. Rules of
// the stack's bindings may outlive its load balancer for a while, so rules of other groups count only if rules is
// true.
func (s *Reconciler) userOfSecurityGroup(ctx context.Context, key stack.Key, id string, rules bool) (string, error) {
	interfaces, err := s.Clients.EC2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{id}}},
	})
	if err != nil {
		return "", fmt.Errorf("reading the network interfaces with security group %s: %w", id, err)
	}
	var balancers []string // as TYPE/NAME/ID
	for _, n := range interfaces.NetworkInterfaces {
		of, ofBalancer := strings.CutPrefix(aws.ToString(n.Description), "ELB ")
		if !ofBalancer || strings.Count(of, "/") != 2 {
			return "network interface " + aws.ToString(n.NetworkInterfaceId), nil
		}
		if !slices.Contains(balancers, of) {
			balancers = append(balancers, of)
		}
	}
	name, err := s.firstOther(ctx, key, balancers, func(of string) (elbv2.DescribeLoadBalancersInput, func(string) bool) {
		return elbv2.DescribeLoadBalancersInput{Names: []string{strings.Split(of, "/")[1]}},
			func(arn string) bool { return strings.HasSuffix(arn, ":loadbalancer/"+of) }
	})
	if err != nil || name != "" || !rules {
		return named(name), err
	}
	groups, err := s.Clients.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{{Name: aws.String("ip-permission.group-id"), Values: []string{id}}},
	})
	if err != nil {
		return "", fmt.Errorf("reading the security groups whose rules name %s: %w", id, err)
	}
	for _, g := range groups.SecurityGroups {
		if other := aws.ToString(g.GroupId); other != id {
			return "a rule of security group " + other, nil
		}
	}
	return "", nil
}

// inUse are the resources of a stack that AWS did not delete because others use them, by ARN or id, with the time of
// the refusal.
type inUse map[string]time.Time

// inUseFor is how long passes leave out the deletion of such a resource.
const inUseFor = time.Minute

// at returns the resources whose deletion is left out at a time.
func (u inUse) at(now time.Time) map[string]bool {
	out := map[string]bool{}
	for id, since := range u {
		if now.Sub(since) < inUseFor {
			out[id] = true
		}
	}
	return out
}

// noteInUse records the resources that AWS refused to delete because others use them, so that the next attempt
// continues without these deletions: a deleted object must not wait for others. found are the findings about them;
// again is true if there are any.
func (s *Reconciler) noteInUse(ctx context.Context, key stack.Key, w front.Input, p *plan.Plan, r apply.Result) (
	found diag.List, again bool) {
	for _, step := range p.Steps {
		outcome := r.Outcomes[step.ID]
		if outcome.State != apply.Failed || step.Action != plan.Delete || outcome.Err == nil ||
			!awsclient.Classify(outcome.Err).InUse() {
			continue // or it waits for what the stack itself releases
		}
		u, err := s.userOf(ctx, key, step.Op, w.Leaving)
		if err != nil || u.user == "" { // AWS may need a moment after the deletion of our own resources
			continue
		}
		s.mu.Lock()
		st := s.state(key)
		if st.inUse == nil {
			st.inUse = inUse{}
		}
		st.inUse[u.id] = s.Now()
		s.mu.Unlock()
		again = true
		for _, m := range w.Leaving {
			found = append(found, diag.New(owner.Object(m), "", u.code, u.text, u.remedy))
		}
	}
	return found, again
}
