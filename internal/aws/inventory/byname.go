package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
)

const (
	targetGroupLifetime = 20 * time.Minute
	// nameBatch is how many names or ARNs DescribeTargetGroups and DescribeLoadBalancers take.
	nameBatch = 20
)

// absentPauses are the pauses between reads of a name that does not exist: users correct that soon, or never.
var absentPauses = backoff.Policy{First: absentLifetime, Longest: time.Minute}

// byName caches what users name. A read has only names of one object or group: AWS may refuse it for one name. A list
// may lack a name by mistake: one that was found before is read by itself before it counts as absent.
func byName[T any](cfg *Config, lifetime time.Duration, absence backoff.Policy,
	read func(ctx context.Context, names []string) (map[string]T, error)) (c *cache.Cache[string, T]) {
	c = cache.New(cache.Config{
		Now: cfg.Now, Lifetime: lifetime, Absence: absence, Stale: cache.Stale, Wait: cfg.Moment,
		Passing: awsclient.Passing, Batch: nameBatch, Apart: true,
	}, func(ctx context.Context, names []string) (map[string]T, error) {
		found, err := read(ctx, names)
		for _, n := range names {
			_, exists := found[n]
			if _, existed := c.Peek(n); err == nil && existed && !exists && len(names) > 1 {
				var alone map[string]T
				alone, err = read(ctx, []string{n})
				maps.Copy(found, alone)
			}
		}
		return found, err
	})
	return c
}

// named reads names of a kind. put enters the answers into facts: the zero value for a name that does not exist, and an
// error for a name that could not be read.
func named[T any](ctx context.Context, c *cache.Cache[string, T], kind facts.NeedKind, names []string,
	enter func(*facts.Facts, map[string]T)) (put func(*facts.Facts), err error) {
	got, failed, err := c.Each(ctx, names...)
	if err != nil {
		return nil, err
	}
	answers := make(map[string]T, len(names))
	for _, n := range names {
		if failed[n] == nil {
			answers[n] = got[n]
		}
	}
	return func(f *facts.Facts) {
		enter(f, answers)
		for n, err := range failed {
			f.Fail(facts.Need{Kind: kind, Key: n}, awsclient.Problem("", err))
		}
	}, nil
}

// refusesNames reports whether AWS refuses a call because one of its names or ARNs does not exist, or can be none.
func refusesNames(err error) bool {
	c := awsclient.Classify(err)
	return c.Class == diag.NotFound || c.Code == awsclient.CodeValidation
}

// orListed is the answer to a call for some names, without those that do not exist. If AWS refuses several names, it
// does not say which one: the answer is then the list of all, which all callers share.
func orListed[T any](ctx context.Context, answer []T, err error, names int, all *cache.Value[[]T]) ([]T, error) {
	switch {
	case err == nil || !refusesNames(err):
		return answer, err
	case names == 1:
		return nil, nil
	}
	if answer, err = all.Get(ctx); err != nil {
		err = fmt.Errorf("listing all to find some: %w", err)
	}
	return answer, err
}

// targetGroupsByName reads at most nameBatch target groups, in one call.
func (i *Inventory) targetGroupsByName(ctx context.Context, names []string) (map[string]*facts.TargetGroup, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !naming.Possible(n) })
	out := map[string]*facts.TargetGroup{}
	if len(names) == 0 {
		return out, nil
	}
	groups, _, err := i.targetGroupPage(ctx, &elbv2.DescribeTargetGroupsInput{Names: names})
	if groups, err = orListed(ctx, groups, err, len(names), i.allTargetGroups); err != nil {
		return nil, fmt.Errorf("reading target groups by name: %w", err)
	}
	for n := range groups {
		if slices.Contains(names, aws.ToString(groups[n].TargetGroupName)) {
			tg := awsclient.FromTargetGroup(groups[n])
			out[tg.Name] = &facts.TargetGroup{ARN: tg.ARN, Name: tg.Name, Protocol: tg.Protocol, TargetType: tg.TargetType}
		}
	}
	return out, nil
}

// wholeList caches a list that shows which of several names exist.
func wholeList[T any](cfg *Config, lifetime time.Duration,
	page func(ctx context.Context, next *string) ([]T, *string, error)) *cache.Value[[]T] {
	return cache.NewValue(cache.Config{Now: cfg.Now, Lifetime: lifetime, Wait: cfg.Moment},
		func(ctx context.Context) ([]T, error) {
			var list pages[T]
			err := list.read(func() {}, func(next *string) ([]T, *string, error) { return page(ctx, next) })
			return list.items, err
		})
}

// policyLifetime is how long it counts as known whether a TLS policy exists: AWS adds some a year.
const policyLifetime = 24 * time.Hour

// sslPoliciesByName finds TLS policies in the list of all, which all callers share: misspelt names cost no call each.
func (i *Inventory) sslPoliciesByName(ctx context.Context, names []string) (map[string]bool, error) {
	all, err := i.allSSLPolicies.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing TLS policies: %w", err)
	}
	out := map[string]bool{}
	for n := range all {
		if name := aws.ToString(all[n].Name); slices.Contains(names, name) {
			out[name] = true
		}
	}
	return out, nil
}

// sslPolicyPage reads a page of the TLS policies. AWS has about a hundred.
func (i *Inventory) sslPolicyPage(ctx context.Context, next *string) ([]elbv2types.SslPolicy, *string, error) {
	out, err := i.clients.ELBV2.DescribeSSLPolicies(ctx, &elbv2.DescribeSSLPoliciesInput{Marker: next,
		PageSize: aws.Int32(400)})
	if err != nil {
		return nil, nil, err
	}
	return out.SslPolicies, out.NextMarker, nil
}
