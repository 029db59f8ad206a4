package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// errForeign says that a resource does not carry the tags of its stack any more.
var errForeign = errors.New("no longer tagged as the stack's")

// Reread reads again what is known of a stack, by name and as deep as it is known, so that the next diff sees what others
// changed by hand; attributes that nobody declared are known to nobody and are not read. It costs a listing only if something
// has vanished. Passes over the stack go on meanwhile; if one writes, what was read is thrown away. read is false if there was
// nothing to read or it was thrown away.
func (i *Inventory) Reread(ctx context.Context, key stack.Key) (read bool, err error) {
	i.mu.Lock()
	e := i.stacks[key]
	if e == nil || e.stale != 0 || len(e.obs.LoadBalancers)+len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) == 0 {
		i.mu.Unlock()
		return false, nil
	}
	known, wrote, began := e.obs.Clone(), e.wrote, i.version()
	depth := maps.Clone(e.knows)
	i.mu.Unlock()

	fresh, err := i.again(ctx, known, depth)
	if err != nil {
		if !vanished(err) && !errors.Is(err, errForeign) {
			return false, fmt.Errorf("reading %s again: %w", key, err)
		}
		i.Invalidate(key)
		return true, nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stacks[key] != e || e.stale != 0 || e.wrote != wrote {
		return false, nil
	}
	e.obs, e.knows, e.since = fresh.obs, fresh.knows, time.Time{}
	for _, lb := range e.obs.LoadBalancers {
		i.tags[lb.ARN] = readTags{tags: lb.Tags, version: began}
	}
	for _, tg := range e.obs.TargetGroups {
		i.tags[tg.ARN] = readTags{tags: tg.Tags, version: began}
	}
	return true, nil
}

// again reads what is known, down to the given depth.
func (i *Inventory) again(ctx context.Context, known elb.Observed, depth knowledge) (*entry, error) {
	top, err := i.topAgain(ctx, known)
	if err != nil {
		return nil, err
	}
	out := newEntry(known.Key)
	out.obs = top
	d := deepRead{i: i, obs: top.Clone()}
	for _, lb := range known.LoadBalancers {
		if depth.known(listenersOf, lb.ARN) {
			d.listenersOf = append(d.listenersOf, lb.ARN)
		}
		if lb.Attributes != nil {
			d.loadBalancerAttributes = append(d.loadBalancerAttributes, lb.ARN)
		}
	}
	for _, tg := range known.TargetGroups {
		if tg.Attributes != nil {
			d.targetGroupAttributes = append(d.targetGroupAttributes, tg.ARN)
		}
	}
	if err := d.readListeners(ctx); err != nil {
		return nil, err
	}
	for _, l := range d.listeners {
		was := slices.IndexFunc(known.Listeners, func(k elb.Listener) bool { return k.ARN == l.ARN })
		isNew := was < 0
		application := slices.ContainsFunc(top.LoadBalancers, func(lb elb.LoadBalancer) bool {
			return lb.ARN == l.LoadBalancer.Literal && lb.Type == stack.Application
		})
		if application && (isNew || depth.known(rulesOf, l.ARN)) {
			d.rulesOf = append(d.rulesOf, l.ARN)
		}
		if (l.Protocol == "HTTPS" || l.Protocol == "TLS") && (isNew || depth.known(certificatesOf, l.ARN)) {
			d.certificatesOf = append(d.certificatesOf, l.ARN)
		}
		if !isNew && known.Listeners[was].Attributes != nil {
			d.listenerAttributes = append(d.listenerAttributes, l.ARN)
		}
	}
	if err := d.readDetails(ctx); err != nil {
		return nil, err
	}
	if err := d.readTags(ctx); err != nil {
		return nil, err
	}
	d.take(out)
	return out, nil
}

