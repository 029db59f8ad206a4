package merge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// Effect is the value of a shared setting that is in effect, and whose it is.
type Effect struct {
	Value  string // canonical text of the value; it comes from annotations and class parameters and is no secret
	Owners []Owner
}

// Owner is a member that sets the value in effect.
type Owner struct {
	Member diag.Object
	Path   string // where the value is written, as in diagnostics
	// Agrees marks a member of another namespace that set the same value as the first owner. It upholds the value as long as
	// it sets it, and cannot change it.
	Agrees bool `json:",omitempty"`
}

// bid is a member's value for a shared setting, as text.
type bid struct {
	member int
	class  bool // set by class parameters
	path   string
	value  string
}

// question is one shared setting with what is known of it beside the members' values.
type question struct {
	setting  string // with the listener's port after an "@", where it is one of a listener
	among    []int  // the members that share the setting
	bids     []bid
	fallback string // the value that holds where no member sets one
	// exists reports which bids equal what AWS holds, and byDefault whether AWS holds the fallback. nil = facts do not tell.
	exists    func(i int) bool
	byDefault func() bool
}

// ruling is how a question was decided.
type ruling struct {
	winner    int // index of the bid that holds; -1 = the fallback holds
	incumbent bool
	held      bool // the fallback was in effect, and decider is the member whose namespace decides about it; also if winner = -1
	decider   int
	reserved  bool // bids were out because class parameters leave the setting to other namespaces
}

// decide finds the bid that holds: of those in effect, else of those whose members may change the fallback that is in effect,
// else of all. decision 2 has the rule as a table.
func (g *Group) decide(q question) ruling {
	all := indexes(q.bids)
	allowed := keep(all, func(at int) bool { return g.maySet(q.bids[at].member, q) })
	if len(allowed) == len(all) {
		return g.decideAmong(q)
	}
	if len(allowed) == 0 {
		return ruling{winner: -1, reserved: true}
	}
	rest := q
	rest.bids = nil
	for _, at := range allowed {
		rest.bids = append(rest.bids, q.bids[at])
	}
	if exists := q.exists; exists != nil {
		rest.exists = func(i int) bool { return exists(allowed[i]) }
	}
	r := g.decideAmong(rest)
	if r.reserved = true; r.winner >= 0 {
		r.winner = allowed[r.winner]
	}
	return r
}

// maySet reports whether class parameters let a member set what it shares. A listener that only members with routes only have is
// their own.
func (g *Group) maySet(i int, q question) bool {
	if g.Members[i].Authority != intent.RoutesOnly {
		return true
	}
	return strings.Contains(q.setting, "@") && !slices.ContainsFunc(g.Counting(q.among), func(j int) bool {
		return g.Members[j].Authority != intent.RoutesOnly
	})
}

// decideAmong decides between members that may set the setting.
func (g *Group) decideAmong(q question) ruling {
	p := protectionOf(q.setting)
	all := indexes(q.bids)
	if g.Strict || len(g.Counting(q.among)) < 2 || !g.Joinable {
		return ruling{winner: g.best(q.bids, all, protection{})}
	}
	if g.unanimous(q) {
		return ruling{winner: g.best(q.bids, all, p)}
	}
	ended := false
	held := p.held
	switch last, set := g.InEffect[q.setting]; {
	case set:
		owns := func(at int, may func(Owner) bool) bool {
			o := g.Members[q.bids[at].member].Object
			return slices.ContainsFunc(last.Owners, func(w Owner) bool { return w.Member == o && may(w) })
		}
		upheld := keep(all, func(at int) bool {
			return q.bids[at].value == last.Value && owns(at, func(Owner) bool { return true })
		})
		if len(upheld) > 0 {
			return ruling{winner: g.best(q.bids, upheld, p), incumbent: true}
		}
		changed := keep(all, func(at int) bool { return owns(at, func(w Owner) bool { return !w.Agrees }) })
		if len(changed) > 0 {
			return ruling{winner: g.best(q.bids, changed, p), incumbent: true}
		}
		ended = true
	case g.InEffect != nil:
		held = held && len(g.incumbents(q)) > 0
	case q.exists == nil || !g.Exists():
		held = false
	default:
		there := keep(all, q.exists)
		if len(there) > 0 {
			return ruling{winner: g.best(q.bids, there, p), incumbent: true}
		}
		held = held && q.byDefault()
	}
	if !held {
		return ruling{winner: g.best(q.bids, all, p)}
	}
	decider := g.senior(g.incumbents(q))
	if decider < 0 {
		return ruling{winner: g.best(q.bids, all, p)}
	}
	may := keep(all, func(at int) bool {
		bid := q.bids[at]
		return bid.value == q.fallback || g.decides(bid.member, decider) || ended && p.tighter != nil && p.tighter(bid.value, q.fallback)
	})
	if len(may) == 0 {
		return ruling{winner: -1, held: true, decider: decider}
	}
	r := ruling{winner: g.best(q.bids, may, p), held: true, decider: decider}
	if q.bids[r.winner].value == q.fallback && !g.decides(q.bids[r.winner].member, decider) {
		// It asks for what holds anyway, and does not become its owner by that; nor does it stand in the way of who may.
		r.winner = -1
		if deciding := keep(may, func(at int) bool {
			return q.bids[at].value == q.fallback && g.decides(q.bids[at].member, decider)
		}); len(deciding) > 0 {
			r.winner = g.best(q.bids, deciding, p)
		}
	}
	return r
}

// unanimous reports whether all members that share the setting set it, all to one value.
func (g *Group) unanimous(q question) bool {
	bidders := map[int]bool{}
	for _, bid := range q.bids {
		if bid.value != q.bids[0].value {
			return false
		}
		bidders[bid.member] = true
	}
	return len(bidders) == len(g.Counting(q.among))
}

