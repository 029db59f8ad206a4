package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// differences lists what another rendering has that the first has not, and the other way round: an object per block, a
// field per line.
func differences(before, after []*unstructured.Unstructured) []string {
	name := func(o *unstructured.Unstructured) string { return o.GetKind() + " " + o.GetName() }
	index := func(all []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
		out := map[string]*unstructured.Unstructured{}
		for _, o := range all {
			out[name(o)] = o
		}
		return out
	}
	old, now := index(before), index(after)
	names := map[string]bool{}
	for n := range old {
		names[n] = true
	}
	for n := range now {
		names[n] = true
	}
	var out []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		a, b := old[n], now[n]
		switch {
		case a == nil:
			out = append(out, "+ "+n)
			for _, key := range slices.Sorted(maps.Keys(b.Object)) {
				if !slices.Contains([]string{"kind", "apiVersion", "metadata"}, key) {
					out = append(out, fmt.Sprintf("+ %s %s: %s", n, key, value(b.Object[key])))
				}
			}
		case b == nil:
			out = append(out, "- "+n)
		default:
			for _, line := range fieldDifferences("", a.Object, b.Object) {
				out = append(out, "~ "+n+" "+line)
			}
		}
	}
	return out
}

// fieldDifferences compares two values. Members of lists are compared by their name, if they have one, and arguments by
// their flag.
func fieldDifferences(path string, a, b any) []string {
	if value(a) == value(b) {
		return nil
	}
	am, bm := members(a), members(b)
	if am == nil || bm == nil {
		return []string{fmt.Sprintf("%s: %s -> %s", path, value(a), value(b))}
	}
	names := maps.Clone(am)
	maps.Copy(names, bm)
	var out []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		out = append(out, fieldDifferences(strings.TrimPrefix(path+"."+n, "."), am[n], bm[n])...)
	}
	return out
}

// members are the fields of a map, or the members of a list that have names.
func members(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case []any:
		out := map[string]any{}
		for _, x := range v {
			switch x := x.(type) {
			case map[string]any:
				name, ok := x["name"].(string)
				if !ok {
					return nil
				}
				out[name] = x
			case string:
				flag, _, ok := strings.Cut(x, "=")
				if !ok || !strings.HasPrefix(x, "--") {
					return nil
				}
				out[flag] = x
			default:
				return nil
			}
		}
		return out
	}
	return nil
}

func value(v any) string {
	if v == nil {
		return "none"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
