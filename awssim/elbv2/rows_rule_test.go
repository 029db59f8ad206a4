package elbv2

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// ruled makes a rule with those conditions and actions at an HTTPS listener.
func (f *fixture) ruled(conditions []types.RuleCondition, actions []types.Action,
	changes ...func(*elb.CreateRuleInput)) (types.Rule, error) {
	l, err := f.listening("application", "HTTPS")
	f.ok(err)
	in := &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(1), Conditions: conditions,
		Actions: actions}
	for _, change := range changes {
		change(in)
	}
	out, err := f.CreateRule(f.ctx, in)
	if err != nil {
		return types.Rule{}, err
	}
	return out.Rules[0], nil
}

func headers(values, regexes []string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{
		HttpHeaderName: aws.String("X-A"), Values: values, RegexValues: regexes}}
}

func queries(pairs ...string) types.RuleCondition {
	c := &types.QueryStringConditionConfig{}
	for i := 0; i < len(pairs); i += 2 {
		c.Values = append(c.Values, types.QueryStringKeyValuePair{Key: request.Optional(pairs[i]), Value: &pairs[i+1]})
	}
	return types.RuleCondition{Field: aws.String("query-string"), QueryStringConfig: c}
}

func sources(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String("source-ip"), SourceIpConfig: &types.SourceIpConditionConfig{
		Values: values}}
}

func methods(values ...string) types.RuleCondition {
	return types.RuleCondition{Field: aws.String("http-request-method"),
		HttpRequestMethodConfig: &types.HttpRequestMethodConditionConfig{Values: values}}
}

func TestRulesRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(newRules(), ruleConditions(), ruleTransforms(), modifiedRules()))
}

// newRules are rows of CreateRule: priorities, listeners, tags.
func newRules() []row {
	with := func(change func(*elb.CreateRuleInput)) func(*fixture) error {
		return func(f *fixture) error { _, err := f.ruled(onPath("/x"), respond("200"), change); return err }
	}
	return []row{
		{"no priority", with(func(in *elb.CreateRuleInput) { in.Priority = nil }), "ValidationError", "'priority'"},
		{"priority 0", with(func(in *elb.CreateRuleInput) { in.Priority = aws.Int32(0) }), "ValidationError", "'priority'"},
		{"priority 50000", with(func(in *elb.CreateRuleInput) { in.Priority = aws.Int32(50000) }), "", ""},
		{"no listener", with(func(in *elb.CreateRuleInput) { in.ListenerArn = nil }), "ValidationError", "'listenerArn'"},
		{"listener of no ARN", with(func(in *elb.CreateRuleInput) { in.ListenerArn = aws.String("x") }), "ValidationError",
			"'x' is not a valid listener ARN"},
		{"too many tags", with(func(in *elb.CreateRuleInput) { in.Tags = manyTags(51) }), "TooManyTags", "'50'"},
		{"tag twice", with(func(in *elb.CreateRuleInput) { in.Tags = append(manyTags(1), manyTags(1)...) }),
			"DuplicateTagKeys", "k0"},
		{"rules of a gateway", func(f *fixture) error {
			l, err := f.listening("gateway", "")
			f.ok(err)
			_, err = f.addRule(l, 1, respond("200"))
			return err
		}, "UnsupportedProtocol", "'gateway'"},
	}
}

