package inventory

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// suspect is a resource of a stack that is to be read by itself before the stack is planned again: an operation on it, or its creation,
// may have had an effect or not. It is known by ARN or group id, or, if it is not known to exist, by name.
type suspect struct {
	kind     stack.Kind
	id, name string
	tags     bool // it exists; only its tags are in doubt
}

// MarkUncertain takes note of an operation of which nobody knows whether it had an effect. The next Observed reads what it concerns, by ARN, id or
// name, and nothing else of the account; resolve gives the ARN or group id behind a reference.
func (i *Inventory) MarkUncertain(key stack.Key, op plan.Operation, resolve func(stack.Ref) string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil {
		return
	}
	e.doubt = i.cfg.Now()
	switch op := op.(type) {
	case elb.CreateBinding, elb.UpdateBinding, elb.DeleteBinding: // the cache of TargetGroupBindings shows it
	case elb.CreateSecurityGroup:
		i.groups.Forget()
		e.suspect(suspect{kind: stack.KindSecurityGroup, name: op.Group.Name})
	case elb.AuthorizeSecurityGroupIngress, elb.RevokeSecurityGroupIngress, elb.DeleteSecurityGroup, elb.CreateTags, elb.DeleteTags:
		refs := op.Refs()
		i.groups.Forget()
		e.suspect(suspect{kind: stack.KindSecurityGroup, id: resolve(refs[len(refs)-1])})
	case elb.CreateTargetGroup:
		e.suspect(suspect{kind: stack.KindTargetGroup, name: op.TargetGroup.Name})
	case elb.CreateLoadBalancer:
		e.suspect(suspect{kind: stack.KindLoadBalancer, name: op.LoadBalancer.Name})
	case elb.CreateListener:
		e.forgetBelow(resolve(op.Listener.LoadBalancer))
	case elb.CreateRule:
		e.forgetAround(resolve(op.Rule.Listener))
	case elb.ModifyListener:
		e.forgetAround(resolve(op.Ref))
	case elb.ModifyRule:
		e.forgetAround(resolve(op.Ref))
	case elb.ImportCertificate, elb.DeleteCertificate, elb.RequestCertificate, elb.AddTagsToCertificate, elb.PublishValidation:
		i.certificates.MarkUncertain(op, resolve)
	default:
		for _, ref := range op.Refs() {
			switch id := resolve(ref); ref.Kind {
			case stack.KindLoadBalancer, stack.KindTargetGroup:
				e.suspect(suspect{kind: ref.Kind, id: id})
			case stack.KindListener, stack.KindRule:
				e.forgetAround(id)
			case stack.KindSecurityGroup, stack.KindBinding, stack.KindCertificate: // each is read in a way of its own
			}
		}
	}
}

func (e *entry) suspect(s suspect) {
	if (s.id != "" || s.name != "") && !slices.Contains(e.suspects, s) {
		e.suspects = append(e.suspects, s)
	}
}

// forgetAround forgets the listeners of the load balancer that has a listener or a rule.
func (e *entry) forgetAround(arn string) {
	for _, r := range e.obs.Rules {
		if r.ARN == arn {
			arn = r.Listener.Literal
			break
		}
	}
	for _, l := range e.obs.Listeners {
		if l.ARN == arn {
			e.forgetBelow(l.LoadBalancer.Literal)
			return
		}
	}
}

// forgetBelow forgets the listeners of a load balancer and what is below them, so that they are read when a plan needs them.
func (e *entry) forgetBelow(lb string) {
	o := e.obs.Clone()
	o.Listeners = slices.DeleteFunc(o.Listeners, func(l elb.Listener) bool { return l.LoadBalancer.Literal == lb })
	o.Rules = slices.DeleteFunc(o.Rules, func(r elb.Rule) bool {
		return !slices.ContainsFunc(o.Listeners, func(l elb.Listener) bool { return l.ARN == r.Listener.Literal })
	})
	e.obs = o
	delete(e.knows, part{listenersOf, lb})
	e.prune()
}

// settle reads the suspects of a stack that has not been invalidated. If the stack is written to meanwhile they stay suspects.
func (i *Inventory) settle(ctx context.Context, e *entry) error {
	i.mu.Lock()
	suspects, wrote := slices.Clone(e.suspects), e.wrote
	i.mu.Unlock()
	if len(suspects) == 0 {
		return nil
	}
	var found elb.Observed
	var arns []string
	for _, s := range suspects {
		if s.tags {
			arns = append(arns, s.id)
			continue
		}
		if err := i.look(ctx, s, &found); err != nil {
			return err
		}
	}
	for _, lb := range found.LoadBalancers {
		arns = append(arns, lb.ARN)
	}
	for _, tg := range found.TargetGroups {
		arns = append(arns, tg.ARN)
	}
	tags, err := i.allTags(ctx, arns)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if e.wrote != wrote {
		return nil
	}
	e.obs = e.obs.Clone()
	for _, s := range suspects {
		if !s.tags || !i.settleTags(e, s.id, tags[s.id]) {
			e.drop(s.id)
		}
	}
	for _, lb := range found.LoadBalancers {
		lb.Tags = tags[lb.ARN]
		if key, id, ours := naming.StackOf(i.cfg.Cluster, lb.Tags); ours && key == e.obs.Key {
			lb.ID = id
			e.drop(lb.ARN)
			e.obs.LoadBalancers = append(e.obs.LoadBalancers, lb)
			i.retag(lb.ARN, lb.Tags)
		}
	}
	for _, tg := range found.TargetGroups {
		tg.Tags = tags[tg.ARN]
		if key, id, ours := naming.StackOf(i.cfg.Cluster, tg.Tags); ours && key == e.obs.Key {
			tg.ID = id
			e.drop(tg.ARN)
			e.obs.TargetGroups = append(e.obs.TargetGroups, tg)
			i.retag(tg.ARN, tg.Tags)
		}
	}
	for _, g := range found.SecurityGroups {
		if i.isBackend(g) {
			i.shared = slices.DeleteFunc(i.shared, func(known elb.SecurityGroup) bool { return known.GroupID == g.GroupID })
			i.shared = append(i.shared, asBackend(g))
		} else if key, id, ours := naming.StackOf(i.cfg.Cluster, g.Tags); ours && key == e.obs.Key {
			g.ID = id
			e.drop(g.GroupID)
			e.obs.SecurityGroups = append(e.obs.SecurityGroups, g)
		}
	}
	e.forgetOrphans()
	e.suspects = slices.DeleteFunc(e.suspects, func(s suspect) bool { return slices.Contains(suspects, s) })
	return nil
}

