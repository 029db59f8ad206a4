package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// tagBatch is how many ARNs DescribeTags takes.
const tagBatch = 20

// readTags are the tags of a resource, and the mark at which this process wrote them or began to read them. Of two
// answers about a resource, the one with the greater mark counts.
type readTags struct {
	tags map[string]string // nil = they must be read: this process wrote some of them, or deleted the resource
	order.Mark
}

func (t readTags) known() bool { return t.tags != nil }

// assumed reports whether an earlier process found the tags, those of a stack.
func (t readTags) assumed() bool { return t.N == 0 && len(t.tags) > 0 }

// retag records the tags of a resource that this process wrote; nil = they must be read. The caller holds i.mu.
func (i *Inventory) retag(arn string, tags map[string]string) {
	i.tags[arn] = readTags{maps.Clone(tags), i.history.Now()}
}

// noteTags records tags that were just read, unless newer ones are known. The caller holds i.mu.
func (i *Inventory) noteTags(arn string, t readTags) {
	if i.tags[arn].N <= t.N {
		i.tags[arn] = t
	}
}

// takeTags records tags that were just read. If an earlier process left tags of the resource, of is the stack that
// those name. differs is true if they differ from the tags that were read: then the next Observed of that stack reads
// the resource. The caller holds i.mu.
func (i *Inventory) takeTags(arn string, t readTags) (of stack.Key, differs bool) {
	was := i.tags[arn]
	i.tags[arn] = t
	if !was.assumed() {
		return of, false
	}
	of, _, _ = naming.StackOf(i.cfg.Cluster, arn, was.tags)
	e := i.stacks[of]
	if e == nil {
		return of, false
	}
	if lb := e.loadBalancer(arn); lb != nil {
		lb.Set(awsop.Read, awsop.PartTags)
	}
	if tg := e.obs.TargetGroup(arn); tg != nil {
		tg.Set(awsop.Read, awsop.PartTags)
	}
	if maps.Equal(was.tags, t.tags) {
		return of, false
	}
	e.markUncertain(uncertain{kind: kindOf(arn), id: arn})
	return of, true
}

// assumesTags reports whether there are tags that only an earlier process has read. The caller holds i.mu.
func (i *Inventory) assumesTags() bool {
	for _, t := range i.tags {
		if t.assumed() {
			return true
		}
	}
	return false
}

// keptTags returns the tags of load balancers and target groups that an earlier process kept for a stack, if they name
// that stack. The caller holds i.mu.
func (i *Inventory) keptTags() map[string]readTags {
	out := map[string]readTags{}
	for key, d := range i.kept.Stacks {
		for arn, tags := range d.Tags {
			if k, _, ours := naming.StackOf(i.cfg.Cluster, arn, tags); ours && k == key {
				out[arn] = readTags{tags, order.Mark{At: i.kept.Since}}
			}
		}
	}
	return out
}

// listTags returns the tags of all listed resources: believed ones (believedTags), and others that it reads.
func (i *Inventory) listTags(ctx context.Context, l *listing, progressed func()) (map[string]readTags, error) {
	all := l.arns()
	i.mu.Lock()
	tags := i.believedTags()
	if i.listed.N == 0 {
		for arn, t := range i.keptTags() {
			if _, read := tags[arn]; !read {
				tags[arn] = t
			}
		}
		for arn, t := range i.assumedForeign(all) {
			if _, read := tags[arn]; !read {
				tags[arn] = t
			}
		}
	}
	i.mu.Unlock()
	unknown := slices.DeleteFunc(slices.Clone(all), func(arn string) bool {
		return tags[arn].known() || i.Gone(arn) // this process deleted it while the list was read
	})
	var mu sync.Mutex
	unknown = i.listIndexed(ctx, unknown, progressed, func(arn string, t readTags) { tags[arn] = t })
	reported, known := i.cfg.Now(), len(all)-len(unknown)
	err := i.describeTags(ctx, unknown, func(begun order.Mark, asked int, read map[string]map[string]string) {
		progressed()
		i.notify(i.keepTags(read, begun))
		mu.Lock()
		defer mu.Unlock()
		for arn, t := range read {
			tags[arn] = readTags{t, begun}
		}
		known += asked
		if now := i.cfg.Now(); now.Sub(reported) >= progressEvery && i.cfg.Progress != nil {
			reported = now
			i.cfg.Progress(known, len(all))
		}
	})
	return tags, err
}

// keepTags records tags as soon as they are read, so that they need not be read again if the listing fails later. It
// skips resources whose known tags are newer. differ are the stacks for which an earlier process left other tags.
func (i *Inventory) keepTags(read map[string]map[string]string, begun order.Mark) (differ []stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for arn, t := range read {
		if i.tags[arn].N <= begun.N {
			if key, differs := i.takeTags(arn, readTags{t, begun}); differs {
				differ = append(differ, key)
			}
		}
	}
	return differ
}

// believedTags returns the tags that a listing need not read: those that were read since their stack was last
// invalidated, without those of agedForAListing. Their stack is the one that they name, or that the resource is known
// to belong to. Only the first listing believes tags of an earlier process. The caller holds i.mu.
func (i *Inventory) believedTags() map[string]readTags {
	out := maps.Clone(i.tags)
	old := func(e *entry, arn string) bool { return e != nil && e.invalid() && e.invalidated.N > i.tags[arn].N }
	for arn, t := range i.tags {
		if k, _, ok := naming.StackOf(i.cfg.Cluster, arn, t.tags); t.assumed() || ok && old(i.stacks[k], arn) {
			delete(out, arn)
		}
	}
	for _, arn := range i.agedForAListing() {
		delete(out, arn)
	}
	for _, e := range i.stacks {
		if !e.invalid() {
			continue
		}
		for _, arn := range arnsOf(&e.obs) {
			if old(e, arn) {
				delete(out, arn)
			}
		}
	}
	return out
}

