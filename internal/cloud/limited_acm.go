package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/acm"
)

// limitedACM passes every call of ACM through the limiter.
type limitedACM struct {
	inner ACM
	l     *Limiter
}

func (c limitedACM) DescribeCertificate(ctx context.Context, in *acm.DescribeCertificateInput, opts ...func(*acm.Options)) (*acm.DescribeCertificateOutput, error) {
	return call(ctx, c.l, ServiceACM, "DescribeCertificate", in, c.inner.DescribeCertificate, opts)
}

func (c limitedACM) ListCertificates(ctx context.Context, in *acm.ListCertificatesInput, opts ...func(*acm.Options)) (*acm.ListCertificatesOutput, error) {
	return call(ctx, c.l, ServiceACM, "ListCertificates", in, c.inner.ListCertificates, opts)
}

func (c limitedACM) AddTagsToCertificate(ctx context.Context, in *acm.AddTagsToCertificateInput, opts ...func(*acm.Options)) (*acm.AddTagsToCertificateOutput, error) {
	return call(ctx, c.l, ServiceACM, "AddTagsToCertificate", in, c.inner.AddTagsToCertificate, opts)
}

func (c limitedACM) DeleteCertificate(ctx context.Context, in *acm.DeleteCertificateInput, opts ...func(*acm.Options)) (*acm.DeleteCertificateOutput, error) {
	return call(ctx, c.l, ServiceACM, "DeleteCertificate", in, c.inner.DeleteCertificate, opts)
}

func (c limitedACM) ImportCertificate(ctx context.Context, in *acm.ImportCertificateInput, opts ...func(*acm.Options)) (*acm.ImportCertificateOutput, error) {
	return call(ctx, c.l, ServiceACM, "ImportCertificate", in, c.inner.ImportCertificate, opts)
}

func (c limitedACM) ListTagsForCertificate(ctx context.Context, in *acm.ListTagsForCertificateInput, opts ...func(*acm.Options)) (*acm.ListTagsForCertificateOutput, error) {
	return call(ctx, c.l, ServiceACM, "ListTagsForCertificate", in, c.inner.ListTagsForCertificate, opts)
}

func (c limitedACM) RequestCertificate(ctx context.Context, in *acm.RequestCertificateInput, opts ...func(*acm.Options)) (*acm.RequestCertificateOutput, error) {
	return call(ctx, c.l, ServiceACM, "RequestCertificate", in, c.inner.RequestCertificate, opts)
}
