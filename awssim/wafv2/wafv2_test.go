package wafv2

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/webacl"
)

const (
	alb = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/web/0123456789abcdef"
	nlb = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/net/web/0123456789abcdef"
)

type fixture struct {
	*Service
	t     *testing.T
	clock *clock.Stepped
}

func newFixture(t *testing.T, p account.Profile) fixture {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	return newFixtureOf(account.New("123456789012", "us-west-2", c, p), t, c)
}

// abroad is a fixture where the scope of CloudFront is.
func abroad(t *testing.T) fixture {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	return newFixtureOf(account.New("123456789012", "us-east-1", c, account.Instant()), t, c)
}

func newFixtureOf(a *account.Account, t *testing.T, c *clock.Stepped) fixture {
	t.Helper()
	a.AddLoadBalancer(&account.LoadBalancer{ARN: alb, Name: "web", Type: "application", Created: c.Now()})
	return fixture{New(a, nil), t, c}
}

func visible() *types.VisibilityConfig { return &types.VisibilityConfig{MetricName: aws.String("m")} }

func blocking(name string, priority int32, path string) types.Rule {
	return types.Rule{
		Name: aws.String(name), Priority: priority, VisibilityConfig: visible(), Action: &types.RuleAction{
			Block: &types.BlockAction{}},
		Statement: &types.Statement{ByteMatchStatement: &types.ByteMatchStatement{
			FieldToMatch:         &types.FieldToMatch{UriPath: &types.UriPath{}},
			PositionalConstraint: types.PositionalConstraintExactly,
			SearchString:         []byte(path), TextTransformations: []types.TextTransformation{
				{Type: types.TextTransformationTypeNone}},
		}},
	}
}

func input(name string, rules ...types.Rule) *wafv2.CreateWebACLInput {
	return &wafv2.CreateWebACLInput{
		Name: aws.String(name), Scope: types.ScopeRegional, DefaultAction: &types.DefaultAction{Allow: &types.AllowAction{}},
		VisibilityConfig: visible(), Rules: rules,
	}
}

func (f fixture) create(name string, rules ...types.Rule) *types.WebACLSummary {
	f.t.Helper()
	out, err := f.CreateWebACL(f.t.Context(), input(name, rules...))
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Summary
}

func (f fixture) associate(acl, resource string) error {
	_, err := f.AssociateWebACL(f.t.Context(), &wafv2.AssociateWebACLInput{WebACLArn: aws.String(acl),
		ResourceArn: aws.String(resource)})
	return err
}

func TestALoadBalancerHasOneWebACLWhichTheNextReplaces(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	a, b := f.create("a"), f.create("b")
	current := func() string {
		out, err := f.GetWebACLForResource(t.Context(), &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(alb)})
		if err != nil {
			t.Fatal(err)
		}
		if out.WebACL == nil {
			return ""
		}
		return *out.WebACL.Name
	}
	disassociate := func() {
		if _, err := f.DisassociateWebACL(t.Context(), &wafv2.DisassociateWebACLInput{ResourceArn: aws.String(alb)}); err !=
			nil {
			t.Fatal(err)
		}
	}
	disassociate() // nothing to take away is no error
	for _, step := range []struct {
		acl  *types.WebACLSummary
		want string
	}{{a, "a"}, {a, "a"}, {b, "b"}} {
		if err := f.associate(*step.acl.ARN, alb); err != nil {
			t.Fatal(err)
		}
		if got := current(); got != step.want {
			t.Errorf("after associating %s: %q", step.want, got)
		}
	}
	out, err := f.ListResourcesForWebACL(t.Context(), &wafv2.ListResourcesForWebACLInput{WebACLArn: b.ARN})
	if err != nil || len(out.ResourceArns) != 1 || out.ResourceArns[0] != alb {
		t.Errorf("resources of b: %v, %v", out, err)
	}
	_, err = f.DeleteWebACL(t.Context(), &wafv2.DeleteWebACLInput{Name: b.Name, Id: b.Id, Scope: types.ScopeRegional,
		LockToken: b.LockToken})
	if apierr.CodeOf(err) != "WAFAssociatedItemException" {
		t.Errorf("delete while associated: %v", err)
	}
	disassociate()
	if got := current(); got != "" {
		t.Errorf("after disassociating: %q", got)
	}
	if _, err = f.DeleteWebACL(t.Context(), &wafv2.DeleteWebACLInput{Name: b.Name, Id: b.Id, Scope: types.ScopeRegional,
		LockToken: b.LockToken}); err != nil {
		t.Error(err)
	}
	for _, in := range []*wafv2.GetWebACLInput{{ARN: b.ARN}, {Name: b.Name, Id: b.Id, Scope: types.ScopeRegional}} {
		if _, err = f.GetWebACL(t.Context(), in); apierr.CodeOf(err) != "WAFNonexistentItemException" {
			t.Errorf("after it was deleted: %v", err)
		}
	}
}

