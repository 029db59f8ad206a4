package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// list makes sure that there is a listing that covers a mark: the newest one, the one in progress, or a new one.
// Concurrent callers share one.
func (i *Inventory) list(ctx context.Context, need order.Mark) error {
	for !i.shows(need) {
		if _, err := unbounded(ctx, i, "list", func(ctx context.Context) (struct{}, error) {
			if i.shows(need) { // another caller has listed meanwhile
				return struct{}{}, nil
			}
			return struct{}{}, i.readList(ctx, need)
		}); err != nil {
			return err
		}
	}
	return nil
}

// shows reports whether the newest listing covers a mark.
func (i *Inventory) shows(need order.Mark) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.listed.Covers(need)
}

// shared runs a read once for all callers that need it at the same time, for at most loadTimeout. A caller that gives
// up does not end the read for others.
func shared[T any](ctx context.Context, i *Inventory, name string, read func(context.Context) (T, error)) (T, error) {
	return unbounded(ctx, i, name, func(ctx context.Context) (T, error) {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		return read(ctx)
	})
}

// unbounded is shared without loadTimeout, for a read that limits its own time.
func unbounded[T any](ctx context.Context, i *Inventory, name string, read func(context.Context) (T, error)) (
	T, error) {
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

// listing is the result of one listing of the account so far. It shows the account as it was when the listing began, or
// later.
type listing struct {
	began       order.Mark
	groupsBegan order.Mark
	balancers   pages[awsop.LoadBalancer]
	targets     pages[awsop.TargetGroup]
	groups      pages[awsop.SecurityGroup]
	users       []string // ARNs of the load balancers that use the target groups
	// how many of each the account has in all VPCs
	applications, networks, targetGroups int
}

// arns returns the ARNs of the listed load balancers and target groups.
func (l *listing) arns() []string {
	return arnsOf(&awsop.Observed{LoadBalancers: l.balancers.items, TargetGroups: l.targets.items})
}

// listLoadBalancers reads some of the account's load balancers, and returns those of the VPC. n counts all.
func (i *Inventory) listLoadBalancers(ctx context.Context, l *listing, in *elbv2.DescribeLoadBalancersInput) (
	out []awsop.LoadBalancer, more *string, n int, err error) {
	page, more, err := i.balancerPage(ctx, in)
	for _, lb := range page {
		switch stack.LoadBalancerType(lb.Type) {
		case stack.Application:
			l.applications++
		case stack.Network:
			l.networks++
		}
		if aws.ToString(lb.VpcId) == i.cfg.VPC {
			out = append(out, awsclient.FromLoadBalancer(lb))
		}
	}
	return out, more, len(page), err
}

// listTargetGroups reads some of the account's target groups, and returns those of the VPC. n counts all.
func (i *Inventory) listTargetGroups(ctx context.Context, l *listing, in *elbv2.DescribeTargetGroupsInput) (
	out []awsop.TargetGroup, more *string, n int, err error) {
	page, more, err := i.targetGroupPage(ctx, in)
	l.targetGroups += len(page)
	for _, tg := range page {
		if aws.ToString(tg.VpcId) == i.cfg.VPC {
			out = append(out, awsclient.FromTargetGroup(tg))
			l.users = append(l.users, tg.LoadBalancerArns...)
		}
	}
	return out, more, len(page), err
}

// pages are the pages of one list that were read, and where the next one begins.
type pages[T any] struct {
	items []T
	next  *string
	done  bool
}

// read reads the rest of the pages. one reads the page at a token.
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

// readList makes a listing that covers a mark. Its time is not limited, because a large account takes minutes if AWS
// throttles: it fails if there is no answer for loadTimeout. After a passing error, the next listing continues with
// what this one has read.
func (i *Inventory) readList(ctx context.Context, need order.Mark) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(loadTimeout, func() {
		cancel(fmt.Errorf("AWS answers nothing for %v: %w", loadTimeout, context.DeadlineExceeded))
	})
	defer stall.Stop()
	progressed := func() { stall.Reset(loadTimeout) }

	l := i.beginList(need)
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.lists--
	}()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return l.balancers.read(progressed, func(next *string) ([]awsop.LoadBalancer, *string, error) {
			out, more, _, err := i.listLoadBalancers(gctx, l, &elbv2.DescribeLoadBalancersInput{Marker: next})
			return out, more, err
		})
	})
	g.Go(func() error {
		return l.targets.read(progressed, func(next *string) ([]awsop.TargetGroup, *string, error) {
			out, more, _, err := i.listTargetGroups(gctx, l, &elbv2.DescribeTargetGroupsInput{Marker: next})
			return out, more, err
		})
	})
	g.Go(func() error {
		return l.groups.read(progressed, func(next *string) ([]awsop.SecurityGroup, *string, error) {
			return i.groups.Page(gctx, next)
		})
	})
	err := g.Wait()
	if err == nil {
		err = i.addLacking(ctx, l, progressed)
	}
	var tags map[string]readTags
	if err == nil {
		tags, err = i.listTags(ctx, l, progressed)
	}
	if err != nil {
		stalled := ctx.Err() != nil
		if stalled {
			err = context.Cause(ctx)
		}
		if stalled || awsclient.Passing(err) { // otherwise AWS may have refused the pages themselves, such as an old token
			i.mu.Lock()
			i.partial = l
			i.mu.Unlock()
		}
		return err
	}
	i.notify(i.merge(l, tags))
	return nil
}

