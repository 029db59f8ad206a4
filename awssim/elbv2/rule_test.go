package elbv2

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

var ignoreDocuments = cmpopts.IgnoreUnexported(types.Action{}, types.ForwardActionConfig{}, types.TargetGroupTuple{},
	types.TargetGroupStickinessConfig{},
	types.RedirectActionConfig{}, types.FixedResponseActionConfig{}, types.AuthenticateOidcActionConfig{},
	types.RuleCondition{}, types.PathPatternConditionConfig{},
	types.HostHeaderConditionConfig{}, types.HttpHeaderConditionConfig{}, types.HttpRequestMethodConditionConfig{},
	types.QueryStringConditionConfig{},
	types.QueryStringKeyValuePair{}, types.SourceIpConditionConfig{}, types.RuleTransform{}, types.UrlRewriteConfig{},
	types.RewriteConfig{})

func host(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{
		Values: values}}
}

func TestConditionsFollowAWSGrammar(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	header := func(name string, values ...string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{
			HttpHeaderName: aws.String(name), Values: values}}
	}
	source := func(values ...string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{
			Values: values}}
	}
	method := func(values ...string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("http-request-method"),
			HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: values}}
	}
	query := func(key, value string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{
			Values: []types.QueryStringKeyValuePair{{Key: request.Optional(key), Value: aws.String(value)}}}}
	}
	path := func(values ...string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{
			Values: values}}
	}
	legacy := func(field string, values ...string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String(field), Values: values}
	}
	regex := func(values ...string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{
			RegexValues: values}}
	}
	for name, c := range map[string]struct {
		conditions []types.RuleCondition
		text       string // empty: accepted
	}{
		"none": {nil, "A condition must be specified"},
		"unknown field": {[]types.RuleCondition{legacy("cookie", "x")},
			"Condition field 'cookie' must be one of " +
				"'[path-pattern,host-header,http-header,http-request-method,query-string,source-ip]'"},
		"both forms": {[]types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/"},
			PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"/"}}}},
			"You cannot provide both Values and 'PathPatternConfig' for a condition of type 'path-pattern'"},
		"legacy": {[]types.RuleCondition{legacy("path-pattern", "/a/*"), legacy("host-header", "a.example.com")},
			""},
		"legacy of two": {[]types.RuleCondition{legacy("path-pattern", "/a", "/b")}, "only one value"},
		"legacy elsewhere": {[]types.RuleCondition{legacy("source-ip", "10.0.0.0/8")},
			"The 'Values' field is not compatible with 'source-ip'"},
		"other config": {
			[]types.RuleCondition{{Field: aws.String("path-pattern"), HostHeaderConfig: &types.HostHeaderConditionConfig{
				Values: []string{"a.b"}}}}, "The 'HostHeaderConfig' field is not compatible with 'path-pattern'"},
		"no value":    {[]types.RuleCondition{path()}, "A condition value must be specified"},
		"empty value": {[]types.RuleCondition{path("")}, "A condition value must be specified"},
		"two paths": {[]types.RuleCondition{path("/a"), path("/b")},
			"A rule can only have one 'path-pattern' condition"},
		"two headers": {[]types.RuleCondition{header("a", "1"), header("b", "2")}, ""},
		"six values": {[]types.RuleCondition{path("/a", "/b", "/c"), host("a.b", "c.d", "e.f")},
			"A rule can only have '5' condition values"},
		"seven wildcards":   {[]types.RuleCondition{path("/*/*/*/*/*/*/?")}, "A rule can only have '6' condition wildcards"},
		"escaped wildcards": {[]types.RuleCondition{query("", `\*\*\*\*\*\*\*\?`)}, ""},
		"host without dot":  {[]types.RuleCondition{host("localhost")}, "at least one '.'"},
		"host with digits":  {[]types.RuleCondition{host("a.b1")}, "after the final '.'"},
		"host with space":   {[]types.RuleCondition{host("a b.c")}, "invalid characters"},
		"wildcard host":     {[]types.RuleCondition{host("*.example.com")}, ""},
		"long host": {[]types.RuleCondition{host(strings.Repeat("a", 127) + ".b")},
			"length less than or equal to 128"},
		"path with comma": {[]types.RuleCondition{path("/a,b")}, "invalid characters"},
		"path characters": {[]types.RuleCondition{path(`/a_-.$/~"'@:+&`)}, ""},
		"host as header":  {[]types.RuleCondition{header("Host", "a")}, "'host' is not supported"},
		"header name":     {[]types.RuleCondition{header("a b", "a")}, "header name 'a b' is not valid"},
		"long header name": {[]types.RuleCondition{header(strings.Repeat("a", 41), "a")},
			"length less than or equal to 40"},
		"lower-case method": {[]types.RuleCondition{method("get")}, "not valid"},
		"method":            {[]types.RuleCondition{method("GET", "M-SEARCH")}, ""},
		"no CIDR":           {[]types.RuleCondition{source("10.0.0.1")}, "CIDR block '10.0.0.1' is not valid"},
		"host bits":         {[]types.RuleCondition{source("10.0.0.1/8", "2001:db8::/32")}, ""},
		"broadcast":         {[]types.RuleCondition{source("255.255.255.255/32")}, "not valid"},
		"bad regex":         {[]types.RuleCondition{regex("(")}, "The regular expression '(' is not valid"},
		"regex":             {[]types.RuleCondition{regex("^/v[0-9]+/")}, ""},
		"regex and value": {
			[]types.RuleCondition{{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{
				RegexValues: []string{"a"}, Values: []string{"/"}}}}, "not both"},
		"regex for a method": {[]types.RuleCondition{{Field: aws.String("http-request-method"), RegexValues: []string{"a"}}},
			"not compatible"},
	} {
		out, err := f.CreateRule(f.ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(1),
			Conditions: c.conditions, Actions: respond("200")})
		t.Log(name)
		if c.text != "" {
			f.refused(err, "ValidationError", c.text)
			continue
		}
		f.ok(err)
		_, err = f.DeleteRule(f.ctx, &elb.DeleteRuleInput{RuleArn: out.Rules[0].RuleArn})
		f.ok(err)
	}
}

