package network

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
)

// ZoneNames are the names of zones in other accounts: an account may call another zone us-west-2a than its neighbour,
// and only ids of zones are the same for both (EC2 User Guide, Availability Zone IDs). It is safe for concurrent use.
type ZoneNames struct {
	names *cache.Cache[awsclient.Scope, map[string]string]
}

// NewZoneNames makes an empty ZoneNames. own is EC2 of the own account, of connects to that of a scope.
func NewZoneNames(own awsclient.EC2, of func(awsclient.Scope) (awsclient.EC2, error), now func() time.Time) *ZoneNames {
	return &ZoneNames{cache.New(cache.Config{
		Now: now, Lifetime: zoneLifetime, Stale: cache.Stale, Passing: awsclient.Passing, Batch: 1,
	}, cache.One(func(ctx context.Context, in awsclient.Scope) (map[string]string, bool, error) {
		there, err := of(in)
		if err != nil {
			return nil, false, err
		}
		ids, err := zoneIDs(ctx, own)
		if err != nil {
			return nil, false, err
		}
		others, err := zoneIDs(ctx, there)
		if err != nil {
			return nil, false, fmt.Errorf("in %s: %w", in, err)
		}
		names := map[string]string{}
		for name, id := range others {
			names[id] = name
		}
		out := map[string]string{}
		for name, id := range ids {
			if there := names[id]; there != "" {
				out[name] = there
			}
		}
		return out, true, nil
	}))}
}

// There returns the name of a zone in the account of a scope, empty while it is not known. It does not wait: what is
// not known is read meanwhile.
func (z *ZoneNames) There(ctx context.Context, in awsclient.Scope, zone string) string {
	z.names.Refresh(ctx, in)
	names, _ := z.names.Peek(in)
	return names[zone]
}

// zoneIDs are the ids of an account's zones, by name.
func zoneIDs(ctx context.Context, client awsclient.EC2) (map[string]string, error) {
	out, err := client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
		AllAvailabilityZones: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("describing availability zones: %w", err)
	}
	ids := map[string]string{}
	for _, z := range out.AvailabilityZones {
		ids[aws.ToString(z.ZoneName)] = aws.ToString(z.ZoneId)
	}
	return ids, nil
}
