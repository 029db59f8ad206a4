package awsclient

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func byLiteral(r stack.Ref) string { return r.Literal }

func TestActionsSurviveTheWayToAWSAndBack(t *testing.T) {
	t.Parallel()
	w := int32(20)
	tg := stack.Literal(stack.KindTargetGroup, "arn:tg")
	as := []stack.Action{
		{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
			{TargetGroup: tg, Weight: &w}, {TargetGroup: tg}},
			Stickiness: &stack.Stickiness{Enabled: true, DurationSeconds: 60}}},
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: "h", Path: "/p", Port: "443", Protocol: "HTTPS",
			Query: "q", StatusCode: "HTTP_301"}},
		{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "404", ContentType: "text/plain",
			MessageBody: "no"}},
		{Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{UserPoolARN: "arn:p",
			UserPoolClientID: "c", UserPoolDomain: "d", Session: session()}},
		{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{JWKSEndpoint: "https://a.example.com/k", Issuer: "a",
			Claims: []stack.Claim{{Format: "string-array", Name: "groups", Values: []string{"a", "b"}}}}},
	}
	if diff := cmp.Diff(as, FromActions((&requestBuilder{resolve: byLiteral}).actions(as))); diff != "" {
		t.Error(diff)
	}
}

func session() stack.Session {
	return stack.Session{OnUnauthenticated: "deny", Scope: "email", Cookie: "c", TimeoutSeconds: 60,
		ExtraParams: map[string]string{"k": "v"}}
}

func TestALoginSurvivesTheWayToAWSAndBackButForItsSecret(t *testing.T) {
	t.Parallel()
	o := stack.AuthenticateOIDC{
		Issuer: "https://a.example.com", AuthorizationEndpoint: "https://a.example.com/a",
		TokenEndpoint: "https://a.example.com/t", UserInfoEndpoint: "https://a.example.com/u",
		Session: session(), ClientID: stack.NewSecret("id", ""), ClientSecret: stack.NewSecret("s3cret", "key"),
		SecretName: "shop/idp",
	}
	sent := (&requestBuilder{resolve: byLiteral}).actions([]stack.Action{{Type: stack.ActionAuthenticateOIDC, OIDC: &o}})
	if c := sent[0].AuthenticateOidcConfig; value(c.ClientSecret) != "s3cret" || c.UseExistingClientSecret != nil {
		t.Errorf("sent %v, %v", value(c.ClientSecret), c.UseExistingClientSecret)
	}
	told := o
	told.ClientSecret, told.SecretName = stack.Secret{}, ""
	got := FromActions(sent)
	if diff := cmp.Diff([]stack.Action{{Type: stack.ActionAuthenticateOIDC, OIDC: &told}}, got); diff != "" {
		t.Error(diff)
	}
	// What was read can be written again: AWS keeps the secret that it has.
	sent = (&requestBuilder{resolve: byLiteral}).actions(got)
	if c := sent[0].AuthenticateOidcConfig; c.ClientSecret != nil || !value(c.UseExistingClientSecret) ||
		value(c.ClientId) != "id" {
		t.Errorf("sent again: %v, %v", c.ClientSecret, c.UseExistingClientSecret)
	}
}

func TestAForwardInTheLegacyFieldIsUnderstood(t *testing.T) {
	t.Parallel()
	got := FromActions([]elbv2types.Action{{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: aws.String("arn:tg")}})
	want := []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
		{TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:tg")}}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConditionsSurviveTheWayToAWSAndBack(t *testing.T) {
	t.Parallel()
	cs := []stack.Condition{
		{Field: stack.HostHeader, Values: []string{"a.example.com"}},
		{Field: stack.HostHeader, Regex: []string{"^a"}},
		{Field: stack.PathPattern, Values: []string{"/a", "/a/*"}},
		{Field: stack.HTTPHeader, HeaderName: "X-Version", Values: []string{"v1"}},
		{Field: stack.RequestMethod, Values: []string{"GET"}},
		{Field: stack.QueryString, Query: []stack.QueryValue{{Key: "k", Value: "v"}, {Value: "any"}}},
		{Field: stack.SourceIP, Values: []string{"10.0.0.0/8"}},
	}
	if diff := cmp.Diff(cs, FromConditions(conditions(cs))); diff != "" {
		t.Error(diff)
	}
}

func TestALegacyMirrorOfConditionValuesIsIgnored(t *testing.T) {
	t.Parallel()
	got := FromConditions([]elbv2types.RuleCondition{
		{Field: aws.String("path-pattern"), Values: []string{"/a"}, PathPatternConfig: &elbv2types.PathPatternConditionConfig{
			Values: []string{"/a"}}},
		{Field: aws.String("host-header"), Values: []string{"old.example.com"}},
	})
	want := []stack.Condition{{Field: stack.PathPattern, Values: []string{"/a"}},
		{Field: stack.HostHeader, Values: []string{"old.example.com"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPermissionsSurviveTheWayToEC2AndBack(t *testing.T) {
	t.Parallel()
	ps := []stack.Permission{
		{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "10.0.0.0/8", Description: "d"},
		{Protocol: "udp", FromPort: 1, ToPort: 9, IPv6CIDR: "::/0"},
		{Protocol: "tcp", FromPort: 80, ToPort: 80, PrefixList: "pl-1"},
		{Protocol: "-1", Group: stack.Literal(stack.KindSecurityGroup, "sg-1")},
	}
	if diff := cmp.Diff(ps, FromPermissions(Permissions(ps, byLiteral))); diff != "" {
		t.Error(diff)
	}
}

func TestTransformsSurviveTheWayToAWSAndBack(t *testing.T) {
	t.Parallel()
	ts := []stack.Transform{
		{Type: hostRewrite, Rewrites: []stack.Rewrite{{Regex: "a", Replace: "b"}}},
		{Type: urlRewrite, Rewrites: []stack.Rewrite{{Regex: "^/x", Replace: "/y"}}},
	}
	if diff := cmp.Diff(ts, fromTransforms(transforms(ts))); diff != "" {
		t.Error(diff)
	}
}
