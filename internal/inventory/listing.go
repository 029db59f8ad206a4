package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// list makes sure that a listing is known that began after need invalidations or later. Concurrent callers share one.
func (i *Inventory) list(ctx context.Context, need int64) error {
	for {
		i.mu.Lock()
		enough := i.listed.invalidations >= need
		i.mu.Unlock()
		if enough {
			return nil
		}
		if _, err := unbounded(ctx, i, "list", func(ctx context.Context) (struct{}, error) {
			i.mu.Lock()
			enough := i.listed.invalidations >= need // since this caller looked
			i.mu.Unlock()
			if enough {
				return struct{}{}, nil
			}
			return struct{}{}, i.readList(ctx, need)
		}); err != nil {
			return err
		}
	}
}

// shared runs a read once for all who want it at the same time, for loadTimeout at most; a caller who gives up does not end it for
// the others.
func shared[T any](ctx context.Context, i *Inventory, name string, read func(context.Context) (T, error)) (T, error) {
	return unbounded(ctx, i, name, func(ctx context.Context) (T, error) {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		return read(ctx)
	})
}

// unbounded is shared for a read that bounds itself.
func unbounded[T any](ctx context.Context, i *Inventory, name string, read func(context.Context) (T, error)) (T, error) {
	ch := i.flight.DoChan(name, func() (any, error) { return read(context.WithoutCancel(ctx)) })
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

// listing is what one pass over the account has found so far. It knows the account as it was when it began or later.
type listing struct {
	began       version
	groupsBegan securitygroup.Listing
	balancers   pages[elb.LoadBalancer]
	targets     pages[elb.TargetGroup]
	groups      pages[ec2types.SecurityGroup]
}

// pages are the pages of one list that were read, and where to go on.
type pages[T any] struct {
	items []T
	next  *string
	done  bool
}

// read reads what is left. one reads the page at a token; keep tells which items count.
func (p *pages[T]) read(progressed func(), one func(next *string) (items []T, more *string, err error)) error {
	for !p.done {
		items, more, err := one(p.next)
		if err != nil {
			return err
		}
		progressed()
		p.items, p.next = append(p.items, items...), more
		p.done = aws.ToString(more) == ""
	}
	return nil
}

// readList makes a listing for callers who need one that began after need invalidations or later. It has no bound in time, for a large account
// whose reads AWS throttles takes minutes: it ends when nothing comes back for loadTimeout. What an attempt has read that a passing error
// ended, the next one does not read again.
func (i *Inventory) readList(ctx context.Context, need int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(loadTimeout, func() { cancel(fmt.Errorf("AWS answers nothing for %v: %w", loadTimeout, context.DeadlineExceeded)) })
	defer stall.Stop()
	progressed := func() { stall.Reset(loadTimeout) }

	l := i.beginList(need)
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.lists--; i.lists == 0 {
			clear(i.retagged)
		}
	}()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return i.describeLoadBalancers(gctx, &l.balancers, progressed) })
	g.Go(func() error { return i.describeTargetGroups(gctx, &l.targets, progressed) })
	g.Go(func() error { return i.listGroups(gctx, &l.groups, progressed) })
	err := g.Wait()
	var tags map[string]readTags
	if err == nil {
		tags, err = i.listTags(ctx, l, progressed)
	}
	if err != nil {
		stalled := ctx.Err() != nil
		if stalled {
			err = context.Cause(ctx)
		}
		if stalled || cloud.Passing(err) { // else the pages themselves may be what AWS does not take, as an old token
			i.mu.Lock()
			i.partial = l
			i.mu.Unlock()
		}
		return err
	}
	if news := i.merge(l, tags); len(news) > 0 && i.cfg.Freed != nil {
		i.cfg.Freed(news)
	}
	return nil
}

// beginList is the listing that the last attempt left, if it began late enough, or a new one.
func (i *Inventory) beginList(need int64) *listing {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lists++
	l := i.partial
	i.partial = nil
	if l == nil || l.began.invalidations < need || i.cfg.Now().Sub(l.began.at) > partialLifetime {
		l = &listing{began: i.version(), groupsBegan: i.groups.BeginListing()}
	}
	if i.firstListing.IsZero() {
		i.firstListing = l.began.at
	}
	return l
}