func TestReadBackConditionsRepeatHostsAndPathsInTheOldField(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	out, err := f.CreateRule(f.ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(1),
		Actions: respond("200"), Conditions: []types.RuleCondition{
			{Field: aws.String("path-pattern"), Values: []string{"/b/*"}}, host("b.example.com", "a.example.com")}})
	f.ok(err)
	want := []types.RuleCondition{
		{Field: aws.String("path-pattern"), Values: []string{"/b/*"}, PathPatternConfig: &types.PathPatternConditionConfig{
			Values: []string{"/b/*"}}},
		{Field: aws.String("host-header"), Values: []string{"b.example.com", "a.example.com"},
			HostHeaderConfig: &types.HostHeaderConditionConfig{Values: []string{"b.example.com", "a.example.com"}}},
	}
	if diff := cmp.Diff(want, out.Rules[0].Conditions, ignoreDocuments); diff != "" {
		t.Error(diff)
	}
}

func TestActionsFollowAWSGrammar(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.alb()
	plain, secured := f.listen(lb, "HTTP", 80, respond("404")), f.listen(lb, "HTTPS", 443, respond("404"))
	one, two := f.group("HTTP"), f.group("HTTP")
	weighted := func(weights ...int32) []types.Action {
		c := &types.ForwardActionConfig{}
		for i, w := range weights {
			c.TargetGroups = append(c.TargetGroups, types.TargetGroupTuple{TargetGroupArn: aws.String([]string{one, two}[i]),
				Weight: aws.Int32(w)})
		}
		return []types.Action{{Type: "forward", ForwardConfig: c}}
	}
	redirectTo := func(change func(*types.RedirectActionConfig)) []types.Action {
		c := &types.RedirectActionConfig{StatusCode: "HTTP_301", Protocol: aws.String("HTTPS")}
		change(c)
		return []types.Action{{Type: "redirect", RedirectConfig: c}}
	}
	fixed := func(status, contentType, body string) []types.Action {
		return []types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{
			StatusCode: aws.String(status), ContentType: request.Optional(contentType), MessageBody: request.Optional(body)}}}
	}
	oidc := func(change func(*types.AuthenticateOidcActionConfig)) []types.Action {
		c := &types.AuthenticateOidcActionConfig{Issuer: aws.String("https://a/"), AuthorizationEndpoint: aws.String(
			"https://a/a"), TokenEndpoint: aws.String("https://a/t"),
			UserInfoEndpoint: aws.String("https://a/u"), ClientId: aws.String("id"), ClientSecret: aws.String("secret")}
		change(c)
		return []types.Action{{Type: "authenticate-oidc", Order: aws.Int32(1), AuthenticateOidcConfig: c},
			{Type: "forward", Order: aws.Int32(2), TargetGroupArn: aws.String(one)}}
	}
	same := func(*types.AuthenticateOidcActionConfig) {}
	for name, c := range map[string]struct {
		listener   types.Listener
		actions    []types.Action
		code, text string // empty: accepted
	}{
		"none":            {plain, nil, "ValidationError", "actions"},
		"unknown type":    {plain, []types.Action{{Type: "drop"}}, "ValidationError", "enum value set"},
		"no target group": {plain, []types.Action{{Type: "forward"}}, "ValidationError", "At least one target group"},
		"disagreeing forms": {
			plain, []types.Action{{Type: "forward", TargetGroupArn: aws.String(one),
				ForwardConfig: forwardTo(one, two)[0].ForwardConfig}}, "ValidationError", one},
		"agreeing forms": {
			plain, []types.Action{{Type: "forward", TargetGroupArn: aws.String(one),
				ForwardConfig: weighted(7)[0].ForwardConfig}}, "", ""},
		"weight 1000":      {plain, weighted(1000), "ValidationError", "weight"},
		"no traffic":       {plain, weighted(0, 0), "", ""},
		"same group twice": {plain, forwardTo(one, one), "ValidationError", "more than once"},
		"six groups":       {plain, forwardTo(one, two, one, two, one, two), "TooManyTargetGroups", "'5'"},
		"two answers": {
			plain, []types.Action{{Type: "forward", Order: aws.Int32(1), TargetGroupArn: aws.String(one)},
				{Type: "fixed-response", Order: aws.Int32(2), FixedResponseConfig: fixed("200", "", "")[0].FixedResponseConfig}},
			"ValidationError", "exactly one"},
		"no order": {
			secured, []types.Action{
				oidc(same)[1], {Type: "authenticate-oidc", AuthenticateOidcConfig: oidc(same)[0].AuthenticateOidcConfig}},
			"ValidationError", "order must be specified"},
		"stickiness, no length": {
			plain, []types.Action{
				{Type: "forward", ForwardConfig: &types.ForwardActionConfig{TargetGroups: weighted(1)[0].ForwardConfig.TargetGroups,
					TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true)}}}}, "ValidationError",
			"duration"},
		"redirect loop": {plain, redirectTo(func(c *types.RedirectActionConfig) { c.Protocol = nil }),
			"InvalidLoadBalancerAction", "creates a loop"},
		"redirect only query": {plain, redirectTo(func(c *types.RedirectActionConfig) {
			c.Protocol, c.Query = nil,
				aws.String("a")
		}), "InvalidLoadBalancerAction", "creates a loop"},
		"redirect": {plain, redirectTo(func(*types.RedirectActionConfig) {}), "", ""},
		"redirect status": {plain, redirectTo(func(c *types.RedirectActionConfig) { c.StatusCode = "HTTP_307" }),
			"ValidationError", "statusCode"},
		"redirect protocol": {plain, redirectTo(func(c *types.RedirectActionConfig) { c.Protocol = aws.String("https") }),
			"ValidationError", "protocol"},
		"redirect port": {plain, redirectTo(func(c *types.RedirectActionConfig) { c.Port = aws.String("70000") }),
			"InvalidLoadBalancerAction", "Port"},
		"redirect path": {plain, redirectTo(func(c *types.RedirectActionConfig) { c.Path = aws.String("x") }),
			"InvalidLoadBalancerAction", "should start with a '/'"},
		"redirect path twice": {
			plain, redirectTo(func(c *types.RedirectActionConfig) { c.Path = aws.String("/#{path}/#{path}") }),
			"InvalidLoadBalancerAction", "placeholders"},
		"redirect down": {
			secured, redirectTo(func(c *types.RedirectActionConfig) { c.Protocol = aws.String("HTTP") }),
			"InvalidLoadBalancerAction", "HTTPS listener to HTTP"},
		"fixed 302": {plain, fixed("302", "", ""), "ValidationError", "satisfy regular expression pattern"},
		"fixed type": {plain, fixed("200", "text/xml", ""), "InvalidLoadBalancerAction",
			"The ContentType must be one of:'text/html', 'application/json', 'application/javascript', " +
				"'text/css', 'text/plain'"},
		"fixed long":   {plain, fixed("200", "", strings.Repeat("a", 1025)), "ValidationError", "1024"},
		"OIDC on HTTP": {plain, oidc(same), "InvalidLoadBalancerAction", "HTTPS listeners only"},
		"OIDC":         {secured, oidc(same), "", ""},
		"OIDC over http": {
			secured, oidc(func(c *types.AuthenticateOidcActionConfig) { c.TokenEndpoint = aws.String("http://a/t") }),
			"InvalidLoadBalancerAction", "https URL"},
		"OIDC without secret": {secured, oidc(func(c *types.AuthenticateOidcActionConfig) { c.ClientSecret = nil }),
			"InvalidLoadBalancerAction", "client secret"},
		"JWT": {
			secured, []types.Action{
				{Type: "jwt-validation", Order: aws.Int32(1), JwtValidationConfig: &types.JwtValidationActionConfig{
					JwksEndpoint: aws.String("https://a/k"), Issuer: aws.String("a"),
					AdditionalClaims: []types.JwtValidationActionAdditionalClaim{{Name: aws.String("exp"), Format: "single-string",
						Values: []string{"1"}}}}}, oidc(same)[1]}, "InvalidLoadBalancerAction", "'exp'"},
	} {
		r, err := f.addRule(c.listener, 1, c.actions)
		t.Log(name)
		if c.code != "" {
			f.refused(err, c.code, c.text)
			continue
		}
		f.ok(err)
		_, err = f.DeleteRule(f.ctx, &elb.DeleteRuleInput{RuleArn: r.RuleArn})
		f.ok(err)
	}
	f.whole()
}

