package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// limitedSTS passes every call of STS through the limiter.
type limitedSTS struct {
	inner STS
	l     *Limiter
}

func (c limitedSTS) GetCallerIdentity(ctx context.Context, in *sts.GetCallerIdentityInput, opts ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	return call(ctx, c.l, ServiceSTS, "GetCallerIdentity", in, c.inner.GetCallerIdentity, opts)
}
