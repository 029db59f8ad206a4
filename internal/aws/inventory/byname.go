package inventory

import (
	"context"
	"fmt"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

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

// policyLifetime is how long it counts as known whether a TLS policy exists: AWS adds some a year.
const policyLifetime = 24 * time.Hour

// newSSLPolicies caches which TLS policies exist. It reads one name per call, as newTargetGroups does.
func (i *Inventory) newSSLPolicies() *cache.Cache[string, bool] {
	return cache.New(cache.Config[string, bool]{
		Now: i.cfg.Now, Lifetime: policyLifetime, Absence: backoff.Policy{First: policyLifetime, Longest: policyLifetime},
		Stale: cache.Stale, Wait: i.cfg.Moment, Passing: awsclient.Passing,
		Batch: 1, Read: cache.One(i.sslPolicyByName),
	})
}

func (i *Inventory) policyFacts(ctx context.Context, names []string) (put func(*facts.Facts), err error) {
	got, err := i.sslPolicies.Get(ctx, names...)
	return func(f *facts.Facts) {
		f.SSLPolicies = map[string]bool{}
		for _, n := range names {
			f.SSLPolicies[n] = got[n]
		}
	}, err
}

func (i *Inventory) sslPolicyByName(ctx context.Context, name string) (exists, found bool, err error) {
	_, err = i.clients.ELBV2.DescribeSSLPolicies(ctx, &elbv2.DescribeSSLPoliciesInput{Names: []string{name}})
	switch {
	case err == nil:
		return true, true, nil
	case awsclient.Classify(err).Code == "SSLPolicyNotFound" || awsclient.Classify(err).Code == "ValidationError":
		return false, false, nil
	}
	return false, false, fmt.Errorf("reading TLS policy %s: %w", name, err)
}
