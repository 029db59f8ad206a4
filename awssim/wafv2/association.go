package wafv2

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// AssociateWebACL puts a web ACL in front of an application load balancer, in place of the one that is there.
func (s *Service) AssociateWebACL(ctx context.Context, in *wafv2.AssociateWebACLInput, _ ...func(*wafv2.Options)) (
	*wafv2.AssociateWebACLOutput, error) {
	return call.Write(ctx, s.entry, "AssociateWebACL", in, func(in *wafv2.AssociateWebACLInput) (
		*wafv2.AssociateWebACLOutput, error) {
		arn := aws.ToString(in.WebACLArn)
		if !strings.Contains(arn, ":regional/webacl/") {
			return nil, invalid("WEB_ACL", arn, "The ARN isn't valid: only a regional web ACL can be associated "+
				"with a resource.")
		}
		lb, err := s.resource(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		w := s.account.WebACLs[arn]
		if w == nil || lb == nil {
			return nil, nonexistent()
		}
		if s.fresh(w.Created) || s.fresh(lb.Created) {
			return nil, unavailable()
		}
		if was := s.account.WebACLOf(lb.ARN); was != w {
			s.account.AssociateWebACL(lb.ARN, w.ARN)
		}
		return &wafv2.AssociateWebACLOutput{}, nil
	})
}

// DisassociateWebACL takes the web ACL away from a load balancer; that there is none is no error.
func (s *Service) DisassociateWebACL(ctx context.Context, in *wafv2.DisassociateWebACLInput,
	_ ...func(*wafv2.Options)) (*wafv2.DisassociateWebACLOutput, error) {
	return call.Write(ctx, s.entry, "DisassociateWebACL", in, func(in *wafv2.DisassociateWebACLInput) (
		*wafv2.DisassociateWebACLOutput, error) {
		lb, err := s.resource(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		if lb == nil {
			return nil, nonexistent()
		}
		if s.account.WebACLOf(lb.ARN) != nil {
			s.account.AssociateWebACL(lb.ARN, "")
		}
		return &wafv2.DisassociateWebACLOutput{}, nil
	})
}

// GetWebACLForResource describes the web ACL of a load balancer; without one the answer is empty.
func (s *Service) GetWebACLForResource(ctx context.Context, in *wafv2.GetWebACLForResourceInput,
	_ ...func(*wafv2.Options)) (*wafv2.GetWebACLForResourceOutput, error) {
	return call.Read(ctx, s.entry, "GetWebACLForResource", in, func(in *wafv2.GetWebACLForResourceInput) (
		*wafv2.GetWebACLForResourceOutput, error) {
		lb, err := s.resource(in.ResourceArn)
		if err != nil {
			return nil, err
		}
		if lb == nil {
			return nil, nonexistent()
		}
		out := &wafv2.GetWebACLForResourceOutput{}
		if w := s.account.WebACLOf(lb.ARN); w != nil {
			out.WebACL = describe(w)
		}
		return out, nil
	})
}

// ListResourcesForWebACL lists the load balancers of a web ACL.
func (s *Service) ListResourcesForWebACL(ctx context.Context, in *wafv2.ListResourcesForWebACLInput,
	_ ...func(*wafv2.Options)) (*wafv2.ListResourcesForWebACLOutput, error) {
	return call.Read(ctx, s.entry, "ListResourcesForWebACL", in, func(in *wafv2.ListResourcesForWebACLInput) (
		*wafv2.ListResourcesForWebACLOutput, error) {
		if s.account.WebACLs[aws.ToString(in.WebACLArn)] == nil {
			return nil, nonexistent()
		}
		out := &wafv2.ListResourcesForWebACLOutput{ResourceArns: []string{}}
		if in.ResourceType == "" || in.ResourceType == types.ResourceTypeApplicationLoadBalancer {
			out.ResourceArns = append(out.ResourceArns, s.account.LoadBalancersOf(*in.WebACLArn)...)
		}
		return out, nil
	})
}

// resource finds the application load balancer that a call names, nil if it does not exist. Other resources that AWS
// WAF can guard do not exist here.
func (s *Service) resource(arn *string) (*account.LoadBalancer, error) {
	name := aws.ToString(arn)
	if !strings.Contains(name, ":elasticloadbalancing:") || !strings.Contains(name, ":loadbalancer/app/") {
		return nil, invalid("RESOURCE_ARN", name, "The ARN isn't valid. A valid ARN begins with arn: and includes other "+
			"information separated by colons or slashes.")
	}
	return s.account.LoadBalancers[name], nil
}

// fresh reports whether something was created so recently that it has not reached all of AWS WAF.
func (s *Service) fresh(created time.Time) bool {
	return s.account.Clock.Now().Before(created.Add(s.account.Profile.WebACLKnown))
}

func unavailable() error {
	return apierr.New("WAFUnavailableEntityException",
		"AWS WAF couldn't retrieve a resource that you specified for this operation. Verify the resource, and retry "+
			"your request.")
}
