// Package leaffields lists and sets the fields of Kubernetes kinds. With the list, a test requires a row of a table for
// each field. Only tests import the package.
package leaffields

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Field is a field without fields of its own.
type Field struct {
	Path string // such as spec.listeners[].port
	Type reflect.Type
}

// Of returns the fields of a kind in the order of the Go type, without type, metadata and status.
func Of(kind reflect.Type) []Field { return below("", kind) }

func below(path string, of reflect.Type) (out []Field) {
	switch of.Kind() {
	case reflect.Pointer:
		return below(path, of.Elem())
	case reflect.Slice:
		return below(path+"[]", of.Elem())
	case reflect.Struct:
	default:
		return []Field{{path, of}}
	}
	if of.Name() == "LabelSelector" || strings.HasSuffix(of.PkgPath(), "util/intstr") ||
		strings.HasSuffix(of.PkgPath(), "api/resource") {
		return []Field{{path, of}}
	}
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && f.Anonymous:
			out = append(out, below(path, f.Type)...)
		case path == "" && slices.Contains([]string{"metadata", "status", "kind", "apiVersion", ""}, name), name == "-":
		default:
			out = append(out, below(strings.TrimPrefix(path+"."+name, "."), f.Type)...)
		}
	}
	return out
}

// Uncovered compares patterns with the fields of a kind; a pattern that ends in * covers all fields below it. It
// returns the fields without a pattern and the patterns without a field.
func Uncovered(kind reflect.Type, patterns []string) (fields, unused []string) {
	used := map[string]bool{}
	for _, f := range Of(kind) {
		covered := false
		for _, p := range patterns {
			if Matches(p, f.Path) {
				covered, used[p] = true, true
			}
		}
		if !covered {
			fields = append(fields, f.Path)
		}
	}
	for _, p := range patterns {
		if !used[p] {
			unused = append(unused, p)
		}
	}
	return fields, unused
}

// Matches reports whether a pattern covers a field.
func Matches(pattern, path string) bool {
	prefix, all := strings.CutSuffix(pattern, "*")
	return path == pattern || all && strings.HasPrefix(path, prefix)
}

// Unfit returns values that few fields of a type can have.
func Unfit(of reflect.Type) []any {
	switch of.Kind() {
	case reflect.Bool:
		return []any{true, false}
	case reflect.String:
		return []any{"", "x", "a b", "-1", "*", strings.Repeat("a", 300), "\u00e4\n"}
	case reflect.Map:
		return []any{map[string]any{}, map[string]any{"a b": "c"}, map[string]any{"aws:x": "y"},
			map[string]any{"elbv2.k8s.aws/cluster": "x"}}
	case reflect.Struct:
		return []any{map[string]any{"matchLabels": map[string]any{"x": "y"}},
			map[string]any{"matchLabels": map[string]any{"x y": "z"}},
			map[string]any{"matchExpressions": []any{map[string]any{"key": "a", "operator": "Odd"}}}, "x"}
	default:
		return []any{-1, 0, 1, 65536, 100_000_000}
	}
}

// setField sets or, without a value, removes a field of a JSON object; at chooses the elements of lists.
func setField(object map[string]any, path []string, at int, value any) {
	name, list := strings.CutSuffix(path[0], "[]")
	last := len(path) == 1
	if last && value == nil {
		delete(object, name)
		return
	}
	if !list {
		if last {
			object[name] = value
			return
		}
		next, ok := object[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[name] = next
		}
		setField(next, path[1:], at, value)
		return
	}
	all, _ := object[name].([]any)
	if len(all) == 0 {
		all = []any{map[string]any{}}
		object[name] = all
	}
	i := at % len(all)
	if last {
		all[i] = value
		return
	}
	next, ok := all[i].(map[string]any)
	if !ok {
		next = map[string]any{}
		all[i] = next
	}
	setField(next, path[1:], at, value)
}

// Set returns a copy of an object, a pointer to a struct, with another value of a field, or without the field if value
// is nil. at chooses the elements of lists. ok is false if the field cannot have a value of that type.
func Set(o any, path string, at int, value any) (out any, ok bool) {
	text, err := json.Marshal(o)
	raw := map[string]any{}
	if err == nil {
		err = json.Unmarshal(text, &raw)
	}
	if err != nil {
		return o, false
	}
	setField(raw, strings.Split(path, "."), at, value)
	fresh := reflect.New(reflect.TypeOf(o).Elem()).Interface()
	if text, err = json.Marshal(raw); err != nil || json.Unmarshal(text, fresh) != nil {
		return o, false
	}
	return fresh, true
}
