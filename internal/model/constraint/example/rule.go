// Package example has values that AWS refuses, for each row of the tables of package constraint by its name. Tests of
// the tables, and those that send each value to the simulator, range over them. No program links the package.
package example

import (
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// long are n characters.
func long(n int) string { return strings.Repeat("a", n) }

// Conditions are refused conditions of rules.
var Conditions = map[string][]stack.Condition{
	"host characters": values(stack.HostHeader, "a_b.example.com", "exämple.com", "a b.example.com", "example.com:80"),
	"host ending": values(stack.HostHeader, "intranet", "*", "app.v2", "10.0.0.1", "a.b-c", "a.example.com1",
		"a.xn--p1ai"),
	"host length": values(stack.HostHeader, long(126)+".com"),
	"path characters": values(stack.PathPattern, "/files|old", "/a b", "/ä", "/a%20b", "/(a)", "/a,b", "/a=b", "/a;b",
		"/{id}", "/a^"),
	"path length":    values(stack.PathPattern, "/"+long(128)),
	"header name":    {header("host"), header("Host"), header(""), header("a b"), header("x:y"), header(long(41))},
	"header value":   {{Field: stack.HTTPHeader, HeaderName: "X-A", Values: []string{long(129)}}},
	"method":         values(stack.RequestMethod, "get", "G3T", "GET ", strings.Repeat("A", 41)),
	"source address": values(stack.SourceIP, "10.0.0.0", "10.0.0.0/33", "255.255.255.255/32", "web"),
	"query":          {query("a", ""), query(long(129), "a"), query("a", long(129))},
	"empty value": {{Field: stack.HTTPHeader, HeaderName: "X-A", Values: []string{""}},
		{Field: stack.PathPattern, Regex: []string{""}}},
	"wildcards": {{Field: stack.PathPattern, Values: []string{"/*/*/*/*/*/*/*"}}, query("a?*?*", "?*?")},
	"regular expression": {{Field: stack.PathPattern, Regex: []string{"^/(a"}}, {Field: stack.HostHeader, Regex: []string{
		long(129)}}, {Field: stack.PathPattern, Regex: []string{"^(?!/a)"}}},
	"regular expression of a field without": {{Field: stack.SourceIP, Regex: []string{"10.*"}}},
}

// values makes an example of a field with each of the values.
func values(field stack.ConditionField, all ...string) (out []stack.Condition) {
	for _, v := range all {
		out = append(out, stack.Condition{Field: field, Values: []string{v}})
	}
	return out
}

func header(name string) stack.Condition {
	return stack.Condition{Field: stack.HTTPHeader, HeaderName: name, Values: []string{"a"}}
}

func query(key, value string) stack.Condition {
	return stack.Condition{Field: stack.QueryString, Query: []stack.QueryValue{{Key: key, Value: value}}}
}

// Actions are refused actions of rules.
var Actions = map[string][]stack.Action{
	"status of a fixed response": {fixed("302", "", ""), fixed("20", "", ""), fixed("abc", "", ""), fixed("1000",
		"", "")},
	"content type of a fixed response":    {fixed("200", "text/xml", "a"), fixed("200", "text/html; charset=utf-8", "a")},
	"body of a fixed response":            {fixed("200", "text/plain", long(1025))},
	"redirect":                            redirects,
	"weights and stickiness of a forward": {weighted(1000), weighted(-1), sticky(0), sticky(604801)},
	"login":                               logins,
	"redirect to itself": {to(stack.Redirect{}), to(stack.Redirect{Query: "a=b"}), to(stack.Redirect{
		Protocol: "#{protocol}", Port: "#{port}", Host: "#{host}", Path: "/#{path}"})},
	"target group named twice": {twice()},
}

func fixed(status, kind, body string) stack.Action {
	return stack.Action{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: status,
		ContentType: kind, MessageBody: body}}
}

func to(r stack.Redirect) stack.Action {
	if r.StatusCode == "" {
		r.StatusCode = "HTTP_301"
	}
	return stack.Action{Type: stack.ActionRedirect, Redirect: &r}
}

var redirects = []stack.Action{
	to(stack.Redirect{Host: "a.example.com", StatusCode: "HTTP_307"}), to(stack.Redirect{Port: "0"}),
	to(stack.Redirect{Port: "65536"}), to(stack.Redirect{Port: "http"}), to(stack.Redirect{Protocol: "https"}),
	to(stack.Redirect{Host: long(129)}), to(stack.Redirect{Path: "a"}), to(stack.Redirect{Path: "/" + long(128)}),
	to(stack.Redirect{Path: "/#{path}/#{path}"}), to(stack.Redirect{Host: "https://www.example.com/"}),
	to(stack.Redirect{Host: "#{HOST}"}), to(stack.Redirect{Host: "a b.example.com"}),
	to(stack.Redirect{Host: "a.example.com:8443"}), to(stack.Redirect{Host: "#{host}.#{host}"}),
	to(stack.Redirect{Host: "a.example.com", Query: "?a=b"}), to(stack.Redirect{Host: "a.example.com", Query: long(129)}),
}

