package transition

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Labels are the identities of target groups and security groups, by ARN or group id.
type Labels map[string]string

// Of is what people call a resource: its identity, else the name inside its ARN.
func (l Labels) Of(r stack.Ref) string {
	if r.ID != "" {
		return r.ID
	}
	if id, ok := l[r.Literal]; ok {
		return id
	}
	if parts := strings.Split(r.Literal, "/"); len(parts) == 3 {
		return parts[1]
	}
	return r.Literal
}

// Rule names a rule by its conditions and actions.
func (l Labels) Rule(r stack.Rule) string {
	return conditions(r.Conditions) + " → " + l.Actions(r.Actions)
}

// ActionChanges says how actions change, what is their text before it.
func (t *Targets) ActionChanges(what string, want, have []stack.Action) (why []string) {
	if !canonical.SameActions(want, have, t.Resolve) {
		why = append(why, what+t.Labels.Actions(have)+" → "+t.Labels.Actions(want))
	}
	if canonical.StaleSecret(want, have) {
		why = append(why, "the client secret changed")
	}
	return why
}

// Actions names actions in a few words.
func (l Labels) Actions(as []stack.Action) string {
	out := ""
	for i, a := range as {
		if i > 0 {
			out += ", "
		}
		switch {
		case a.Forward != nil:
			out += "forward to " + l.forward(a.Forward)
		case a.Redirect != nil:
			r := a.Redirect
			out += "redirect " + r.StatusCode + " " + cmp.Or(r.Protocol, "#{protocol}") + "://" + cmp.Or(r.Host, "#{host}") + ":" +
				cmp.Or(r.Port, "#{port}") + cmp.Or(r.Path, "/#{path}")
		case a.FixedResponse != nil:
			out += "fixed response " + a.FixedResponse.StatusCode
		case a.OIDC != nil:
			out += "login at " + a.OIDC.Issuer
		case a.Cognito != nil:
			out += "login at " + a.Cognito.UserPoolDomain
		case a.JWT != nil:
			out += "token of " + a.JWT.Issuer
		default:
			out += string(a.Type)
		}
	}
	return out
}

func (l Labels) forward(f *stack.Forward) string {
	out := ""
	for i, t := range f.TargetGroups {
		if i > 0 {
			out += " + "
		}
		out += l.Of(t.TargetGroup)
		if t.Weight != nil && len(f.TargetGroups) > 1 {
			out += "×" + strconv.Itoa(int(*t.Weight))
		}
	}
	return out
}

func conditions(cs []stack.Condition) string {
	parts := make([]string, 0, len(cs))
	for _, c := range cs {
		vs := append(slices.Clone(c.Values), c.Regex...)
		for _, q := range c.Query {
			vs = append(vs, "?"+q.Key+"="+q.Value)
		}
		name := ""
		switch c.Field {
		case stack.HostHeader, stack.PathPattern, stack.QueryString:
		case stack.HTTPHeader:
			name = c.HeaderName + ": "
		default:
			name = string(c.Field) + " "
		}
		parts = append(parts, name+strings.Join(vs, "|"))
	}
	return strings.Join(parts, " ")
}

// changes says how the observed rule of a pair becomes the wanted one.
func (t *Targets) changes(p *Pair) (why []string) {
	if p.renames() {
		why = append(why, "matches "+conditions(p.Have.Conditions)+" → "+conditions(p.Want.Conditions))
	}
	why = append(why, t.ActionChanges("", p.Want.Actions, p.Have.Actions)...)
	if canonical.Transforms(p.Have.Transforms) != canonical.Transforms(p.Want.Transforms) {
		why = append(why, "transforms changed")
	}
	return why
}

// movesText says which observed rules get other priorities.
func (d *decision) movesText(l Labels) (why []string) {
	for _, p := range d.pairs {
		if p.Have != nil && p.give != p.Have.Priority {
			why = append(why, fmt.Sprintf("%s %d → %d", l.Rule(*p.Want), p.Have.Priority, p.give))
		}
	}
	behind := 0
	for _, r := range d.surplus {
		if slices.ContainsFunc(d.moves, func(m elb.RulePriority) bool { return m.Rule == ruleAt(r) }) {
			behind++
		}
	}
	if behind > 0 {
		why = append(why, fmt.Sprintf("%d to be deleted behind all others", behind))
	}
	return why
}