// ruleConditions are rows of conditions: how many values, wildcards and conditions a rule may have, and
// which values.
func ruleConditions() []row {
	when := func(conditions ...types.RuleCondition) func(*fixture) error {
		return func(f *fixture) error { _, err := f.ruled(conditions, respond("200")); return err }
	}
	hostRegex := func(r string) types.RuleCondition {
		return types.RuleCondition{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{
			RegexValues: []string{r}}}
	}
	return []row{
		{"five values in one condition", when(onPath("/1")[0], host("a.b", "c.d", "e.f", "g.h")), "", ""},
		{"five values in one field", when(methods("A", "B", "C", "D", "E")), "", ""},
		{"six values in one field", when(methods("A", "B", "C", "D", "E", "F")), "ValidationError",
			"A rule can only have '5' condition values"},
		{"header names are no values", when(headers([]string{"1"}, nil), headers([]string{"2"}, nil),
			headers([]string{"3"}, nil), headers([]string{"4"}, nil), headers([]string{"5"}, nil)), "", ""},
		{"a pair is one value", when(queries("a", "1", "b", "2", "c", "3", "d", "4", "", "5")), "", ""},
		{"six pairs", when(queries("a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6")), "ValidationError",
			"'5' condition values"},
		{"a regex is one value", when(headers(nil, []string{"a", "b", "c"}), hostRegex("x"), onPath("/")[0]), "", ""},
		{"six regexes", when(headers(nil, []string{"a", "b", "c", "d", "e", "f"})), "ValidationError",
			"'5' condition values"},
		{"six wildcards", when(onPath("/*/*/*/*/*/?")[0]), "", ""},
		{"seven wildcards over conditions", when(onPath("/*/*/*")[0], host("*.*.b"), headers([]string{"*?"}, nil)),
			"ValidationError", "A rule can only have '6' condition wildcards"},
		{"a set number of wildcards", func(f *fixture) error {
			f.quota(request.QuotaConditionWildcards, 5)
			return when(onPath("/*/*/*/*/*/?")[0])(f)
		}, "ValidationError", "'5' condition wildcards"},
		{"a host of 128 characters", when(host(letters(126) + ".b")), "", ""},
		{"a host that ends in wildcards", when(host("example.*")), "", ""},
		{"a host with a port", when(host("a.b:80")), "ValidationError", "invalid characters"},
		{"two hosts", when(host("a.b"), host("c.d")),
			"ValidationError", "A rule can only have one 'host-header' condition"},
		{"two methods", when(methods("GET"), methods("PUT")), "ValidationError",
			"A rule can only have one 'http-request-method' condition"},
		{"two sources", when(sources("10.0.0.0/8"), sources("::/0")), "ValidationError",
			"A rule can only have one 'source-ip' condition"},
		{"two queries", when(queries("a", "1"), queries("b", "2")), "", ""},
		{"a path without slash", when(onPath("x")[0]), "", ""},
		{"a path of 128 characters", when(onPath("/" + letters(127))[0]), "", ""},
		{"a path of 129 characters", when(onPath("/" + letters(128))[0]), "ValidationError", "128"},
		{"a header of 40 characters",
			when(types.RuleCondition{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{
				HttpHeaderName: aws.String(letters(40)), Values: []string{"a"}}}), "", ""},
		{"no header name",
			when(types.RuleCondition{Field: aws.String("http-header"), HttpHeaderConfig: &types.HttpHeaderConditionConfig{
				Values: []string{"a"}}}), "ValidationError", "An HTTP header name must be specified"},
		{"a header value of 129 characters", when(headers([]string{letters(129)}, nil)), "ValidationError", "128"},
		{"a method of 40 characters", when(methods(strings.Repeat("A", 40))), "", ""},
		{"a method of 41 characters", when(methods(strings.Repeat("A", 41))), "ValidationError", "40"},
		{"a wildcard method", when(methods("*")), "ValidationError", "not valid"},
		{"a query key of 129 characters", when(queries(letters(129), "1")), "ValidationError", "128"},
		{"a query value of 129 characters", when(queries("", letters(129))), "ValidationError", "128"},
		{"a query without value",
			when(types.RuleCondition{Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{
				Values: []types.QueryStringKeyValuePair{{Key: aws.String("a")}}}}), "ValidationError",
			"A condition value must be specified"},
		{"a regex of 128 characters", when(hostRegex(letters(128))), "", ""},
		{"a regex of 129 characters", when(hostRegex(letters(129))), "ValidationError", "128"},
		{"a regex that looks ahead", when(hostRegex("a(?=b)")), "ValidationError", "not valid"},
		{"a regex that refers back", when(hostRegex(`(a)\1`)), "ValidationError", "not valid"},
		{"header values and regexes", when(headers([]string{"a"}, []string{"b"})), "ValidationError", "not both"},
	}
}

