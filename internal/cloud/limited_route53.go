package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/route53"
)

// limitedRoute53 passes every call of Route 53 through the limiter.
type limitedRoute53 struct {
	inner Route53
	l     *Limiter
}

func (c limitedRoute53) ChangeResourceRecordSets(ctx context.Context, in *route53.ChangeResourceRecordSetsInput, opts ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error) {
	return call(ctx, c.l, ServiceRoute53, "ChangeResourceRecordSets", in, c.inner.ChangeResourceRecordSets, opts)
}

func (c limitedRoute53) ListHostedZones(ctx context.Context, in *route53.ListHostedZonesInput, opts ...func(*route53.Options)) (*route53.ListHostedZonesOutput, error) {
	return call(ctx, c.l, ServiceRoute53, "ListHostedZones", in, c.inner.ListHostedZones, opts)
}
