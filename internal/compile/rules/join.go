package rules

import (
	"reflect"
	"slices"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// Join joins rules that are alternatives of one rule of a route, have the same actions, and differ in the values of one condition: of hosts,
// paths or methods. The later rule moves to the place of the earlier one, if no rule between them with other actions may match the same
// requests, and if the joined rule keeps ELB's limits. Together the rules answer all requests as before.
func Join(in []Rule) []Rule {
	type group struct {
		member      int
		alternative int32
	}
	out := make([]Rule, 0, len(in))
	places := map[group][]int{} // in out
	for _, w := range in {
		g := group{w.Member, w.Route.Alternative}
		if g.alternative == 0 {
			out = append(out, w)
			continue
		}
		at := slices.IndexFunc(places[g], func(at int) bool {
			return alike(&out[at], &w) && joined(out[at].Conditions, w.Conditions) != nil && mayMove(out[at+1:], &w)
		})
		if at >= 0 {
			to := &out[places[g][at]]
			to.Conditions = joined(to.Conditions, w.Conditions)
			continue
		}
		places[g] = append(places[g], len(out))
		out = append(out, w)
	}
	return out
}

// alike reports whether two rules do the same with a request. The actions of a rule that is left out are not those of its route.
func alike(a, b *Rule) bool {
	x, y := a.Route, b.Route
	return a.Member == b.Member && x.Alternative == y.Alternative && a.Keep == b.Keep && reflect.DeepEqual(x.Transforms, y.Transforms) &&
		reflect.DeepEqual(x.Actions, y.Actions) && reflect.DeepEqual(x.Authentication, y.Authentication) && reflect.DeepEqual(x.Tags, y.Tags)
}

// mayMove reports whether a rule may come before others.
func mayMove(over []Rule, w *Rule) bool {
	for i := range over {
		if !alike(&over[i], w) && !traffic.Disjoint(over[i].Conditions, w.Conditions) {
			return false
		}
	}
	return true
}

// joined are the conditions that match what a and b match; nil if one rule cannot have them.
func joined(a, b []stack.Condition) []stack.Condition {
	if len(a) != len(b) {
		return nil
	}
	differs := -1
	for i := range a {
		switch {
		case reflect.DeepEqual(a[i], b[i]):
		case differs >= 0:
			return nil
		default:
			differs = i
		}
	}
	if differs < 0 {
		return a
	}
	x, y := a[differs], b[differs]
	switch x.Field {
	case stack.HostHeader, stack.PathPattern, stack.RequestMethod:
	default:
		return nil
	}
	if x.Field != y.Field || (len(x.Regex) > 0) != (len(y.Regex) > 0) || (len(x.Values) > 0) != (len(y.Values) > 0) {
		return nil
	}
	out := slices.Clone(a)
	out[differs].Values, out[differs].Regex = union(x.Values, y.Values), union(x.Regex, y.Regex)
	if OverLimit(out) != "" {
		return nil
	}
	return out
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