// topAgain reads load balancers, target groups and security groups by name. One that is gone, or is no longer the stack's by
// its tags, is an error of the kind that a missing one is.
func (i *Inventory) topAgain(ctx context.Context, known elb.Observed) (elb.Observed, error) {
	out := elb.Observed{Key: known.Key}
	var arns []string
	balancers, groups := map[string]elb.LoadBalancer{}, map[string]elb.TargetGroup{}
	g, gctx := errgroup.WithContext(ctx)
	for _, lb := range known.LoadBalancers {
		arns = append(arns, lb.ARN)
	}
	for _, tg := range known.TargetGroups {
		arns = append(arns, tg.ARN)
	}
	g.Go(func() error { return i.balancersAgain(gctx, known, balancers) })
	g.Go(func() error { return i.targetGroupsAgain(gctx, known, groups) })
	g.Go(func() (err error) { out.SecurityGroups, err = i.securityGroupsAgain(gctx, known); return err })
	var tags map[string]map[string]string
	g.Go(func() (err error) { tags, err = i.allTags(gctx, arns); return err })
	if err := g.Wait(); err != nil {
		return out, err
	}
	for _, was := range known.LoadBalancers {
		lb, ok := balancers[was.ARN]
		lb.Tags = tags[was.ARN]
		key, id, ours := naming.StackOf(i.cfg.Cluster, lb.Tags)
		if !ok || !ours || key != known.Key {
			return out, fmt.Errorf("%s: %w", was.ARN, errForeign)
		}
		lb.ID = id
		out.LoadBalancers = append(out.LoadBalancers, lb)
	}
	for _, was := range known.TargetGroups {
		tg, ok := groups[was.ARN]
		tg.Tags = tags[was.ARN]
		key, id, ours := naming.StackOf(i.cfg.Cluster, tg.Tags)
		if !ok || !ours || key != known.Key {
			return out, fmt.Errorf("%s: %w", was.ARN, errForeign)
		}
		tg.ID = id
		out.TargetGroups = append(out.TargetGroups, tg)
	}
	return out, nil
}

func (i *Inventory) balancersAgain(ctx context.Context, known elb.Observed, into map[string]elb.LoadBalancer) error {
	for part := range slices.Chunk(known.LoadBalancers, tagBatch) {
		in := &elbv2.DescribeLoadBalancersInput{}
		for _, lb := range part {
			in.LoadBalancerArns = append(in.LoadBalancerArns, lb.ARN)
		}
		out, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, in)
		if err != nil {
			return fmt.Errorf("describing load balancers: %w", err)
		}
		for _, lb := range out.LoadBalancers {
			into[aws.ToString(lb.LoadBalancerArn)] = cloud.FromLoadBalancer(lb)
		}
	}
	return nil
}

func (i *Inventory) targetGroupsAgain(ctx context.Context, known elb.Observed, into map[string]elb.TargetGroup) error {
	for part := range slices.Chunk(known.TargetGroups, tagBatch) {
		in := &elbv2.DescribeTargetGroupsInput{}
		for _, tg := range part {
			in.TargetGroupArns = append(in.TargetGroupArns, tg.ARN)
		}
		out, err := i.clients.ELBV2.DescribeTargetGroups(ctx, in)
		if err != nil {
			return fmt.Errorf("describing target groups: %w", err)
		}
		for _, tg := range out.TargetGroups {
			into[aws.ToString(tg.TargetGroupArn)] = cloud.FromTargetGroup(tg)
		}
	}
	return nil
}

func (i *Inventory) securityGroupsAgain(ctx context.Context, known elb.Observed) ([]elb.SecurityGroup, error) {
	if len(known.SecurityGroups) == 0 {
		return nil, nil
	}
	in := &ec2.DescribeSecurityGroupsInput{}
	for _, g := range known.SecurityGroups {
		in.GroupIds = append(in.GroupIds, g.GroupID)
	}
	got, err := i.clients.EC2.DescribeSecurityGroups(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("describing security groups: %w", err)
	}
	var out []elb.SecurityGroup
	for n := range got.SecurityGroups {
		g := securitygroup.Observed(&got.SecurityGroups[n])
		key, id, ours := naming.StackOf(i.cfg.Cluster, g.Tags)
		if !ours || key != known.Key {
			return nil, fmt.Errorf("%s: %w", g.GroupID, errForeign)
		}
		g.ID = id
		out = append(out, g)
	}
	return out, nil
}
