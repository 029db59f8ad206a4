package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/cache"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	targetGroupLifetime = 20 * time.Minute
	trustStoreLifetime  = 10 * time.Minute
)

// absentPauses are those between reads of what was asked for by name and does not exist: people fix that.
var absentPauses = backoff.Policy{First: absentLifetime, Longest: absentLifetime}

// newTargetGroups caches target groups of users by name. Each is one call: a missing name would fail a call for several.
func (i *Inventory) newTargetGroups() *cache.Cache[string, *facts.TargetGroup] {
	return cache.New(cache.Config[string, *facts.TargetGroup]{
		Now: i.cfg.Now, Lifetime: targetGroupLifetime, Absence: absentPauses, Stale: cache.Stale, Wait: i.cfg.Moment, Passing: cloud.Passing,
		Batch: 1, Read: cache.One(i.targetGroupByName),
	})
}

func (i *Inventory) targetGroupFacts(ctx context.Context, names []string) (put func(*facts.Facts), err error) {
	got, err := i.targetGroups.Get(ctx, names...)
	return func(f *facts.Facts) {
		f.TargetGroups = map[string]*facts.TargetGroup{}
		for _, n := range names {
			f.TargetGroups[n] = got[n]
		}
	}, err
}

func (i *Inventory) targetGroupByName(ctx context.Context, name string) (tg *facts.TargetGroup, found bool, err error) {
	of, err := i.find(ctx, stack.KindTargetGroup, "", name)
	if err != nil {
		return nil, false, fmt.Errorf("reading target group %s: %w", name, err)
	}
	for _, t := range of.TargetGroups {
		return &facts.TargetGroup{ARN: t.ARN, Name: t.Name, Protocol: t.Protocol, TargetType: t.TargetType}, true, nil
	}
	return nil, false, nil
}

// newTrustStores caches the ARNs of trust stores by name. A region has few: all are read at once, as one missing name fails a call by
// names.
func (i *Inventory) newTrustStores() *cache.Value[map[string]string] {
	return cache.NewValue(cache.Config[struct{}, map[string]string]{
		Now: i.cfg.Now, Lifetime: trustStoreLifetime, Stale: cache.Stale, Wait: i.cfg.Moment, Passing: cloud.Passing,
	}, i.listTrustStores)
}

func (i *Inventory) trustStoreFacts(ctx context.Context, names []string) (put func(*facts.Facts), err error) {
	all, err := i.trustStores.Get(ctx)
	if err == nil && slices.ContainsFunc(names, func(n string) bool { return all[n] == "" }) { // an absence is believed briefly only
		all, err = i.trustStores.Within(ctx, absentLifetime)
	}
	return func(f *facts.Facts) {
		f.TrustStores = map[string]string{}
		for _, n := range names {
			f.TrustStores[n] = all[n]
		}
	}, err
}

func (i *Inventory) listTrustStores(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	for p := elbv2.NewDescribeTrustStoresPaginator(i.clients.ELBV2, &elbv2.DescribeTrustStoresInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing trust stores: %w", err)
		}
		for _, t := range page.TrustStores {
			out[aws.ToString(t.Name)] = aws.ToString(t.TrustStoreArn)
		}
	}
	return out, nil
}
