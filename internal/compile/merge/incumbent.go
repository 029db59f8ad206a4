package merge

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// candidate is a member's value of a shared setting, as text.
type candidate struct {
	member int
	class  bool // set by class parameters
	path   string
	value  string
}

// conflict is one shared setting with the values of its members, and what is known of it otherwise.
type conflict struct {
	setting    string // with the listener's port after an "@", if it is one of a listener
	among      []int  // the members that share the setting
	candidates []candidate
	fallback   string // the value in effect if no member sets one
	// ofListener: a listener is concerned whose members all may define routes only, so that it is their own.
	ofListener bool
	// follows: the value follows its owners, because the values of others are used, too.
	follows bool
	// exists reports whether a candidate equals the value in AWS, and byDefault whether AWS has the fallback. nil = that
	// is not known.
	exists    func(i int) bool
	byDefault func() bool
}

// resolution is the outcome of a conflict.
type resolution struct {
	winner    int // index of the candidate in effect; -1 = the fallback is in effect
	incumbent bool
	// the fallback was in effect before, and only the namespace of decider may change it; also if winner = -1
	inherited bool
	decider   int
	reserved  bool // candidates were out because class parameters reserve the setting for other namespaces
}

// resolve finds the candidate in effect: one that was in effect before, else one whose member may change the fallback
// that was in effect, else the first of all by protection and precedence.
// docs/shared/settings.md has the rule as a table.
func (g *Group) resolve(q *conflict) resolution {
	q.ofListener = strings.Contains(q.setting, "@") && !slices.ContainsFunc(q.among, func(i int) bool {
		return g.counts(i) && g.Members[i].Authority != intent.RoutesOnly
	})
	all := indexes(q.candidates)
	allowed := filter(all, func(at int) bool { return g.maySet(q.candidates[at].member, q) })
	if len(allowed) == 0 { // what class parameters of the group set, an administrator has set
		allowed = filter(all, func(at int) bool {
			return q.candidates[at].class && g.Members[q.candidates[at].member].ClassOfGroup
		})
	}
	if len(allowed) == len(all) {
		return g.resolveAmong(q)
	}
	if len(allowed) == 0 {
		return resolution{winner: -1, reserved: true}
	}
	rest := *q
	rest.candidates = nil
	for _, at := range allowed {
		rest.candidates = append(rest.candidates, q.candidates[at])
	}
	if exists := q.exists; exists != nil {
		rest.exists = func(i int) bool { return exists(allowed[i]) }
	}
	r := g.resolveAmong(&rest)
	if r.reserved = true; r.winner >= 0 {
		r.winner = allowed[r.winner]
	}
	return r
}

// maySet reports whether class parameters permit a member to set what it shares.
func (g *Group) maySet(i int, q *conflict) bool {
	return g.Members[i].Authority != intent.RoutesOnly || q.ofListener
}

// resolveAmong resolves a conflict of members that may set the setting.
func (g *Group) resolveAmong(q *conflict) resolution {
	p := protectionOf(q.setting)
	all := indexes(q.candidates)
	if g.Strict || !g.Joinable || !g.several(q.among) {
		return resolution{winner: g.best(q.candidates, all, protection{})}
	}
	if g.unanimous(q) {
		return resolution{winner: g.best(q.candidates, all, p)}
	}
	ended := func(int) bool { return false }
	inherits := p.defaults
	last, known := g.Last(q.setting)
	switch _, set := g.InEffect[q.setting]; {
	case known && set:
		if held := g.held(q, p, last); len(held) > 0 {
			return resolution{winner: g.best(q.candidates, held, p), incumbent: true}
		}
		ended = g.ended(q, last)
	case known:
		inherits = inherits && g.incumbents(q).senior >= 0
	case q.exists == nil || !g.Exists():
		inherits = false
	default:
		there := filter(all, q.exists)
		if len(there) > 0 {
			return resolution{winner: g.best(q.candidates, there, p), incumbent: true}
		}
		inherits = inherits && q.byDefault()
	}
	decider := -1
	if inherits {
		decider = g.incumbents(q).senior
	}
	if decider < 0 {
		return resolution{winner: g.best(q.candidates, all, p)}
	}
	if !known {
		decider = g.guardian(q, p, decider)
	}
	return g.inherit(q, p, decider, ended)
}

