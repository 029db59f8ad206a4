package truststore

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// associations is the ARNs of the load balancers that verify clients with a trust store: the account's, then others'.
func (s *TrustStores) associations(t *account.TrustStore) []string {
	var out []string
	for _, l := range s.account.TrustStoreUsers(t.ARN) {
		out = append(out, l.LoadBalancer.ARN)
	}
	return request.Distinct(append(out, t.Consumers...))
}

// DescribeTrustStoreAssociations answers the load balancers that verify clients with a trust store, in pages.
func (s *TrustStores) DescribeTrustStoreAssociations(ctx context.Context, in *elb.DescribeTrustStoreAssociationsInput,
	_ ...func(*elb.Options)) (*elb.DescribeTrustStoreAssociationsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTrustStoreAssociations", in,
		func(in *elb.DescribeTrustStoreAssociationsInput) (*elb.DescribeTrustStoreAssociationsOutput, error) {
			t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
			if err != nil {
				return nil, err
			}
			part, next, err := request.PageOf(s.associations(t), in.Marker, in.PageSize,
				request.PagesOf(s.account, request.LargePage))
			if err != nil {
				return nil, err
			}
			out := &elb.DescribeTrustStoreAssociationsOutput{
				NextMarker: next, TrustStoreAssociations: []types.TrustStoreAssociation{}}
			for _, arn := range part {
				out.TrustStoreAssociations = append(out.TrustStoreAssociations, types.TrustStoreAssociation{
					ResourceArn: aws.String(arn)})
			}
			return out, nil
		})
}

// DeleteSharedTrustStoreAssociation ends the use of a trust store by a load balancer of another account.
func (s *TrustStores) DeleteSharedTrustStoreAssociation(ctx context.Context,
	in *elb.DeleteSharedTrustStoreAssociationInput, _ ...func(*elb.Options)) (*elb.DeleteSharedTrustStoreAssociationOutput,
	error) {
	return call.Write(ctx, s.entry, "DeleteSharedTrustStoreAssociation", in,
		func(in *elb.DeleteSharedTrustStoreAssociationInput) (*elb.DeleteSharedTrustStoreAssociationOutput, error) {
			if err := check.First(check.Present("trustStoreArn", in.TrustStoreArn),
				check.Present("resourceArn", in.ResourceArn)); err != nil {
				return nil, err
			}
			t, err := request.FindTrustStore(s.account, in.TrustStoreArn)
			if err != nil {
				return nil, err
			}
			switch arn := *in.ResourceArn; {
			case slices.Contains(t.Consumers, arn):
				t.Consumers = slices.DeleteFunc(slices.Clone(t.Consumers), func(c string) bool { return c == arn })
			case slices.Contains(s.associations(t), arn):
				return nil, apierr.New("DeleteAssociationSameAccount",
					"The association with '%s' cannot be deleted, because it belongs to the account of the trust store", arn)
			default:
				return nil, apierr.New("AssociationNotFound", "The trust store '%s' has no association with '%s'", t.ARN, arn)
			}
			return &elb.DeleteSharedTrustStoreAssociationOutput{}, nil
		})
}

// GetResourcePolicy answers the policy by which a trust store is shared.
func (s *TrustStores) GetResourcePolicy(ctx context.Context, in *elb.GetResourcePolicyInput, _ ...func(*elb.Options)) (
	*elb.GetResourcePolicyOutput, error) {
	return call.Read(ctx, s.entry, "GetResourcePolicy", in, func(in *elb.GetResourcePolicyInput) (
		*elb.GetResourcePolicyOutput, error) {
		if err := check.Present("resourceArn", in.ResourceArn); err != nil {
			return nil, err
		}
		if err := request.WellFormed(s.account, request.KindTrustStore, *in.ResourceArn); err != nil {
			return nil, err
		}
		t := s.account.TrustStores[*in.ResourceArn]
		if t == nil || t.Policy == "" {
			return nil, apierr.New("ResourceNotFound", "The resource '%s' has no policy", *in.ResourceArn)
		}
		return &elb.GetResourcePolicyOutput{Policy: aws.String(t.Policy)}, nil
	})
}
