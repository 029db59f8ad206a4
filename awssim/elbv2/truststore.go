package elbv2

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

const maxTrustStores = 20 // of a region

var trustStoreName = regexp.MustCompile(`^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`)

// CreateTrustStore creates a trust store, ready at once. The bundle is not read: no bucket is simulated.
func (s *Service) CreateTrustStore(ctx context.Context, in *elb.CreateTrustStoreInput, _ ...func(*elb.Options)) (*elb.CreateTrustStoreOutput, error) {
	return write(ctx, s, "CreateTrustStore", in, func(in *elb.CreateTrustStoreInput) (*elb.CreateTrustStoreOutput, error) {
		name := aws.ToString(in.Name)
		tags, err := newTags(in.Tags)
		if err := first(present("name", in.Name), present("caCertificatesBundleS3Bucket", in.CaCertificatesBundleS3Bucket),
			present("caCertificatesBundleS3Key", in.CaCertificatesBundleS3Key), atMost("name", name, 32),
			when(!trustStoreName.MatchString(name), shape("name", name, `satisfy regular expression pattern: ^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`)), err); err != nil {
			return nil, err
		}
		if s.trustStoreNamed(name) != nil {
			return nil, apierr.New("DuplicateTrustStoreName", "A trust store with the same name '%s' exists", name)
		}
		if len(s.account.TrustStores) >= maxTrustStores {
			return nil, apierr.New("TooManyTrustStores", "The maximum number of trust stores, '%d', has been reached", maxTrustStores)
		}
		path := "truststore/" + name
		t := &account.TrustStore{ARN: s.account.BalancingARN(path + "/" + s.account.NewBalancingID(path)), Name: name, Status: "ACTIVE", Tags: tags}
		s.account.AddTrustStore(t)
		return &elb.CreateTrustStoreOutput{TrustStores: []types.TrustStore{describeTrustStore(t)}}, nil
	})
}

func (s *Service) trustStoreNamed(name string) *account.TrustStore {
	for _, t := range s.account.TrustStores {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// DescribeTrustStores answers all trust stores, in pages, or those of the given ARNs or names.
func (s *Service) DescribeTrustStores(ctx context.Context, in *elb.DescribeTrustStoresInput, _ ...func(*elb.Options)) (*elb.DescribeTrustStoresOutput, error) {
	return read(ctx, s, "DescribeTrustStores", in, func(in *elb.DescribeTrustStoresInput) (*elb.DescribeTrustStoresOutput, error) {
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
		if len(in.TrustStoreArns)+len(in.Names) == 0 {
			for _, t := range s.account.TrustStores {
				list = append(list, t)
			}
		}
		slices.SortFunc(list, func(x, y *account.TrustStore) int { return cmp.Compare(x.Seq, y.Seq) })
		part, next, err := page(list, func(t *account.TrustStore) uint64 { return t.Seq }, in.Marker, in.PageSize, s.pages(largePage))
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeTrustStoresOutput{NextMarker: next, TrustStores: []types.TrustStore{}}
		for _, t := range part {
			out.TrustStores = append(out.TrustStores, describeTrustStore(t))
		}
		return out, nil
	})
}

func describeTrustStore(t *account.TrustStore) types.TrustStore {
	return types.TrustStore{
		TrustStoreArn: aws.String(t.ARN), Name: aws.String(t.Name), Status: types.TrustStoreStatus(t.Status),
		NumberOfCaCertificates: aws.Int32(1), TotalRevokedEntries: aws.Int64(0),
	}
}

// DeleteTrustStore deletes a trust store that no listener uses.
func (s *Service) DeleteTrustStore(ctx context.Context, in *elb.DeleteTrustStoreInput, _ ...func(*elb.Options)) (*elb.DeleteTrustStoreOutput, error) {
	return write(ctx, s, "DeleteTrustStore", in, func(in *elb.DeleteTrustStoreInput) (*elb.DeleteTrustStoreOutput, error) {
		t, err := find(s, kindTrustStore, s.account.TrustStores, in.TrustStoreArn)
		if err != nil {
			return nil, err
		}
		for _, l := range s.account.Listeners {
			if l.MutualTLS.TrustStore == t.ARN {
				return nil, apierr.New("TrustStoreInUse", "The trust store '%s' is currently in use by the listener '%s'", t.ARN, l.ARN)
			}
		}
		delete(s.account.TrustStores, t.ARN)
		return &elb.DeleteTrustStoreOutput{}, nil
	})
}