// ruleTransforms are rows of transforms.
func ruleTransforms() []row {
	rewrite := func(typ types.TransformTypeEnum, rewrites ...types.RewriteConfig) types.RuleTransform {
		if typ == types.TransformTypeEnumHostHeaderRewrite {
			return types.RuleTransform{Type: typ, HostHeaderRewriteConfig: &types.HostHeaderRewriteConfig{Rewrites: rewrites}}
		}
		return types.RuleTransform{Type: typ, UrlRewriteConfig: &types.UrlRewriteConfig{Rewrites: rewrites}}
	}
	one := func(regex, replace string) types.RewriteConfig {
		return types.RewriteConfig{Regex: &regex, Replace: &replace}
	}
	transformed := func(transforms ...types.RuleTransform) func(*fixture) error {
		return func(f *fixture) error {
			_, err := f.ruled(onPath("/x"), forwardTo(f.group("HTTP")), func(in *elb.CreateRuleInput) {
				in.Transforms = transforms
			})
			return err
		}
	}
	return []row{
		{"both transforms", transformed(rewrite("url-rewrite", one("a", "b")), rewrite("host-header-rewrite", one("a", "b"))),
			"", ""},
		{"two host rewrites", transformed(rewrite("host-header-rewrite", one("a", "b")), rewrite("host-header-rewrite",
			one("c", "d"))), "ValidationError", "one 'host-header-rewrite' transform"},
		{"two rewrites in one", transformed(rewrite("url-rewrite", one("a", "b"), one("c", "d"))), "ValidationError",
			"exactly one rewrite"},
		{"unknown transform", transformed(types.RuleTransform{Type: "header-rewrite"}),
			"ValidationError", "enum value set"},
		{"regex of 1024 characters", transformed(rewrite("url-rewrite", one(letters(1024), "$1$9"))), "", ""},
		{"regex of 1025 characters", transformed(rewrite("url-rewrite", one(letters(1025), ""))),
			"ValidationError", "1024"},
		{"replacement of 1025 characters", transformed(rewrite("url-rewrite", one("a", letters(1025)))),
			"ValidationError", "1024"},
		{"rewrite without replacement", transformed(rewrite("url-rewrite", types.RewriteConfig{Regex: aws.String("a")})),
			"ValidationError", "'rewrites.member.replace'"},
		{"a transform before a fixed response", func(f *fixture) error {
			_, err := f.ruled(onPath("/x"), respond("200"), func(in *elb.CreateRuleInput) {
				in.Transforms = []types.RuleTransform{rewrite("url-rewrite", one("a", "b"))}
			})
			return err
		}, "", ""},
	}
}

// modifiedRules are rows of ModifyRule and DescribeRules.
func modifiedRules() []row {
	modify := func(change func(f *fixture, in *elb.ModifyRuleInput)) func(*fixture) error {
		return func(f *fixture) error {
			r, err := f.ruled(onPath("/x"), respond("200"))
			f.ok(err)
			in := &elb.ModifyRuleInput{RuleArn: r.RuleArn}
			change(f, in)
			_, err = f.ModifyRule(f.ctx, in)
			return err
		}
	}
	describe := func(in *elb.DescribeRulesInput) func(*fixture) error {
		return func(f *fixture) error { _, err := f.DescribeRules(f.ctx, in); return err }
	}
	return []row{
		{"a modified rule's target group is another's", modify(func(f *fixture, in *elb.ModifyRuleInput) {
			arn := f.group("HTTP")
			f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
			in.Actions = forwardTo(arn)
		}), "TargetGroupAssociationLimit", ""},
		{"a modified rule's target group does not fit",
			modify(func(f *fixture, in *elb.ModifyRuleInput) { in.Actions = forwardTo(f.group("TCP")) }),
			"IncompatibleProtocols", ""},
		{"a modified rule's bad condition", modify(func(_ *fixture, in *elb.ModifyRuleInput) {
			in.Conditions = []types.RuleCondition{host("x")}
		}), "ValidationError", "at least one '.'"},
		{"modification of an unknown rule", modify(func(_ *fixture, in *elb.ModifyRuleInput) {
			in.RuleArn, in.Actions = aws.String(unknownRule), respond("200")
		}), "RuleNotFound", "One or more rules not found"},
		{"listener and rules", describe(&elb.DescribeRulesInput{ListenerArn: aws.String(unknownListener), RuleArns: []string{
			unknownRule}}), "ValidationError", "either"},
		{"rules of an unknown listener", describe(&elb.DescribeRulesInput{ListenerArn: aws.String(unknownListener)}),
			"ListenerNotFound", ""},
		{"101 rules", describe(&elb.DescribeRulesInput{RuleArns: make([]string, 101)}), "ValidationError", "'100'"},
	}
}