func TestACognitoActionNeedsAClientOfThePoolWithASecret(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTPS", 443, respond("404"))
	const pool = "arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_abc"
	add := func(arn, client, domain string) error {
		r, err := f.addRule(l, 1, []types.Action{
			{Type: "authenticate-cognito", Order: aws.Int32(1),
				AuthenticateCognitoConfig: &types.AuthenticateCognitoActionConfig{
					UserPoolArn: aws.String(arn), UserPoolClientId: aws.String(client), UserPoolDomain: aws.String(domain)}},
			{Type: "fixed-response", Order: aws.Int32(2), FixedResponseConfig: &types.FixedResponseActionConfig{
				StatusCode: aws.String("200")}},
		})
		if err == nil {
			_, err = f.DeleteRule(f.ctx, &elb.DeleteRuleInput{RuleArn: r.RuleArn})
		}
		return err
	}
	f.ok(add(pool, "any", "any")) // an account without user pools accepts any
	f.account.Lock()
	f.account.AddUserPool(&account.UserPool{ARN: pool, Domain: "shop", Clients: map[string]string{
		"web": "secret", "public": ""}})
	f.account.Unlock()
	f.ok(add(pool, "web", "shop"))
	f.refused(add(pool+"d", "web", "shop"), "InvalidLoadBalancerAction", "does not exist")
	f.refused(add(pool, "other", "shop"), "InvalidLoadBalancerAction", "does not exist in the user pool")
	f.refused(add(pool, "web", "other"), "InvalidLoadBalancerAction", "is not that of")
	f.refused(add(pool, "public", "shop"), "InvalidLoadBalancerAction", "must have a client secret")
	f.whole()
}

