package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const targetGroupLifetime = 20 * time.Minute

// absentPauses are the pauses between reads of a name that does not exist: users correct that soon.
var absentPauses = backoff.Policy{First: absentLifetime, Longest: absentLifetime}

// newTargetGroups caches target groups of users by name. It reads one name per call, because a missing name would
// fail a call for several.
func (i *Inventory) newTargetGroups() *cache.Cache[string, *facts.TargetGroup] {
	return cache.New(cache.Config[string, *facts.TargetGroup]{
		Now: i.cfg.Now, Lifetime: targetGroupLifetime, Absence: absentPauses, Stale: cache.Stale, Wait: i.cfg.Moment,
		Passing: awsclient.Passing,
		Batch:   1, Read: cache.One(i.targetGroupByName),
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
