package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// namedLifetime is how long an answer about a load balancer of others counts: the listeners of its owner decide which
// ports are free.
const namedLifetime = 5 * time.Minute

func (i *Inventory) readNamed(ctx context.Context, name string) (out *facts.NamedLoadBalancer, found bool, err error) {
	lb, err := i.findNamed(ctx, name)
	if err != nil || lb == nil {
		return nil, false, err
	}
	listeners, err := i.describeListeners(ctx, lb.ARN)
	if err != nil {
		return nil, false, err
	}
	arns := []string{lb.ARN}
	for _, l := range listeners {
		arns = append(arns, l.ARN)
	}
	tags, err := i.allTags(ctx, arns)
	if err != nil {
		return nil, false, err
	}
	lb.Tags = tags[lb.ARN]
	out = &facts.NamedLoadBalancer{VPC: lb.vpc, LoadBalancer: balancerFacts(&lb.LoadBalancer)}
	for _, g := range lb.SecurityGroups {
		out.SecurityGroups = append(out.SecurityGroups, g.Literal)
	}
	for _, l := range listeners {
		out.Listeners = append(out.Listeners, facts.NamedListener{Port: l.Port, Protocol: l.Protocol, Tags: tags[l.ARN]})
	}
	return out, true, nil
}

// foundBalancer is a load balancer with its VPC.
type foundBalancer struct {
	awsop.LoadBalancer
	vpc string
}

// findNamed reads a load balancer by ARN or name; nil = it does not exist.
func (i *Inventory) findNamed(ctx context.Context, name string) (*foundBalancer, error) {
	in := &elbv2.DescribeLoadBalancersInput{Names: []string{name}}
	if strings.HasPrefix(name, "arn:") {
		in = &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{name}}
	}
	page, _, err := i.balancerPage(ctx, in)
	if err != nil {
		if vanished(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading load balancer %s: %w", name, err)
	}
	for _, lb := range page {
		return &foundBalancer{awsclient.FromLoadBalancer(lb), aws.ToString(lb.VpcId)}, nil
	}
	return nil, nil
}

// readBeside adds two kinds of load balancers to the observation of a stack: those of others on which the stack may
// have listeners and rules, and the one that it adopts. They do not carry the stack's tags, so no listing shows them.
func (i *Inventory) readBeside(ctx context.Context, e *entry, desired *stack.Stack) error {
	if desired == nil || len(desired.Beside) == 0 && desired.Adopts == "" {
		return nil
	}
	i.mu.Lock()
	missing := slices.DeleteFunc(append(slices.Clone(desired.Beside), desired.Adopts), func(name string) bool {
		if name == "" {
			return true
		}
		return slices.Contains(e.absent, name) || slices.ContainsFunc(e.obs.LoadBalancers,
			func(lb awsop.LoadBalancer) bool { return lb.ARN == name || lb.Name == name })
	})
	i.mu.Unlock()
	for _, name := range missing {
		lb, err := i.findNamed(ctx, name)
		if err != nil {
			return err
		}
		var tags map[string]map[string]string
		if lb != nil {
			if tags, err = i.allTags(ctx, []string{lb.ARN}); err != nil {
				return err
			}
		}
		i.mu.Lock()
		switch {
		case lb == nil:
			e.absent = append(e.absent, name)
		case e.loadBalancer(lb.ARN) == nil:
			lb.Foreign, lb.Tags = true, tags[lb.ARN]
			lb.Set(awsop.Read, awsop.PartTags)
			e.obs.LoadBalancers = append(slices.Clone(e.obs.LoadBalancers), lb.LoadBalancer)
			i.noteHaving(e)
		}
		i.mu.Unlock()
	}
	return nil
}

// adopted marks the load balancer that a stack adopts as the stack's own, although it does not carry the stack's tags
// yet.
func adopted(o *awsop.Observed, desired *stack.Stack) {
	if desired == nil || desired.Adopts == "" {
		return
	}
	for n := range o.LoadBalancers {
		if lb := &o.LoadBalancers[n]; lb.ARN == desired.Adopts && lb.Foreign {
			lb.Foreign, lb.ID = false, stack.LoadBalancerIdentity
		}
	}
}

// ConsentTags reads the tags by which load balancers consent to changes, by ARN. A load balancer that does not exist
// has none.
func (i *Inventory) ConsentTags(ctx context.Context, arns map[string]bool) (map[string]map[string]string, error) {
	tags, err := i.allTags(ctx, slices.Sorted(maps.Keys(arns)))
	if err != nil {
		return nil, fmt.Errorf("reading the consent of load balancers of others: %w", err)
	}
	for arn, all := range tags {
		consents := map[string]string{}
		for _, k := range naming.ConsentTags() {
			if v, ok := all[k]; ok {
				consents[k] = v
			}
		}
		tags[arn] = consents
	}
	return tags, nil
}
