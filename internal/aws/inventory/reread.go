package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// errForeign says that a resource no longer carries the tags of its stack.
var errForeign = errors.New("no longer tagged as the stack's")

// Reread reads the known parts of a stack again, by name, so the next diff sees changes made by hand. Attributes
// that no object declares are not known and not read. Reread lists only if a resource has vanished. Passes over the
// stack continue meanwhile; if one writes, the result is discarded. read is false if there was nothing to read, or
// if the result was discarded.
func (i *Inventory) Reread(ctx context.Context, key stack.Key) (read bool, err error) {
	i.mu.Lock()
	e := i.stacks[key]
	if e == nil || e.invalid() || len(e.obs.LoadBalancers)+len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) == 0 {
		i.mu.Unlock()
		return false, nil
	}
	known, wrote, began := e.obs.Clone(), e.wrote, i.history.Now()
	i.mu.Unlock()

	fresh, err := i.again(ctx, known)
	if err != nil {
		if !vanished(err) && !errors.Is(err, errForeign) {
			return false, fmt.Errorf("reading %s again: %w", key, err)
		}
		i.Invalidate(key)
		i.cfg.Refusals.RetryRefused(key)
		return true, nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stacks[key] != e || e.invalid() || e.wrote != wrote {
		return false, nil
	}
	// Recorded writes have another form than reads, so two reads are compared.
	found := textsOf(fresh)
	if e.reread.found != nil && e.reread.wrote == wrote && !slices.Equal(e.reread.found, found) {
		i.cfg.Refusals.RetryRefused(key)
	}
	e.reread = reread{wrote: wrote, found: found}
	e.obs = fresh
	i.noteHaving(e)
	for _, lb := range e.obs.LoadBalancers {
		i.noteTags(lb.ARN, readTags{lb.Tags, began})
	}
	for _, tg := range e.obs.TargetGroups {
		i.noteTags(tg.ARN, readTags{tg.Tags, began})
	}
	return true, nil
}

// reread is what Reread found of a stack.
type reread struct {
	wrote order.Mark // entry.wrote then
	found []string   // the resources as texts, in order
}

// textsOf are the resources of an observation as texts, in order. The state of a load balancer does not count.
func textsOf(o awsop.Observed) (out []string) {
	add := func(x any) {
		text, err := json.Marshal(x)
		if err != nil {
			text = []byte(err.Error())
		}
		sum := sha256.Sum256(text)
		out = append(out, string(sum[:]))
	}
	for _, lb := range o.LoadBalancers {
		lb.State = ""
		add(lb)
	}
	for _, tg := range o.TargetGroups {
		add(tg)
	}
	for _, l := range o.Listeners {
		add(l)
	}
	for _, r := range o.Rules {
		add(r)
	}
	for _, g := range o.SecurityGroups {
		add(g)
	}
	slices.Sort(out)
	return out
}

// again reads all known parts of the known resources. It is an error if one of them no longer exists, or no longer
// carries the stack's tags.
func (i *Inventory) again(ctx context.Context, known awsop.Observed) (awsop.Observed, error) {
	out, err := i.listedAgain(ctx, known)
	if err != nil {
		return out, err
	}
	depth := map[string]*awsop.Parts{}
	for n := range known.LoadBalancers {
		depth[known.LoadBalancers[n].ARN] = &known.LoadBalancers[n].Parts
	}
	for n := range known.TargetGroups {
		depth[known.TargetGroups[n].ARN] = &known.TargetGroups[n].Parts
	}
	for n := range known.Listeners {
		depth[known.Listeners[n].ARN] = &known.Listeners[n].Parts
	}
	d := details{i: i, obs: out.Clone(), reads: func(x awsop.Part, arn, _ string, _ *awsop.Parts) bool {
		was := depth[arn]
		return was == nil && x != awsop.PartAttributes || was != nil && was.Known(x)
	}}
	d.plan()
	if err := d.run(ctx); err != nil {
		return out, err
	}
	d.read.putInto(&out, awsop.Read)
	return out, nil
}

// listedAgain reads by ARN and id what a listing shows of a stack.
func (i *Inventory) listedAgain(ctx context.Context, known awsop.Observed) (awsop.Observed, error) {
	var balancers, targetGroups, groups []string
	for _, lb := range known.LoadBalancers {
		balancers = append(balancers, lb.ARN)
	}
	for _, tg := range known.TargetGroups {
		targetGroups = append(targetGroups, tg.ARN)
	}
	for _, g := range known.SecurityGroups {
		groups = append(groups, g.GroupID)
	}
	found := awsop.Observed{Key: known.Key}
	var tags map[string]map[string]string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		found.LoadBalancers, err = inBatches(balancers, func(arns []string) ([]awsop.LoadBalancer, error) {
			return i.describeLoadBalancers(gctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: arns})
		})
		return err
	})
	g.Go(func() (err error) {
		found.TargetGroups, err = inBatches(targetGroups, func(arns []string) ([]awsop.TargetGroup, error) {
			return i.describeTargetGroups(gctx, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: arns})
		})
		return err
	})
	g.Go(func() (err error) {
		found.SecurityGroups, err = i.groups.Read(gctx, groups...)
		return err
	})
	g.Go(func() (err error) { tags, err = i.allTags(gctx, arnsOf(&known)); return err })
	if err := g.Wait(); err != nil {
		return found, err
	}
	of := i.byStack(found, func(arn string) map[string]string { return tags[arn] })
	own := of[known.Key]
	if own == nil {
		own = &awsop.Observed{Key: known.Key}
	}
	for _, lb := range found.LoadBalancers {
		is := func(o awsop.LoadBalancer) bool { return o.ARN == lb.ARN }
		if at := slices.IndexFunc(known.LoadBalancers, is); at < 0 || !known.LoadBalancers[at].Foreign ||
			slices.ContainsFunc(own.LoadBalancers, is) { // the last: it has become the stack's
			continue
		}
		lb.Foreign, lb.Tags = true, tags[lb.ARN]
		lb.Set(awsop.Read, awsop.PartTags)
		own.LoadBalancers = append(own.LoadBalancers, lb)
	}
	if hasMore(&known, own, nil) {
		return found, fmt.Errorf("%s: %w", known.Key, errForeign)
	}
	return *own, nil
}

// inBatches reads some resources, as many at a time as a call may name.
func inBatches[T any](ids []string, read func([]string) ([]T, error)) (out []T, err error) {
	for some := range slices.Chunk(ids, tagBatch) {
		got, err := read(some)
		if err != nil {
			return nil, err
		}
		out = append(out, got...)
	}
	return out, nil
}