// letters are n letters.
func letters(n int) string { return strings.Repeat("a", n) }

func TestActionsRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(forwardActions(), actionOrders(), redirectActions(), fixedResponses(), signInActions(),
		tokenActions(), reservedClaimNames()))
}

// forwardActions are rows of forward actions: weights, groups, stickiness.
func forwardActions() []row {
	sticky := func(seconds int32) func(*fixture) error {
		return func(f *fixture) error {
			actions := forwardTo(f.group("HTTP"), f.group("HTTP"))
			actions[0].ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true),
				DurationSeconds: &seconds}
			return ruleDoing(actions...)(f)
		}
	}
	return []row{
		{"weights 0 and 999", func(f *fixture) error {
			actions := forwardTo(f.group("HTTP"), f.group("HTTPS"))
			actions[0].ForwardConfig.TargetGroups[0].Weight, actions[0].ForwardConfig.TargetGroups[1].Weight = aws.Int32(0),
				aws.Int32(999)
			return ruleDoing(actions...)(f)
		}, "", ""},
		{"weight -1", func(f *fixture) error {
			actions := forwardTo(f.group("HTTP"), f.group("HTTP"))
			actions[0].ForwardConfig.TargetGroups[0].Weight = aws.Int32(-1)
			return ruleDoing(actions...)(f)
		}, "ValidationError", "weight"},
		{"five groups", func(f *fixture) error {
			return ruleDoing(forwardTo(f.group("HTTP"), f.group("HTTP"), f.group("HTTP"), f.group("HTTP"), f.group("HTTP"))...)(f)
		}, "", ""},
		{"six groups of an NLB", func(f *fixture) error {
			var arns []string
			for range 6 {
				arns = append(arns, f.group("TCP"))
			}
			_, err := f.listening("network", "TCP", func(in *elb.CreateListenerInput) { in.DefaultActions = forwardTo(arns...) })
			return err
		}, "TooManyTargetGroups", "'5'"},
		{"weighted groups of an NLB", func(f *fixture) error {
			_, err := f.listening("network", "TCP", func(in *elb.CreateListenerInput) {
				in.DefaultActions = forwardTo(f.group("TCP"), f.group("TCP"))
			})
			return err
		}, "", ""},
		{"stickiness for 604800 seconds", sticky(604800), "", ""},
		{"stickiness for 604801 seconds", sticky(604801), "ValidationError", "durationSeconds"},
		{"stickiness for 0 seconds", sticky(0), "ValidationError", "durationSeconds"},
		{"stickiness of an NLB without duration", func(f *fixture) error {
			_, err := f.listening("network", "TCP", func(in *elb.CreateListenerInput) {
				in.DefaultActions = forwardTo(f.group("TCP"), f.group("TCP"))
				in.DefaultActions[0].ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{
					Enabled: aws.Bool(true)}
			})
			return err
		}, "", ""},
		{"stickiness on TLS", func(f *fixture) error {
			_, err := f.listening("network", "TLS", func(in *elb.CreateListenerInput) {
				in.DefaultActions = forwardTo(f.group("TCP"), f.group("TCP"))
				in.DefaultActions[0].ForwardConfig.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{
					Enabled: aws.Bool(true), DurationSeconds: aws.Int32(1)}
			})
			return err
		}, "InvalidConfigurationRequest", "TLS listeners"},
		{"sticky groups want a sticky action", func(f *fixture) error {
			arn := f.group("HTTP")
			_, err := f.ModifyTargetGroupAttributes(f.ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn,
				Attributes: []types.TargetGroupAttribute{{Key: aws.String("stickiness.enabled"), Value: aws.String("true")}}})
			f.ok(err)
			return ruleDoing(forwardTo(arn, f.group("HTTP"))...)(f)
		}, "InvalidLoadBalancerAction", "stickiness"},
		{"HTTP2 with sign in", func(f *fixture) error {
			return ruleDoing(signIn(nil), last(forwardTo(f.group("", kindsOfGroups["HTTP2"]))))(f)
		}, "", ""},
		{"gRPC with sign in", func(f *fixture) error {
			return ruleDoing(signIn(nil), last(forwardTo(f.group("", kindsOfGroups["GRPC"]))))(f)
		}, "InvalidLoadBalancerAction", "'GRPC'"},
	}
}

