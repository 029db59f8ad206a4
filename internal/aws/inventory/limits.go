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
)

// newLimits caches the account's limits. They are read only where something would exceed AWS's defaults.
func (i *Inventory) newLimits() *cache.Value[map[string]int] {
	return cache.NewValue(cache.Config[string, map[string]int]{
		Now: i.cfg.Now, Lifetime: limitLifetime, Stale: cache.Stale, Wait: i.cfg.Moment, Passing: awsclient.Passing,
		FailureLifetime: func(err error) time.Duration {
			if awsclient.Passing(err) {
				return absentLifetime
			}
			return limitDenied
		},
	}, i.readLimits)
}

// readLimits reads the account's limits by name.
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
			return all, nil
		}
	}
}
