package wafregional

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafregional/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

const alb = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/web/0123456789abcdef"

func newService(region string) *Service {
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := account.New("123456789012", region, c, account.Instant())
	a.AddLoadBalancer(&account.LoadBalancer{ARN: alb, Name: "web", Type: "application"})
	return New(a, nil)
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func TestAClassicWebACLGuardsALoadBalancer(t *testing.T) {
	t.Parallel()
	s := newService("us-west-2")
	token, err := s.GetChangeToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.CreateWebACL(t.Context(), &wafregional.CreateWebACLInput{
		ChangeToken: token.ChangeToken, Name: aws.String("old"), MetricName: aws.String("old"), DefaultAction: &types.WafAction{Type: types.WafActionTypeBlock},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := made.WebACL.WebACLId
	for _, tt := range []struct {
		resource, acl, want string
	}{
		{alb + "0", *id, "WAFNonexistentItemException"},
		{alb, "none", "WAFNonexistentItemException"},
		{"arn:aws:s3:::bucket", *id, "WAFInvalidParameterException"},
		{alb, *id, ""},
	} {
		_, err := s.AssociateWebACL(t.Context(), &wafregional.AssociateWebACLInput{WebACLId: aws.String(tt.acl), ResourceArn: aws.String(tt.resource)})
		if code(err) != tt.want {
			t.Errorf("%s with %s: %v, want %s", tt.acl, tt.resource, err, tt.want)
		}
	}
	out, err := s.GetWebACLForResource(t.Context(), &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(alb)})
	if err != nil || out.WebACLSummary == nil || *out.WebACLSummary.WebACLId != *id {
		t.Errorf("%v, %v", out, err)
	}
	if rules, _ := s.account.Firewall(alb); rules == nil {
		t.Error("the default action does not act")
	}
	if _, err := s.DeleteWebACL(t.Context(), &wafregional.DeleteWebACLInput{WebACLId: id, ChangeToken: token.ChangeToken}); code(err) != "WAFReferencedItemException" {
		t.Errorf("delete while associated: %v", err)
	}
	for range 2 {
		if _, err := s.DisassociateWebACL(t.Context(), &wafregional.DisassociateWebACLInput{ResourceArn: aws.String(alb)}); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.DeleteWebACL(t.Context(), &wafregional.DeleteWebACLInput{WebACLId: id, ChangeToken: token.ChangeToken}); err != nil {
		t.Error(err)
	}
}

func TestARegionWithoutTheServiceDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := newService("mx-central-1")
	_, err := s.GetWebACLForResource(t.Context(), &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(alb)})
	if !errors.Is(err, gate.ErrDropped) {
		t.Errorf("got %v", err)
	}
}

func TestAFreshLoadBalancerOrOneOfTheNewerFirewallIsRefused(t *testing.T) {
	t.Parallel()
	s := newService("us-west-2")
	s.account.AddClassicACL(&account.ClassicACL{ID: "old"})
	associate := func() string {
		_, err := s.AssociateWebACL(t.Context(), &wafregional.AssociateWebACLInput{WebACLId: aws.String("old"), ResourceArn: aws.String(alb)})
		return code(err)
	}
	get := func(arn string) (*wafregional.GetWebACLForResourceOutput, error) {
		return s.GetWebACLForResource(t.Context(), &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
	}
	if out, err := get(alb); err != nil || out.WebACLSummary != nil {
		t.Errorf("without a web ACL: %+v, %v", out, err)
	}
	if _, err := get(alb + "0"); code(err) != "WAFNonexistentItemException" {
		t.Errorf("of an unknown load balancer: %v", err)
	}
	s.account.Profile, s.account.LoadBalancers[alb].Created = account.Real(), s.account.Clock.Now()
	if got := associate(); got != "WAFUnavailableEntityException" {
		t.Errorf("fresh: %q", got)
	}
	s.account.Clock.(*clock.Stepped).Advance(account.Real().WebACLKnown)
	s.account.AddWebACL(&account.WebACL{ARN: "arn:new"})
	s.account.Guard(alb, "arn:new")
	if got := associate(); got != "WAFInvalidOperationException" {
		t.Errorf("beside the newer firewall: %q", got)
	}
	s.account.Guard(alb, "")
	if got := associate(); got != "" {
		t.Errorf("in the end: %q", got)
	}
}