func TestReadBackActionsAreComplete(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTPS", 443, respond("404"))
	one, two := f.group("HTTP"), f.group("HTTP")
	tuple := func(arn string) types.TargetGroupTuple {
		return types.TargetGroupTuple{TargetGroupArn: aws.String(arn), Weight: aws.Int32(1)}
	}
	off := &types.TargetGroupStickinessConfig{Enabled: aws.Bool(false)}
	for i, c := range []struct{ in, want []types.Action }{
		{forwardTo(one), []types.Action{{Type: "forward", Order: aws.Int32(1), TargetGroupArn: aws.String(one),
			ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{tuple(one)},
				TargetGroupStickinessConfig: off}}}},
		{forwardTo(one, two), []types.Action{{Type: "forward", Order: aws.Int32(1),
			ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{tuple(one), tuple(two)},
				TargetGroupStickinessConfig: off}}}},
		{[]types.Action{{Type: "redirect", RedirectConfig: &types.RedirectActionConfig{StatusCode: "HTTP_302",
			Host: aws.String("a.b")}}},
			[]types.Action{{Type: "redirect", Order: aws.Int32(1), RedirectConfig: &types.RedirectActionConfig{
				StatusCode: "HTTP_302", Host: aws.String("a.b"),
				Path: aws.String("/#{path}"), Port: aws.String("#{port}"), Protocol: aws.String("#{protocol}"),
				Query: aws.String("#{query}")}}}},
		{[]types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{
			StatusCode: aws.String("503"), MessageBody: aws.String("x")}}},
			[]types.Action{{Type: "fixed-response", Order: aws.Int32(1), FixedResponseConfig: &types.FixedResponseActionConfig{
				StatusCode:  aws.String("503"),
				MessageBody: aws.String("x"), ContentType: aws.String("text/plain")}}}},
		{[]types.Action{
			{Type: "forward", Order: aws.Int32(20), TargetGroupArn: aws.String(one)},
			{Type: "authenticate-oidc", Order: aws.Int32(10), AuthenticateOidcConfig: &types.AuthenticateOidcActionConfig{
				Issuer:                aws.String("https://a/"),
				AuthorizationEndpoint: aws.String("https://a/a"), TokenEndpoint: aws.String("https://a/t"),
				UserInfoEndpoint: aws.String("https://a/u"),
				ClientId:         aws.String("id"), ClientSecret: aws.String("secret")}},
		}, []types.Action{
			{Type: "authenticate-oidc", Order: aws.Int32(10), AuthenticateOidcConfig: &types.AuthenticateOidcActionConfig{
				Issuer:                aws.String("https://a/"),
				AuthorizationEndpoint: aws.String("https://a/a"), TokenEndpoint: aws.String("https://a/t"),
				UserInfoEndpoint: aws.String("https://a/u"),
				ClientId:         aws.String("id"), Scope: aws.String("openid"), SessionCookieName: aws.String(
					"AWSELBAuthSessionCookie"),
				SessionTimeout: aws.Int64(604800), OnUnauthenticatedRequest: "authenticate"}},
			{Type: "forward", Order: aws.Int32(20), TargetGroupArn: aws.String(one),
				ForwardConfig: &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{tuple(one)},
					TargetGroupStickinessConfig: off}},
		}},
	} {
		r, err := f.addRule(l, int32(i+1), c.in)
		f.ok(err)
		if diff := cmp.Diff(c.want, r.Actions, ignoreDocuments); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnExistingClientSecretIsKept(t *testing.T) {
	t.Parallel()
	f := instant(t)
	tg := f.group("HTTP")
	l := f.listen(f.alb(), "HTTPS", 443, respond("404"))
	actions := func(change func(*types.AuthenticateOidcActionConfig)) []types.Action {
		c := &types.AuthenticateOidcActionConfig{Issuer: aws.String("https://a/"), AuthorizationEndpoint: aws.String(
			"https://a/a"), TokenEndpoint: aws.String("https://a/t"),
			UserInfoEndpoint: aws.String("https://a/u"), ClientId: aws.String("id")}
		change(c)
		return []types.Action{{Type: "authenticate-oidc", Order: aws.Int32(1), AuthenticateOidcConfig: c},
			{Type: "forward", Order: aws.Int32(2), TargetGroupArn: aws.String(tg)}}
	}
	r, err := f.addRule(l, 1, actions(func(c *types.AuthenticateOidcActionConfig) {
		c.ClientSecret = aws.String("secret")
	}))
	f.ok(err)
	_, err = f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: r.RuleArn,
		Actions: actions(func(c *types.AuthenticateOidcActionConfig) {
			c.UseExistingClientSecret, c.Scope = aws.Bool(true), aws.String("openid email")
		})})
	f.ok(err)
	if got := f.account.Rules[*r.RuleArn].Actions[0].OIDC; got.ClientSecret != "secret" || got.Scope != "openid email" {
		t.Errorf("OIDC is %+v", got)
	}
}