// merge takes a listing over: for stacks that are stale or new. Others are written through and need none; news are those of which it holds
// what no listing before it had.
func (i *Inventory) merge(l *listing, tags map[string]readTags) (news []stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	began := l.began
	found := map[stack.Key]*elb.Observed{}
	of := func(k stack.Key) *elb.Observed {
		if found[k] == nil {
			found[k] = &elb.Observed{Key: k}
		}
		return found[k]
	}
	for _, lb := range l.balancers.items {
		lb.Tags = tags[lb.ARN].tags
		if k, id, ok := naming.StackOf(i.cfg.Cluster, lb.Tags); ok {
			lb.ID = id
			of(k).LoadBalancers = append(of(k).LoadBalancers, lb)
		}
	}
	for _, tg := range l.targets.items {
		tg.Tags = tags[tg.ARN].tags
		if k, id, ok := naming.StackOf(i.cfg.Cluster, tg.Tags); ok {
			tg.ID = id
			of(k).TargetGroups = append(of(k).TargetGroups, tg)
		}
	}
	i.groups.Replace(l.groups.items, l.groupsBegan)
	var backend []elb.SecurityGroup
	for n := range l.groups.items {
		g := securitygroup.Observed(&l.groups.items[n])
		if i.isBackend(g) {
			backend = append(backend, asBackend(g))
		} else if k, id, ok := naming.StackOf(i.cfg.Cluster, g.Tags); ok {
			g.ID = id
			of(k).SecurityGroups = append(of(k).SecurityGroups, g)
		}
	}
	if i.history.writes == began.writes || i.listed.invalidations == 0 {
		i.shared = backend
	}
	for k, e := range i.stacks {
		if e.stale == 0 {
			if !i.confirm(e, found[k], began) {
				news = append(news, k)
			}
			continue
		}
		if e.stale > began.invalidations {
			continue
		}
		if e.wrote > began.writes { // written to while we read: look again
			i.markStale(e)
			continue
		}
		e.shallow(*of(k))
		i.assume(e, tags)
		e.stale, e.at = 0, began.at
		if began.at.Before(e.createdAt.Add(listLag)) && e.doubt.Before(e.createdAt) {
			e.doubt = e.createdAt // what was written through is forgotten, and may not be listed yet
		}
	}
	for k, o := range found {
		if i.stacks[k] == nil {
			e := newEntry(k)
			e.shallow(*o)
			i.assume(e, tags)
			e.at = began.at
			i.stacks[k] = e
			if i.listed.invalidations > 0 {
				news = append(news, k)
			}
		}
	}
	all := make(map[string]readTags, len(tags))
	keep := func(arn string) {
		t, ok := tags[arn]
		if i.retagged[arn] > began.writes {
			t, ok = i.tags[arn]
		}
		if ok {
			all[arn] = t
		}
	}
	for _, lb := range l.balancers.items {
		keep(lb.ARN)
	}
	for _, tg := range l.targets.items {
		keep(tg.ARN)
	}
	i.tags, i.listed = all, began
	i.kept = nil
	return news
}

func (i *Inventory) describeLoadBalancers(ctx context.Context, p *pages[elb.LoadBalancer], progressed func()) error {
	return p.read(progressed, func(next *string) (out []elb.LoadBalancer, more *string, err error) {
		page, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{Marker: next})
		if err != nil {
			return nil, nil, fmt.Errorf("describing load balancers: %w", err)
		}
		for _, lb := range page.LoadBalancers {
			if aws.ToString(lb.VpcId) == i.cfg.VPC {
				out = append(out, cloud.FromLoadBalancer(lb))
			}
		}
		return out, page.NextMarker, nil
	})
}

func (i *Inventory) describeLoadBalancer(ctx context.Context, arn string) (elb.LoadBalancer, error) {
	out, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
	if err != nil {
		if vanished(err) {
			return elb.LoadBalancer{}, nil
		}
		return elb.LoadBalancer{}, fmt.Errorf("describing load balancer %s: %w", arn, err)
	}
	if len(out.LoadBalancers) == 0 {
		return elb.LoadBalancer{}, nil
	}
	return cloud.FromLoadBalancer(out.LoadBalancers[0]), nil
}

func (i *Inventory) describeTargetGroups(ctx context.Context, p *pages[elb.TargetGroup], progressed func()) error {
	return p.read(progressed, func(next *string) (out []elb.TargetGroup, more *string, err error) {
		page, err := i.clients.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Marker: next})
		if err != nil {
			return nil, nil, fmt.Errorf("describing target groups: %w", err)
		}
		for _, tg := range page.TargetGroups {
			if aws.ToString(tg.VpcId) == i.cfg.VPC {
				out = append(out, cloud.FromTargetGroup(tg))
			}
		}
		return out, page.NextMarker, nil
	})
}

// isBackend tells whether the tags of a security group make it the cluster's shared one.
func (i *Inventory) isBackend(g elb.SecurityGroup) bool {
	return g.Tags[naming.ClusterTag] == i.cfg.Cluster && g.Tags[naming.BackendResourceTag] == stack.BackendSecurityGroup
}

func asBackend(g elb.SecurityGroup) elb.SecurityGroup {
	g.ID, g.Shared = stack.BackendSecurityGroup, true
	return g
}

func (i *Inventory) listGroups(ctx context.Context, p *pages[ec2types.SecurityGroup], progressed func()) error {
	in := ec2.DescribeSecurityGroupsInput{Filters: filter("vpc-id", i.cfg.VPC), MaxResults: aws.Int32(1000)}
	return p.read(progressed, func(next *string) ([]ec2types.SecurityGroup, *string, error) {
		in.NextToken = next
		page, err := i.clients.EC2.DescribeSecurityGroups(ctx, &in)
		if err != nil {
			return nil, nil, fmt.Errorf("describing security groups: %w", err)
		}
		return page.SecurityGroups, page.NextToken, nil
	})
}

// vanished reports whether an error says that something does not exist.
func vanished(err error) bool { return cloud.Classify(err).Class == diag.NotFound }

func denied(err error) bool { return cloud.Classify(err).Class == diag.Denied }

func filter(name string, values ...string) []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String(name), Values: values}}
}