// actionOrders are rows of the order and the number of actions, and of what each type needs.
func actionOrders() []row {
	ordered := func(order int32) types.Action { a := respond("200")[0]; a.Order = &order; return a }
	return []row{
		{"order 0", ruleDoing(ordered(0)), "ValidationError", "'actions.member.order'"},
		{"order 50000", ruleDoing(ordered(50000)), "", ""},
		{"order 50001", ruleDoing(ordered(50001)), "ValidationError", "'actions.member.order'"},
		{"the same order twice", ruleDoing(signIn(nil), ordered(1)), "ValidationError", "used more than once"},
		{"the answer not last", ruleDoing(ordered(1), func() types.Action {
			a := signIn(nil)
			a.Order = aws.Int32(2)
			return a
		}()), "ValidationError", "highest order"},
		{"no answer", ruleDoing(signIn(nil)), "ValidationError", "exactly one of the types"},
		{"two ways to sign in", ruleDoing(signIn(nil), func() types.Action {
			a := signIn(nil)
			a.Order = aws.Int32(2)
			return a
		}(), last(respond("200"))), "ValidationError", "only one of the types"},
		{"six actions", ruleDoing(make([]types.Action, 6)...), "TooManyActions", "'5'"},
		{"an action without type", ruleDoing(types.Action{}), "ValidationError", "'actions.member.type'"},
		{"redirect without its settings", ruleDoing(types.Action{Type: "redirect"}), "ValidationError", "RedirectConfig"},
		{"fixed response without its settings", ruleDoing(types.Action{Type: "fixed-response"}), "ValidationError",
			"FixedResponseConfig"},
		{"sign in without its settings", ruleDoing(types.Action{Type: "authenticate-oidc", Order: aws.Int32(1)},
			last(respond("200"))), "ValidationError", "AuthenticateOidcConfig"},
	}
}

// redirectActions are rows of redirects.
func redirectActions() []row {
	to := func(change func(*types.RedirectActionConfig)) func(*fixture) error {
		c := &types.RedirectActionConfig{StatusCode: "HTTP_302", Host: aws.String("a.b")}
		change(c)
		return ruleDoing(types.Action{Type: "redirect", RedirectConfig: c})
	}
	return []row{
		{"redirect without status", to(func(c *types.RedirectActionConfig) { c.StatusCode = "" }), "ValidationError",
			"statusCode"},
		{"redirect to an empty host", to(func(c *types.RedirectActionConfig) { c.Host = aws.String("") }),
			"ValidationError", "host"},
		{"redirect to a host of 128 characters", to(func(c *types.RedirectActionConfig) {
			c.Host = aws.String(strings.Repeat("a", 128))
		}), "", ""},
		{"redirect to a host of 129 characters", to(func(c *types.RedirectActionConfig) {
			c.Host = aws.String(strings.Repeat("a", 129))
		}), "ValidationError", "128"},
		{"redirect to a path of 129 characters", to(func(c *types.RedirectActionConfig) {
			c.Path = aws.String("/" + strings.Repeat("a", 128))
		}), "ValidationError", "128"},
		{"redirect to an empty path", to(func(c *types.RedirectActionConfig) { c.Path = aws.String("") }),
			"InvalidLoadBalancerAction", "should start with a '/'"},
		{"redirect to a query of 129 characters", to(func(c *types.RedirectActionConfig) {
			c.Query = aws.String(strings.Repeat("a", 129))
		}), "ValidationError", "128"},
		{"redirect to a question mark", to(func(c *types.RedirectActionConfig) { c.Query = aws.String("?a") }),
			"InvalidLoadBalancerAction", "Query"},
		{"redirect to no query", to(func(c *types.RedirectActionConfig) { c.Query = aws.String("") }), "", ""},
		{"redirect to port 0", to(func(c *types.RedirectActionConfig) { c.Port = aws.String("0") }),
			"InvalidLoadBalancerAction", "Port"},
		{"redirect to port 65535", to(func(c *types.RedirectActionConfig) { c.Port = aws.String("65535") }), "", ""},
		{"redirect with all placeholders", to(func(c *types.RedirectActionConfig) {
			c.Protocol, c.Port, c.Path, c.Query = aws.String("#{protocol}"), aws.String("#{port}"),
				aws.String("/#{host}/#{port}/#{path}"), aws.String("#{query}")
		}), "", ""},
	}
}

