package stack

import "testing"

func TestRuleSaysWhatItRewrites(t *testing.T) {
	t.Parallel()
	r := Rule{Conditions: []Condition{{Field: PathPattern, Values: []string{"/api/*"}}},
		Actions: []Action{{Type: ActionFixedResponse, FixedResponse: &FixedResponse{StatusCode: "404"}}},
		Transforms: []Transform{{"url-rewrite", []Rewrite{{"^/api", "/"}}}, {"host-header-rewrite", []Rewrite{{".*",
			"in.test"}}}}}
	const want = "path /api/* → rewrite the URL ^/api → /, rewrite the host .* → in.test, then fixed response 404"
	if got := (Labels{}).Rule(r); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestConditionsReadTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	host, path := Condition{Field: HostHeader, Values: []string{"a", "b"}}, Condition{Field: PathPattern, Regex: []string{
		"^/x", "^/y"}}
	for _, c := range []struct {
		conditions []Condition
		want       string
	}{
		{nil, "any request"},
		{[]Condition{host, path}, "host a or b, path regex ^/x or regex ^/y"},
		{[]Condition{{Field: PathPattern, Regex: []string{"^/y", "^/x"}}, {Field: HostHeader, Values: []string{"b", "a"}}},
			"host a or b, path regex ^/x or regex ^/y"},
		{[]Condition{{Field: HTTPHeader, HeaderName: "X-Env", Values: []string{"dev"}},
			{Field: RequestMethod, Values: []string{"GET"}}}, "header X-Env dev, method GET"},
		{[]Condition{{Field: QueryString, Query: []QueryValue{{Value: "c"}, {Key: "b", Value: "2"}}},
			{Field: SourceIP, Values: []string{"10.0.0.0/8"}}}, "query ?b=2 or ?c, source address 10.0.0.0/8"},
	} {
		if got := ConditionsText(c.conditions); got != c.want {
			t.Errorf("%+v reads %q, want %q", c.conditions, got, c.want)
		}
	}
}

func TestActionsReadInTheirOrderWithLabelsOfTargetGroups(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/blue/0"
	weight := int32(80)
	forward := Action{
		Forward: &Forward{TargetGroups: []WeightedTargetGroup{{TargetGroup: Literal(KindTargetGroup, arn), Weight: &weight},
			{TargetGroup: Ref{ID: "green"}}}}}
	for _, c := range []struct {
		labels  Labels
		actions []Action
		want    string
	}{
		{nil, []Action{{JWT: &ValidateJWT{Issuer: "https://idp"}}, forward},
			"check the token of https://idp, then forward to blue×80 + green"},
		{Labels{arn: "shop/blue:80"}, []Action{forward}, "forward to shop/blue:80×80 + green"},
		{nil, []Action{{OIDC: &AuthenticateOIDC{Issuer: "https://idp", Session: Session{OnUnauthenticated: "deny"}}}},
			"answer 401 without a login at https://idp"},
		{nil, []Action{{Cognito: &AuthenticateCognito{UserPoolDomain: "pool"}}}, "log in with the Cognito domain pool"},
		{nil, []Action{{Redirect: &Redirect{Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301"}}},
			"redirect 301 to https://#{host}:443/#{path}?#{query}"},
		{nil, []Action{{FixedResponse: &FixedResponse{StatusCode: "404", MessageBody: "gone"}}}, `fixed response 404 "gone"`},
	} {
		if got := c.labels.Actions(c.actions); got != c.want {
			t.Errorf("%+v read %q, want %q", c.actions, got, c.want)
		}
	}
}
