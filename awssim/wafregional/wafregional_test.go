package wafregional

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafregional/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/webacl"
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
	rules, _ := s.account.Firewall(alb)
	if rules == nil {
		t.Fatal("the default action does not act")
	}
	if action, _ := rules.Decide(&webacl.Request{}); action.Kind != webacl.Block {
		t.Errorf("the default action is %+v", action)
	}
	resources, err := s.ListResourcesForWebACL(t.Context(), &wafregional.ListResourcesForWebACLInput{WebACLId: id})
	if err != nil || !slices.Equal(resources.ResourceArns, []string{alb}) {
		t.Errorf("resources: %+v, %v", resources, err)
	}
	described, err := s.GetWebACL(t.Context(), &wafregional.GetWebACLInput{WebACLId: id})
	if err != nil || described.WebACL.DefaultAction.Type != types.WafActionTypeBlock || *described.WebACL.Name != "old" {
		t.Errorf("described: %+v, %v", described, err)
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
	_, get := s.GetWebACL(t.Context(), &wafregional.GetWebACLInput{WebACLId: id})
	_, again := s.DeleteWebACL(t.Context(), &wafregional.DeleteWebACLInput{WebACLId: id, ChangeToken: token.ChangeToken})
	_, list := s.ListResourcesForWebACL(t.Context(), &wafregional.ListResourcesForWebACLInput{WebACLId: id})
	for _, err := range []error{get, again, list} {
		if code(err) != "WAFNonexistentItemException" {
			t.Errorf("after it was deleted: %v", err)
		}
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

func TestClassicWebACLsAreValidated(t *testing.T) {
	t.Parallel()
	s := newService("us-west-2")
	create := func(change func(*wafregional.CreateWebACLInput)) error {
		in := &wafregional.CreateWebACLInput{
			ChangeToken: aws.String("t"), Name: aws.String("n"), MetricName: aws.String("m1"), DefaultAction: &types.WafAction{Type: types.WafActionTypeAllow},
		}
		change(in)
		_, err := s.CreateWebACL(t.Context(), in)
		return err
	}
	for name, tt := range map[string]struct {
		change func(*wafregional.CreateWebACLInput)
		want   string
	}{
		"no token":          {func(in *wafregional.CreateWebACLInput) { in.ChangeToken = nil }, "WAFStaleDataException"},
		"no name":           {func(in *wafregional.CreateWebACLInput) { in.Name = nil }, "WAFInvalidParameterException"},
		"a metric of signs": {func(in *wafregional.CreateWebACLInput) { in.MetricName = aws.String("a-b") }, "WAFInvalidParameterException"},
		"no default":        {func(in *wafregional.CreateWebACLInput) { in.DefaultAction = nil }, "WAFInvalidParameterException"},
		"a default that counts": {func(in *wafregional.CreateWebACLInput) {
			in.DefaultAction.Type = types.WafActionTypeCount
		}, "WAFInvalidParameterException"},
	} {
		if err := create(tt.change); code(err) != tt.want {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
	for range maxWebACLs {
		if err := create(func(*wafregional.CreateWebACLInput) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := create(func(*wafregional.CreateWebACLInput) {}); code(err) != "WAFLimitsExceededException" {
		t.Errorf("one too many: %v", err)
	}
	for _, resource := range []string{"arn:aws:s3:::bucket", strings.Replace(alb, "/app/", "/net/", 1)} {
		_, associate := s.AssociateWebACL(t.Context(), &wafregional.AssociateWebACLInput{ResourceArn: aws.String(resource)})
		_, disassociate := s.DisassociateWebACL(t.Context(), &wafregional.DisassociateWebACLInput{ResourceArn: aws.String(resource)})
		_, get := s.GetWebACLForResource(t.Context(), &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(resource)})
		for _, err := range []error{associate, disassociate, get} {
			if code(err) != "WAFInvalidParameterException" {
				t.Errorf("%s: %v", resource, err)
			}
		}
	}
	if _, err := s.DisassociateWebACL(t.Context(), &wafregional.DisassociateWebACLInput{ResourceArn: aws.String(alb + "0")}); code(err) != "WAFNonexistentItemException" {
		t.Errorf("disassociate from an unknown load balancer: %v", err)
	}
}

func TestClassicWebACLsAreListedByPages(t *testing.T) {
	t.Parallel()
	s := newService("us-west-2")
	for _, id := range []string{"a", "b", "c"} {
		s.account.AddClassicACL(&account.ClassicACL{ID: id, Name: "of " + id})
	}
	pages := func(limit int32) string {
		var text []string
		for in := (&wafregional.ListWebACLsInput{Limit: limit}); ; {
			out, err := s.ListWebACLs(t.Context(), in)
			if err != nil {
				return code(err)
			}
			var ids []string
			for _, w := range out.WebACLs {
				if *w.Name != "of "+*w.WebACLId {
					t.Errorf("%s is named %s", *w.WebACLId, *w.Name)
				}
				ids = append(ids, *w.WebACLId)
			}
			text = append(text, strings.Join(ids, ","))
			if in.NextMarker = out.NextMarker; in.NextMarker == nil {
				return strings.Join(text, " ")
			}
		}
	}
	for limit, want := range map[int32]string{0: "a,b,c", 100: "a,b,c", 2: "a,b c", 101: "WAFInvalidParameterException", -1: "WAFInvalidParameterException"} {
		if got := pages(limit); got != want {
			t.Errorf("%d a page: got %q, want %q", limit, got, want)
		}
	}
	s.account.Trouble.PageSize = 1
	if got := pages(0); got != "a b c " {
		t.Errorf("while all pages have one: %q", got)
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
	s.account.Profile = account.Real()
	for what, created := range map[string]*time.Time{"load balancer": &s.account.LoadBalancers[alb].Created, "web ACL": &s.account.ClassicACLs["old"].Created} {
		*created = s.account.Clock.Now()
		if got := associate(); got != "WAFUnavailableEntityException" {
			t.Errorf("fresh %s: %q", what, got)
		}
		s.account.Clock.(*clock.Stepped).Advance(account.Real().WebACLKnown)
	}
	s.account.AddWebACL(&account.WebACL{ARN: "arn:new"})
	s.account.AssociateWebACL(alb, "arn:new")
	if got := associate(); got != "WAFInvalidOperationException" {
		t.Errorf("beside the newer firewall: %q", got)
	}
	s.account.AssociateWebACL(alb, "")
	if got := associate(); got != "" {
		t.Errorf("in the end: %q", got)
	}
}
