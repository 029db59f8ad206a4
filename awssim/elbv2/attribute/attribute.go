// Package attribute is tables of attributes: which keys a resource has, their defaults, which values they take, and how
// a request changes them. The tables themselves are beside the resources that they are of. It imports elbv2/check.
package attribute

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
)

// Attribute is one key of a table of attributes: of load balancers, target groups or listeners, which type S is.
type Attribute[S any] struct {
	key     string
	applies func(S) bool
	initial func(S) string
	check   func(key, value string) error
}

// New is the attribute of that key, of the resources that it applies to; check refuses values.
func New[S any](key string, applies func(S) bool, initial string, check func(key, value string) error) Attribute[S] {
	return Attribute[S]{key, applies, func(S) string { return initial }, check}
}

// Depending is New with a default that depends on the resource.
func Depending[S any](key string, applies func(S) bool, initial func(S) string,
	check func(key, value string) error) Attribute[S] {
	return Attribute[S]{key, applies, initial, check}
}

// Table is a table of attributes with the words that AWS uses for its errors.
type Table[S any] struct {
	Noun        string         // "Load balancer"
	Rows        []Attribute[S] // in the order that Describe answers in
	Unsupported func(S) string // "load balancers with type 'network'"
	Resets      bool           // an empty value sets the default again
}

// Setting is one key and value of a request or an answer.
type Setting struct{ Key, Value string }

// maxAttributes is how many one call may set.
const maxAttributes = 20

// Complete is every applicable key with its value in have, or its default.
func (t *Table[S]) Complete(subject S, have map[string]string) map[string]string {
	out := map[string]string{}
	for _, a := range t.Rows {
		if !a.applies(subject) {
			continue
		}
		v, ok := have[a.key]
		if !ok {
			v = a.initial(subject)
		}
		out[a.key] = v
	}
	return out
}

// List is the settings in the table's order, as the SDK's attributes.
func List[S, A any](t *Table[S], have map[string]string, attribute func(key, value *string) A) []A {
	out := make([]A, 0, len(have))
	for _, row := range t.Rows {
		if v, ok := have[row.key]; ok {
			out = append(out, attribute(aws.String(row.key), aws.String(v)))
		}
	}
	return out
}

// Check refuses settings that are wrong for every subject, which AWS reports before it looks for the subject.
func (t *Table[S]) Check(settings []Setting) error {
	if err := check.Some("attributes", settings); err != nil {
		return err
	}
	if len(settings) > maxAttributes {
		return check.Invalid("You cannot specify more than '%d' attributes", maxAttributes)
	}
	seen := map[string]bool{}
	for _, s := range settings {
		switch {
		case !slices.ContainsFunc(t.Rows, func(a Attribute[S]) bool { return a.key == s.Key }):
			return check.Invalid("%s attribute key '%s' is not recognized", t.Noun, s.Key)
		case seen[s.Key]:
			return check.Invalid("%s attribute key '%s' was specified more than once", t.Noun, s.Key)
		}
		seen[s.Key] = true
	}
	return nil
}

// Change is what have becomes by settings that check accepts; have itself is left alone, so that a refused call changes
// nothing.
func (t *Table[S]) Change(subject S, have map[string]string, settings []Setting) (map[string]string, error) {
	out := t.Complete(subject, have)
	for _, s := range settings {
		i := slices.IndexFunc(t.Rows, func(a Attribute[S]) bool { return a.key == s.Key })
		if !t.Rows[i].applies(subject) {
			return nil, check.InvalidConfiguration("%s attribute key '%s' is not supported on %s", t.Noun, s.Key,
				t.Unsupported(subject))
		}
		if t.Resets && s.Value == "" {
			out[s.Key] = t.Rows[i].initial(subject)
			continue
		}
		if err := t.Rows[i].check(s.Key, s.Value); err != nil {
			return nil, err
		}
		out[s.Key] = s.Value
	}
	return out, nil
}

// SettingsOf converts the SDK's attributes.
func SettingsOf[A any](in []A, split func(A) (key, value *string)) []Setting {
	out := make([]Setting, len(in))
	for i, a := range in {
		key, value := split(a)
		out[i] = Setting{aws.ToString(key), aws.ToString(value)}
	}
	return out
}

// Bool accepts true and false.
func Bool(key, value string) error {
	return check.When(value != "true" && value != "false", check.Invalid("'%s' value '%s' must be one of: 'true', 'false'",
		key, value))
}

// OneOf accepts the values of a list.
func OneOf(allowed ...string) func(key, value string) error {
	return func(key, value string) error {
		return check.When(!slices.Contains(allowed, value),
			check.Invalid("'%s' value '%s' must be one of: '%s'", key, value, strings.Join(allowed, "', '")))
	}
}

// Between accepts the decimal integers in [low, high].
func Between(low, high int) func(key, value string) error {
	return func(key, value string) error {
		_, ok := check.Number(value, low, high)
		return check.When(!ok, check.Invalid("'%s' value '%s' must be between '%d-%d' inclusive", key, value, low, high))
	}
}

// Or accepts either one literal value or what check accepts.
func Or(literal string, check func(key, value string) error) func(key, value string) error {
	return func(key, value string) error {
		if value == literal {
			return nil
		}
		return check(key, value)
	}
}
