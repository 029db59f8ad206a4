package simclient

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestARuleReadsAsOneLine(t *testing.T) {
	t.Parallel()
	weight := func(n int32) *int32 { return &n }
	group := func(arn string, w *int32) stack.WeightedTargetGroup {
		return stack.WeightedTargetGroup{TargetGroup: stack.Ref{Literal: arn}, Weight: w}
	}
	for want, tt := range map[string]struct {
		conditions []stack.Condition
		actions    []stack.Action
		transforms []stack.Transform
	}{
		"forward to blue": {
			actions: []stack.Action{
				{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
					group("arn:blue", weight(1))}}}}},
		"if host-header is a.example.com or b.example.com and path-pattern is /x/*, forward to blue (3), green (0)": {
			conditions: []stack.Condition{{Field: stack.HostHeader, Values: []string{"a.example.com", "b.example.com"}},
				{Field: stack.PathPattern, Values: []string{"/x/*"}}},
			actions: []stack.Action{
				{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
					group("arn:blue", weight(3)), group("arn:green", weight(0))}}}},
		},
		"if http-header X-Beta is yes and query-string is v=1 or all and path-pattern is ~^/a, url-rewrite ^/a to " +
			"/, answer 404": {
			conditions: []stack.Condition{
				{Field: stack.HTTPHeader, HeaderName: "X-Beta", Values: []string{"yes"}},
				{Field: stack.QueryString, Query: []stack.QueryValue{{Key: "v", Value: "1"}, {Value: "all"}}},
				{Field: stack.PathPattern, Regex: []string{"^/a"}},
			},
			transforms: []stack.Transform{{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/a", Replace: "/"}}}},
			actions:    []stack.Action{{FixedResponse: &stack.FixedResponse{StatusCode: "404"}}},
		},
		"authenticate-oidc, redirect HTTP_301 to HTTPS://#{host}:443/#{path}?#{query}": {
			actions: []stack.Action{{Type: "authenticate-oidc"},
				{Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301"}}},
		},
	} {
		if got := RuleText(tt.conditions, tt.actions, tt.transforms, func(arn string) string {
			return strings.TrimPrefix(arn, "arn:")
		}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestACallReadsAsOneLine(t *testing.T) {
	t.Parallel()
	base := Call{
		Number: 7, Time: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC), Duration: "3ms", Service: "ec2",
		Action: "CreateTags", Status: 200,
		Parameters: json.RawMessage(`{"Resources":["sg-1"]}`),
	}
	refused, dropped := base, base
	refused.Status, refused.Code, refused.Fault = 503, "RequestLimitExceeded", "busy"
	dropped.Status, dropped.Dropped = 0, true
	for name, tt := range map[string]struct {
		call Call
		want string
	}{
		"success": {base, `7 03:04:05.678 ec2 CreateTags 200 3ms {"Resources":["sg-1"]}`},
		"refused": {refused, `7 03:04:05.678 ec2 CreateTags 503 RequestLimitExceeded [busy] 3ms {"Resources":["sg-1"]}`},
		"dropped": {dropped, `7 03:04:05.678 ec2 CreateTags dropped 3ms {"Resources":["sg-1"]}`},
	} {
		if got := strings.Join(strings.Fields(tt.call.String()), " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
