package wafv2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

func TestBoundsOfFirewallCalls(t *testing.T) {
	t.Parallel()
	list := func(limit int32) func(fixture) error {
		return func(f fixture) error {
			_, err := f.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{Scope: types.ScopeRegional, Limit: aws.Int32(limit)})
			return err
		}
	}
	create := func(in *wafv2.CreateWebACLInput) func(fixture) error {
		return func(f fixture) error {
			_, err := f.CreateWebACL(t.Context(), in)
			return err
		}
	}
	disassociate := func(arn string) func(fixture) error {
		return func(f fixture) error {
			_, err := f.DisassociateWebACL(t.Context(), &wafv2.DisassociateWebACLInput{ResourceArn: aws.String(arn)})
			return err
		}
	}
	get := func(arn string) func(fixture) error {
		return func(f fixture) error {
			out, err := f.GetWebACLForResource(t.Context(), &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
			if err == nil && out.WebACL != nil {
				t.Errorf("the load balancer has %+v", out.WebACL)
			}
			return err
		}
	}
	cdn := input("taken")
	cdn.Scope = types.ScopeCloudfront
	other := func() fixture {
		f := abroad(t)
		f.create("taken")
		return f
	}
	for row, tt := range map[string]struct {
		do   func(fixture) error
		want string
	}{
		"a page of 100": {list(100), ""},
		"a page of one": {list(1), ""},
		"a list of sets of no scope": {func(f fixture) error {
			_, err := f.ListIPSets(t.Context(), &wafv2.ListIPSetsInput{})
			return err
		}, "WAFInvalidParameterException"},
		"a set of no scope": {func(f fixture) error {
			_, err := f.GetIPSet(t.Context(), &wafv2.GetIPSetInput{})
			return err
		}, "WAFInvalidParameterException"},
		"a web ACL of no scope": {func(f fixture) error {
			_, err := f.GetWebACL(t.Context(), &wafv2.GetWebACLInput{})
			return err
		}, "WAFInvalidParameterException"},
		"an unknown set": {func(f fixture) error {
			_, err := f.GetIPSet(t.Context(), &wafv2.GetIPSetInput{Scope: types.ScopeRegional})
			return err
		}, "WAFNonexistentItemException"},
		"deleting an unknown set": {func(f fixture) error {
			_, err := f.DeleteIPSet(t.Context(), &wafv2.DeleteIPSetInput{Scope: types.ScopeRegional})
			return err
		}, "WAFNonexistentItemException"},
		"updating an unknown web ACL": {func(f fixture) error {
			_, err := f.UpdateWebACL(t.Context(), &wafv2.UpdateWebACLInput{Scope: types.ScopeRegional})
			return err
		}, "WAFNonexistentItemException"},
		"deleting an unknown web ACL": {func(f fixture) error {
			_, err := f.DeleteWebACL(t.Context(), &wafv2.DeleteWebACLInput{Scope: types.ScopeRegional})
			return err
		}, "WAFNonexistentItemException"},
		"a list of no scope": {func(f fixture) error {
			_, err := f.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{})
			return err
		}, "WAFInvalidParameterException"},
		"capacity of no scope": {func(f fixture) error {
			_, err := f.CheckCapacity(t.Context(), &wafv2.CheckCapacityInput{})
			return err
		}, "WAFInvalidParameterException"},
		"capacity of a rule that is none": {func(f fixture) error {
			_, err := f.CheckCapacity(t.Context(), &wafv2.CheckCapacityInput{Scope: types.ScopeRegional,
				Rules: []types.Rule{{}}})
			return err
		}, "WAFInvalidParameterException"},
		"a web ACL of the other scope beside the account's quota": {func(fixture) error {
			f := other()
			_ = f.account.SetQuota("web-acls", 1)
			return create(cdn)(f)
		}, ""},
		"a page of 101":                      {list(101), "WAFInvalidParameterException"},
		"a page of none":                     {list(0), "WAFInvalidParameterException"},
		"a name of 128 characters":           {create(input(strings.Repeat("n", 128))), ""},
		"a name of 129 characters":           {create(input(strings.Repeat("n", 129))), "WAFInvalidParameterException"},
		"a name with another character":      {create(input("a.b")), "WAFInvalidParameterException"},
		"a taken name in the other scope":    {func(fixture) error { return create(cdn)(other()) }, ""},
		"nothing to disassociate":            {disassociate(alb), ""},
		"disassociating an unknown balancer": {disassociate(alb + "0"), "WAFNonexistentItemException"},
		"disassociating a network balancer":  {disassociate(nlb), "WAFInvalidParameterException"},
		"no web ACL of a resource":           {get(alb), ""},
		"the web ACL of an unknown balancer": {get(alb + "0"), "WAFNonexistentItemException"},
		"the web ACL of a network balancer":  {get(nlb), "WAFInvalidParameterException"},
		"a web ACL beyond the account's quota": {func(f fixture) error {
			_ = f.account.SetQuota("web-acls", 1)
			return create(input("second"))(f)
		}, "WAFLimitsExceededException"},
	} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, account.Instant())
			f.create("taken")
			if err := tt.do(f); apierr.CodeOf(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAFreshWebACLIsUnavailable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	f.clock.Advance(account.Real().WebACLKnown) // the load balancer is known by now
	acl := f.create("fresh")
	if got := apierr.CodeOf(f.associate(*acl.ARN, alb)); got != "WAFUnavailableEntityException" {
		t.Errorf("at once: %q", got)
	}
	f.clock.Advance(account.Real().WebACLKnown)
	if err := f.associate(*acl.ARN, alb); err != nil {
		t.Error(err)
	}
}