func TestCreateRuleRefusesTakenPrioritiesAndOtherLoadBalancers(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	_, err := f.addRule(l, 7, respond("200"))
	f.ok(err)
	_, err = f.addRule(l, 7, respond("200"))
	f.refused(err, "PriorityInUse", "Priority '7' is currently in use")
	_, err = f.addRule(l, 50001, respond("200"))
	f.refused(err, "ValidationError", "less than or equal to 50000")
	_, err = f.addRule(types.Listener{ListenerArn: aws.String(unknownListener)}, 1, respond("200"))
	f.refused(err, "ListenerNotFound", "One or more listeners not found")
	tcp := f.group("TCP")
	_, err = f.addRule(f.listen(f.nlb(), "TCP", 80, forwardTo(tcp)), 1, forwardTo(tcp))
	f.refused(err, "UnsupportedProtocol", "'network'")
}

func TestSetRulePrioritiesIsOnePermutation(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	rules := map[string]types.Rule{}
	for i, name := range []string{"a", "b", "c"} {
		r, err := f.addRule(l, int32(i+1), respond("200"))
		f.ok(err)
		rules[name] = r
	}
	type pair struct {
		rule     string
		priority int32
	}
	set := func(pairs ...pair) error {
		in := &elb.SetRulePrioritiesInput{}
		for _, p := range pairs {
			in.RulePriorities = append(in.RulePriorities, types.RulePriorityPair{RuleArn: rules[p.rule].RuleArn,
				Priority: aws.Int32(p.priority)})
		}
		_, err := f.SetRulePriorities(f.ctx, in)
		return err
	}
	order := func() (out []string) {
		got, err := f.DescribeRules(f.ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
		f.ok(err)
		for _, r := range got.Rules {
			for name, o := range rules {
				if *o.RuleArn == *r.RuleArn {
					out = append(out, name+*r.Priority)
				}
			}
			if *r.IsDefault {
				out = append(out, *r.Priority)
			}
		}
		return out
	}
	f.ok(set(pair{"a", 2}, pair{"b", 1}))
	f.refused(set(pair{"a", 3}), "PriorityInUse", "Priority '3' is currently in use")
	f.refused(set(pair{"a", 9}, pair{"b", 9}), "ValidationError", "Priority '9' was provided multiple times")
	f.refused(set(pair{"a", 8}, pair{"a", 9}), "ValidationError", "was provided multiple times")
	f.ok(set(pair{"c", 100}))
	if got, want := order(), []string{"b1", "a2", "c100", "default"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	all, err := f.DescribeRules(f.ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
	f.ok(err)
	rules["default"] = all.Rules[3]
	f.refused(set(pair{"default", 5}), "OperationNotPermitted", "default rule")
	rules["none"] = types.Rule{RuleArn: aws.String(unknownRule)}
	f.refused(set(pair{"none", 5}), "RuleNotFound", "One or more rules not found")
	other := f.listen(f.alb(), "HTTP", 80, respond("404"))
	rules["other"], err = f.addRule(other, 5, respond("200"))
	f.ok(err)
	f.refused(set(pair{"a", 2}, pair{"other", 6}), "ValidationError", "same listener")
	f.whole()
}

func TestDefaultRulesAreTheListeners(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	out, err := f.DescribeRules(f.ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
	f.ok(err)
	arn := out.Rules[0].RuleArn
	_, err = f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: arn, Actions: respond("200")})
	f.refused(err, "OperationNotPermitted", "Default rule '"+*arn+"' cannot be modified")
	_, err = f.DeleteRule(f.ctx, &elb.DeleteRuleInput{RuleArn: arn})
	f.refused(err, "OperationNotPermitted", "Default rule '"+*arn+"' cannot be deleted")
	_, err = f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: l.ListenerArn, DefaultActions: respond("503")})
	f.ok(err)
	out, err = f.DescribeRules(f.ctx, &elb.DescribeRulesInput{RuleArns: []string{*arn}})
	f.ok(err)
	if *out.Rules[0].Actions[0].FixedResponseConfig.StatusCode != "503" {
		t.Error("the default rule did not follow the listener")
	}
	_, err = f.DescribeRules(f.ctx, nil)
	f.refused(err, "ValidationError", "either")
	_, err = f.DeleteRule(f.ctx, &elb.DeleteRuleInput{RuleArn: aws.String(unknownRule)})
	f.refused(err, "RuleNotFound", "One or more rules not found")
}

