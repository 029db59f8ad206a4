package inventory

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// newLimits caches the account's limits. They are read only if a load balancer would exceed AWS's defaults.
func (i *Inventory) newLimits() *cache.Value[map[string]int] {
	return cache.NewValue(cache.Config{
		Now: i.cfg.Now, Lifetime: limitLifetime, Stale: cache.Stale, Wait: i.cfg.Moment, Passing: awsclient.Passing,
		FailureLifetime: func(err error) time.Duration {
			if awsclient.Passing(err) {
				return absentLifetime
			}
			return limitDenied
		},
	}, i.readLimits)
}

// compared are the limits that the compiler compares a load balancer with. AWS lists each of them for every account.
var compared = []quota.Limit{
	quota.ListenersOf(stack.Application), quota.CertificatesOf(stack.Application), quota.CertificatesOf(stack.Network),
	quota.RulesOfApplicationLoadBalancer, quota.TargetGroupsOfApplicationLoadBalancer,
}

// readLimits reads the account's limits by name. A list without one of the compared limits is an error: with AWS's
// lower default, the controller could take away what serves.
func (i *Inventory) readLimits(ctx context.Context) (map[string]int, error) {
	all, in := map[string]int{}, &elbv2.DescribeAccountLimitsInput{}
	for {
		out, err := i.clients.ELBV2.DescribeAccountLimits(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("reading the account's limits: %w", err)
		}
		for _, l := range out.Limits {
			if n, err := strconv.Atoi(aws.ToString(l.Max)); err == nil {
				all[aws.ToString(l.Name)] = n
			}
		}
		if in.Marker = out.NextMarker; aws.ToString(in.Marker) == "" {
			break
		}
	}
	for _, l := range compared {
		if all[string(l)] == 0 {
			return nil, fmt.Errorf("reading the account's limits: AWS answered without %s", l)
		}
	}
	return all, nil
}