func TestWebACLsOfFirewallManagerAreMarked(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	acl := f.create("FMManagedWebACLV2-all")
	f.account.WebACLs[*acl.ARN].Central = true
	if err := f.associate(*acl.ARN, alb); err != nil {
		t.Fatal(err)
	}
	out, err := f.GetWebACLForResource(t.Context(), &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(alb)})
	if err != nil || !out.WebACL.ManagedByFirewallManager {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestTheScopeOfCloudFrontIsInOneRegion(t *testing.T) {
	t.Parallel()
	scope := types.ScopeCloudfront
	name, id := aws.String("cdn"), aws.String("0a1de001-0000-4000-8000-000000000001")
	for action, call := range map[string]func(fixture) error{
		"CreateWebACL": func(f fixture) error {
			in := input("cdn")
			in.Scope = scope
			return second(f.CreateWebACL(t.Context(), in))
		},
		"ListWebACLs": func(f fixture) error {
			return second(f.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{Scope: scope}))
		},
		"ListIPSets": func(f fixture) error {
			return second(f.ListIPSets(t.Context(), &wafv2.ListIPSetsInput{Scope: scope}))
		},
		"CheckCapacity": func(f fixture) error {
			return second(f.CheckCapacity(t.Context(), &wafv2.CheckCapacityInput{Scope: scope, Rules: []types.Rule{
				blocking("a", 1, "/")}}))
		},
		"CreateIPSet": func(f fixture) error {
			return second(f.CreateIPSet(t.Context(), &wafv2.CreateIPSetInput{Name: name, Scope: scope,
				IPAddressVersion: types.IPAddressVersionIpv4, Addresses: []string{"192.0.2.0/24"}}))
		},
		"GetWebACL": func(f fixture) error {
			return second(f.GetWebACL(t.Context(), &wafv2.GetWebACLInput{Name: name, Id: id, Scope: scope}))
		},
		"UpdateWebACL": func(f fixture) error {
			return second(f.UpdateWebACL(t.Context(), &wafv2.UpdateWebACLInput{Name: name, Id: id, Scope: scope}))
		},
		"DeleteWebACL": func(f fixture) error {
			return second(f.DeleteWebACL(t.Context(), &wafv2.DeleteWebACLInput{Name: name, Id: id, Scope: scope}))
		},
		"GetIPSet": func(f fixture) error {
			return second(f.GetIPSet(t.Context(), &wafv2.GetIPSetInput{Name: name, Id: id, Scope: scope}))
		},
		"UpdateIPSet": func(f fixture) error {
			return second(f.UpdateIPSet(t.Context(), &wafv2.UpdateIPSetInput{Name: name, Id: id, Scope: scope}))
		},
		"DeleteIPSet": func(f fixture) error {
			return second(f.DeleteIPSet(t.Context(), &wafv2.DeleteIPSetInput{Name: name, Id: id, Scope: scope}))
		},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			err := call(newFixture(t, account.Instant()))
			if apierr.CodeOf(err) != "WAFInvalidParameterException" || !strings.Contains(err.Error(),
				"Error reason: The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT") {
				t.Errorf("in us-west-2: %v", err)
			}
			if err := call(abroad(t)); apierr.CodeOf(err) != "" && apierr.CodeOf(err) != "WAFNonexistentItemException" {
				t.Errorf("in us-east-1: %v", err)
			}
		})
	}
}
