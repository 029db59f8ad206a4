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
	// indexLag is how old what the index of tags shows may be: AWS promises no bound, and it was seen to be behind by
	// minutes. Tags of it never count as just read.
	indexLag = 10 * time.Minute
)

// indexed are the types of resources whose tags are listed.
var indexed = []string{"elasticloadbalancing:loadbalancer", "elasticloadbalancing:targetgroup"}

// listIndexed reads the tags of resources by the Resource Groups Tagging API, if that may be used and takes fewer calls
// than DescribeTags. It hands over what it finds, and returns the resources that are left for DescribeTags: those that
// the index does not have, because they have no tags or are new, those that were the cluster's when they were read
// last, whose tags this process may have written since the index took them over, and all if AWS does not answer. A role
// that lacks the permission is a condition that startup.Calls shows.
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
	begun := i.beginTagRead(len(arns))
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
	begun.at = begun.at.Add(-indexLag)
	i.notify(i.keepTags(read, begun))
	for arn, t := range read {
		take(arn, readTags{tags: t, version: begun.version})
	}
	return left
}

// lastSeenOwn are those of resources whose tags were the cluster's when this process read or wrote them last.
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

// getResources are the tags of all load balancers and target groups of the account that have any, by ARN.
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
			if len(r.Tags) > 0 { // without tags it was tagged once
				out[aws.ToString(r.ResourceARN)] = awsclient.ResourceTags(r.Tags)
			}
		}
		if aws.ToString(page.PaginationToken) == "" {
			return out, nil
		}
		in.PaginationToken = page.PaginationToken
	}
}
