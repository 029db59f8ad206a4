package rules

import (
	"hash/maphash"
	"reflect"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Join joins rules that are alternatives of one rule of a route, have the same actions, and differ in the values of one
// condition: of hosts, paths or methods. The later rule moves to the place of the earlier one, if no rule between them
// with other actions may match the same requests, and if the joined rule keeps ELB's limits. Together the rules answer
// all requests as before.
func Join(in []Rule) []Rule {
	return join(in, len(in), func(w *Rule) bool { return w.Route.Alternative != 0 }, alike)
}

// JoinToFit joins rules of one member that do the same, whichever routes they are of, until there are n fewer, on the
// same terms as Join.
func JoinToFit(in []Rule, member, n int) []Rule {
	return join(in, n, func(w *Rule) bool { return w.Member == member && !w.Keep && !w.Route.Verbatim }, equivalent)
}

// join joins up to n rules that may be joined with others that do the same.
func join(in []Rule, n int, may func(*Rule) bool, same func(a, b *Rule) bool) []Rule {
	out := make([]Rule, 0, len(in))
	places := index{seed: maphash.MakeSeed(), places: map[place][]int{}}
	for _, w := range in {
		if n <= 0 || !may(&w) {
			out = append(out, w)
			continue
		}
		candidates := places.candidates(&w)
		i := slices.IndexFunc(candidates, func(at int) bool {
			return same(&out[at], &w) && joined(out[at].Conditions, w.Conditions) != nil && mayMove(out[at+1:], &w, same)
		})
		if i < 0 {
			places.add(len(out), &w)
			out = append(out, w)
			continue
		}
		n--
		to := &out[candidates[i]]
		to.Parts = slices.Concat(to.parts(), w.parts())
		to.Conditions = joined(to.Conditions, w.Conditions)
		to.With = slices.Concat(to.With, w.With, []intent.Source{w.Route.Source})
		places.add(candidates[i], to)
	}
	return out
}

// index finds the places of rules that may be joined with another one, of thousands.
type index struct {
	seed   maphash.Seed
	places map[place][]int
}

// place is what rules have in common that may be joined: all but the values of one condition.
type place struct {
	member      int
	alternative int32
	differs     int // the condition whose values differ; -1 = none
	rest        uint64
}

// of are the places of a rule, one for each condition that may differ.
func (x *index) of(w *Rule) (out []place) {
	of := func(differs int) place {
		return place{w.Member, w.Route.Alternative, differs, x.hash(w.Conditions, differs)}
	}
	out = []place{of(-1)}
	for i, c := range w.Conditions {
		if mayDiffer(c.Field) {
			out = append(out, of(i))
		}
	}
	return out
}

// hash is one of conditions without the values of one of them.
func (x *index) hash(conditions []stack.Condition, without int) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	write := func(texts ...string) {
		for _, s := range texts {
			maphash.WriteComparable(&h, s)
		}
		maphash.WriteComparable(&h, len(texts))
	}
	for i, c := range conditions {
		write(string(c.Field), c.HeaderName)
		if i == without {
			continue
		}
		write(c.Values...)
		write(c.Regex...)
		for _, q := range c.Query {
			write(q.Key, q.Value)
		}
	}
	return h.Sum64()
}

// add enters a rule at its place in the list. A rule that has been joined is found under its former conditions, too,
// without effect.
func (x *index) add(at int, w *Rule) {
	for _, p := range x.of(w) {
		x.places[p] = append(x.places[p], at)
	}
}

// maxCandidates bounds the rules with which one is compared for each condition that may differ: those before them were
// compared with the rules between, and hardly any of them has room. Without it, thousands of paths of one host take
// minutes.
const maxCandidates = 64

// candidates are the places in the list of the rules that may be joined with a rule, in order.
func (x *index) candidates(w *Rule) (out []int) {
	for _, p := range x.of(w) {
		at := x.places[p]
		out = append(out, at[max(0, len(at)-maxCandidates):]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// alike reports whether two rules do the same with a request. The actions of a rule that is left out are not those of
// its route.
func alike(a, b *Rule) bool {
	x, y := a.Route, b.Route
	return a.Member == b.Member && x.Alternative == y.Alternative && a.Keep == b.Keep && reflect.DeepEqual(x.Transforms,
		y.Transforms) &&
		reflect.DeepEqual(x.Actions, y.Actions) && reflect.DeepEqual(x.Authentication, y.Authentication) &&
		reflect.DeepEqual(x.Tags, y.Tags)
}

// equivalent reports whether two rules of a member do the same with a request, whichever routes they are of.
func equivalent(a, b *Rule) bool {
	return a.Member == b.Member && a.Keep == b.Keep && reflect.DeepEqual(a.Transforms, b.Transforms) &&
		reflect.DeepEqual(a.Actions, b.Actions) &&
		reflect.DeepEqual(a.Route.Tags, b.Route.Tags)
}

// mayMove reports whether a rule may come before others.
func mayMove(over []Rule, w *Rule, same func(a, b *Rule) bool) bool {
	for i := range over {
		if !same(&over[i], w) && !overlap.Disjoint(over[i].Conditions, w.Conditions) {
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
	if x.Field != y.Field || !mayDiffer(x.Field) || (len(x.Regex) > 0) != (len(y.Regex) > 0) ||
		(len(x.Values) > 0) != (len(y.Values) > 0) {
		return nil
	}
	out := slices.Clone(a)
	out[differs].Values, out[differs].Regex = union(x.Values, y.Values), union(x.Regex, y.Regex)
	if OverLimit(out) != "" {
		return nil
	}
	return out
}

// mayDiffer reports whether rules may be joined that differ in the values of a condition.
func mayDiffer(f stack.ConditionField) bool {
	switch f {
	case stack.HostHeader, stack.PathPattern, stack.RequestMethod:
		return true
	case stack.HTTPHeader, stack.QueryString, stack.SourceIP:
	}
	return false
}

// Parts are the conditions of the rules of which a rule may have been joined, itself first: those with fewer of its
// hosts, paths or methods. A rule within ELB's limits has 31 at most.
func Parts(conditions []stack.Condition) [][]stack.Condition {
	out := [][]stack.Condition{conditions}
	if OverLimit(conditions) != "" {
		return out
	}
	for i, c := range conditions {
		n := len(c.Values) + len(c.Regex)
		if !mayDiffer(c.Field) || n < 2 {
			continue
		}
		all := out
		out = make([][]stack.Condition, 0, len(all)<<n)
		for some := 1<<n - 1; some > 0; some-- {
			for _, of := range all {
				of = slices.Clone(of)
				of[i].Values, of[i].Regex = chosen(c.Values, some), chosen(c.Regex, some>>len(c.Values))
				out = append(out, of)
			}
		}
	}
	return out
}

// chosen are the values whose bits are set.
func chosen(values []string, some int) (out []string) {
	for n, v := range values {
		if some>>n&1 == 1 {
			out = append(out, v)
		}
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