// fixedResponses are rows of fixed responses.
func fixedResponses() []row {
	fixed := func(status, body string) func(*fixture) error {
		return ruleDoing(types.Action{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{
			StatusCode: &status, MessageBody: &body}})
	}
	return []row{
		{"status 199", fixed("199", ""), "ValidationError", `satisfy regular expression pattern: ^(2|4|5)\d\d$`},
		{"status 599", fixed("599", ""), "", ""},
		{"status 600", fixed("600", ""), "ValidationError", "pattern"},
		{"no status", ruleDoing(types.Action{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{}}),
			"ValidationError", "statusCode"},
		{"a body of 1024 bytes", fixed("200", strings.Repeat("é", 512)), "", ""},
		{"a body of 1026 bytes", fixed("200", strings.Repeat("é", 513)), "ValidationError", "1024"},
	}
}

// signInActions are rows of logins with OpenID Connect and Cognito.
func signInActions() []row {
	signing := func(change func(*types.AuthenticateOidcActionConfig)) func(*fixture) error {
		return func(f *fixture) error { return ruleDoing(signIn(change), last(respond("200")))(f) }
	}
	cognito := func(change func(*types.AuthenticateCognitoActionConfig)) func(*fixture) error {
		c := &types.AuthenticateCognitoActionConfig{UserPoolArn: aws.String(anyPool), UserPoolClientId: aws.String("id"),
			UserPoolDomain: aws.String("d")}
		change(c)
		return ruleDoing(types.Action{Type: "authenticate-cognito", Order: aws.Int32(1), AuthenticateCognitoConfig: c},
			last(respond("200")))
	}
	extra := map[string]string{}
	for i := range 11 {
		extra[fmt.Sprint("p", i)] = "v"
	}
	return []row{
		{"a session of a second", signing(func(c *types.AuthenticateOidcActionConfig) { c.SessionTimeout = aws.Int64(1) }),
			"", ""},
		{"a session of no time", signing(func(c *types.AuthenticateOidcActionConfig) { c.SessionTimeout = aws.Int64(0) }),
			"ValidationError", "sessionTimeout"},
		{"a session of 604801 seconds", signing(func(c *types.AuthenticateOidcActionConfig) {
			c.SessionTimeout = aws.Int64(604801)
		}), "ValidationError", "sessionTimeout"},
		{"eleven parameters", signing(func(c *types.AuthenticateOidcActionConfig) {
			c.AuthenticationRequestExtraParams = extra
		}), "ValidationError", "'10'"},
		{"an unknown choice", signing(func(c *types.AuthenticateOidcActionConfig) { c.OnUnauthenticatedRequest = "ask" }),
			"ValidationError", "onUnauthenticatedRequest"},
		{"no issuer", signing(func(c *types.AuthenticateOidcActionConfig) { c.Issuer = nil }), "ValidationError", "issuer"},
		{"no authorization endpoint", signing(func(c *types.AuthenticateOidcActionConfig) { c.AuthorizationEndpoint = nil }),
			"ValidationError", "authorizationEndpoint"},
		{"no token endpoint", signing(func(c *types.AuthenticateOidcActionConfig) { c.TokenEndpoint = nil }),
			"ValidationError", "tokenEndpoint"},
		{"no user info endpoint", signing(func(c *types.AuthenticateOidcActionConfig) { c.UserInfoEndpoint = nil }),
			"ValidationError", "userInfoEndpoint"},
		{"no client", signing(func(c *types.AuthenticateOidcActionConfig) { c.ClientId = nil }), "ValidationError",
			"clientId"},
		{"an issuer over http", signing(func(c *types.AuthenticateOidcActionConfig) { c.Issuer = aws.String("http://a/") }),
			"InvalidLoadBalancerAction", "https URL"},
		{"a secret that was not given", signing(func(c *types.AuthenticateOidcActionConfig) {
			c.UseExistingClientSecret, c.ClientSecret = aws.Bool(true), nil
		}), "InvalidLoadBalancerAction", "no existing client secret"},
		{"an old and a new secret", signing(func(c *types.AuthenticateOidcActionConfig) {
			c.UseExistingClientSecret = aws.Bool(true)
		}), "ValidationError", "UseExistingClientSecret"},
		{"no user pool", cognito(func(c *types.AuthenticateCognitoActionConfig) { c.UserPoolArn = nil }), "ValidationError",
			"userPoolArn"},
		{"no client of a user pool", cognito(func(c *types.AuthenticateCognitoActionConfig) { c.UserPoolClientId = nil }),
			"ValidationError", "userPoolClientId"},
		{"no domain of a user pool", cognito(func(c *types.AuthenticateCognitoActionConfig) { c.UserPoolDomain = nil }),
			"ValidationError", "userPoolDomain"},
		{"a session of a user pool of no time", cognito(func(c *types.AuthenticateCognitoActionConfig) {
			c.SessionTimeout = aws.Int64(0)
		}), "ValidationError", "sessionTimeout"},
		{"cognito on HTTP", func(f *fixture) error {
			l, err := f.listening("application", "HTTP")
			f.ok(err)
			_, err = f.addRule(l, 1, []types.Action{{Type: "authenticate-cognito", Order: aws.Int32(1),
				AuthenticateCognitoConfig: &types.AuthenticateCognitoActionConfig{UserPoolArn: aws.String(anyPool),
					UserPoolClientId: aws.String("id"), UserPoolDomain: aws.String("d")}}, last(respond("200"))})
			return err
		}, "InvalidLoadBalancerAction", "HTTPS listeners only"},
	}
}

