package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// tagBatch is how many ARNs DescribeTags takes.
const tagBatch = 20

// list makes sure that a listing is known that began when seq was need or later. Concurrent callers share one.
func (i *Inventory) list(ctx context.Context, need int64) error {
	for {
		i.mu.Lock()
		enough := i.listed >= need
		i.mu.Unlock()
		if enough {
			return nil
		}
		if _, err := shared(ctx, i, "list", func(ctx context.Context) (struct{}, error) {
			i.mu.Lock()
			enough := i.listed >= need // since this caller looked
			i.mu.Unlock()
			if enough {
				return struct{}{}, nil
			}
			return struct{}{}, i.readList(ctx)
		}); err != nil {
			return err
		}
	}
}

// shared runs a read once for all who want it at the same time; a caller who gives up does not end it for the others.
func shared[T any](ctx context.Context, i *Inventory, name string, read func(context.Context) (T, error)) (T, error) {
	ch := i.flight.DoChan(name, func() (any, error) {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return read(c)
	})
	var zero T
	select {
	case r := <-ch:
		if r.Err != nil {
			return zero, r.Err
		}
		v, ok := r.Val.(T)
		if !ok {
			return zero, fmt.Errorf("reading %s gave %T", name, r.Val)
		}
		return v, nil
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// listing is what one pass over the account found.
type listing struct {
	balancers []plan.LoadBalancer
	targets   []plan.TargetGroup
	groups    []ec2types.SecurityGroup
	tags      map[string]readTags
	drops     int // of the shelf of groups, when it began
}

func (i *Inventory) readList(ctx context.Context) error {
	i.mu.Lock()
	began, writes, at := i.seq, i.writes, i.cfg.Now()
	i.lists++
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.lists--
	}()
	if i.born.IsZero() {
		i.born = at
	}
	l := listing{tags: i.believedTags(), drops: i.groups.drops}
	i.mu.Unlock()

	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { l.balancers, err = i.describeLoadBalancers(gctx); return err })
	g.Go(func() (err error) { l.targets, err = i.describeTargetGroups(gctx); return err })
	g.Go(func() (err error) { l.groups, err = i.describeGroups(gctx); return err })
	if err := g.Wait(); err != nil {
		return err
	}
	var unknown []string
	for _, lb := range l.balancers {
		if l.tags[lb.ARN].tags == nil {
			unknown = append(unknown, lb.ARN)
		}
	}
	for _, tg := range l.targets {
		if l.tags[tg.ARN].tags == nil {
			unknown = append(unknown, tg.ARN)
		}
	}
	read, err := i.describeTags(ctx, unknown)
	if err != nil {
		i.keepTags(read, began, writes)
		return err
	}
	for arn, t := range read {
		l.tags[arn] = readTags{t, began}
	}
	i.merge(&l, began, writes, at)
	return nil
}

// keepTags takes over the tags that were read before a listing failed, so that the next one goes on from there: of a large account
// that AWS throttles, all of them are never read within loadTimeout. Whoever wrote meanwhile may know better.
func (i *Inventory) keepTags(read map[string]map[string]string, began, writes int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.writes != writes {
		return
	}
	for arn, t := range read {
		i.tags[arn] = readTags{t, began}
	}
}

// believedTags are those that were read since the stack that they name, or that the resource is known to belong to, was invalidated.
// i.mu is held.
func (i *Inventory) believedTags() map[string]readTags {
	out := maps.Clone(i.tags)
	old := func(e *entry, arn string) bool { return e != nil && e.stale > i.tags[arn].seq }
	for arn, t := range i.tags {
		if k, _, ok := i.identify(t.tags); ok && old(i.stacks[k], arn) {
			delete(out, arn)
		}
	}
	for _, e := range i.stacks {
		if e.stale == 0 {
			continue
		}
		for _, lb := range e.obs.LoadBalancers {
			if old(e, lb.ARN) {
				delete(out, lb.ARN)
			}
		}
		for _, tg := range e.obs.TargetGroups {
			if old(e, tg.ARN) {
				delete(out, tg.ARN)
			}
		}
	}
	return out
}

// merge takes a listing over: for stacks that are stale or new. Others are written through and need none.
func (i *Inventory) merge(l *listing, began, writes int64, at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	found := map[stack.Key]*plan.Observed{}
	of := func(k stack.Key) *plan.Observed {
		if found[k] == nil {
			found[k] = &plan.Observed{Key: k}
		}
		return found[k]
	}
	for _, lb := range l.balancers {
		lb.Tags = l.tags[lb.ARN].tags
		if k, id, ok := i.identify(lb.Tags); ok {
			lb.ID = id
			of(k).LoadBalancers = append(of(k).LoadBalancers, lb)
		}
	}
	for _, tg := range l.targets {
		tg.Tags = l.tags[tg.ARN].tags
		if k, id, ok := i.identify(tg.Tags); ok {
			tg.ID = id
			of(k).TargetGroups = append(of(k).TargetGroups, tg)
		}
	}
	i.groups.replace(l.groups, writes, l.drops, i.cfg.Now())
	var backend []plan.SecurityGroup
	for n := range l.groups {
		g := observedGroup(&l.groups[n])
		if g.Tags[naming.ClusterTag] == i.cfg.Cluster && g.Tags[naming.BackendResourceTag] == stack.BackendSecurityGroup {
			g.ID, g.Shared = stack.BackendSecurityGroup, true
			backend = append(backend, g)
		} else if k, id, ok := i.identify(g.Tags); ok {
			g.ID = id
			of(k).SecurityGroups = append(of(k).SecurityGroups, g)
		}
	}
	if i.writes == writes || i.listed == 0 {
		i.shared = backend
	}
	for k, e := range i.stacks {
		if e.stale == 0 && e.wrote <= writes {
			i.confirm(e, found[k], at)
			continue
		}
		if e.stale == 0 || e.stale > began {
			continue
		}
		if e.wrote > writes { // written to while we read: look again
			i.seq++
			e.stale = i.seq
			continue
		}
		e.shallow(*of(k))
		e.stale, e.at = 0, at
		if at.Before(e.made.Add(listLag)) && e.doubt.Before(e.made) {
			e.doubt = e.made // what was written through is forgotten, and may not be listed yet
		}
	}
	for k, o := range found {
		if i.stacks[k] == nil {
			e := newEntry(k)
			e.shallow(*o)
			e.at = at
			i.stacks[k] = e
		}
	}
	i.tags = map[string]readTags{}
	for _, lb := range l.balancers {
		i.tags[lb.ARN] = l.tags[lb.ARN]
	}
	for _, tg := range l.targets {
		i.tags[tg.ARN] = l.tags[tg.ARN]
	}
	i.listed, i.at = began, at
}