// held are the candidates by which a value in effect stays, or changes: those of its owners. Members that agree with an
// owner keep the value, unless it follows its owners, or an owner sets a stricter one. Then their value is the limit:
// if no owner's value is equal to it or stricter, it takes effect.
func (g *Group) held(q *conflict, p protection, last Effect) []int {
	owned := last.ownedBy()
	owns := func(at int, may func(Owner) bool) bool { return owned(g.Members[q.candidates[at].member].Object, may) }
	founds := func(at int) bool { return owns(at, Owner.founds) }
	all := indexes(q.candidates)
	changed := filter(all, func(at int) bool {
		value := q.candidates[at].value
		return founds(at) && (!owns(at, Owner.bounded) || value == q.fallback || p.stricter(value, q.fallback))
	})
	same := filter(all, func(at int) bool {
		return q.candidates[at].value == last.Value && owns(at, func(Owner) bool { return true })
	})
	if slices.ContainsFunc(same, founds) {
		return same
	}
	if len(same) > 0 {
		ranked := !slices.ContainsFunc(same, func(at int) bool {
			return owns(at, Owner.unranked)
		})
		stricter := filter(changed, func(at int) bool {
			return q.follows || ranked && p.stricter(q.candidates[at].value, last.Value)
		})
		if len(stricter) > 0 {
			return stricter
		}
		return same
	}
	limited, values := last.limited(), map[string]bool{}
	limits := filter(all, func(at int) bool {
		c := q.candidates[at]
		is := limited[Limit{g.Members[c.member].Object, c.value}]
		if is {
			values[c.value] = true
		}
		return is
	})
	within := filter(changed, func(at int) bool {
		for limit := range values {
			if value := q.candidates[at].value; value != limit && !p.stricter(value, limit) {
				return false
			}
		}
		return true
	})
	if len(within) == 0 {
		return limits
	}
	return within
}

// ended returns for which members a value in effect has ended, of which no owner's is left: for all, if the namespaces
// that set it have left. What a namespace removes that is still there, it wants no longer. Values of others that were
// ignored so far do not take effect by its edit, nor when members that only agreed leave later, but those of members
// that may have set the value first do.
func (g *Group) ended(q *conflict, last Effect) func(member int) bool {
	set := map[string]bool{}
	for _, w := range last.Owners {
		set[w.Member.Namespace] = true
	}
	stays := !slices.ContainsFunc(last.Owners, Owner.founds) || slices.ContainsFunc(q.among, func(i int) bool {
		return g.counts(i) && set[g.Members[i].Object.Namespace]
	})
	owned := last.ownedBy()
	return func(i int) bool { return !stays || owned(g.Members[i].Object, Owner.unranked) }
}

// guardian is the member that may change a default which AWS has, where nothing is remembered; oldest is the oldest
// member. A member that asks for less protection than the default may have been set aside for that. Whether its
// namespace decided is not known, so members of other namespaces that are content with the default come first.
func (g *Group) guardian(q *conflict, p protection, oldest int) int {
	loosening := map[string]bool{}
	for _, c := range q.candidates {
		m := &g.Members[c.member]
		if m.Authority != intent.Deciding && p.stricter(q.fallback, c.value) {
			loosening[m.Object.Namespace] = true
		}
	}
	doubted := func(i int) bool {
		namespace := g.Members[i].Object.Namespace
		return loosening[namespace] || g.Doubts(namespace)
	}
	if !doubted(oldest) {
		return oldest
	}
	content := filter(g.incumbents(q).members, func(i int) bool { return !doubted(i) })
	if len(content) == 0 {
		return oldest
	}
	if g.doubted == nil {
		g.doubted = map[string]bool{}
	}
	maps.Copy(g.doubted, loosening)
	return g.senior(content)
}

// Doubts reports whether a namespace may only seem to be that of the oldest member, because nothing is remembered.
func (g *Group) Doubts(namespace string) bool { return g.doubted[namespace] }

// inherit resolves a conflict about a setting whose default is in effect, which decider may change. Members that
// declared the default before hold it, and members for which a value before has ended may make it stricter.
func (g *Group) inherit(q *conflict, p protection, decider int, ended func(member int) bool) resolution {
	all := indexes(q.candidates)
	last, known := g.Last(defaultOf(q.setting))
	declared := last.ownedBy()
	holds := func(c candidate) bool {
		return c.value == q.fallback && (!known || declared(g.Members[c.member].Object, Owner.unranked))
	}
	may := filter(all, func(at int) bool {
		c := q.candidates[at]
		return holds(c) || g.decides(c.member, decider) || ended(c.member) && p.stricter(c.value, q.fallback)
	})
	if len(may) == 0 {
		return resolution{winner: -1, inherited: true, decider: decider}
	}
	r := resolution{winner: g.best(q.candidates, may, p), inherited: true, decider: decider}
	if q.candidates[r.winner].value == q.fallback && !g.decides(q.candidates[r.winner].member, decider) {
		// A member that sets the fallback, which is in effect in any case, does not become its owner, and does not displace
		// members that may change it.
		r.winner = -1
		if deciding := filter(may, func(at int) bool {
			return q.candidates[at].value == q.fallback && g.decides(q.candidates[at].member, decider)
		}); len(deciding) > 0 {
			r.winner = g.best(q.candidates, deciding, p)
		}
	}
	return r
}

// unanimous reports whether all members that share the setting set it to the same value.
func (g *Group) unanimous(q *conflict) bool {
	set := map[int]bool{}
	for _, c := range q.candidates {
		if c.value != q.candidates[0].value {
			return false
		}
		set[c.member] = true
	}
	return !slices.ContainsFunc(q.among, func(i int) bool { return g.counts(i) && !set[i] })
}