// Counting are those of the members whose settings count.
func (g *Group) Counting(among []int) []int {
	return keep(among, func(i int) bool { return !g.Members[i].Rejected })
}

// incumbents are the members whose fallback it is: those that shared the setting when the last compilation ended. Where that is
// not known, all members are.
func (g *Group) incumbents(q question) []int {
	if g.InEffect == nil {
		return g.Counting(q.among)
	}
	before := g.Joined
	if _, port, of := strings.Cut(q.setting, "@"); of {
		before = nil
		for _, o := range g.InEffect["protocol@"+port].Owners {
			before = append(before, o.Member)
		}
	}
	return keep(g.Counting(q.among), func(i int) bool { return slices.Contains(before, g.Members[i].Object) })
}

// senior is the member that was part of the group before the others; -1 = none is given.
func (g *Group) senior(among []int) int {
	if len(among) == 0 {
		return -1
	}
	return slices.MinFunc(among, g.bySeniority)
}

// bySeniority orders members by when they joined the group, and those of which that is not known by age and name behind them.
func (g *Group) bySeniority(i, j int) int {
	x, y := &g.Members[i], &g.Members[j]
	rank := func(o diag.Object) int {
		if at := slices.Index(g.Joined, o); at >= 0 {
			return at
		}
		return len(g.Joined)
	}
	return cmp.Or(cmp.Compare(rank(x.Object), rank(y.Object)), cmp.Compare(x.Created, y.Created), cmp.Compare(x.Object.String(), y.Object.String()))
}

// decides reports whether member i may change a default that is in effect for the sake of decider: a namespace is the unit of
// trust, as Kubernetes grants the right to edit all Ingresses of a namespace.
func (g *Group) decides(i, decider int) bool {
	return g.Members[i].Authority == intent.Deciding || g.Members[i].Object.Namespace == g.Members[decider].Object.Namespace
}

// best is the bid that comes first by protection and precedence.
func (g *Group) best(bids []bid, among []int, p protection) int {
	if p.tighter != nil {
		among = keep(among, func(at int) bool {
			return !slices.ContainsFunc(among, func(other int) bool {
				return p.tighter(bids[other].value, bids[at].value) && !p.tighter(bids[at].value, bids[other].value)
			})
		})
	}
	best := among[0]
	for _, at := range among[1:] {
		if first, _ := g.before(bids[at], bids[best], p.guards); first {
			best = at
		}
	}
	return best
}

// record keeps what holds for the next compilation.
func (g *Group) record(q question, r ruling) {
	if r.winner < 0 || !g.Joinable {
		return
	}
	value := q.bids[r.winner].value
	e := Effect{Value: value}
	last := g.InEffect[q.setting]
	founders := keep(indexes(q.bids), func(at int) bool {
		o := g.Members[q.bids[at].member].Object
		return q.bids[at].value == value && slices.ContainsFunc(last.Owners, func(w Owner) bool { return w.Member == o && !w.Agrees })
	})
	first := q.bids[r.winner].member
	if len(founders) == 0 {
		for _, bid := range q.bids {
			if bid.value == value && g.bySeniority(bid.member, first) < 0 && (!r.held || g.decides(bid.member, r.decider)) {
				first = bid.member
			}
		}
	}
	for at, bid := range q.bids {
		if bid.value != value {
			continue
		}
		o := g.Members[bid.member].Object
		founds := slices.Contains(founders, at) || len(founders) == 0 && o.Namespace == g.Members[first].Object.Namespace
		// Owners that only upheld the value go on doing so when those that could change it are gone.
		if len(founders) == 0 && last.Value == value && len(last.Owners) > 0 {
			founds = false
		}
		e.Owners = append(e.Owners, Owner{Member: o, Path: bid.path, Agrees: !founds})
	}
	g.Settled[q.setting] = e
}

// Seniority is the members of this compilation in the order in which they joined.
func (g *Group) Seniority() []diag.Object {
	of := g.Counting(g.All())
	slices.SortFunc(of, g.bySeniority)
	out := make([]diag.Object, len(of))
	for at, i := range of {
		out[at] = g.Members[i].Object
	}
	return out
}

func indexes(bids []bid) []int {
	out := make([]int, len(bids))
	for i := range out {
		out[i] = i
	}
	return out
}

// keep is a new slice of what satisfies the condition.
func keep(in []int, ok func(int) bool) []int {
	var out []int
	for _, i := range in {
		if ok(i) {
			out = append(out, i)
		}
	}
	return out
}

// before reports whether x beats y: a sound member's value, then, of what guards, the senior member's; then class parameters,
// then group order, then age, then name. why is the rule that decided, as a reason after "and".
func (g *Group) before(x, y bid, guards bool) (first bool, why string) {
	m, n := &g.Members[x.member], &g.Members[y.member]
	switch {
	case m.LeftOut != n.LeftOut:
		return n.LeftOut, "a valid member comes before one that is not"
	case x.class != y.class:
		return x.class, "class parameters come before annotations"
	case guards && x.value != y.value:
		return g.bySeniority(x.member, y.member) < 0, "of values of which none is stricter that of the older member comes first"
	case m.Order != n.Order:
		return m.Order < n.Order, fmt.Sprintf("the lower group.order comes first (%d before %d)", min(m.Order, n.Order), max(m.Order, n.Order))
	case m.Created != n.Created:
		return m.Created < n.Created, "of equal group.order the older one comes first"
	}
	return m.Object.String() < n.Object.String(), "of equal group.order and age the first by name comes first"
}
