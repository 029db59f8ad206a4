package simclient

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// RuleText describes in one line when a rule applies and what it does. Name turns the ARN of a target group into its
// display name.
func RuleText(conditions []stack.Condition, actions []stack.Action, transforms []stack.Transform,
	name func(arn string) string) string {
	var b strings.Builder
	for i, c := range conditions {
		b.WriteString([]string{"if ", " and "}[min(i, 1)])
		b.WriteString(conditionText(c))
	}
	for _, t := range transforms {
		for _, r := range t.Rewrites {
			separate(&b)
			fmt.Fprintf(&b, "%s %s to %s", t.Type, r.Regex, r.Replace)
		}
	}
	for _, a := range actions {
		separate(&b)
		b.WriteString(actionText(a, name))
	}
	return b.String()
}

func separate(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteString(", ")
	}
}

func conditionText(c stack.Condition) string {
	field := string(c.Field)
	if c.HeaderName != "" {
		field += " " + c.HeaderName
	}
	var values []string
	values = append(values, c.Values...)
	for _, r := range c.Regex {
		values = append(values, "~"+r)
	}
	for _, q := range c.Query {
		if q.Key == "" {
			values = append(values, q.Value)
		} else {
			values = append(values, q.Key+"="+q.Value)
		}
	}
	return field + " is " + strings.Join(values, " or ")
}

func actionText(a stack.Action, name func(string) string) string {
	switch {
	case a.Forward != nil:
		var groups []string
		for _, g := range a.Forward.TargetGroups {
			text := name(g.TargetGroup.Literal)
			if g.Weight != nil && len(a.Forward.TargetGroups) > 1 {
				text += fmt.Sprintf(" (%d)", *g.Weight)
			}
			groups = append(groups, text)
		}
		return "forward to " + strings.Join(groups, ", ")
	case a.Redirect != nil:
		r := a.Redirect
		part := func(s, otherwise string) string {
			if s == "" {
				return otherwise
			}
			return s
		}
		url := part(r.Protocol, "#{protocol}") + "://" + part(r.Host, "#{host}") + ":" + part(r.Port, "#{port}") +
			part(r.Path, "/#{path}") + "?" + part(r.Query, "#{query}")
		return "redirect " + r.StatusCode + " to " + url
	case a.FixedResponse != nil:
		return "answer " + a.FixedResponse.StatusCode
	}
	return string(a.Type)
}

// String is the call in one line.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%6d %s %-20s %-32s", c.Number, c.Time.UTC().Format("15:04:05.000"), c.Service, c.Action)
	switch {
	case c.Dropped:
		b.WriteString(" dropped")
	case c.Code != "":
		fmt.Fprintf(&b, " %d %s", c.Status, c.Code)
	default:
		fmt.Fprintf(&b, " %d", c.Status)
	}
	if c.Fault != "" {
		fmt.Fprintf(&b, " [%s]", c.Fault)
	}
	fmt.Fprintf(&b, " %s %s", c.Duration, c.Parameters)
	return b.String()
}
