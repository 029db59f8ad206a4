package elbv2

import (
	"context"
	"crypto/x509"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Quotas of trust stores, which DescribeAccountLimits does not answer.
const (
	maxTrustStores     = 20     // of a region
	maxRevocationLists = 30     // of a trust store
	maxRevokedEntries  = 500000 // of a trust store, over all lists
	maxVerifying       = 2      // listeners of a load balancer that verify clients
)

var trustStoreName = regexp.MustCompile(`^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`)

func (s *Service) trustStore(arn *string) (*account.TrustStore, error) {
	return find(s, kindTrustStore, s.account.TrustStores, arn)
}

// CreateTrustStore creates a trust store from a bundle of certificates in a bucket.
func (s *Service) CreateTrustStore(ctx context.Context, in *elb.CreateTrustStoreInput, _ ...func(*elb.Options)) (*elb.CreateTrustStoreOutput, error) {
	return write(ctx, s, "CreateTrustStore", in, func(in *elb.CreateTrustStoreInput) (*elb.CreateTrustStoreOutput, error) {
		name := aws.ToString(in.Name)
		tags, err := newTags(in.Tags)
		if err := first(present("name", in.Name), present("caCertificatesBundleS3Bucket", in.CaCertificatesBundleS3Bucket),
			present("caCertificatesBundleS3Key", in.CaCertificatesBundleS3Key), atMost("name", name, 32),
			when(!trustStoreName.MatchString(name), shape("name", name, `satisfy regular expression pattern: ^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`)), err); err != nil {
			return nil, err
		}
		bundle, authorities, err := s.bundle(in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key, in.CaCertificatesBundleS3ObjectVersion)
		if err != nil {
			return nil, err
		}
		if s.trustStoreNamed(name) != nil {
			return nil, apierr.New("DuplicateTrustStoreName", "A trust store with the same name '%s' exists", name)
		}
		if len(s.account.TrustStores) >= maxTrustStores {
			return nil, apierr.New("TooManyTrustStores", "The maximum number of trust stores, '%d', has been reached", maxTrustStores)
		}
		path := "truststore/" + name
		t := &account.TrustStore{
			ARN: s.account.BalancingARN(path + "/" + s.account.NewBalancingID(path)), Name: name, Tags: tags, Bundle: bundle, Authorities: authorities,
			ActiveAt: s.account.Clock.Now().Add(s.account.Profile.TrustStoreActive),
		}
		s.account.AddTrustStore(t)
		return &elb.CreateTrustStoreOutput{TrustStores: []types.TrustStore{s.describeTrustStore(t)}}, nil
	})
}

// bundle reads the certificates of authorities from a bucket.
func (s *Service) bundle(bucket, key, version *string) ([]byte, []*x509.Certificate, error) {
	content, err := s.object(bucket, key, version, maxBundle)
	if err != nil {
		return nil, nil, bundleMissing(err, aws.ToString(bucket), aws.ToString(key))
	}
	authorities, err := parseBundle(content)
	return content, authorities, err
}

func (s *Service) trustStoreNamed(name string) *account.TrustStore {
	for _, t := range s.account.TrustStores {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// ModifyTrustStore replaces the bundle of certificates. Listeners go on with the new one.
func (s *Service) ModifyTrustStore(ctx context.Context, in *elb.ModifyTrustStoreInput, _ ...func(*elb.Options)) (*elb.ModifyTrustStoreOutput, error) {
	return write(ctx, s, "ModifyTrustStore", in, func(in *elb.ModifyTrustStoreInput) (*elb.ModifyTrustStoreOutput, error) {
		if err := first(present("trustStoreArn", in.TrustStoreArn), present("caCertificatesBundleS3Bucket", in.CaCertificatesBundleS3Bucket),
			present("caCertificatesBundleS3Key", in.CaCertificatesBundleS3Key)); err != nil {
			return nil, err
		}
		t, err := s.trustStore(in.TrustStoreArn)
		if err != nil {
			return nil, err
		}
		bundle, authorities, err := s.bundle(in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key, in.CaCertificatesBundleS3ObjectVersion)
		if err != nil {
			return nil, err
		}
		t.Bundle, t.Authorities = bundle, authorities
		return &elb.ModifyTrustStoreOutput{TrustStores: []types.TrustStore{s.describeTrustStore(t)}}, nil
	})
}

// DescribeTrustStores answers all trust stores, in pages, or those of the given ARNs or names.
func (s *Service) DescribeTrustStores(ctx context.Context, in *elb.DescribeTrustStoresInput, _ ...func(*elb.Options)) (*elb.DescribeTrustStoresOutput, error) {
	return read(ctx, s, "DescribeTrustStores", in, func(in *elb.DescribeTrustStoresInput) (*elb.DescribeTrustStoresOutput, error) {
		if err := pageSize(in.PageSize); err != nil {
			return nil, err
		}
		if len(in.TrustStoreArns) > 0 && len(in.Names) > 0 {
			return nil, invalid("Trust store names and trust store ARNs cannot be specified at the same time")
		}
		list, err := findAll(s, kindTrustStore, s.account.TrustStores, in.TrustStoreArns)
		if err != nil {
			return nil, err
		}
		for _, name := range distinct(in.Names) {
			t := s.trustStoreNamed(name)
			if t == nil {
				return nil, kindTrustStore.notFound(name)
			}
			list = append(list, t)
		}
		out := &elb.DescribeTrustStoresOutput{TrustStores: []types.TrustStore{}}
		if len(in.TrustStoreArns)+len(in.Names) == 0 {
			if list, out.NextMarker, err = page(s.account.TrustStoresInOrder(), trustStoreSeq, in.Marker, in.PageSize, s.pages(largePage)); err != nil {
				return nil, err
			}
		}
		for _, t := range list {
			out.TrustStores = append(out.TrustStores, s.describeTrustStore(t))
		}
		return out, nil
	})
}

func trustStoreSeq(t *account.TrustStore) uint64 { return t.Seq }

func (s *Service) describeTrustStore(t *account.TrustStore) types.TrustStore {
	return types.TrustStore{
		TrustStoreArn: aws.String(t.ARN), Name: aws.String(t.Name), Status: types.TrustStoreStatus(t.StatusAt(s.account.Clock.Now())),
		NumberOfCaCertificates: aws.Int32(int32(len(t.Authorities))), TotalRevokedEntries: aws.Int64(t.RevokedEntries()),
	}
}

// DeleteTrustStore deletes a trust store that no listener uses.
func (s *Service) DeleteTrustStore(ctx context.Context, in *elb.DeleteTrustStoreInput, _ ...func(*elb.Options)) (*elb.DeleteTrustStoreOutput, error) {
	return write(ctx, s, "DeleteTrustStore", in, func(in *elb.DeleteTrustStoreInput) (*elb.DeleteTrustStoreOutput, error) {
		t, err := s.trustStore(in.TrustStoreArn)
		if err != nil {
			return nil, err
		}
		if users := s.account.TrustStoreUsers(t.ARN); len(users) > 0 {
			return nil, apierr.New("TrustStoreInUse", "The trust store '%s' is currently in use by the listener '%s'", t.ARN, users[0].ARN)
		}
		if len(t.Consumers) > 0 {
			return nil, apierr.New("TrustStoreInUse", "The trust store '%s' is currently in use by the load balancer '%s'", t.ARN, t.Consumers[0])
		}
		delete(s.account.TrustStores, t.ARN)
		return &elb.DeleteTrustStoreOutput{}, nil
	})
}
