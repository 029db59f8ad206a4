package elbv2

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// attribute is one key of a table of attributes: of load balancers, target groups or listeners, which S is.
type attribute[S any] struct {
	key     string
	applies func(S) bool
	initial func(S) string
	check   func(key, value string) error
}

// attributeKind is a table of attributes with the words that AWS uses for its errors.
type attributeKind[S any] struct {
	noun        string         // "Load balancer"
	table       []attribute[S] // in the order that Describe answers in
	unsupported func(S) string // "load balancers with type 'network'"
	resets      bool           // an empty value sets the default again
}

// setting is one key and value of a request or an answer.
type setting struct{ key, value string }

// maxAttributes is how many one call may set.
const maxAttributes = 20

// complete is every applicable key with what have says of it, or its default.
func (k *attributeKind[S]) complete(subject S, have map[string]string) map[string]string {
	out := map[string]string{}
	for _, a := range k.table {
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

// list is the settings in the table's order.
func (k *attributeKind[S]) list(have map[string]string) []setting {
	out := make([]setting, 0, len(have))
	for _, a := range k.table {
		if v, ok := have[a.key]; ok {
			out = append(out, setting{a.key, v})
		}
	}
	return out
}

// check refuses settings that are wrong for every subject, which is told before whether the subject exists.
func (k *attributeKind[S]) check(settings []setting) error {
	if err := some("attributes", settings); err != nil {
		return err
	}
	if len(settings) > maxAttributes {
		return invalid("You cannot specify more than '%d' attributes", maxAttributes)
	}
	seen := map[string]bool{}
	for _, s := range settings {
		switch {
		case !slices.ContainsFunc(k.table, func(a attribute[S]) bool { return a.key == s.key }):
			return invalid("%s attribute key '%s' is not recognized", k.noun, s.key)
		case seen[s.key]:
			return invalid("%s attribute key '%s' was specified more than once", k.noun, s.key)
		}
		seen[s.key] = true
	}
	return nil
}

// change is what have becomes by settings that check accepts; have itself is left alone, so that a refused call changes nothing.
func (k *attributeKind[S]) change(subject S, have map[string]string, settings []setting) (map[string]string, error) {
	out := k.complete(subject, have)
	for _, s := range settings {
		i := slices.IndexFunc(k.table, func(a attribute[S]) bool { return a.key == s.key })
		if !k.table[i].applies(subject) {
			return nil, contradiction("%s attribute key '%s' is not supported on %s", k.noun, s.key, k.unsupported(subject))
		}
		if k.resets && s.value == "" {
			out[s.key] = k.table[i].initial(subject)
			continue
		}
		if err := k.table[i].check(s.key, s.value); err != nil {
			return nil, err
		}
		out[s.key] = s.value
	}
	return out, nil
}

// settingsOf converts the SDK's attributes.
func settingsOf[A any](in []A, split func(A) (key, value *string)) []setting {
	out := make([]setting, len(in))
	for i, a := range in {
		key, value := split(a)
		out[i] = setting{aws.ToString(key), aws.ToString(value)}
	}
	return out
}

// always is the default that does not depend on the subject.
func always[S any](v string) func(S) string { return func(S) string { return v } }

// Checks of values.

func isBool(key, value string) error {
	return when(value != "true" && value != "false", invalid("'%s' value '%s' must be one of: 'true', 'false'", key, value))
}

func isOneOf(allowed ...string) func(key, value string) error {
	return func(key, value string) error {
		return when(!slices.Contains(allowed, value),
			invalid("'%s' value '%s' must be one of: '%s'", key, value, strings.Join(allowed, "', '")))
	}
}

func isBetween(low, high int) func(key, value string) error {
	return func(key, value string) error {
		_, ok := number(value, low, high)
		return when(!ok, invalid("'%s' value '%s' must be between '%d-%d' inclusive", key, value, low, high))
	}
}

// or accepts either one literal value or what check accepts.
func or(literal string, check func(key, value string) error) func(key, value string) error {
	return func(key, value string) error {
		if value == literal {
			return nil
		}
		return check(key, value)
	}
}

func isAtMost(n int) func(key, value string) error {
	return func(key, value string) error {
		return when(len(value) > n, invalid("'%s' value '%s' cannot be longer than '%d' characters", key, value, n))
	}
}

func isLogPrefix(key, value string) error {
	bad := strings.HasPrefix(value, "/") || strings.HasSuffix(value, "/") || strings.Contains(value, "AWSLogs")
	return when(bad, invalid("'%s' value '%s' cannot begin or end with '/' or contain 'AWSLogs'", key, value))
}

// quoted is the list as AWS writes lists of ARNs in messages.
func quoted(list []string) string { return fmt.Sprintf("'%s'", strings.Join(list, "', '")) }
