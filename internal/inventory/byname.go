package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/cache"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
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

func (a *answer) targetGroups(ctx context.Context) error {
	names := a.keys(facts.NeedTargetGroupName)
	got, err := a.i.targetGroups.Get(ctx, names...)
	if err != nil {
		return err
	}
	a.set(func(f *facts.Facts) {
		f.TargetGroups = map[string]*facts.TargetGroup{}
		for _, n := range names {
			f.TargetGroups[n] = got[n]
		}
	})
	return nil
}

func (i *Inventory) targetGroupByName(ctx context.Context, name string) (tg *facts.TargetGroup, found bool, err error) {
	out, err := i.clients.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Names: []string{name}})
	switch {
	case err != nil && vanished(err):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("describing target group %s: %w", name, err)
	case len(out.TargetGroups) == 0:
		return nil, false, nil
	}
	t := out.TargetGroups[0]
	return &facts.TargetGroup{
		ARN: aws.ToString(t.TargetGroupArn), Name: aws.ToString(t.TargetGroupName), Protocol: string(t.Protocol), TargetType: string(t.TargetType),
	}, true, nil
}

// newTrustStores caches the ARNs of trust stores by name. A region has few: all are read at once, as one missing name fails a call by
// names.
func (i *Inventory) newTrustStores() *cache.Value[map[string]string] {
	return cache.NewValue(cache.Config[struct{}, map[string]string]{
		Now: i.cfg.Now, Lifetime: trustStoreLifetime, Stale: cache.Stale, Wait: i.cfg.Moment, Passing: cloud.Passing,
	}, i.listTrustStores)
}

func (a *answer) trustStores(ctx context.Context) error {
	all, err := a.i.trustStores.Get(ctx)
	if err != nil {
		return err
	}
	names := a.keys(facts.NeedTrustStore)
	for _, n := range names {
		if all[n] == "" { // an absence is believed briefly only
			if all, err = a.i.trustStores.Within(ctx, absentLifetime); err != nil {
				return err
			}
			break
		}
	}
	a.set(func(f *facts.Facts) {
		f.TrustStores = map[string]string{}
		for _, n := range names {
			f.TrustStores[n] = all[n]
		}
	})
	return nil
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