func TestAssociationsAreRefusedAsInAWS(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	good := *f.create("a").ARN
	cloudfront := "arn:aws:wafv2:us-east-1:123456789012:global/webacl/cdn/0a1de001-0000-4000-8000-000000000001"
	f.account.AddWebACL(&account.WebACL{ARN: cloudfront, Name: "cdn", Scope: global})
	for _, tt := range []struct{ acl, resource, want string }{
		{good, nlb, "WAFInvalidParameterException"},
		{cloudfront, alb, "WAFInvalidParameterException"},
		{good, alb + "0", "WAFNonexistentItemException"},
		{good + "0", alb, "WAFNonexistentItemException"},
		{good, "nonsense", "WAFInvalidParameterException"},
		{good, alb, ""},
	} {
		if got := apierr.CodeOf(f.associate(tt.acl, tt.resource)); got != tt.want {
			t.Errorf("%s with %s: got %q, want %q", tt.acl, tt.resource, got, tt.want)
		}
	}
}

func TestWebACLAssociationTakesEffectLater(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	acl := f.create("a")
	f.clock.Advance(account.Real().WebACLKnown) // the web ACL is known by now
	f.account.LoadBalancers[alb].Created = f.clock.Now()
	if got := apierr.CodeOf(f.associate(*acl.ARN, alb)); got != "WAFUnavailableEntityException" {
		t.Fatalf("at once: %q", got)
	}
	f.clock.Advance(account.Real().WebACLKnown)
	if err := f.associate(*acl.ARN, alb); err != nil {
		t.Fatal(err)
	}
	rules, next := f.account.Firewall(alb)
	if rules != nil || !next.Equal(f.clock.Now().Add(account.Real().WebACLEffective)) {
		t.Errorf("in effect at once, or changes at %v", next)
	}
	f.clock.Advance(account.Real().WebACLEffective)
	if rules, next = f.account.Firewall(alb); rules == nil || !next.IsZero() {
		t.Errorf("not in effect in time, changes at %v", next)
	}
	f.account.RemoveLoadBalancer(f.account.LoadBalancers[alb])
	if got := f.account.LoadBalancersOf(*acl.ARN); len(got) != 0 {
		t.Errorf("a deleted load balancer is still associated: %v", got)
	}
}

