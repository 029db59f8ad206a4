package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Conditions describes a rule's conditions: "host shop.example.com, path /api or /api/*".
func Conditions(cs []stack.Condition) string {
	parts := make([]string, 0, len(cs))
	for i := range cs {
		parts = append(parts, conditionName(&cs[i])+" "+strings.Join(conditionValues(&cs[i]), " or "))
	}
	if len(parts) == 0 {
		return "any request"
	}
	return strings.Join(parts, ", ")
}

func conditionName(c *stack.Condition) string {
	switch c.Field {
	case stack.HostHeader:
		return "host"
	case stack.PathPattern:
		return "path"
	case stack.HTTPHeader:
		return "header " + c.HeaderName
	case stack.RequestMethod:
		return "method"
	case stack.QueryString:
		return "query"
	case stack.SourceIP:
		return "source address"
	}
	return string(c.Field)
}

func conditionValues(c *stack.Condition) []string {
	out := slices.Clone(c.Values)
	for _, r := range c.Regex {
		out = append(out, "regex "+r)
	}
	for _, q := range c.Query {
		if q.Key == "" {
			out = append(out, "?"+q.Value)
		} else {
			out = append(out, "?"+q.Key+"="+q.Value)
		}
	}
	return out
}

// actions describes actions, in their order.
func (x *explainer) actions(as []stack.Action) string {
	parts := make([]string, 0, len(as))
	for _, a := range as {
		parts = append(parts, x.action(a))
	}
	return strings.Join(parts, ", then ")
}

func (x *explainer) action(a stack.Action) string {
	switch {
	case a.OIDC != nil:
		return login(a.OIDC.OnUnauthenticated, "at "+a.OIDC.Issuer)
	case a.Cognito != nil:
		return login(a.Cognito.OnUnauthenticated, "with the Cognito domain "+a.Cognito.UserPoolDomain)
	case a.JWT != nil:
		return "check the token of " + a.JWT.Issuer
	case a.Forward != nil:
		return "forward to " + x.forward(a.Forward)
	case a.Redirect != nil:
		r := a.Redirect
		return fmt.Sprintf("redirect %s to %s://%s:%s%s?%s", strings.TrimPrefix(r.StatusCode, "HTTP_"), cmp.Or(strings.ToLower(r.Protocol), "#{protocol}"),
			cmp.Or(r.Host, "#{host}"), cmp.Or(r.Port, "#{port}"), cmp.Or(r.Path, "/#{path}"), cmp.Or(r.Query, "#{query}"))
	case a.FixedResponse != nil:
		text := "answer " + a.FixedResponse.StatusCode
		if b := a.FixedResponse.MessageBody; b != "" {
			text += fmt.Sprintf(" %q", b)
		}
		return text
	}
	return string(a.Type)
}

// login describes the action for a request without a session: a login, a refusal, or none.
func login(unauthenticated, where string) string {
	switch unauthenticated {
	case "deny":
		return "answer 401 without a login " + where
	case "allow":
		return "pass on the login " + where + ", if there is one"
	}
	return "log in " + where
}

func (x *explainer) forward(f *stack.Forward) string {
	total := int32(0)
	for _, t := range f.TargetGroups {
		total += weight(t)
	}
	parts := make([]string, 0, len(f.TargetGroups))
	for _, t := range f.TargetGroups {
		text := label(t.TargetGroup)
		if len(f.TargetGroups) > 1 && total > 0 {
			text += fmt.Sprintf(" (%.3g%%)", 100*float64(weight(t))/float64(total))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}

func weight(t stack.WeightedTargetGroup) int32 {
	if t.Weight == nil {
		return 1
	}
	return *t.Weight
}

// label names a target group: by its identity, else by the name inside its ARN.
func label(r stack.Ref) string {
	if r.ID != "" {
		return r.ID
	}
	if parts := strings.Split(r.Literal, "/"); len(parts) == 3 {
		return parts[1]
	}
	return r.Literal
}

func transforms(ts []stack.Transform) string {
	var parts []string
	for _, t := range ts {
		what := "rewrite the URL"
		if t.Type == "host-header-rewrite" {
			what = "rewrite the host"
		}
		for _, r := range t.Rewrites {
			parts = append(parts, fmt.Sprintf("%s %s → %s", what, r.Regex, r.Replace))
		}
	}
	return strings.Join(parts, ", ")
}
