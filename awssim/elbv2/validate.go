package elbv2

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// invalid is the answer to a parameter that no state of the account could make right.
func invalid(format string, args ...any) error { return apierr.New("ValidationError", format, args...) }

// contradiction is the answer to settings that do not go together.
func contradiction(format string, args ...any) error {
	return apierr.New("InvalidConfigurationRequest", format, args...)
}

// shape is AWS's text for a value outside of the API model's constraints.
func shape(field, value, constraint string, args ...any) error {
	return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s",
		value, field, fmt.Sprintf(constraint, args...))
}

// first is the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// when is err if the condition holds.
func when(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}

// present refuses a missing required parameter.
func present[T any](field string, p *T) error {
	if p == nil {
		return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", field)
	}
	return nil
}

// some refuses an empty required list.
func some[T any](field string, list []T) error {
	if len(list) == 0 {
		return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", field)
	}
	return nil
}

// oneOf refuses a value that the model does not list; empty means not given.
func oneOf[T ~string](field string, v T, allowed []T) error {
	if v == "" || slices.Contains(allowed, v) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return shape(field, string(v), "satisfy enum value set: [%s]", strings.Join(names, ", "))
}

// between refuses a number outside of [low, high]; nil means not given.
func between(field string, v *int32, low, high int32) error {
	switch {
	case v == nil:
		return nil
	case *v < low:
		return shape(field, strconv.Itoa(int(*v)), "have value greater than or equal to %d", low)
	case *v > high:
		return shape(field, strconv.Itoa(int(*v)), "have value less than or equal to %d", high)
	}
	return nil
}

// atMost refuses a string of more than n characters.
func atMost(field, v string, n int) error {
	if utf8.RuneCountInString(v) > n {
		return shape(field, v, "have length less than or equal to %d", n)
	}
	return nil
}

// resourceName checks the name of a load balancer or target group; noun begins the sentence, chars is AWS's list of what
// is allowed.
func resourceName(noun, chars, name string) error {
	allowed := func(r rune) bool {
		return r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	switch {
	case name == "":
		return shape("name", "", "have length greater than or equal to 1")
	case utf8.RuneCountInString(name) > 32:
		return invalid("%s '%s' cannot be longer than '32' characters", noun, name)
	case strings.ContainsFunc(name, func(r rune) bool { return !allowed(r) }):
		return invalid("%s '%s' can only contain characters that are alphanumeric characters %s hyphens(-)", noun, name, chars)
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return invalid("%s '%s' cannot begin or end with '-'", noun, name)
	}
	return nil
}

// number is v if it is a decimal integer in [low, high].
func number(v string, low, high int) (int, bool) {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high || strconv.Itoa(n) != v {
		return 0, false
	}
	return n, true
}

// sameSet reports whether two lists hold the same values in any order.
func sameSet(a, b []string) bool {
	x, y := slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(x), slices.Compact(y))
}
