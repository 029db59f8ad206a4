// Package traffic evaluates rule conditions as an ALB does: which rule of a listener a request matches, and what a
// redirect or transform makes of the request. It is pure: it sends nothing and chooses no target.
package traffic

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Decision is what a listener does with a request.
type Decision struct {
	Rule    *stack.Rule // nil: no rule matched, the default actions apply
	Actions []stack.Action

	// Evaluated is how many rules were compared with the request, without the default one.
	Evaluated int

	transforms []transform
}

// Matcher holds the compiled rules of one listener. It is immutable and safe for concurrent use.
type Matcher struct {
	rules    []rule
	defaults []stack.Action
}

type rule struct {
	source     stack.Rule
	conditions []condition
	transforms []transform
}

// NewMatcher compiles rules and default actions. Rules are tried by ascending Order, whatever their order in the slice.
// The error names values that can never match or transform: regular expressions and CIDRs that do not parse, which AWS
// rejects at creation. The matcher is usable also with an error.
func NewMatcher(rules []stack.Rule, defaults []stack.Action) (*Matcher, error) {
	m := &Matcher{defaults: defaults, rules: make([]rule, len(rules))}
	var bad []error
	for i, r := range rules {
		m.rules[i].source = r
		for _, c := range r.Conditions {
			f, err := compile(c)
			if err != nil {
				bad = append(bad, fmt.Errorf("rule %s: %w", r.ID, err))
			}
			m.rules[i].conditions = append(m.rules[i].conditions, f)
		}
		for _, t := range r.Transforms {
			f, err := compileTransform(t)
			if err != nil {
				bad = append(bad, fmt.Errorf("rule %s: %w", r.ID, err))
			}
			m.rules[i].transforms = append(m.rules[i].transforms, f)
		}
	}
	slices.SortStableFunc(m.rules, func(a, b rule) int { return cmp.Compare(a.source.Order, b.source.Order) })
	return m, errors.Join(bad...)
}

// Match finds the first rule whose conditions all hold for a request; without one, the default actions apply.
func (m *Matcher) Match(r *Request) Decision {
	v := newView(r)
	for i := range m.rules {
		if rule := &m.rules[i]; rule.matches(&v) {
			return Decision{Rule: &rule.source, Actions: rule.source.Actions, Evaluated: i + 1, transforms: rule.transforms}
		}
	}
	return Decision{Actions: m.defaults, Evaluated: len(m.rules)}
}

func (r *rule) matches(v *view) bool {
	return !slices.ContainsFunc(r.conditions, func(c condition) bool { return !c(v) })
}

// Match returns a Matcher for one request.
func Match(rules []stack.Rule, defaults []stack.Action, r Request) Decision {
	m, _ := NewMatcher(rules, defaults) // values that can never match are no error of the request
	return m.Match(&r)
}

// Routing returns the action that ends the request: the forward, redirect or fixed response. It reports false when
// there is none, which AWS does not allow.
func (d *Decision) Routing() (stack.Action, bool) {
	for _, a := range d.Actions {
		switch a.Type {
		case stack.ActionForward, stack.ActionRedirect, stack.ActionFixedResponse:
			return a, true
		case stack.ActionAuthenticateOIDC, stack.ActionAuthenticateCognito, stack.ActionValidateJWT: // come before it
		}
	}
	return stack.Action{}, false
}

// Weight of a target group in a forward; AWS's default is 1.
func Weight(w stack.WeightedTargetGroup) int {
	if w.Weight == nil {
		return 1
	}
	return max(int(*w.Weight), 0)
}

// TotalWeight returns the sum of a forward's weights. At 0 the load balancer answers 503.
func TotalWeight(f *stack.Forward) int {
	total := 0
	for _, w := range f.TargetGroups {
		total += Weight(w)
	}
	return total
}

// Pick returns the target group at point n of the forward's weights laid end to end, 0 ≤ n < TotalWeight(f). A
// uniformly random n gives each group its share. It reports false when n is out of bounds.
func Pick(f *stack.Forward, n int) (stack.Ref, bool) {
	if n < 0 {
		return stack.Ref{}, false
	}
	for _, w := range f.TargetGroups {
		if n -= Weight(w); n < 0 {
			return w.TargetGroup, true
		}
	}
	return stack.Ref{}, false
}

// Attempt is one rule that was tried on a request.
type Attempt struct {
	Rule *stack.Rule
	// Failed is the first condition that does not hold; nil = all hold, and the rule applies.
	Failed *stack.Condition
	// Got is the text that the failed condition compared, such as the host without its port in lower case, the normalised
	// path or a header's lines. Empty if the request has no such part.
	Got string
}

// Trace is Match with a record of every rule that was tried, up to and including the one that matched.
func (m *Matcher) Trace(r *Request) []Attempt {
	v := newView(r)
	var out []Attempt
	for i := range m.rules {
		rule := &m.rules[i]
		a := Attempt{Rule: &rule.source}
		for n, c := range rule.conditions {
			if !c(&v) {
				a.Failed = &rule.source.Conditions[n]
				a.Got = v.shown(a.Failed)
				break
			}
		}
		out = append(out, a)
		if a.Failed == nil {
			break
		}
	}
	return out
}

// shown is the part of the request that a condition compares.
func (v *view) shown(c *stack.Condition) string {
	switch c.Field {
	case stack.HostHeader:
		return v.host
	case stack.PathPattern:
		return v.path
	case stack.HTTPHeader:
		return strings.Join(v.header(c.HeaderName), ", ")
	case stack.RequestMethod:
		return v.Method
	case stack.QueryString:
		return v.RawQuery
	case stack.SourceIP:
		if v.SourceIP.IsValid() {
			return v.SourceIP.Unmap().String()
		}
	}
	return ""
}
