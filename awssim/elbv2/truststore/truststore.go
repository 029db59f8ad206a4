// Package truststore is the actions on trust stores, by which listeners verify clients: certificates of authorities,
// revocation lists, sharing. It verifies no client, which awssim/dataplane does; of elbv2 it imports request and check.
package truststore

import (
	"context"
	"crypto/x509"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// TrustStores answers the actions on trust stores.
type TrustStores struct {
	account *account.Account
	entry   call.Entry
}

// New is the actions over the account of e.
func New(e call.Entry) *TrustStores { return &TrustStores{account: e.Account, entry: e} }

// Quotas of trust stores, which DescribeAccountLimits does not answer.
const (
	maxTrustStores     = 20     // of a region
	maxRevocationLists = 30     // of a trust store
	maxRevokedEntries  = 500000 // of a trust store, over all lists
)

var trustStoreName = regexp.MustCompile(`^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`)

// CreateTrustStore creates a trust store from a bundle of certificates in a bucket.
func (s *TrustStores) CreateTrustStore(ctx context.Context, in *elb.CreateTrustStoreInput, _ ...func(*elb.Options)) (
	*elb.CreateTrustStoreOutput, error) {
	return call.Write(ctx, s.entry, "CreateTrustStore", in, func(in *elb.CreateTrustStoreInput) (
		*elb.CreateTrustStoreOutput, error) {
		name := aws.ToString(in.Name)
		tags, err := request.NewTags(in.Tags)
		if err := check.First(check.Present("name", in.Name), check.Present("caCertificatesBundleS3Bucket",
			in.CaCertificatesBundleS3Bucket),
			check.Present("caCertificatesBundleS3Key", in.CaCertificatesBundleS3Key), check.AtMost("name", name, 32),
			check.When(!trustStoreName.MatchString(name), check.Constraint("name", name,
				`satisfy regular expression pattern: ^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`)), err); err != nil {
			return nil, err
		}
		bundle, authorities, err := s.bundle(in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key,
			in.CaCertificatesBundleS3ObjectVersion)
		if err != nil {
			return nil, err
		}
		if s.trustStoreNamed(name) != nil {
			return nil, apierr.New("DuplicateTrustStoreName", "A trust store with the same name '%s' exists", name)
		}
		if len(s.account.TrustStores) >= maxTrustStores {
			return nil, apierr.New("TooManyTrustStores", "The maximum number of trust stores, '%d', has been reached",
				maxTrustStores)
		}
		path := "truststore/" + name
		t := &account.TrustStore{
			ARN: s.account.BalancingARN(path + "/" + s.account.NewBalancingID(path)), Name: name, Tags: tags, Bundle: bundle,
			Authorities: authorities,
			ActiveAt:    s.account.Clock.Now().Add(s.account.Profile.TrustStoreActive),
		}
		s.account.AddTrustStore(t)
		return &elb.CreateTrustStoreOutput{TrustStores: []types.TrustStore{s.describeTrustStore(t)}}, nil
	})
}

// bundle reads the certificates of authorities from a bucket.
func (s *TrustStores) bundle(bucket, key, version *string) ([]byte, []*x509.Certificate, error) {
	content, err := s.object(bucket, key, version, maxBundle)
	if err != nil {
		return nil, nil, bundleMissing(err, aws.ToString(bucket), aws.ToString(key))
	}
	authorities, err := parseBundle(content)
	return content, authorities, err
}

func (s *TrustStores) trustStoreNamed(name string) *account.TrustStore {
	for _, t := range s.account.TrustStores {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// ModifyTrustStore replaces the bundle of certificates. Listeners go on with the new one.
func (s *TrustStores) ModifyTrustStore(ctx context.Context, in *elb.ModifyTrustStoreInput, _ ...func(*elb.Options)) (
	*elb.ModifyTrustStoreOutput, error) {
	return call.Write(ctx, s.entry, "ModifyTrustStore", in, func(in *elb.ModifyTrustStoreInput) (
		*elb.ModifyTrustStoreOutput, error) {
		if err := check.First(check.Present("trustStoreArn", in.TrustStoreArn), check.Present("caCertificatesBundleS3Bucket",
			in.CaCertificatesBundleS3Bucket),
			check.Present("caCertificatesBundleS3Key", in.CaCertificatesBundleS3Key)); err != nil {
			return nil, err
		}
		t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
		if err != nil {
			return nil, err
		}
		bundle, authorities, err := s.bundle(in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key,
			in.CaCertificatesBundleS3ObjectVersion)
		if err != nil {
			return nil, err
		}
		t.Bundle, t.Authorities = bundle, authorities
		return &elb.ModifyTrustStoreOutput{TrustStores: []types.TrustStore{s.describeTrustStore(t)}}, nil
	})
}

// DescribeTrustStores answers all trust stores, in pages, or those of the given ARNs or names.
func (s *TrustStores) DescribeTrustStores(ctx context.Context, in *elb.DescribeTrustStoresInput,
	_ ...func(*elb.Options)) (*elb.DescribeTrustStoresOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTrustStores", in, func(in *elb.DescribeTrustStoresInput) (
		*elb.DescribeTrustStoresOutput, error) {
		if err := request.CheckPageSize(in.PageSize); err != nil {
			return nil, err
		}
		if len(in.TrustStoreArns) > 0 && len(in.Names) > 0 {
			return nil, check.Invalid("Trust store names and trust store ARNs cannot be specified at the same time")
		}
		list, err := request.FindAll(s.account, request.KindTrustStore, s.account.TrustStores, in.TrustStoreArns)
		if err != nil {
			return nil, err
		}
		for _, name := range request.Distinct(in.Names) {
			t := s.trustStoreNamed(name)
			if t == nil {
				return nil, request.KindTrustStore.NotFound(name)
			}
			list = append(list, t)
		}
		out := &elb.DescribeTrustStoresOutput{TrustStores: []types.TrustStore{}}
		if len(in.TrustStoreArns)+len(in.Names) == 0 {
			if list, out.NextMarker, err = request.Page(s.account.TrustStoresInOrder(), trustStoreSeq, in.Marker, in.PageSize,
				request.PagesOf(s.account, request.LargePage)); err != nil {
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

func (s *TrustStores) describeTrustStore(t *account.TrustStore) types.TrustStore {
	return types.TrustStore{
		TrustStoreArn: aws.String(t.ARN), Name: aws.String(t.Name), Status: types.TrustStoreStatus(
			t.StatusAt(s.account.Clock.Now())),
		NumberOfCaCertificates: aws.Int32(int32(len(t.Authorities))), TotalRevokedEntries: aws.Int64(t.RevokedEntries()),
	}
}

// DeleteTrustStore deletes a trust store that no listener uses.
func (s *TrustStores) DeleteTrustStore(ctx context.Context, in *elb.DeleteTrustStoreInput, _ ...func(*elb.Options)) (
	*elb.DeleteTrustStoreOutput, error) {
	return call.Write(ctx, s.entry, "DeleteTrustStore", in, func(in *elb.DeleteTrustStoreInput) (
		*elb.DeleteTrustStoreOutput, error) {
		t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
		if err != nil {
			return nil, err
		}
		if users := s.account.TrustStoreUsers(t.ARN); len(users) > 0 {
			return nil, apierr.New("TrustStoreInUse", "The trust store '%s' is currently in use by the listener '%s'", t.ARN,
				users[0].ARN)
		}
		if len(t.Consumers) > 0 {
			return nil, apierr.New("TrustStoreInUse", "The trust store '%s' is currently in use by the load balancer '%s'",
				t.ARN, t.Consumers[0])
		}
		delete(s.account.TrustStores, t.ARN)
		return &elb.DeleteTrustStoreOutput{}, nil
	})
}
