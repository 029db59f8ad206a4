package wafv2

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/webacl"
)

// bytesIn is a byte match; without transformations it has the one that changes nothing.
func bytesIn(f types.FieldToMatch, p types.PositionalConstraint, text string,
	transformations ...types.TextTransformation) types.Statement {
	if transformations == nil {
		transformations = []types.TextTransformation{{Type: types.TextTransformationTypeNone}}
	}
	return types.Statement{ByteMatchStatement: &types.ByteMatchStatement{
		FieldToMatch: &f, PositionalConstraint: p, SearchString: []byte(text), TextTransformations: transformations,
	}}
}

func (f fixture) ipSet(name, version string, addresses ...string) (*types.IPSetSummary, error) {
	out, err := f.CreateIPSet(f.t.Context(), &wafv2.CreateIPSetInput{
		Name: aws.String(name), Scope: types.ScopeRegional, IPAddressVersion: types.IPAddressVersion(version),
		Addresses: addresses,
	})
	if err != nil {
		return nil, err
	}
	return out.Summary, nil
}

func inSet(set *types.IPSetSummary) types.Statement {
	return types.Statement{IPSetReferenceStatement: &types.IPSetReferenceStatement{ARN: set.ARN}}
}

var (
	uri   = types.FieldToMatch{UriPath: &types.UriPath{}}
	query = types.FieldToMatch{QueryString: &types.QueryString{}}
	agent = types.FieldToMatch{SingleHeader: &types.SingleHeader{Name: aws.String("user-agent")}}
)

const (
	exactly      = types.PositionalConstraintExactly
	starts       = types.PositionalConstraintStartsWith
	ends         = types.PositionalConstraintEndsWith
	contains     = types.PositionalConstraintContains
	containsWord = types.PositionalConstraintContainsWord
)