// tokenActions are rows of the validation of tokens.
func tokenActions() []row {
	claims := func(n, values, length int) func(*fixture) error {
		return ruleValidating(func(c *types.JwtValidationActionConfig) {
			for i := range n {
				claim := types.JwtValidationActionAdditionalClaim{Name: aws.String(fmt.Sprint("c", i)), Format: "string-array"}
				for range values {
					claim.Values = append(claim.Values, strings.Repeat("v", length))
				}
				c.AdditionalClaims = append(c.AdditionalClaims, claim)
			}
		})
	}
	return []row{
		{"a token", ruleValidating(func(*types.JwtValidationActionConfig) {}), "", ""},
		{"keys over http", ruleValidating(func(c *types.JwtValidationActionConfig) { c.JwksEndpoint = aws.String("http://a/keys") }),
			"InvalidLoadBalancerAction", "https URL"},
		{"keys at 257 characters", ruleValidating(func(c *types.JwtValidationActionConfig) {
			c.JwksEndpoint = aws.String("https://a/" + strings.Repeat("k", 247))
		}), "ValidationError", "256"},
		{"an issuer of 257 characters", ruleValidating(func(c *types.JwtValidationActionConfig) {
			c.Issuer = aws.String(strings.Repeat("i", 257))
		}), "ValidationError", "256"},
		{"no issuer of tokens", ruleValidating(func(c *types.JwtValidationActionConfig) { c.Issuer = nil }),
			"ValidationError", "issuer"},
		{"ten claims of ten values", claims(10, 10, 256), "", ""},
		{"eleven claims", claims(11, 1, 1), "InvalidLoadBalancerAction", "'10' additional claims"},
		{"eleven values", claims(1, 11, 1), "InvalidLoadBalancerAction", "'10' values"},
		{"no values", claims(1, 0, 1), "InvalidLoadBalancerAction", "'10' values"},
		{"a value of 257 characters", claims(1, 1, 257), "ValidationError", "256"},
		{"an unknown format", ruleValidating(func(c *types.JwtValidationActionConfig) {
			c.AdditionalClaims = []types.JwtValidationActionAdditionalClaim{
				{Name: aws.String("c"), Format: "csv", Values: []string{"v"}}}
		}), "ValidationError", "format"},
	}
}

