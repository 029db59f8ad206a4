package awsclient

import (
	"context"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// S3 has the operations of S3 that the controller calls.
type S3 interface {
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// lazyS3 is a client of S3, created at the first call: most controllers never need it, and its tables of endpoints
// take memory.
type lazyS3 struct{ client func() S3 }

func newLazyS3(cfg aws.Config, endpoint *string) S3 {
	return &lazyS3{client: sync.OnceValue(func() S3 {
		return s3.NewFromConfig(cfg, func(o *s3.Options) {
			override(&o.BaseEndpoint, endpoint)
			// Bodies are signed, which suffices; further checksums would have them sent in chunks.
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		})
	})}
}

func (l *lazyS3) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput, o ...func(*s3.Options)) (
	*s3.DeleteObjectOutput, error) {
	return l.client().DeleteObject(ctx, in, o...)
}

func (l *lazyS3) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (
	*s3.PutObjectOutput, error) {
	return l.client().PutObject(ctx, in, o...)
}

func (s *requestBuilder) PutObject(op awsop.PutObject) {
	s.call = func(ctx context.Context) (awsop.Output, error) {
		_, err := s.c.S3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(op.Bucket), Key: aws.String(op.Key), Body: strings.NewReader(op.Content),
			ContentType: aws.String("application/x-pem-file"),
		})
		return awsop.Output{}, err
	}
}

func (s *requestBuilder) DeleteObject(op awsop.DeleteObject) {
	s.call = func(ctx context.Context) (awsop.Output, error) {
		_, err := s.c.S3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(op.Bucket), Key: aws.String(op.Key)})
		return awsop.Output{}, err
	}
}

func (s *requestBuilder) CreateTrustStore(op awsop.CreateTrustStore) {
	t := op.TrustStore
	setCreate(s, s.c.ELBV2.CreateTrustStore, &elbv2.CreateTrustStoreInput{
		Name: aws.String(t.Name), CaCertificatesBundleS3Bucket: aws.String(t.Bucket), CaCertificatesBundleS3Key: aws.String(
			t.Key), Tags: balancingPairs[elbv2types.Tag](t.Tags),
	}, func(out *elbv2.CreateTrustStoreOutput) awsop.Output {
		made := first(out.TrustStores)
		return awsop.Output{ID: value(made.TrustStoreArn), State: string(made.Status)}
	})
}

func (s *requestBuilder) ModifyTrustStore(op awsop.ModifyTrustStore) {
	setCall(s, s.c.ELBV2.ModifyTrustStore, &elbv2.ModifyTrustStoreInput{
		TrustStoreArn: s.id(op.Ref), CaCertificatesBundleS3Bucket: aws.String(op.TrustStore.Bucket),
		CaCertificatesBundleS3Key: aws.String(op.TrustStore.Key),
	})
}

func (s *requestBuilder) DeleteTrustStore(op awsop.DeleteTrustStore) {
	setCall(s, s.c.ELBV2.DeleteTrustStore, &elbv2.DeleteTrustStoreInput{TrustStoreArn: s.id(op.TrustStore)})
}
