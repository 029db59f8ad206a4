package stack

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// FieldText returns the part of a request that the condition compares: "host", "header X-Env".
func (c Condition) FieldText() string {
	fields := map[ConditionField]string{
		HostHeader: "host", PathPattern: "path", HTTPHeader: "header", RequestMethod: "method", QueryString: "query",
		SourceIP: "source address",
	}
	return strings.TrimSpace(cmp.Or(fields[c.Field], string(c.Field)) + " " + c.HeaderName)
}

// ValuesText returns what the condition admits, the same for each order of the values: "/api or /api/*".
func (c Condition) ValuesText() string {
	values := slices.Clone(c.Values)
	for _, q := range c.Query {
		values = append(values, "?"+strings.TrimPrefix(q.Key+"="+q.Value, "="))
	}
	slices.Sort(values)
	for _, r := range slices.Sorted(slices.Values(c.Regex)) {
		values = append(values, "regex "+r)
	}
	return strings.Join(values, " or ")
}

// ConditionsText describes the conditions of a rule, the same for each order of them: "host shop.example.com, path /api
// or /api/*".
func ConditionsText(cs []Condition) string {
	parts := make([]string, 0, len(cs))
	for _, c := range cs {
		parts = append(parts, c.FieldText()+" "+c.ValuesText())
	}
	slices.Sort(parts)
	return cmp.Or(strings.Join(parts, ", "), "any request")
}

// Labels are the identities of target groups and security groups, by ARN or group id, for texts.
type Labels map[string]string

// Of names a resource: by its identity, else by the name inside its ARN.
func (l Labels) Of(r Ref) string {
	if id, ok := l[r.Literal]; ok && r.ID == "" {
		return id
	}
	if parts := strings.Split(r.Literal, "/"); r.ID == "" && len(parts) == 3 {
		return parts[1]
	}
	return cmp.Or(r.ID, r.Literal)
}

// Rule describes the conditions, transforms and actions of a rule.
func (l Labels) Rule(r Rule) string {
	text := ConditionsText(r.Conditions) + " → "
	if len(r.Transforms) > 0 {
		text += TransformsText(r.Transforms) + ", then "
	}
	return text + l.Actions(r.Actions)
}

// TransformsText describes transforms: "rewrite the URL ^/api → /".
func TransformsText(ts []Transform) string {
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

// Actions describes actions in their order: "log in at https://idp.example.com, then forward to blue×80 + green×20".
func (l Labels) Actions(as []Action) string {
	parts := make([]string, 0, len(as))
	for _, a := range as {
		parts = append(parts, l.action(a))
	}
	return strings.Join(parts, ", then ")
}

func (l Labels) action(a Action) string {
	switch {
	case a.Forward != nil:
		groups := make([]string, 0, len(a.Forward.TargetGroups))
		for _, t := range a.Forward.TargetGroups {
			text := l.Of(t.TargetGroup)
			if t.Weight != nil && len(a.Forward.TargetGroups) > 1 {
				text += "×" + strconv.Itoa(int(*t.Weight))
			}
			groups = append(groups, text)
		}
		return "forward to " + strings.Join(groups, " + ")
	case a.Redirect != nil:
		r := a.Redirect
		return fmt.Sprintf("redirect %s to %s://%s:%s%s?%s", strings.TrimPrefix(r.StatusCode, "HTTP_"),
			cmp.Or(strings.ToLower(r.Protocol), "#{protocol}"),
			cmp.Or(r.Host, "#{host}"), cmp.Or(r.Port, "#{port}"), cmp.Or(r.Path, "/#{path}"), cmp.Or(r.Query, "#{query}"))
	case a.FixedResponse != nil:
		text := "fixed response " + a.FixedResponse.StatusCode
		if body := a.FixedResponse.MessageBody; body != "" {
			text += " " + strconv.Quote(body)
		}
		return text
	case a.OIDC != nil:
		return a.OIDC.text("at " + a.OIDC.Issuer)
	case a.Cognito != nil:
		return a.Cognito.text("with the Cognito domain " + a.Cognito.UserPoolDomain)
	case a.JWT != nil:
		return "check the token of " + a.JWT.Issuer
	}
	return string(a.Type)
}

// text describes what happens to a request without a session.
func (s Session) text(where string) string {
	switch s.OnUnauthenticated {
	case "deny":
		return "answer 401 without a login " + where
	case "allow":
		return "pass on the login " + where + ", if there is one"
	}
	return "log in " + where
}
