package intent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Shown returns a value of a setting as findings print it: lists with commas, maps as "key=value" sorted by key.
func Shown(value any) string {
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ", ")
	case map[string]string:
		return pairs(v, func(s string) string { return s })
	case SubnetSelector:
		if v.Tags != nil {
			return "tags " + pairs(v.Tags, func(values []string) string { return strings.Join(values, "|") })
		}
		return strings.Join(v.IDsOrNames, ", ")
	case []stack.SubnetMapping:
		subnets := make([]string, 0, len(v))
		for _, m := range v {
			subnets = append(subnets, m.Subnet)
		}
		return strings.Join(subnets, ", ")
	}
	return fmt.Sprint(value)
}

// pairs are the entries of a map, sorted by key.
func pairs[T any](m map[string]T, shown func(T) string) string {
	out := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+shown(m[k]))
	}
	return strings.Join(out, ", ")
}