func TestWebACLsAreValidated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	f.create("taken")
	edit := func(change func(*wafv2.CreateWebACLInput)) *wafv2.CreateWebACLInput {
		in := input("new", blocking("r", 1, "/x"))
		change(in)
		return in
	}
	for name, tt := range map[string]struct {
		in   *wafv2.CreateWebACLInput
		want string
	}{
		"name taken": {input("taken"), "WAFDuplicateItemException"},
		"bad name":   {input("a b"), "WAFInvalidParameterException"},
		"no scope":   {edit(func(in *wafv2.CreateWebACLInput) { in.Scope = "" }), "WAFInvalidParameterException"},
		"no default": {edit(func(in *wafv2.CreateWebACLInput) { in.DefaultAction = nil }), "WAFInvalidParameterException"},
		"two defaults": {edit(func(in *wafv2.CreateWebACLInput) { in.DefaultAction.Block = &types.BlockAction{} }),
			"WAFInvalidParameterException"},
		"no metric": {edit(func(in *wafv2.CreateWebACLInput) { in.VisibilityConfig = nil }),
			"WAFInvalidParameterException"},
		"same priority": {input("new", blocking("a", 1, "/"), blocking("b", 1, "/")), "WAFInvalidParameterException"},
		"same name":     {input("new", blocking("a", 1, "/"), blocking("a", 2, "/")), "WAFInvalidParameterException"},
		"no action": {edit(func(in *wafv2.CreateWebACLInput) { in.Rules[0].Action = nil }),
			"WAFInvalidParameterException"},
		"two actions": {edit(func(in *wafv2.CreateWebACLInput) { in.Rules[0].Action.Allow = &types.AllowAction{} }),
			"WAFInvalidParameterException"},
		"two statements": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement.GeoMatchStatement = &types.GeoMatchStatement{}
		}), "WAFInvalidParameterException"},
		"nothing to search": {input("new", blocking("a", 1, "")), "WAFInvalidParameterException"},
		"unknown IP set": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement = &types.Statement{IPSetReferenceStatement: &types.IPSetReferenceStatement{
				ARN: aws.String("arn:aws:wafv2:us-west-2:1:regional/ipset/a/b")}}
		}), "WAFNonexistentItemException"},
		"unknown body": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Action.Block.CustomResponse = &types.CustomResponse{ResponseCode: aws.Int32(404),
				CustomResponseBodyKey: aws.String("k")}
		}), "WAFInvalidParameterException"},
		"reserved tag": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}
		}), "WAFInvalidParameterException"},
		"bad status": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Action.Block.CustomResponse = &types.CustomResponse{ResponseCode: aws.Int32(600)}
		}), "WAFInvalidParameterException"},
		"bad status by default": {edit(func(in *wafv2.CreateWebACLInput) {
			in.DefaultAction = &types.DefaultAction{Block: &types.BlockAction{CustomResponse: &types.CustomResponse{
				ResponseCode: aws.Int32(199)}}}
		}), "WAFInvalidParameterException"},
		"bad description": {edit(func(in *wafv2.CreateWebACLInput) { in.Description = aws.String("<") }),
			"WAFInvalidParameterException"},
		"rule without a metric": {edit(func(in *wafv2.CreateWebACLInput) { in.Rules[0].VisibilityConfig = nil }),
			"WAFInvalidParameterException"},
		"rule without a name": {edit(func(in *wafv2.CreateWebACLInput) { in.Rules[0].Name = nil }),
			"WAFInvalidParameterException"},
		"rule before the first": {edit(func(in *wafv2.CreateWebACLInput) { in.Rules[0].Priority = -1 }),
			"WAFInvalidParameterException"},
		"rule without a statement": {edit(func(in *wafv2.CreateWebACLInput) { in.Rules[0].Statement = nil }),
			"WAFInvalidParameterException"},
		"bytes at no position": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement.ByteMatchStatement.PositionalConstraint = ""
		}), "WAFInvalidParameterException"},
		"bytes without a field": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement.ByteMatchStatement.FieldToMatch = nil
		}), "WAFInvalidParameterException"},
		"bytes as they are, not told": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement.ByteMatchStatement.TextTransformations = nil
		}), "WAFInvalidParameterException"},
		"and of one": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement = &types.Statement{AndStatement: &types.AndStatement{
				Statements: []types.Statement{*in.Rules[0].Statement}}}
		}), "WAFInvalidParameterException"},
		"or of one": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement = &types.Statement{OrStatement: &types.OrStatement{
				Statements: []types.Statement{*in.Rules[0].Statement}}}
		}), "WAFInvalidParameterException"},
		"not of nothing": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement = &types.Statement{NotStatement: &types.NotStatement{}}
		}), "WAFInvalidParameterException"},
		"IP set by another ARN": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement = &types.Statement{IPSetReferenceStatement: &types.IPSetReferenceStatement{
				ARN: aws.String(alb)}}
		}), "WAFInvalidParameterException"},
		"two overriding actions": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Action, in.Rules[0].OverrideAction = nil, &types.OverrideAction{Count: &types.CountAction{},
				None: &types.NoneAction{}}
			in.Rules[0].Statement = &types.Statement{ManagedRuleGroupStatement: &types.ManagedRuleGroupStatement{}}
		}), "WAFInvalidParameterException"},
		"unknown IP set within other statements": {edit(func(in *wafv2.CreateWebACLInput) {
			unknown := types.Statement{IPSetReferenceStatement: &types.IPSetReferenceStatement{
				ARN: aws.String("arn:aws:wafv2:us-west-2:1:regional/ipset/a/b")}}
			or := types.Statement{OrStatement: &types.OrStatement{
				Statements: []types.Statement{*in.Rules[0].Statement, unknown}}}
			and := types.Statement{AndStatement: &types.AndStatement{Statements: []types.Statement{*in.Rules[0].Statement, or}}}
			not := types.Statement{NotStatement: &types.NotStatement{Statement: &and}}
			in.Rules[0].Statement = &types.Statement{RateBasedStatement: &types.RateBasedStatement{ScopeDownStatement: &not}}
		}), "WAFNonexistentItemException"},
		"more capacity than there is": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules = nil
			for i := range int32(8) { // of 700 each
				in.Rules = append(in.Rules, types.Rule{
					Name: aws.String("r" + string('a'+i)), Priority: i, VisibilityConfig: visible(),
					OverrideAction: &types.OverrideAction{None: &types.NoneAction{}},
					Statement:      &types.Statement{ManagedRuleGroupStatement: &types.ManagedRuleGroupStatement{}},
				})
			}
		}), "WAFLimitsExceededException"},
		"rule group": {edit(func(in *wafv2.CreateWebACLInput) {
			in.Rules[0].Statement = &types.Statement{ManagedRuleGroupStatement: &types.ManagedRuleGroupStatement{}}
		}), "WAFInvalidParameterException"},
	} {
		if _, err := f.CreateWebACL(t.Context(), tt.in); apierr.CodeOf(err) != tt.want {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

func TestUpdatesNeedTheCurrentLockToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	w := f.create("a")
	update := func(token *string) (*wafv2.UpdateWebACLOutput, error) {
		return f.UpdateWebACL(t.Context(), &wafv2.UpdateWebACLInput{
			Name: w.Name, Id: w.Id, Scope: types.ScopeRegional, LockToken: token, VisibilityConfig: visible(),
			DefaultAction: &types.DefaultAction{Block: &types.BlockAction{}},
		})
	}
	out, err := update(w.LockToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := update(w.LockToken); apierr.CodeOf(err) != "WAFOptimisticLockException" {
		t.Errorf("with the old token: %v", err)
	}
	if _, err := f.DeleteWebACL(t.Context(), &wafv2.DeleteWebACLInput{Name: w.Name, Id: w.Id, Scope: types.ScopeRegional,
		LockToken: w.LockToken}); apierr.CodeOf(err) != "WAFOptimisticLockException" {
		t.Errorf("delete with the old token: %v", err)
	}
	if _, err := f.UpdateWebACL(t.Context(), &wafv2.UpdateWebACLInput{Name: w.Name, Id: w.Id, Scope: types.ScopeRegional,
		LockToken: out.NextLockToken, VisibilityConfig: visible()}); apierr.CodeOf(err) != "WAFInvalidParameterException" {
		t.Errorf("without a default action: %v", err)
	}
	got, err := f.GetWebACL(t.Context(), &wafv2.GetWebACLInput{Name: w.Name, Id: w.Id, Scope: types.ScopeRegional})
	if err != nil || *got.LockToken != *out.NextLockToken || got.WebACL.DefaultAction.Block == nil {
		t.Errorf("after the update: %v, %v", got, err)
	}
}

func TestListsArePagedWithAMarkerOnEachFullPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	for _, name := range []string{"a", "b", "c", "d"} {
		f.create(name)
	}
	var names []string
	var marker *string
	pages := 0
	for {
		out, err := f.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{Scope: types.ScopeRegional, Limit: aws.Int32(2),
			NextMarker: marker})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range out.WebACLs {
			names = append(names, *w.Name)
		}
		pages++
		if marker = out.NextMarker; marker == nil {
			break
		}
	}
	if len(names) != 4 || pages != 3 { // the second page is full, so a third, empty one follows
		t.Errorf("%v on %d pages", names, pages)
	}
	f.account.Trouble.PageSize = 1
	if out, err := f.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{Scope: types.ScopeRegional,
		Limit: aws.Int32(2)}); err != nil || len(out.WebACLs) != 1 {
		t.Errorf("while all pages have one: %+v, %v", out, err)
	}
	if _, err := f.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{Scope: types.ScopeRegional,
		NextMarker: aws.String("?")}); apierr.CodeOf(err) != "WAFInvalidParameterException" {
		t.Errorf("bad marker: %v", err)
	}
}

