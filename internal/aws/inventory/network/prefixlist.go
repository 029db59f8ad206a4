package network

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	listLifetime = 10 * time.Minute // owners give lists more entries now and then
	// listDenied is how long it is believed that lists may not be read, listFailed how long a failure that may pass is the
	// answer.
	listDenied, listFailed = 10 * time.Minute, 15 * time.Second
	// cloudFrontEntries is what AWS counts for the list of CloudFront's origin-facing addresses, of which EC2 returns no
	// number of entries (VPC user guide, "AWS-managed prefix list weight").
	cloudFrontEntries = 55
	cloudFrontName    = "cloudfront.origin-facing"
)

func newPrefixLists(client awsclient.EC2, now func() time.Time, wait time.Duration) *cache.Cache[string,
	stack.PrefixList] {
	return cache.New(cache.Config{
		Now: now, Lifetime: listLifetime, Absence: cache.AbsencePauses, Stale: cache.Stale, Wait: wait,
		Passing: awsclient.Passing, Batch: filterValues,
		FailureLifetime: func(err error) time.Duration {
			if awsclient.Passing(err) {
				return listFailed
			}
			return listDenied
		},
	}, func(ctx context.Context, ids []string) (map[string]stack.PrefixList, error) {
		return describePrefixLists(ctx, client, ids)
	})
}

// PrefixLists finds prefix lists by id. One that does not exist, or without a known number of entries, is missing from
// the result, which belongs to the caller.
func (n *Network) PrefixLists(ctx context.Context, ids []string) (map[string]stack.PrefixList, error) {
	return n.lists.Get(ctx, ids...)
}

// ForgetPrefixLists has prefix lists read again; no id stands for all.
func (n *Network) ForgetPrefixLists(ids ...string) { n.lists.Forget(ids...) }

// describePrefixLists reads by filter, which unlike ids does not fail for a list that does not exist.
func describePrefixLists(ctx context.Context, client awsclient.EC2, ids []string) (map[string]stack.PrefixList, error) {
	out := map[string]stack.PrefixList{}
	in := &ec2.DescribeManagedPrefixListsInput{Filters: []types.Filter{{Name: aws.String("prefix-list-id"), Values: ids}}}
	for p := ec2.NewDescribeManagedPrefixListsPaginator(client, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing prefix lists: %w", err)
		}
		for i := range page.PrefixLists {
			l := &page.PrefixLists[i]
			entries := int(aws.ToInt32(l.MaxEntries))
			if entries == 0 && strings.HasSuffix(aws.ToString(l.PrefixListName), cloudFrontName) {
				entries = cloudFrontEntries
			}
			if entries > 0 {
				out[aws.ToString(l.PrefixListId)] = stack.PrefixList{MaxEntries: entries,
					IPv6: aws.ToString(l.AddressFamily) == "IPv6"}
			}
		}
	}
	return out, nil
}
