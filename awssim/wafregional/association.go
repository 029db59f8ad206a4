package wafregional

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafregional/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// AssociateWebACL puts a web ACL in front of an application load balancer, in place of the one that is there.
func (s *Service) AssociateWebACL(ctx context.Context, in *wafregional.AssociateWebACLInput, _ ...func(*wafregional.Options)) (*wafregional.AssociateWebACLOutput, error) {
	return write(ctx, s, "AssociateWebACL", in, func(in *wafregional.AssociateWebACLInput) (*wafregional.AssociateWebACLOutput, error) {
		lb, err := s.resource(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		acl := s.account.ClassicACLs[aws.ToString(in.WebACLId)]
		if lb == nil || acl == nil {
			return nil, nonexistent()
		}
		if s.fresh(lb.Created) || s.fresh(acl.Created) {
			return nil, apierr.New("WAFUnavailableEntityException", "The operation failed because the entity referenced is temporarily unavailable. Retry your request.")
		}
		if s.account.WebACLOf(lb.ARN) != nil {
			return nil, apierr.New("WAFInvalidOperationException", "The operation failed because the resource is associated with a web ACL of AWS WAF.")
		}
		s.account.AssociateClassic(lb.ARN, acl.ID)
		return &wafregional.AssociateWebACLOutput{}, nil
	})
}

// fresh reports whether something was created so recently that it has not reached all of AWS WAF.
func (s *Service) fresh(created time.Time) bool {
	return s.account.Clock.Now().Before(created.Add(s.account.Profile.WebACLKnown))
}

// DisassociateWebACL takes the web ACL away from a load balancer; that there is none is no error.
func (s *Service) DisassociateWebACL(ctx context.Context, in *wafregional.DisassociateWebACLInput, _ ...func(*wafregional.Options)) (*wafregional.DisassociateWebACLOutput, error) {
	return write(ctx, s, "DisassociateWebACL", in, func(in *wafregional.DisassociateWebACLInput) (*wafregional.DisassociateWebACLOutput, error) {
		lb, err := s.resource(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		if lb == nil {
			return nil, nonexistent()
		}
		s.account.AssociateClassic(lb.ARN, "")
		return &wafregional.DisassociateWebACLOutput{}, nil
	})
}

// GetWebACLForResource returns the web ACL of a load balancer; without one the answer is empty.
func (s *Service) GetWebACLForResource(ctx context.Context, in *wafregional.GetWebACLForResourceInput, _ ...func(*wafregional.Options)) (*wafregional.GetWebACLForResourceOutput, error) {
	return read(ctx, s, "GetWebACLForResource", in, func(in *wafregional.GetWebACLForResourceInput) (*wafregional.GetWebACLForResourceOutput, error) {
		lb, err := s.resource(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		if lb == nil {
			return nil, nonexistent()
		}
		out := &wafregional.GetWebACLForResourceOutput{}
		if acl := s.account.ClassicACLOf(lb.ARN); acl != nil {
			out.WebACLSummary = &types.WebACLSummary{WebACLId: aws.String(acl.ID), Name: aws.String(acl.Name)}
		}
		return out, nil
	})
}

// ListResourcesForWebACL lists the load balancers of a web ACL.
func (s *Service) ListResourcesForWebACL(ctx context.Context, in *wafregional.ListResourcesForWebACLInput, _ ...func(*wafregional.Options)) (*wafregional.ListResourcesForWebACLOutput, error) {
	return read(ctx, s, "ListResourcesForWebACL", in, func(in *wafregional.ListResourcesForWebACLInput) (*wafregional.ListResourcesForWebACLOutput, error) {
		acl := s.account.ClassicACLs[aws.ToString(in.WebACLId)]
		if acl == nil {
			return nil, nonexistent()
		}
		out := &wafregional.ListResourcesForWebACLOutput{ResourceArns: []string{}}
		if in.ResourceType == "" || in.ResourceType == types.ResourceTypeApplicationLoadBalancer {
			out.ResourceArns = append(out.ResourceArns, s.account.LoadBalancersOfClassic(acl.ID)...)
		}
		return out, nil
	})
}
