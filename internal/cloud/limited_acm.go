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