// identify tells by tags which stack's which resource something is.
func (i *Inventory) identify(tags map[string]string) (key stack.Key, id string, ok bool) {
	if tags[naming.ClusterTag] != i.cfg.Cluster && tags[naming.LegacyClusterTag] != i.cfg.Cluster {
		return stack.Key{}, "", false
	}
	for _, o := range []stack.Owner{stack.Ingress, stack.Service} {
		name, has := tags[naming.StackTag(o)]
		id := tags[naming.ResourceTag(o)]
		if has && id != "" {
			return stack.Key{Owner: o, ID: parseID(name)}, id, true
		}
	}
	return stack.Key{}, "", false
}

func (i *Inventory) describeLoadBalancers(ctx context.Context) ([]plan.LoadBalancer, error) {
	var out []plan.LoadBalancer
	for p := elbv2.NewDescribeLoadBalancersPaginator(i.clients.ELBV2, &elbv2.DescribeLoadBalancersInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing load balancers: %w", err)
		}
		for _, lb := range page.LoadBalancers {
			if aws.ToString(lb.VpcId) == i.cfg.VPC {
				out = append(out, cloud.FromLoadBalancer(lb))
			}
		}
	}
	return out, nil
}

func (i *Inventory) describeLoadBalancer(ctx context.Context, arn string) (plan.LoadBalancer, error) {
	out, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
	if err != nil {
		if vanished(err) {
			return plan.LoadBalancer{}, nil
		}
		return plan.LoadBalancer{}, fmt.Errorf("describing load balancer %s: %w", arn, err)
	}
	if len(out.LoadBalancers) == 0 {
		return plan.LoadBalancer{}, nil
	}
	return cloud.FromLoadBalancer(out.LoadBalancers[0]), nil
}

func (i *Inventory) describeTargetGroups(ctx context.Context) ([]plan.TargetGroup, error) {
	var out []plan.TargetGroup
	for p := elbv2.NewDescribeTargetGroupsPaginator(i.clients.ELBV2, &elbv2.DescribeTargetGroupsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing target groups: %w", err)
		}
		for _, tg := range page.TargetGroups {
			if aws.ToString(tg.VpcId) == i.cfg.VPC {
				out = append(out, cloud.FromTargetGroup(tg))
			}
		}
	}
	return out, nil
}

func (i *Inventory) describeGroups(ctx context.Context) ([]ec2types.SecurityGroup, error) {
	var out []ec2types.SecurityGroup
	in := &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{i.cfg.VPC}}}, MaxResults: aws.Int32(1000)}
	for p := ec2.NewDescribeSecurityGroupsPaginator(i.clients.EC2, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing security groups: %w", err)
		}
		out = append(out, page.SecurityGroups...)
	}
	return out, nil
}

// describeTags reads tags in batches; what vanished in the meantime is left out. With an error it returns what was read all the
// same: no batch is begun after one has failed, but those under way come to their end.
func (i *Inventory) describeTags(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	batches := slices.Collect(slices.Chunk(arns, tagBatch))
	results := make([]map[string]map[string]string, len(batches))
	var g errgroup.Group
	var failed atomic.Bool
	g.SetLimit(readers)
	for n, b := range batches {
		g.Go(func() (err error) {
			if failed.Load() {
				return nil
			}
			if results[n], err = i.describeTagBatch(ctx, b); err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	err := g.Wait()
	out := make(map[string]map[string]string, len(arns))
	for _, r := range results {
		maps.Copy(out, r)
	}
	return out, err
}

// describeTagBatch halves a batch until the missing resource, which fails the whole call, stands alone.
func (i *Inventory) describeTagBatch(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	got, err := i.clients.ELBV2.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: arns})
	switch {
	case err == nil:
		for _, d := range got.TagDescriptions {
			out[aws.ToString(d.ResourceArn)] = cloud.BalancingTags(d.Tags)
		}
		return out, nil
	case !vanished(err):
		return nil, fmt.Errorf("describing tags: %w", err)
	case len(arns) == 1:
		return out, nil
	}
	for _, half := range [][]string{arns[:len(arns)/2], arns[len(arns)/2:]} {
		part, err := i.describeTagBatch(ctx, half)
		if err != nil {
			return nil, err
		}
		for arn, t := range part {
			out[arn] = t
		}
	}
	return out, nil
}

// vanished reports whether an error says that something does not exist.
func vanished(err error) bool { return cloud.Classify(err).Class == diag.NotFound }
