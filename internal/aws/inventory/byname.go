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

// byName caches what users name. It reads one name per call, because a missing name would fail a call for several.
func byName[T any](cfg *Config, lifetime time.Duration, absence backoff.Policy,
	read func(ctx context.Context, name string) (v T, found bool, err error)) *cache.Cache[string, T] {
	return cache.New(cache.Config[string, T]{
		Now: cfg.Now, Lifetime: lifetime, Absence: absence, Stale: cache.Stale, Wait: cfg.Moment,
		Passing: awsclient.Passing, Batch: 1, Read: cache.One(read),
	})
}

// named returns an element for each name: the zero value for one that does not exist.
func named[T any](ctx context.Context, c *cache.Cache[string, T], names []string) (map[string]T, error) {
	got, err := c.Get(ctx, names...)
	out := make(map[string]T, len(names))
	for _, n := range names {
		out[n] = got[n]
	}
	return out, err
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