// counts reports whether the settings of a member count.
func (g *Group) counts(i int) bool { return !g.Members[i].Rejected }

// several reports whether the settings of several members count.
func (g *Group) several(among []int) bool {
	first := slices.IndexFunc(among, g.counts)
	return first >= 0 && slices.ContainsFunc(among[first+1:], g.counts)
}

// incumbents are the members for which the fallback was in effect: those that shared the setting when the last
// compilation ended. If that is not known, all members are.
func (g *Group) incumbents(q *conflict) *incumbents {
	_, port, ofPort := strings.Cut(q.setting, "@")
	key := sharing{port: port, n: len(q.among)}
	if key.n > 0 {
		key.first = &q.among[0]
	}
	if known := g.sharing[key]; known != nil {
		return known
	}
	before := func(o diag.Object) bool { return g.rank(o) < len(g.Joined) }
	switch {
	case g.InEffect == nil:
		before = func(diag.Object) bool { return true }
	case ofPort:
		owned := g.InEffect["protocol@"+port].ownedBy()
		before = func(o diag.Object) bool { return owned(o, func(Owner) bool { return true }) }
	}
	found := filter(q.among, func(i int) bool { return g.counts(i) && before(g.Members[i].Object) })
	if g.sharing == nil {
		g.sharing = map[sharing]*incumbents{}
	}
	g.sharing[key] = &incumbents{found, g.senior(found)}
	return g.sharing[key]
}

// sharing are members that share settings: a list, which nobody changes, and the port.
type sharing struct {
	first *int
	n     int
	port  string
}

// incumbents are members for which a default was in effect, and the one of them that joined first; -1 = there is none.
type incumbents struct {
	members []int
	senior  int
}

// decides reports whether member i may change a default that is in effect for decider. The unit of trust is the
// namespace, because Kubernetes grants the permission to edit all Ingresses of a namespace.
func (g *Group) decides(i, decider int) bool {
	return g.Members[i].Authority == intent.Deciding || g.Members[i].Object.Namespace ==
		g.Members[decider].Object.Namespace
}

// best is the candidate that comes first by precedence. Where some values are stricter than others, it is the oldest
// member's, or the strictest that is stricter than it: each value is compared with one other, as there may be
// thousands.
func (g *Group) best(candidates []candidate, among []int, p protection) int {
	if p.tighter != nil {
		value := g.strictest(candidates, among, p)
		among = filter(among, func(at int) bool { return candidates[at].value == value })
	}
	best := among[0]
	for _, at := range among[1:] {
		if first, _ := g.before(candidates[at], candidates[best], p.restricts); first {
			best = at
		}
	}
	return best
}

func (g *Group) strictest(candidates []candidate, among []int, p protection) string {
	order := slices.Clone(among)
	slices.SortFunc(order, func(i, j int) int {
		x, y := candidates[i], candidates[j]
		return cmp.Or(falseFirst(g.Members[x.member].LeftOut, g.Members[y.member].LeftOut), falseFirst(y.class, x.class),
			g.bySeniority(x.member, y.member))
	})
	value := candidates[order[0]].value
	stricter := p.tighter(value)
	for _, at := range order[1:] {
		if v := candidates[at].value; v != value && stricter(v) {
			value, stricter = v, p.tighter(v)
		}
	}
	return value
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func indexes(candidates []candidate) []int {
	out := make([]int, len(candidates))
	for i := range out {
		out[i] = i
	}
	return out
}

// filter returns a new slice of the elements that satisfy a condition.
func filter(in []int, ok func(int) bool) []int {
	var out []int
	for _, i := range in {
		if ok(i) {
			out = append(out, i)
		}
	}
	return out
}

// before reports whether x takes precedence over y: the value of a valid member, then that of class parameters, then,
// for a setting that restricts, that of the older member; then by group order, age and name. why is the rule that
// decided, as a reason after "and".
func (g *Group) before(x, y candidate, restricts bool) (first bool, why string) {
	m, n := &g.Members[x.member], &g.Members[y.member]
	equal, equally := "with equal group.order, ", "with equal group.order and age, "
	if m.Object.Kind != "Ingress" { // others have no order
		equal, equally = "", "with equal age, "
	}
	switch {
	case m.LeftOut != n.LeftOut:
		return n.LeftOut, "valid members come before invalid ones"
	case x.class != y.class:
		return x.class, "class parameters come before annotations"
	case restricts && x.value != y.value:
		return g.bySeniority(x.member, y.member) < 0, "neither value is stricter: the older member comes first"
	case m.Order != n.Order:
		return m.Order < n.Order, fmt.Sprintf("the lower group.order comes first (%d before %d)", min(m.Order, n.Order),
			max(m.Order, n.Order))
	case m.Created != n.Created:
		return m.Created < n.Created, equal + "the older object comes first"
	}
	return m.Object.String() < n.Object.String(), equally + "the first object by name comes first"
}
