package quarantine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// requestsKey is equal for routes with the same ports and conditions; key is the ConditionsKey.
func requestsKey(r *intent.Route, key string) string { return fmt.Sprint(r.Ports, key) }

func samePorts(a, b *intent.Route) bool { return slices.Equal(a.Ports, b.Ports) }

// hasPorts reports whether a route was on all ports of another one.
func hasPorts(g, of *intent.Route) bool {
	return samePorts(g, of) || len(of.Ports) > 0 &&
		(len(g.Ports) == 0 || !slices.ContainsFunc(of.Ports, func(p int32) bool { return !slices.Contains(g.Ports, p) }))
}

// ConditionsKey is equal for conditions that match the same requests, whatever their order and that of their values.
func ConditionsKey(conditions []stack.Condition) string {
	parts := make([]string, 0, len(conditions))
	for _, c := range conditions {
		c.Values = slices.Sorted(slices.Values(c.Values))
		parts = append(parts, strconv.Quote(stack.ConditionsText([]stack.Condition{c})))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