// describeTags reads tags in batches, several in parallel, and hands over each batch when it arrives, with the mark at
// which the read began and the number of resources that were asked for. Resources that no longer exist are left out.
// After a batch has failed, no other one begins; batches in progress end.
func (i *Inventory) describeTags(ctx context.Context, arns []string,
	take func(begun order.Mark, asked int, read map[string]map[string]string)) error {
	var g errgroup.Group
	var failed atomic.Bool
	g.SetLimit(readers)
	for b := range slices.Chunk(arns, tagBatch) {
		g.Go(func() error {
			if failed.Load() {
				return nil
			}
			begun := i.begin()
			read, err := i.describeTagBatch(ctx, b)
			if err != nil {
				failed.Store(true)
				return err
			}
			take(begun, len(b), read)
			return nil
		})
	}
	return g.Wait()
}

// allTags reads the tags of some resources, without those that no longer exist.
func (i *Inventory) allTags(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	out := make(map[string]map[string]string, len(arns))
	var mu sync.Mutex
	err := i.describeTags(ctx, arns, func(_ order.Mark, _ int, read map[string]map[string]string) {
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(out, read)
	})
	return out, err
}

// describeTagBatch reads the tags of a batch. A missing resource fails the whole call. describeTagBatch then leaves out
// resources that this process has deleted meanwhile; otherwise it splits the batch in four parts, and these in single
// resources: a full batch takes at most 25 calls.
func (i *Inventory) describeTagBatch(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	got, err := i.clients.ELBV2.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: arns})
	switch {
	case err == nil:
		for _, d := range got.TagDescriptions {
			out[aws.ToString(d.ResourceArn)] = awsclient.BalancingPairs(d.Tags)
		}
		for _, arn := range arns { // AWS describes each, also those without tags, or refuses the call
			if out[arn] == nil && !i.Gone(arn) {
				return nil, fmt.Errorf("describing tags: AWS answered without those of %s", arn)
			}
		}
		return out, nil
	case !vanished(err):
		return nil, fmt.Errorf("describing tags: %w", err)
	case len(arns) == 1:
		return out, nil
	}
	if rest := slices.DeleteFunc(slices.Clone(arns), i.Gone); len(rest) < len(arns) {
		if len(rest) == 0 {
			return out, nil
		}
		return i.describeTagBatch(ctx, rest)
	}
	for some := range slices.Chunk(arns, max(1, len(arns)/4)) {
		part, err := i.describeTagBatch(ctx, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, part)
	}
	return out, nil
}

const (
	// indexPage is how many resources GetResources returns at most with a call.
	indexPage = 100
	// indexLag is how far the index of tags may lag: AWS promises no limit, and lags of minutes were seen. Tags from the
	// index never count as just read.
	indexLag = 10 * time.Minute
)

// indexed are the types of resources whose tags are listed.
var indexed = []string{"elasticloadbalancing:loadbalancer", "elasticloadbalancing:targetgroup"}

// listIndexed reads the tags of resources by the Resource Groups Tagging API, if flags allow it and it takes fewer
// calls than DescribeTags. It hands over the tags that it finds, and returns the resources that are left for
// DescribeTags: resources that the index does not have, because they have no tags or are new; resources that were
// last known as the cluster's, because this process may have written their tags since; and all resources if AWS does
// not answer. If the role lacks the permission, startup.Calls reports it.
func (i *Inventory) listIndexed(ctx context.Context, arns []string, progressed func(),
	take func(arn string, t readTags)) (left []string) {
	if !i.cfg.TaggingAPI || i.clients.Tagging == nil {
		return arns
	}
	read, left := map[string]map[string]string{}, i.lastSeenOwn(arns)
	if len(arns)-len(left) <= tagBatch {
		return arns
	}
	own := map[string]bool{}
	for _, arn := range left {
		own[arn] = true
	}
	begun := i.begin()
	found, err := i.getResources(ctx, progressed)
	if err != nil {
		return arns
	}
	for _, arn := range arns {
		switch t, ok := found[arn]; {
		case own[arn]:
		case ok:
			read[arn] = t
		default:
			left = append(left, arn)
		}
	}
	begun.At = begun.At.Add(-indexLag)
	i.notify(i.keepTags(read, begun))
	for arn, t := range read {
		take(arn, readTags{t, begun})
	}
	return left
}

// lastSeenOwn returns the resources whose tags were the cluster's when this process last read or wrote them.
func (i *Inventory) lastSeenOwn(arns []string) (own []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, arn := range arns {
		if _, _, ours := naming.StackOf(i.cfg.Cluster, arn, i.tags[arn].tags); ours {
			own = append(own, arn)
		}
	}
	return own
}

// getResources returns the tags of all tagged load balancers and target groups of the account, by ARN.
func (i *Inventory) getResources(ctx context.Context, progressed func()) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	in := &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: slices.Clone(indexed),
		ResourcesPerPage: aws.Int32(indexPage)}
	for {
		page, err := i.clients.Tagging.GetResources(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("reading tags by the Resource Groups Tagging API: %w", err)
		}
		progressed()
		for _, r := range page.ResourceTagMappingList {
			if len(r.Tags) > 0 { // the index also has resources that had tags once
				out[aws.ToString(r.ResourceARN)] = awsclient.ResourceTags(r.Tags)
			}
		}
		if aws.ToString(page.PaginationToken) == "" {
			return out, nil
		}
		in.PaginationToken = page.PaginationToken
	}
}
