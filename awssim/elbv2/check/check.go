// Package check compares a request of Elastic Load Balancing with the constraints of the API's model, and words
// refusals as AWS does. It has no account and no resource; it imports awssim/apierr.
package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Invalid is the answer to a parameter that no state of the account could make right.
func Invalid(format string, args ...any) error { return apierr.New("ValidationError", format, args...) }

// InvalidConfiguration is the answer to settings that do not go together.
func InvalidConfiguration(format string, args ...any) error {
	return apierr.New("InvalidConfigurationRequest", format, args...)
}

// Constraint is AWS's text for a value outside of the API model's constraints.
func Constraint(field, value, constraint string, args ...any) error {
	return Invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s",
		value, field, fmt.Sprintf(constraint, args...))
}

// First is the first error.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// When is err if the condition holds.
func When(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}

// Present refuses a missing required parameter.
func Present[T any](field string, p *T) error {
	if p == nil {
		return Invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member "+
			"must not be null", field)
	}
	return nil
}

// Some refuses an empty required list.
func Some[T any](field string, list []T) error {
	if len(list) == 0 {
		return Invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member "+
			"must not be null", field)
	}
	return nil
}

// OneOf refuses a value that the model does not list; empty means not given.
func OneOf[T ~string](field string, v T, allowed []T) error {
	if v == "" || slices.Contains(allowed, v) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return Constraint(field, string(v), "satisfy enum value set: [%s]", strings.Join(names, ", "))
}

// Between refuses a number outside of [low, high]; nil means not given.
func Between(field string, v *int32, low, high int32) error {
	switch {
	case v == nil:
		return nil
	case *v < low:
		return Constraint(field, strconv.Itoa(int(*v)), "have value greater than or equal to %d", low)
	case *v > high:
		return Constraint(field, strconv.Itoa(int(*v)), "have value less than or equal to %d", high)
	}
	return nil
}

// AtMost refuses a string of more than n characters.
func AtMost(field, v string, n int) error {
	if utf8.RuneCountInString(v) > n {
		return Constraint(field, v, "have length less than or equal to %d", n)
	}
	return nil
}

// ResourceName checks the name of a load balancer or target group; noun begins the sentence, chars is AWS's list of
// what is allowed.
func ResourceName(noun, chars, name string) error {
	allowed := func(r rune) bool {
		return r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	switch {
	case name == "":
		return Constraint("name", "", "have length greater than or equal to 1")
	case utf8.RuneCountInString(name) > 32:
		return Invalid("%s '%s' cannot be longer than '32' characters", noun, name)
	case strings.ContainsFunc(name, func(r rune) bool { return !allowed(r) }):
		return Invalid("%s '%s' can only contain characters that are alphanumeric characters %s hyphens(-)", noun,
			name, chars)
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return Invalid("%s '%s' cannot begin or end with '-'", noun, name)
	}
	return nil
}

// ResourceNames checks the names that a read asks for, as ResourceName does.
func ResourceNames(noun, chars string, names []string) error {
	for _, name := range names {
		if err := ResourceName(noun, chars, name); err != nil {
			return err
		}
	}
	return nil
}

// Number is v if it is a decimal integer in [low, high].
func Number(v string, low, high int) (int, bool) {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high || strconv.Itoa(n) != v {
		return 0, false
	}
	return n, true
}

// Quoted is the list as AWS writes lists of ARNs in messages.
func Quoted(list []string) string { return fmt.Sprintf("'%s'", strings.Join(list, "', '")) }
