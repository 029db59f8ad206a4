package truststore

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/s3"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// AddTrustStoreRevocations adds revocation lists of a bucket to a trust store, all or none.
func (s *TrustStores) AddTrustStoreRevocations(ctx context.Context, in *elb.AddTrustStoreRevocationsInput,
	_ ...func(*elb.Options)) (*elb.AddTrustStoreRevocationsOutput, error) {
	return call.Write(ctx, s.entry, "AddTrustStoreRevocations", in, s.addRevocations)
}

func (s *TrustStores) addRevocations(in *elb.AddTrustStoreRevocationsInput) (*elb.AddTrustStoreRevocationsOutput,
	error) {
	if err := check.First(check.Present("trustStoreArn", in.TrustStoreArn), check.Some("revocationContents",
		in.RevocationContents)); err != nil {
		return nil, err
	}
	for _, c := range in.RevocationContents {
		if err := check.First(check.OneOf("revocationContents.member.revocationType", c.RevocationType,
			c.RevocationType.Values()),
			check.Present("revocationContents.member.s3Bucket", c.S3Bucket), check.Present("revocationContents.member.s3Key",
				c.S3Key)); err != nil {
			return nil, err
		}
	}
	t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	after, total, next := slices.Clone(t.Revocations), t.RevokedEntries(), t.LastRevocation
	if len(after)+len(in.RevocationContents) > maxRevocationLists {
		return nil, apierr.New("TooManyTrustStoreRevocationEntries",
			"The maximum number of revocation lists of a trust store, '%d', would be exceeded", maxRevocationLists)
	}
	out := &elb.AddTrustStoreRevocationsOutput{TrustStoreRevocations: []types.TrustStoreRevocation{}}
	for _, c := range in.RevocationContents {
		content, err := s.object(c.S3Bucket, c.S3Key, c.S3ObjectVersion, maxRevocations)
		if errors.Is(err, s3.ErrTooLarge) {
			return nil, badRevocations("it is longer than '%d' bytes", maxRevocations)
		}
		if err != nil {
			return nil, apierr.New("RevocationContentNotFound", "The revocation file '%s' could not be found in the bucket '%s'",
				*c.S3Key, *c.S3Bucket)
		}
		lists, err := parseRevocations(content)
		if err != nil {
			return nil, err
		}
		next++
		r := account.NewRevocation(next, content, lists)
		if total += r.Entries; total > maxRevokedEntries {
			return nil, apierr.New("TooManyTrustStoreRevocationEntries",
				"The maximum number of revocation entries of a trust store, '%d', would be exceeded", maxRevokedEntries)
		}
		after = append(after, r)
		out.TrustStoreRevocations = append(out.TrustStoreRevocations, types.TrustStoreRevocation{
			TrustStoreArn: aws.String(t.ARN), RevocationId: aws.Int64(r.ID), RevocationType: types.RevocationTypeCrl,
			NumberOfRevokedEntries: aws.Int64(r.Entries),
		})
	}
	t.Revocations, t.LastRevocation = after, next
	return out, nil
}

// revocation is the trust store's revocation of that id, or nil.
func revocation(t *account.TrustStore, id int64) *account.Revocation {
	for _, r := range t.Revocations {
		if r.ID == id {
			return r
		}
	}
	return nil
}

func noRevocation(id int64) error {
	return apierr.New("RevocationIdNotFound", "The revocation ID '%d' does not exist", id)
}

// revocations is those of the ids, or the error of the first that is not there.
func revocations(t *account.TrustStore, ids []int64) ([]*account.Revocation, error) {
	var out []*account.Revocation
	for _, id := range ids {
		r := revocation(t, id)
		if r == nil {
			return nil, noRevocation(id)
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// RemoveTrustStoreRevocations removes revocation lists, all or none.
func (s *TrustStores) RemoveTrustStoreRevocations(ctx context.Context, in *elb.RemoveTrustStoreRevocationsInput,
	_ ...func(*elb.Options)) (*elb.RemoveTrustStoreRevocationsOutput, error) {
	return call.Write(ctx, s.entry, "RemoveTrustStoreRevocations", in, func(in *elb.RemoveTrustStoreRevocationsInput) (
		*elb.RemoveTrustStoreRevocationsOutput, error) {
		if err := check.First(check.Present("trustStoreArn", in.TrustStoreArn),
			check.Some("revocationIds", in.RevocationIds)); err != nil {
			return nil, err
		}
		t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
		if err != nil {
			return nil, err
		}
		gone, err := revocations(t, in.RevocationIds)
		if err != nil {
			return nil, err
		}
		t.Revocations = slices.DeleteFunc(slices.Clone(t.Revocations), func(r *account.Revocation) bool {
			return slices.Contains(gone, r)
		})
		return &elb.RemoveTrustStoreRevocationsOutput{}, nil
	})
}

// DescribeTrustStoreRevocations answers the revocation lists of a trust store, in pages, or those of the given ids.
func (s *TrustStores) DescribeTrustStoreRevocations(ctx context.Context, in *elb.DescribeTrustStoreRevocationsInput,
	_ ...func(*elb.Options)) (*elb.DescribeTrustStoreRevocationsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTrustStoreRevocations", in, func(in *elb.DescribeTrustStoreRevocationsInput) (
		*elb.DescribeTrustStoreRevocationsOutput, error) {
		t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
		if err != nil {
			return nil, err
		}
		list, err := revocations(t, in.RevocationIds)
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeTrustStoreRevocationsOutput{TrustStoreRevocations: []types.DescribeTrustStoreRevocation{}}
		if len(in.RevocationIds) == 0 {
			number := func(r *account.Revocation) uint64 { return uint64(r.ID) }
			if list, out.NextMarker, err = request.Page(t.Revocations, number, in.Marker, in.PageSize,
				request.PagesOf(s.account, request.LargePage)); err != nil {
				return nil, err
			}
		}
		for _, r := range list {
			out.TrustStoreRevocations = append(out.TrustStoreRevocations, types.DescribeTrustStoreRevocation{
				TrustStoreArn: aws.String(t.ARN), RevocationId: aws.Int64(r.ID), RevocationType: types.RevocationTypeCrl,
				NumberOfRevokedEntries: aws.Int64(r.Entries),
			})
		}
		return out, nil
	})
}
