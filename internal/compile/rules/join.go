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
	var at []int
	left := map[int]*int{} // how many pairs of rules of a member may be compared
	for i := range in {
		w := &in[i]
		if w.Route.Alternative == 0 {
			continue
		}
		if at = append(at, i); left[w.Member] == nil {
			most := mostCompared
			left[w.Member] = &most
		}
	}
	if len(at) == 0 {
		return in
	}
	j := joining(in)
	j.join(at, len(at), alike, func(w *Rule) *int { return left[w.Member] })
	return j.Rules()
}

// Fitter joins rules of members that do the same, whichever routes they are of, on the same terms as Join.
type Fitter struct {
	joiner
	of       map[int][]int  // the places of the rules of members that may be joined
	compared map[string]int // how often rules of a namespace may be compared
}

// NewFitter returns the Fitter of the rules of a port.
func NewFitter(in []Rule) *Fitter {
	f := &Fitter{joining(in), map[int][]int{}, map[string]int{}}
	for i := range in {
		if w := &in[i]; !w.Keep && !w.Route.Verbatim {
			f.of[w.Member] = append(f.of[w.Member], i)
		}
	}
	return f
}

// Join joins rules of a member of a namespace until there are n fewer, and returns how many fewer there are. Members of
// a namespace whose rules take too long to compare keep the rest of them as they are.
func (f *Fitter) Join(member int, namespace string, n int) int {
	most, met := f.compared[namespace]
	if !met {
		most = mostCompared
	}
	n = f.join(f.of[member], n, equivalent, func(*Rule) *int { return &most })
	f.compared[namespace] = most
	return n
}

// joiner joins rules of a list. gone are those that were joined with an earlier one.
type joiner struct {
	rules []Rule
	gone  []bool
}

func joining(in []Rule) joiner { return joiner{slices.Clone(in), make([]bool, len(in))} }

// Rules returns the rules that are left, in order.
func (j *joiner) Rules() []Rule { return Without(j.rules, j.gone) }

// Without returns the rules that are not gone, in order.
func Without(all []Rule, gone []bool) []Rule {
	out := make([]Rule, 0, len(all))
	for i := range all {
		if !gone[i] {
			out = append(out, all[i])
		}
	}
	return out
}

// join joins up to n of the rules at some places, in order, with others of them that do the same, and returns how many
// it joined. left is how many pairs of rules it may still compare for a rule.
func (j *joiner) join(at []int, n int, same func(a, b *Rule) bool, left func(*Rule) *int) (joins int) {
	if len(at) < 2 {
		return 0
	}
	places := index{seed: maphash.MakeSeed(), places: map[place][]int{}}
	for _, i := range at {
		if joins == n {
			break
		}
		w, to := &j.rules[i], -1
		most := left(w)
		if *most <= 0 {
			continue
		}
		for _, c := range places.candidates(w) {
			*most--
			if first := &j.rules[c]; same(first, w) && joined(first.Conditions, w.Conditions) != nil &&
				j.mayMove(c, i, same, most) {
				to = c
				break
			}
		}
		if to < 0 {
			places.add(i, w)
			continue
		}
		joins++
		j.gone[i] = true
		first := &j.rules[to]
		first.Parts = slices.Concat(first.Declared(), w.Declared())
		first.Conditions = joined(first.Conditions, w.Conditions)
		first.With = slices.Concat(first.With, w.With, []intent.Source{w.Route.Source})
		places.add(to, first)
	}
	return joins
}

// mayMove reports whether a rule may come to the place of an earlier one.
func (j *joiner) mayMove(to, from int, same func(a, b *Rule) bool, most *int) bool {
	w := &j.rules[from]
	for i := to + 1; i < from; i++ {
		if j.gone[i] {
			continue
		}
		*most--
		if *most <= 0 || !same(&j.rules[i], w) && !overlap.Disjoint(j.rules[i].Conditions, w.Conditions) {
			return false
		}
	}
	return true
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

// add enters a rule at its place in the list, unless it has no room for another value. A rule that has been joined is
// found under its former conditions, too, without effect.
func (x *index) add(at int, w *Rule) {
	values := 0
	for _, c := range w.Conditions {
		values += c.Count()
	}
	for _, p := range x.of(w) {
		if values >= stack.MaxConditionValues && p.differs >= 0 {
			x.places[p] = slices.DeleteFunc(x.places[p], func(i int) bool { return i == at })
			continue
		}
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

// Parts returns the conditions of the rules of which a rule may have been joined, itself first: those with fewer of its
// hosts, paths or methods. A rule within ELB's limits has 31 at most.
func Parts(conditions []stack.Condition) [][]stack.Condition {
	out := [][]stack.Condition{conditions}
	if OverLimit(conditions) != "" {
		return out
	}
	for i, c := range conditions {
		n := c.Count()
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
