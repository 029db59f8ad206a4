package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

// readNamed reads at most nameBatch load balancers by ARN or name, with their listeners.
func (i *Inventory) readNamed(ctx context.Context, names []string) (map[string]*facts.NamedLoadBalancer, error) {
	found, err := i.findNamed(ctx, names)
	if err != nil {
		return nil, err
	}
	var arns []string
	listeners := map[string][]awsop.Listener{}
	for name, lb := range found {
		if _, read := listeners[lb.ARN]; read {
			continue
		}
		all, err := i.describeListeners(ctx, lb.ARN)
		if err != nil && !vanished(err) {
			return nil, err
		}
		if err != nil { // others deleted it meanwhile
			delete(found, name)
			continue
		}
		listeners[lb.ARN], arns = all, append(arns, lb.ARN)
		for n := range all {
			arns = append(arns, all[n].ARN)
		}
	}
	tags, err := i.allTags(ctx, arns)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*facts.NamedLoadBalancer, len(found))
	for name, lb := range found {
		x := &facts.NamedLoadBalancer{VPC: lb.vpc, LoadBalancer: balancerFacts(&lb.LoadBalancer)}
		x.Tags = tags[lb.ARN]
		for _, g := range lb.SecurityGroups {
			x.SecurityGroups = append(x.SecurityGroups, g.Literal)
		}
		for _, l := range listeners[lb.ARN] {
			x.Listeners = append(x.Listeners, facts.NamedListener{Port: l.Port, Protocol: l.Protocol, Tags: tags[l.ARN]})
		}
		out[name] = x
	}
	return out, nil
}

// foundBalancer is a load balancer with its VPC.
type foundBalancer struct {
	awsop.LoadBalancer
	vpc string
}

// findNamed reads at most nameBatch load balancers by ARN or name, without those that do not exist.
func (i *Inventory) findNamed(ctx context.Context, names []string) (map[string]foundBalancer, error) {
	byARN, byName := &elbv2.DescribeLoadBalancersInput{}, &elbv2.DescribeLoadBalancersInput{}
	for _, n := range names {
		switch {
		case askable.MatchString(n):
			byARN.LoadBalancerArns = append(byARN.LoadBalancerArns, n)
		case naming.Possible(n):
			byName.Names = append(byName.Names, n)
		}
	}
	out := map[string]foundBalancer{}
	for _, in := range []*elbv2.DescribeLoadBalancersInput{byARN, byName} {
		asked := slices.Concat(in.LoadBalancerArns, in.Names)
		if len(asked) == 0 {
			continue
		}
		page, _, err := i.balancerPage(ctx, in)
		if page, err = orListed(ctx, page, err, len(asked), i.allBalancers); err != nil {
			return nil, fmt.Errorf("reading load balancers by name: %w", err)
		}
		for _, lb := range page {
			for _, n := range []string{aws.ToString(lb.LoadBalancerArn), aws.ToString(lb.LoadBalancerName)} {
				if slices.Contains(asked, n) {
					out[n] = foundBalancer{awsclient.FromLoadBalancer(lb), aws.ToString(lb.VpcId)}
				}
			}
		}
	}
	return out, nil
}

// readOnOthers adds two kinds of load balancers to the observation of a stack: those of others on which the stack may
// have listeners and rules, and the one that it adopts. They do not carry the stack's tags, so no listing shows them.
func (i *Inventory) readOnOthers(ctx context.Context, e *entry, desired *stack.Stack) error {
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
		found, err := i.findNamed(ctx, []string{name})
		if err != nil {
			return err
		}
		lb, exists := found[name]
		var tags map[string]map[string]string
		if exists {
			if tags, err = i.allTags(ctx, []string{lb.ARN}); err != nil {
				return err
			}
		}
		i.mu.Lock()
		switch {
		case !exists:
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