func TestTransformsAreReplacedOrReset(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	rewrite := func(regex string) []types.RuleTransform {
		return []types.RuleTransform{{Type: "url-rewrite", UrlRewriteConfig: &types.UrlRewriteConfig{
			Rewrites: []types.RewriteConfig{{Regex: aws.String(regex), Replace: aws.String("/$1")}}}}}
	}
	create := func(transforms []types.RuleTransform) (types.Rule, error) {
		out, err := f.CreateRule(f.ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(1),
			Conditions: onPath("/x"), Actions: forwardTo(f.group("HTTP")), Transforms: transforms})
		if err != nil {
			return types.Rule{}, err
		}
		return out.Rules[0], nil
	}
	_, err := create(append(rewrite("a"), rewrite("b")...))
	f.refused(err, "ValidationError", "one 'url-rewrite' transform")
	_, err = create(rewrite("("))
	f.refused(err, "ValidationError", "regular expression")
	_, err = create([]types.RuleTransform{{Type: "host-header-rewrite"}})
	f.refused(err, "ValidationError", "exactly one rewrite")
	r, err := create(rewrite("^/a/(.*)"))
	f.ok(err)
	if diff := cmp.Diff(rewrite("^/a/(.*)"), r.Transforms, ignoreDocuments); diff != "" {
		t.Error(diff)
	}
	_, err = f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: r.RuleArn, Transforms: rewrite("a"),
		ResetTransforms: aws.Bool(true)})
	f.refused(err, "ValidationError", "ResetTransforms")
	_, err = f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: r.RuleArn})
	f.refused(err, "ValidationError", "Either conditions or actions must be specified")
	out, err := f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: r.RuleArn, Conditions: onPath("/y")})
	f.ok(err)
	if len(out.Rules[0].Transforms) != 1 || out.Rules[0].Conditions[0].Values[0] != "/y" {
		t.Errorf("rule %v", out.Rules[0])
	}
	out, err = f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: r.RuleArn, ResetTransforms: aws.Bool(true)})
	f.ok(err)
	if len(out.Rules[0].Transforms) != 0 {
		t.Errorf("rule %v", out.Rules[0])
	}
	f.whole()
}