func weighted(n int32) stack.Action {
	return stack.Action{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
		{Weight: &n}}}}
}

// twice forwards to one target group by two entries. Whoever sends it names one that exists.
func twice() stack.Action {
	one := stack.WeightedTargetGroup{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: "a"}}
	return stack.Action{Type: stack.ActionForward, Forward: &stack.Forward{
		TargetGroups: []stack.WeightedTargetGroup{one, one}}}
}

func sticky(seconds int32) stack.Action {
	one := int32(1)
	return stack.Action{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
		{Weight: &one}}, Stickiness: &stack.Stickiness{Enabled: true, DurationSeconds: seconds}}}
}

// example is a valid login with OIDC, changed.
func example(change func(*stack.AuthenticateOIDC)) stack.Action {
	o := &stack.AuthenticateOIDC{
		Issuer: "https://id.example.com", AuthorizationEndpoint: "https://id.example.com/a",
		TokenEndpoint: "https://id.example.com/t", UserInfoEndpoint: "https://id.example.com/u",
		ClientID: stack.NewSecret("a", ""), ClientSecret: stack.NewSecret("b", ""),
	}
	change(o)
	return stack.Action{Type: stack.ActionAuthenticateOIDC, OIDC: o}
}

var logins = []stack.Action{
	example(func(o *stack.AuthenticateOIDC) { o.Issuer = "http://id.example.com" }),
	example(func(o *stack.AuthenticateOIDC) { o.TokenEndpoint = "/token" }),
	example(func(o *stack.AuthenticateOIDC) { o.TimeoutSeconds = 604801 }),
	example(func(o *stack.AuthenticateOIDC) { o.OnUnauthenticated = "redirect" }),
	example(func(o *stack.AuthenticateOIDC) {
		o.ExtraParams = map[string]string{}
		for n := range 11 {
			o.ExtraParams[strconv.Itoa(n)] = "a"
		}
	}),
	example(func(o *stack.AuthenticateOIDC) { o.Cookie = "my cookie;" }),
	pool("us-west-2_abc", "shop"), pool("arn:aws:cognito-idp:us-west-2:123456789012:userpool/a/b", "shop"),
	pool("arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_abc", "https://shop.example.com"),
	pool("arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_abc", "shop.example.com/"),
	{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{Issuer: "a", JWKSEndpoint: "http://id.example.com/keys"}},
	{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{
		Issuer: long(257), JWKSEndpoint: "https://id.example.com/keys"}},
	token("https://id.example.com/" + long(256)),
	token("https://id.example.com/keys", stack.Claim{Name: "exp", Format: "single-string", Values: []string{"a"}}),
	token("https://id.example.com/keys", stack.Claim{Name: "a", Format: "string", Values: []string{"a"}}),
	token("https://id.example.com/keys", stack.Claim{Name: "a", Format: "single-string"}),
	token("https://id.example.com/keys", stack.Claim{Name: "a", Format: "single-string", Values: []string{long(257)}}),
	token("https://id.example.com/keys", make([]stack.Claim, 11)...),
}

func pool(arn, domain string) stack.Action {
	return stack.Action{Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{UserPoolARN: arn,
		UserPoolClientID: "a", UserPoolDomain: domain}}
}

func token(endpoint string, claims ...stack.Claim) stack.Action {
	return stack.Action{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{Issuer: "a", JWKSEndpoint: endpoint,
		Claims: claims}}
}

// Transforms are refused transforms of rules.
var Transforms = map[string][]stack.Transform{
	"rewrite": {rewrite("(", "a"), rewrite("", "a"), rewrite(long(1025), "a"), rewrite("a", long(1025))},
	"number of rewrites": {{Type: "url-rewrite"}, {Type: "url-rewrite", Rewrites: []stack.Rewrite{
		{Regex: "a"}, {Regex: "b"}}}},
}

func rewrite(expression, replace string) stack.Transform {
	return stack.Transform{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: expression, Replace: replace}}}
}

// Tags are refused tags.
var Tags = map[string][]constraint.Tag{
	"tag of AWS": {{Key: "aws:team", Value: "a"}, {Key: "AWS:team", Value: "a"}},
	"tag key": {{Key: "", Value: "a"}, {Key: long(129), Value: "a"}, {Key: "a!", Value: "b"}, {Key: "a,b", Value: "c"},
		{Key: "a|b", Value: ""}, {Key: "a\tb", Value: ""}},
	"tag value": {{Key: "a", Value: long(257)}, {Key: "a", Value: "b;c"}, {Key: "a", Value: "{b}"}, {Key: "a",
		Value: "b*"}, {Key: "a", Value: "\"b\""}},
}