// reservedClaimNames are rows of claims whose names AWS reserves.
func reservedClaimNames() (rows []row) {
	for _, name := range reservedClaims {
		rows = append(rows, row{"the claim " + name, ruleValidating(func(c *types.JwtValidationActionConfig) {
			c.AdditionalClaims = []types.JwtValidationActionAdditionalClaim{{Name: aws.String(name), Format: "single-string",
				Values: []string{"v"}}}
		}), "InvalidLoadBalancerAction", "'" + name + "'"})
	}
	return rows
}

// ruleDoing creates a rule with these actions.
func ruleDoing(actions ...types.Action) func(*fixture) error {
	return func(f *fixture) error { _, err := f.ruled(onPath("/x"), actions); return err }
}

// ruleValidating creates a rule that validates tokens, as changed.
func ruleValidating(change func(*types.JwtValidationActionConfig)) func(*fixture) error {
	c := &types.JwtValidationActionConfig{JwksEndpoint: aws.String("https://a/keys"), Issuer: aws.String("a")}
	change(c)
	return ruleDoing(types.Action{Type: "jwt-validation", Order: aws.Int32(1), JwtValidationConfig: c}, last(respond("200")))
}

func TestReadBackConditionsAreComplete(t *testing.T) {
	t.Parallel()
	f := instant(t)
	conditions := []types.RuleCondition{headers([]string{"b", "a"}, nil), queries("k", "v", "", "w"), methods("PUT"),
		sources("10.0.0.0/8")}
	f.quota(request.QuotaConditionValues, 10)
	r, err := f.ruled(conditions, respond("200"))
	f.ok(err)
	if diff := cmp.Diff(conditions, r.Conditions, ignoreDocuments); diff != "" {
		t.Error(diff)
	}
	regexes := []types.RuleCondition{
		headers(nil, []string{"^a", "b$"}),
		{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{
			RegexValues: []string{"^/v[12]"}}},
		{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{RegexValues: []string{"x"}}},
	}
	r, err = f.ruled(regexes, respond("200"))
	f.ok(err)
	regexes[0].RegexValues, regexes[1].RegexValues, regexes[2].RegexValues = []string{"^a", "b$"}, []string{"^/v[12]"},
		[]string{"x"}
	if diff := cmp.Diff(regexes, r.Conditions, ignoreDocuments); diff != "" {
		t.Error(diff)
	}
}

func TestSetRulePrioritiesAnswersTheChangedRules(t *testing.T) {
	t.Parallel()
	f := instant(t)
	l, err := f.listening("application", "HTTP")
	f.ok(err)
	one, err := f.addRule(l, 1, respond("200"))
	f.ok(err)
	_, err = f.addRule(l, 2, respond("200"))
	f.ok(err)
	out, err := f.SetRulePriorities(f.ctx, &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{
		{RuleArn: one.RuleArn, Priority: aws.Int32(7)}}})
	f.ok(err)
	if len(out.Rules) != 1 || *out.Rules[0].RuleArn != *one.RuleArn || *out.Rules[0].Priority != "7" {
		t.Errorf("answered %+v", out.Rules)
	}
}