func TestALoadBalancerHasALimitedNumberOfUniqueTargetGroups(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.Quotas = map[string]int{request.QuotaGroupsPerALB: 2}
	one, two, three := f.group("HTTP"), f.group("HTTP"), f.group("HTTP")
	l := f.listen(f.alb(), "HTTP", 80, forwardTo(one))
	r, err := f.addRule(l, 1, forwardTo(two))
	f.ok(err)
	_, err = f.addRule(l, 2, forwardTo(three))
	f.refused(err, "TooManyUniqueTargetGroupsPerLoadBalancer", "'2'")
	_, err = f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: r.RuleArn, Actions: forwardTo(three)})
	f.ok(err)
	f.whole()
}

func TestRulesComeInPagesWithTheDefaultOneLast(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.Quotas = map[string]int{request.QuotaRules: 300}
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	for i := range int32(250) {
		_, err := f.addRule(l, 250-i, respond("200"))
		f.ok(err)
	}
	var got []string
	pages := elb.NewDescribeRulesPaginator(f, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
	n := 0
	for pages.HasMorePages() {
		out, err := pages.NextPage(f.ctx)
		f.ok(err)
		n++
		for _, r := range out.Rules {
			got = append(got, *r.Priority)
		}
	}
	if n != 3 || len(got) != 251 || got[0] != "1" || got[249] != "250" || got[250] != "default" {
		t.Errorf("%d pages: %v", n, got)
	}
}
