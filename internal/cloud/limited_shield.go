package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/shield"
)

// limitedShield passes every call of Shield through the limiter.
type limitedShield struct {
	inner Shield
	l     *Limiter
}

func (c limitedShield) CreateProtection(ctx context.Context, in *shield.CreateProtectionInput, opts ...func(*shield.Options)) (*shield.CreateProtectionOutput, error) {
	return call(ctx, c.l, ServiceShield, "CreateProtection", in, c.inner.CreateProtection, opts)
}

func (c limitedShield) DeleteProtection(ctx context.Context, in *shield.DeleteProtectionInput, opts ...func(*shield.Options)) (*shield.DeleteProtectionOutput, error) {
	return call(ctx, c.l, ServiceShield, "DeleteProtection", in, c.inner.DeleteProtection, opts)
}

func (c limitedShield) DescribeProtection(ctx context.Context, in *shield.DescribeProtectionInput, opts ...func(*shield.Options)) (*shield.DescribeProtectionOutput, error) {
	return call(ctx, c.l, ServiceShield, "DescribeProtection", in, c.inner.DescribeProtection, opts)
}

func (c limitedShield) GetSubscriptionState(ctx context.Context, in *shield.GetSubscriptionStateInput, opts ...func(*shield.Options)) (*shield.GetSubscriptionStateOutput, error) {
	return call(ctx, c.l, ServiceShield, "GetSubscriptionState", in, c.inner.GetSubscriptionState, opts)
}