// beginList returns the listing that the last attempt left, if it began late enough; otherwise a new one.
func (i *Inventory) beginList(need order.Mark) *listing {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lists++
	l := i.partial
	i.partial = nil
	if l == nil || !l.began.Covers(need) || i.cfg.Now().Sub(l.began.At) > partialLifetime {
		l = &listing{began: i.history.Next(), groupsBegan: i.groups.Now()}
	}
	if i.firstListing.IsZero() {
		i.firstListing = l.began.At
	}
	return l
}

// merge updates invalid and new stacks from a listing. Other stacks need no update, because writes are recorded. news
// are the stacks of which the listing shows a resource that no earlier one showed.
func (i *Inventory) merge(l *listing, tags map[string]readTags) (news []stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	began := l.began
	found := i.byStack(awsop.Observed{LoadBalancers: l.balancers.items, TargetGroups: l.targets.items,
		SecurityGroups: l.groups.items},
		func(arn string) map[string]string { return tags[arn].tags })
	i.noteArrivals(l, found)
	i.groups.Replace(l.groups.items, l.groupsBegan)
	for k, e := range i.stacks {
		if !e.invalid() {
			if !i.confirm(e, found[k], began) {
				news = append(news, k)
			}
			continue
		}
		if !began.Covers(e.needs()) { // it waits for the next one
			continue
		}
		if e.obs = (awsop.Observed{Key: k}); found[k] != nil {
			e.obs = *found[k]
		}
		i.assume(e, tags)
		e.list, e.absent = began, nil
		if began.At.Before(e.createdAt.Add(listLag)) && e.lagFrom.Before(e.createdAt) {
			e.lagFrom = e.createdAt // records of writes are forgotten, and the list may not show these writes yet
		}
	}
	for k, o := range found {
		if i.stacks[k] == nil {
			e := newEntry(k)
			e.obs, e.list = *o, began
			i.assume(e, tags)
			i.stacks[k] = e
			if i.listed.N > 0 {
				news = append(news, k)
			}
		}
	}
	i.having = nil
	for _, e := range i.stacks {
		i.noteHaving(e)
	}
	i.tags, i.listed = i.tagsOf(l, tags), began
	i.inAccount = map[quota.Limit]int{quota.ApplicationLoadBalancers: l.applications,
		quota.NetworkLoadBalancers: l.networks, quota.TargetGroups: l.targetGroups}
	i.kept = Kept{}
	return news
}

// tagsOf is the tags of what a listing has, as read with it, and all tags that are newer than the listing. The caller
// holds i.mu.
func (i *Inventory) tagsOf(l *listing, read map[string]readTags) map[string]readTags {
	out := make(map[string]readTags, len(read))
	for _, arn := range l.arns() {
		if t, ok := read[arn]; ok {
			out[arn] = t
		}
	}
	for arn, t := range i.tags {
		if t.N > max(l.began.N, out[arn].N) {
			out[arn] = t
		}
	}
	return out
}

// vanished reports whether an error says that something does not exist.
func vanished(err error) bool { return awsclient.Classify(err).Class == diag.NotFound }

func denied(err error) bool { return awsclient.Classify(err).Class == diag.Denied }

// arrivals are the load balancers and target groups with tags of the cluster that another process created while this
// process leads. Inventory.mu guards them.
type arrivals struct {
	seen map[string]bool        // ARNs that listings have shown, of the whole VPC
	of   map[stack.Key][]string // ARNs by stack
	// written are the stacks that this process has written to: a listing may show a resource before this process knows the
	// answer of its own call.
	written map[stack.Key]bool
}

// Came returns the ARNs of resources of a stack that another process created since the first complete listing of this
// process. Came causes no listing: the next one for another reason shows such resources.
func (i *Inventory) Came(key stack.Key) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.came.written[key] {
		return nil
	}
	return slices.Clone(i.came.of[key])
}

// noteArrivals records the resources that a listing shows for the first time. found are those of this cluster. The
// caller holds i.mu.
func (i *Inventory) noteArrivals(l *listing, found map[stack.Key]*awsop.Observed) {
	complete := i.listed.Covers(i.afterStart())
	for key, o := range found {
		for _, arn := range arnsOf(o) {
			if complete && !i.came.seen[arn] {
				i.came.of[key] = append(i.came.of[key], arn)
			}
		}
	}
	maps.DeleteFunc(i.came.of, func(key stack.Key, _ []string) bool { return found[key] == nil })
	for _, arn := range l.arns() { // none is dropped: a list that lags may miss what exists
		i.came.seen[arn] = true
	}
}