func TestRulesReachTheDataPlaneInTheOrderOfTheirPriorities(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	set, err := f.CreateIPSet(t.Context(), &wafv2.CreateIPSetInput{
		Name: aws.String("office"), Scope: types.ScopeRegional, IPAddressVersion: types.IPAddressVersionIpv4,
		Addresses: []string{"192.0.2.0/24"},
	})
	if err != nil {
		t.Fatal(err)
	}
	office := types.Rule{
		Name: aws.String("office"), Priority: 1, VisibilityConfig: visible(), Action: &types.RuleAction{
			Allow: &types.AllowAction{}},
		Statement: &types.Statement{IPSetReferenceStatement: &types.IPSetReferenceStatement{ARN: set.Summary.ARN}},
	}
	teapot := blocking("teapot", 2, "/blocked")
	teapot.Action.Block.CustomResponse = &types.CustomResponse{
		ResponseCode: aws.Int32(418), CustomResponseBodyKey: aws.String("tea"),
		ResponseHeaders: []types.CustomHTTPHeader{{Name: aws.String("X-Tea"), Value: aws.String("green")}},
	}
	in := input("a", blocking("never", 3, "/blocked"), teapot, office)
	in.CustomResponseBodies = map[string]types.CustomResponseBody{
		"tea": {Content: aws.String("{}"), ContentType: types.ResponseContentTypeApplicationJson}}
	out, err := f.CreateWebACL(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	rules := f.account.WebACLs[*out.Summary.ARN].Rules
	outside := &webacl.Request{Path: "/blocked"}
	action, rule := rules.Decide(outside)
	if rule != "teapot" || action.Response == nil || action.Response.Status != 418 || action.Response.Body != "{}" ||
		action.Response.ContentType != "application/json" || action.Response.Header.Get("X-Tea") != "green" {
		t.Errorf("got %+v by %q", action, rule)
	}
	if _, err := f.DeleteIPSet(t.Context(), &wafv2.DeleteIPSetInput{Name: aws.String("office"), Id: set.Summary.Id,
		LockToken: set.Summary.LockToken, Scope: types.ScopeRegional}); apierr.CodeOf(err) != "WAFAssociatedItemException" {
		t.Errorf("delete a set in use: %v", err)
	}
}

func TestTagsOfWebACLs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	arn := f.create("a").ARN
	if _, err := f.TagResource(t.Context(), &wafv2.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{
		{Key: aws.String("k"), Value: aws.String("v")}, {Key: aws.String("l"), Value: aws.String("w")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.TagResource(t.Context(), &wafv2.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{
		{Key: aws.String("m"), Value: aws.String("x")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UntagResource(t.Context(), &wafv2.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"l"}}); err !=
		nil {
		t.Fatal(err)
	}
	out, err := f.ListTagsForResource(t.Context(), &wafv2.ListTagsForResourceInput{ResourceARN: arn})
	if err != nil || len(out.TagInfoForResource.TagList) != 2 || *out.TagInfoForResource.TagList[0].Key != "k" ||
		*out.TagInfoForResource.TagList[1].Key != "m" {
		t.Errorf("%v, %v", out, err)
	}
	more := func(n int) []types.Tag {
		list := make([]types.Tag, n)
		for i := range list {
			list[i] = types.Tag{Key: aws.String(fmt.Sprint("n", i)), Value: aws.String("")}
		}
		return list
	}
	for _, tt := range []struct {
		n    int
		want string
	}{{49, "WAFTagOperationException"}, {48, ""}} {
		_, err := f.TagResource(t.Context(), &wafv2.TagResourceInput{ResourceARN: arn, Tags: more(tt.n)})
		if apierr.CodeOf(err) != tt.want {
			t.Errorf("two tags and %d more: got %v, want %q", tt.n, err, tt.want)
		}
	}
	unknown := aws.String(*arn + "0")
	_, untag := f.UntagResource(t.Context(), &wafv2.UntagResourceInput{ResourceARN: unknown, TagKeys: []string{"k"}})
	_, list := f.ListTagsForResource(t.Context(), &wafv2.ListTagsForResourceInput{ResourceARN: unknown})
	if apierr.CodeOf(untag) != "WAFNonexistentItemException" || apierr.CodeOf(list) != "WAFNonexistentItemException" {
		t.Errorf("of an unknown web ACL: %v, %v", untag, list)
	}
}
