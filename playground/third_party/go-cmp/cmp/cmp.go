// Package cmp stands in for github.com/google/go-cmp/cmp in the playground's module. etcd and kube-scheduler import
// that package outside of tests, and it lists the methods of types by reflection: the linker then keeps every exported
// method of every type, 17 MB of the playground. This package has what they and the playground's tests call, under the
// same names.
package cmp

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Option changes how values are compared.
type Option interface{ isOption() }

// EquateErrors is the option of cmpopts.EquateErrors.
type EquateErrors struct{}

func (EquateErrors) isOption() {}

// Equal reports whether x and y are deeply equal. With EquateErrors, two errors are equal if one of them wraps the
// other.
func Equal(x, y any, options ...Option) bool {
	if slices.Contains(options, Option(EquateErrors{})) {
		a, ok := x.(error)
		b, both := y.(error)
		if ok && both {
			return errors.Is(a, b) || errors.Is(b, a)
		}
	}
	return reflect.DeepEqual(x, y)
}

// Diff is "" if x and y are equal, and otherwise the lines in which they differ: "-" for x, "+" for y.
func Diff(x, y any, options ...Option) string {
	if Equal(x, y, options...) {
		return ""
	}
	a, b := lines(x), lines(y)
	if slices.Equal(a, b) { // they differ in what JSON does not have
		return fmt.Sprintf("- %#v\n+ %#v\n", x, y)
	}
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out strings.Builder
	for _, line := range a {
		fmt.Fprintf(&out, "- %s\n", line)
	}
	for _, line := range b {
		fmt.Fprintf(&out, "+ %s\n", line)
	}
	return out.String()
}

func lines(v any) []string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return []string{fmt.Sprintf("%#v", v)}
	}
	return strings.Split(string(text), "\n")
}
