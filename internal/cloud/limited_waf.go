package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
)

// limitedWAFv2 passes every call of AWS WAF through the limiter.
type limitedWAFv2 struct {
	inner WAFv2
	l     *Limiter
}

func (c limitedWAFv2) AssociateWebACL(ctx context.Context, in *wafv2.AssociateWebACLInput, opts ...func(*wafv2.Options)) (*wafv2.AssociateWebACLOutput, error) {
	return call(ctx, c.l, ServiceWAFv2, "AssociateWebACL", in, c.inner.AssociateWebACL, opts)
}

func (c limitedWAFv2) DisassociateWebACL(ctx context.Context, in *wafv2.DisassociateWebACLInput, opts ...func(*wafv2.Options)) (*wafv2.DisassociateWebACLOutput, error) {
	return call(ctx, c.l, ServiceWAFv2, "DisassociateWebACL", in, c.inner.DisassociateWebACL, opts)
}

func (c limitedWAFv2) GetWebACLForResource(ctx context.Context, in *wafv2.GetWebACLForResourceInput, opts ...func(*wafv2.Options)) (*wafv2.GetWebACLForResourceOutput, error) {
	return call(ctx, c.l, ServiceWAFv2, "GetWebACLForResource", in, c.inner.GetWebACLForResource, opts)
}

func (c limitedWAFv2) ListWebACLs(ctx context.Context, in *wafv2.ListWebACLsInput, opts ...func(*wafv2.Options)) (*wafv2.ListWebACLsOutput, error) {
	return call(ctx, c.l, ServiceWAFv2, "ListWebACLs", in, c.inner.ListWebACLs, opts)
}

// limitedWAFRegional passes every call of WAF Classic through the limiter.
type limitedWAFRegional struct {
	inner WAFRegional
	l     *Limiter
}

func (c limitedWAFRegional) AssociateWebACL(ctx context.Context, in *wafregional.AssociateWebACLInput, opts ...func(*wafregional.Options)) (*wafregional.AssociateWebACLOutput, error) {
	return call(ctx, c.l, ServiceWAFRegional, "AssociateWebACL", in, c.inner.AssociateWebACL, opts)
}

func (c limitedWAFRegional) DisassociateWebACL(ctx context.Context, in *wafregional.DisassociateWebACLInput, opts ...func(*wafregional.Options)) (*wafregional.DisassociateWebACLOutput, error) {
	return call(ctx, c.l, ServiceWAFRegional, "DisassociateWebACL", in, c.inner.DisassociateWebACL, opts)
}

func (c limitedWAFRegional) GetWebACLForResource(ctx context.Context, in *wafregional.GetWebACLForResourceInput, opts ...func(*wafregional.Options)) (*wafregional.GetWebACLForResourceOutput, error) {
	return call(ctx, c.l, ServiceWAFRegional, "GetWebACLForResource", in, c.inner.GetWebACLForResource, opts)
}