func TestStatementsGuardAsTheyAreWrittenAndCostAsDocumented(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	clients, err := f.ipSet("clients", "IPV4", "203.0.113.9/24") // a range is masked
	if err != nil {
		t.Fatal(err)
	}
	request := &webacl.Request{
		Client: netip.MustParseAddr("203.0.113.7"), Method: "PUT", Path: "/a%42/end", Query: "q=evil&x=bots",
		Header: http.Header{"User-Agent": {"curl/8"}},
	}
	lower, decode := types.TextTransformation{Priority: 2, Type: types.TextTransformationTypeLowercase},
		types.TextTransformation{Priority: 1, Type: types.TextTransformationTypeUrlDecode}
	hits, misses := bytesIn(uri, starts, "/"), bytesIn(uri, exactly, "/")
	geo := types.Statement{GeoMatchStatement: &types.GeoMatchStatement{CountryCodes: []types.CountryCode{
		types.CountryCodeAq}}}
	managed := types.Statement{ManagedRuleGroupStatement: &types.ManagedRuleGroupStatement{Name: aws.String("n"),
		VendorName: aws.String("v")}}
	for _, tt := range []struct {
		name    string
		s       types.Statement
		matches bool
		cost    int64
	}{
		{"the path exactly", bytesIn(uri, exactly, "/a%42/end"), true, 2},
		{"the path in another case", bytesIn(uri, exactly, "/A%42/end"), false, 2},
		{"the start of the path", bytesIn(uri, starts, "/a"), true, 2},
		{"the end of the path", bytesIn(uri, ends, "end"), true, 2},
		{"the end is not the start", bytesIn(uri, starts, "end"), false, 2},
		{"within the query", bytesIn(query, contains, "bot"), true, 10},
		{"a word of the query", bytesIn(query, containsWord, "evil"), true, 10},
		{"no word of the query", bytesIn(query, containsWord, "bot"), false, 10},
		{"the method", bytesIn(types.FieldToMatch{Method: &types.Method{}}, exactly, "PUT"), true, 2},
		{"a header", bytesIn(agent, starts, "curl"), true, 2},
		{"a field that is not simulated", bytesIn(types.FieldToMatch{Cookies: &types.Cookies{}}, starts, "a"), false, 2},
		{"transformations by priority", bytesIn(uri, exactly, "/ab/end", lower, decode), true, 22},
		{"a transformation that is not simulated", bytesIn(uri, starts, "/", types.TextTransformation{
			Type: types.TextTransformationTypeMd5}), false, 12},
		{"addresses", inSet(clients), true, 1},
		{"and", types.Statement{AndStatement: &types.AndStatement{Statements: []types.Statement{hits, inSet(clients)}}}, true,
			3},
		{"and, one not", types.Statement{AndStatement: &types.AndStatement{Statements: []types.Statement{hits, misses}}},
			false, 4},
		{"or", types.Statement{OrStatement: &types.OrStatement{Statements: []types.Statement{misses, hits}}}, true, 4},
		{"or, neither", types.Statement{OrStatement: &types.OrStatement{Statements: []types.Statement{misses, misses}}},
			false, 4},
		{"not", types.Statement{NotStatement: &types.NotStatement{Statement: &misses}}, true, 2},
		{"not what matches", types.Statement{NotStatement: &types.NotStatement{Statement: &hits}}, false, 2},
		{"a country", geo, false, 1},
		{"a rate with what it is of", types.Statement{RateBasedStatement: &types.RateBasedStatement{
			Limit: aws.Int64(100), AggregateKeyType: types.RateBasedStatementAggregateKeyTypeIp, ScopeDownStatement: &hits,
		}}, false, 4},
		{"a regular expression", types.Statement{RegexMatchStatement: &types.RegexMatchStatement{RegexString: aws.String("."),
			FieldToMatch: &uri}}, false, 3},
		{"a set of expressions", types.Statement{RegexPatternSetReferenceStatement: &types.RegexPatternSetReferenceStatement{
			ARN: aws.String("a")}}, false, 25},
		{"injection of SQL", types.Statement{SqliMatchStatement: &types.SqliMatchStatement{FieldToMatch: &uri}}, false, 20},
		{"injection of scripts", types.Statement{XssMatchStatement: &types.XssMatchStatement{FieldToMatch: &uri}}, false, 40},
		{"a managed group", managed, false, 700},
		{"a managed group of some requests", types.Statement{ManagedRuleGroupStatement: &types.ManagedRuleGroupStatement{
			Name: aws.String("n"), VendorName: aws.String("v"), ScopeDownStatement: &geo,
		}}, false, 701},
		{"a group", types.Statement{RuleGroupReferenceStatement: &types.RuleGroupReferenceStatement{ARN: aws.String("a")}},
			false, 100},
	} {
		r := blocking("r", 0, "/")
		r.Statement = &tt.s
		if tt.s.ManagedRuleGroupStatement != nil || tt.s.RuleGroupReferenceStatement != nil {
			r.Action, r.OverrideAction = nil, &types.OverrideAction{None: &types.NoneAction{}}
		}
		cost, err := f.CheckCapacity(t.Context(), &wafv2.CheckCapacityInput{Scope: types.ScopeRegional,
			Rules: []types.Rule{r}})
		if err != nil || cost.Capacity != tt.cost {
			t.Errorf("%s: costs %+v, %v; want %d", tt.name, cost, err, tt.cost)
			continue
		}
		w := f.create(strings.NewReplacer(" ", "_", ",", "").Replace(tt.name), r)
		if action, _ := f.account.WebACLs[*w.ARN].Rules.Decide(request); (action.Kind == webacl.Block) != tt.matches {
			t.Errorf("%s: %+v", tt.name, action)
		}
		got, err := f.GetWebACL(t.Context(), &wafv2.GetWebACLInput{ARN: w.ARN})
		if err != nil || got.WebACL.Capacity != tt.cost || *got.WebACL.ARN != *w.ARN || *got.WebACL.Id != *w.Id ||
			*got.WebACL.LabelNamespace != "awswaf:123456789012:webacl:"+*w.Name+":" {
			t.Errorf("%s: described as %+v, %v", tt.name, got, err)
		}
	}
}

func TestAnIPSetIsMadeReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	f := abroad(t)
	set, err := f.ipSet("office", "IPV4", "192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	r := blocking("r", 0, "/")
	r.Statement = &types.Statement{NotStatement: &types.NotStatement{Statement: ptr(inSet(set))}}
	w := f.create("a", r)
	blocks := func(client string) bool {
		action, _ := f.account.WebACLs[*w.ARN].Rules.Decide(&webacl.Request{Client: netip.MustParseAddr(client)})
		return action.Kind == webacl.Block
	}
	if blocks("192.0.2.1") || !blocks("198.51.100.1") {
		t.Error("the set is not what it was made of")
	}
	update := func(id, token *string, addresses ...string) (*wafv2.UpdateIPSetOutput, error) {
		return f.UpdateIPSet(t.Context(), &wafv2.UpdateIPSetInput{
			Name: set.Name, Id: id, Scope: types.ScopeRegional, LockToken: token, Addresses: addresses,
			Description: aws.String("moved"),
		})
	}
	next, err := update(set.Id, set.LockToken, "198.51.100.0/24")
	if err != nil {
		t.Fatal(err)
	}
	if !blocks("192.0.2.1") || blocks("198.51.100.1") {
		t.Error("the rule does not follow the set")
	}
	for name, got := range map[string]error{
		"WAFOptimisticLockException":   second(update(set.Id, set.LockToken)),
		"WAFNonexistentItemException":  second(update(aws.String("x"), next.NextLockToken)),
		"WAFInvalidParameterException": second(update(set.Id, next.NextLockToken, "2001:db8::/32")),
	} {
		if apierr.CodeOf(got) != name {
			t.Errorf("got %v, want %s", got, name)
		}
	}
	got, err := f.GetIPSet(t.Context(), &wafv2.GetIPSetInput{Name: set.Name, Id: set.Id, Scope: types.ScopeRegional})
	if err != nil || !slices.Equal(got.IPSet.Addresses, []string{"198.51.100.0/24"}) ||
		*got.LockToken != *next.NextLockToken || *got.IPSet.Description != "moved" {
		t.Errorf("after the update: %+v, %v", got, err)
	}
	cdn := &wafv2.CreateIPSetInput{Name: set.Name, Scope: types.ScopeCloudfront,
		IPAddressVersion: types.IPAddressVersionIpv6, Addresses: []string{"2001:db8::/32"}}
	if out, err := f.CreateIPSet(t.Context(), cdn); err != nil || !strings.HasPrefix(*out.Summary.ARN,
		"arn:aws:wafv2:us-east-1:123456789012:global/ipset/office/") {
		t.Errorf("a set of CloudFront: %+v, %v", out, err)
	}
	list := func() []types.IPSetSummary {
		out, err := f.ListIPSets(t.Context(), &wafv2.ListIPSetsInput{Scope: types.ScopeRegional})
		if err != nil {
			t.Fatal(err)
		}
		return out.IPSets
	}
	if all := list(); len(all) != 1 || *all[0].Id != *set.Id {
		t.Errorf("listed: %+v", all)
	}
	remove := func(token *string) error {
		_, err := f.DeleteIPSet(t.Context(), &wafv2.DeleteIPSetInput{Name: set.Name, Id: set.Id, Scope: types.ScopeRegional,
			LockToken: token})
		return err
	}
	if err := remove(set.LockToken); apierr.CodeOf(err) != "WAFOptimisticLockException" {
		t.Errorf("delete with the old token: %v", err)
	}
	if err := remove(next.NextLockToken); apierr.CodeOf(err) != "WAFAssociatedItemException" {
		t.Errorf("delete while a rule refers to it within another statement: %v", err)
	}
	if _, err := f.DeleteWebACL(t.Context(), &wafv2.DeleteWebACLInput{Name: w.Name, Id: w.Id, Scope: types.ScopeRegional,
		LockToken: w.LockToken}); err != nil {
		t.Fatal(err)
	}
	if err := remove(next.NextLockToken); err != nil {
		t.Error(err)
	}
	if all := list(); len(all) != 0 {
		t.Errorf("listed after it was deleted: %+v", all)
	}
}

func ptr[T any](v T) *T { return &v }

func second[T any](_ T, err error) error { return err }

func TestIPSetsAreValidated(t *testing.T) {
	t.Parallel()
	ranges := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)
		}
		return list
	}
	for name, tt := range map[string]struct {
		version   string
		addresses []string
		want      string
	}{
		"none":                        {"IPV4", nil, ""},
		"as many as there may be":     {"IPV4", ranges(10_000), ""},
		"one too many":                {"IPV4", ranges(10_001), "WAFLimitsExceededException"},
		"no version":                  {"", nil, "WAFInvalidParameterException"},
		"an address without a length": {"IPV4", []string{"192.0.2.1"}, "WAFInvalidParameterException"},
		"the other version":           {"IPV6", []string{"192.0.2.0/24"}, "WAFInvalidParameterException"},
		"all addresses":               {"IPV4", []string{"0.0.0.0/0"}, "WAFInvalidParameterException"},
		"a name that is taken":        {"taken", nil, "WAFDuplicateItemException"},
		"a name that is none":         {"a b", nil, "WAFInvalidParameterException"},
	} {
		f := newFixture(t, account.Instant())
		if _, err := f.ipSet("taken", "IPV4"); err != nil {
			t.Fatal(err)
		}
		set, version := "new", tt.version
		if tt.version == "taken" || tt.version == "a b" {
			set, version = tt.version, "IPV4"
		}
		if _, err := f.ipSet(set, version, tt.addresses...); apierr.CodeOf(err) != tt.want {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	f := newFixture(t, account.Instant())
	if _, err := f.CreateIPSet(t.Context(), &wafv2.CreateIPSetInput{
		Name: aws.String("a"), Scope: types.ScopeRegional, IPAddressVersion: types.IPAddressVersionIpv4, Tags: []types.Tag{
			{Key: aws.String("aws:x"), Value: aws.String("")}},
	}); apierr.CodeOf(err) != "WAFInvalidParameterException" {
		t.Errorf("with a reserved tag: %v", err)
	}
	for i := range maxIPSets {
		if _, err := f.ipSet(fmt.Sprint("set", i), "IPV4"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.ipSet("another", "IPV4"); apierr.CodeOf(err) != "WAFLimitsExceededException" {
		t.Errorf("set %d: %v", maxIPSets+1, err)
	}
}
