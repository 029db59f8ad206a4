package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

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