// settleTags takes over the tags of a resource of a stack, and reports whether it is still the stack's by them. e.obs may be changed; i.mu is
// held.
func (i *Inventory) settleTags(e *entry, arn string, tags map[string]string) bool {
	key, id, ours := naming.StackOf(i.cfg.Cluster, tags)
	i.retag(arn, tags)
	if !ours || key != e.obs.Key {
		return false
	}
	for n := range e.obs.LoadBalancers {
		if lb := &e.obs.LoadBalancers[n]; lb.ARN == arn {
			lb.ID, lb.Tags = id, tags
		}
	}
	for n := range e.obs.TargetGroups {
		if tg := &e.obs.TargetGroups[n]; tg.ARN == arn {
			tg.ID, tg.Tags = id, tags
		}
	}
	return true
}

// drop takes a resource out of what is known of a stack. What is below a load balancer stays until it is known to be gone.
func (e *entry) drop(id string) {
	delete(e.knows, part{attributesOf, id})
	delete(e.knows, part{targetsOf, id})
	e.obs.LoadBalancers = slices.DeleteFunc(e.obs.LoadBalancers, func(lb elb.LoadBalancer) bool { return lb.ARN == id })
	e.obs.TargetGroups = slices.DeleteFunc(e.obs.TargetGroups, func(tg elb.TargetGroup) bool { return tg.ARN == id })
	e.obs.SecurityGroups = slices.DeleteFunc(e.obs.SecurityGroups, func(g elb.SecurityGroup) bool { return g.GroupID == id })
}

// forgetOrphans forgets the listeners of load balancers that do not exist any more.
func (e *entry) forgetOrphans() {
	for _, l := range slices.Clone(e.obs.Listeners) {
		if !slices.ContainsFunc(e.obs.LoadBalancers, func(lb elb.LoadBalancer) bool { return lb.ARN == l.LoadBalancer.Literal }) {
			e.forgetBelow(l.LoadBalancer.Literal)
		}
	}
	e.prune()
}

// look reads one suspect; what does not exist is not found.
func (i *Inventory) look(ctx context.Context, s suspect, found *elb.Observed) error {
	var err error
	switch s.kind {
	case stack.KindLoadBalancer:
		in := &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{s.id}}
		if s.id == "" {
			in = &elbv2.DescribeLoadBalancersInput{Names: []string{s.name}}
		}
		var out *elbv2.DescribeLoadBalancersOutput
		if out, err = i.clients.ELBV2.DescribeLoadBalancers(ctx, in); err == nil {
			for _, lb := range out.LoadBalancers {
				found.LoadBalancers = append(found.LoadBalancers, cloud.FromLoadBalancer(lb))
			}
		}
	case stack.KindTargetGroup:
		in := &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{s.id}}
		if s.id == "" {
			in = &elbv2.DescribeTargetGroupsInput{Names: []string{s.name}}
		}
		var out *elbv2.DescribeTargetGroupsOutput
		if out, err = i.clients.ELBV2.DescribeTargetGroups(ctx, in); err == nil {
			for _, tg := range out.TargetGroups {
				found.TargetGroups = append(found.TargetGroups, cloud.FromTargetGroup(tg))
			}
		}
	case stack.KindSecurityGroup: // by filter, which unlike an id does not fail for one that does not exist
		by := filter("group-id", s.id)
		if s.id == "" {
			by = []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{i.cfg.VPC}}, {Name: aws.String("group-name"), Values: []string{s.name}}}
		}
		var out *ec2.DescribeSecurityGroupsOutput
		if out, err = i.clients.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: by}); err == nil {
			for n := range out.SecurityGroups {
				found.SecurityGroups = append(found.SecurityGroups, securitygroup.Observed(&out.SecurityGroups[n]))
			}
		}
	case stack.KindListener, stack.KindRule, stack.KindBinding, stack.KindCertificate: // never a suspect
	}
	if err != nil && !vanished(err) {
		return fmt.Errorf("reading %s %s%s, of which it is not known whether a write had an effect: %w", s.kind, s.id, s.name, err)
	}
	return nil
}
