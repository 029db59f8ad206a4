package merge

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Effect is the value of a shared setting that is in effect, and its owners.
type Effect struct {
	Value  string // canonical text of the value; it comes from annotations and class parameters and is no secret
	Owners []Owner
	// Unread is true if the value is not known, because AWS did not return it.
	Unread bool `json:",omitempty"`
	// Limits are values of members that agreed with the owners until these set a stricter one. As long as such a member
	// sets its value, the owners do not loosen the setting beyond it.
	Limits []Limit `json:",omitempty"`
}

// Limit is a value beyond which the owners of a setting do not loosen it.
type Limit struct {
	Member diag.Object
	Value  string
}

// Owner is a member that sets the value in effect.
type Owner struct {
	Member diag.Object
	Path   string // where the value is written, as in diagnostics
	// Agrees marks a member of another namespace that set the same value as the first owner. The value stays in effect as
	// long as the member sets it, but the member cannot change it.
	Agrees bool `json:",omitempty"`
	// Unranked marks a member that agreed when nothing was remembered: it may have set the value first. The owner sets no
	// stricter one in addition to it. A member that does not agree made the default stricter without deciding about it:
	// it sets no value that is looser than the default.
	Unranked bool `json:",omitempty"`
}

func (w Owner) founds() bool { return !w.Agrees }

func (w Owner) unranked() bool { return w.Unranked }

func (w Owner) bounded() bool { return w.Unranked && !w.Agrees }

// owners reports whether a member is an owner with a property.
type owners func(o diag.Object, is func(Owner) bool) bool

// ownedBy returns the owners of the value: a group may have thousands.
func (e Effect) ownedBy() owners {
	of := make(map[diag.Object][]Owner, len(e.Owners))
	for _, w := range e.Owners {
		of[w.Member] = append(of[w.Member], w)
	}
	return func(o diag.Object, is func(Owner) bool) bool { return slices.ContainsFunc(of[o], is) }
}

// Last returns what was in effect of a setting when the last compilation ended. known is false if that is not
// remembered.
func (g *Group) Last(setting string) (e Effect, known bool) {
	e = g.InEffect[setting]
	return e, g.InEffect != nil && !e.Unread
}

// Unread remembers that the values in effect of settings are not known. The next compilation asks AWS again.
func (g *Group) Unread(settings ...string) {
	for _, s := range settings {
		g.NewEffect[s] = Effect{Unread: true}
	}
}

// Carry keeps what is in effect of a setting for the next compilation, where this one cannot resolve it.
func (g *Group) Carry(setting string) {
	for _, s := range []string{setting, defaultOf(setting)} {
		if e, ok := g.InEffect[s]; ok && g.Joinable {
			g.NewEffect[s] = e
		}
	}
}

// defaultOf is the name in InEffect of the members that declare the default of a setting while it is in effect.
func defaultOf(setting string) string { return "default/" + setting }

// recordDefault records the members that declare a default which is in effect: they hold it.
func (g *Group) recordDefault(q *conflict) {
	e := Effect{Value: q.fallback}
	for _, c := range q.candidates {
		if c.value == q.fallback && g.maySet(c.member, q) {
			e.Owners = append(e.Owners, Owner{Member: g.Members[c.member].Object, Path: c.path, Agrees: true, Unranked: true})
		}
	}
	if len(e.Owners) > 0 {
		g.NewEffect[defaultOf(q.setting)] = e
	}
}

// record records the effect of a resolution for the next compilation.
func (g *Group) record(q *conflict, r resolution) {
	switch {
	case !g.Joinable:
	case r.winner >= 0:
		g.recordValue(q, r)
	case r.inherited:
		g.recordDefault(q)
	}
}

// recordValue records the value of a candidate, with its owners.
func (g *Group) recordValue(q *conflict, r resolution) {
	p, value := protectionOf(q.setting), q.candidates[r.winner].value
	e := Effect{Value: value}
	last, known := g.Last(q.setting)
	owned := last.ownedBy()
	founders := g.foundersOf(q, value, owned)
	first := g.oldestOf(q, r)
	within, contested := g.narrows(q, r)
	// Owners that only agreed with the value still do so when those that could change it are gone, or set a looser one.
	agreed := len(founders) == 0 && len(last.Owners) > 0 && (last.Value == value || last.limits(value)) ||
		!known && r.incumbent && g.mayBeFormer(q, value)
	unproven := func() bool { return !known && p.tighter != nil && g.Exists() }
	for _, c := range q.candidates {
		o := g.Members[c.member].Object
		if c.value != value {
			if agreed && owned(o, Owner.founds) {
				e.Owners = append(e.Owners, Owner{Member: o, Path: c.path})
			}
			continue
		}
		founds := founders[o.Namespace] || len(founders) == 0 && o.Namespace == g.Members[first].Object.Namespace
		w := Owner{Member: o, Path: c.path, Agrees: agreed || contested || !founds}
		// What class parameters set, no member may have set first.
		w.Unranked = !c.class && (within || owned(o, Owner.bounded) || w.Agrees && (owned(o, Owner.unranked) || unproven()))
		e.Owners = append(e.Owners, w)
	}
	if p.tighter != nil {
		e.Limits = g.limits(q, p, e, last)
	}
	g.NewEffect[q.setting] = e
}

// narrows reports whether the winner makes a default stricter without deciding about it: it loosens the value to the
// default at most. contested: who decides has another value, beside which the winner does not own its own.
func (g *Group) narrows(q *conflict, r resolution) (within, contested bool) {
	winner := q.candidates[r.winner]
	within = r.inherited && !g.decides(winner.member, r.decider)
	return within, within && slices.ContainsFunc(q.candidates, func(c candidate) bool {
		return c.value != winner.value && g.decides(c.member, r.decider)
	})
}

// foundersOf are the namespaces whose members declare a value and founded it.
func (g *Group) foundersOf(q *conflict, value string, owned owners) map[string]bool {
	founders := map[string]bool{}
	for _, c := range q.candidates {
		if o := g.Members[c.member].Object; c.value == value && owned(o, Owner.founds) {
			founders[o.Namespace] = true
		}
	}
	return founders
}

// mayBeFormer reports whether a value that AWS has may be the one that the namespace that decides had before an edit
// which nobody saw: only others declare it, and members of that namespace declare other values.
func (g *Group) mayBeFormer(q *conflict, value string) (other bool) {
	oldest := g.incumbents(q).senior
	for _, c := range q.candidates {
		if oldest < 0 || !g.decides(c.member, oldest) {
			continue
		}
		if other = true; c.value == value {
			return false
		}
	}
	return other
}

// oldestOf is the oldest member that sets the value in effect, of those that may set it.
func (g *Group) oldestOf(q *conflict, r resolution) int {
	first := q.candidates[r.winner].member
	for _, c := range q.candidates {
		if c.value == q.candidates[r.winner].value && g.bySeniority(c.member, first) < 0 &&
			(!r.inherited || g.decides(c.member, r.decider)) {
			first = c.member
		}
	}
	return first
}

// limits are the values of members that agreed with the owners before these set a stricter one. A limit ends when its
// member no longer sets the value.
func (g *Group) limits(q *conflict, p protection, now, last Effect) (out []Limit) {
	owned, before := last.ownedBy(), last.limited()
	for _, c := range q.candidates {
		l := Limit{g.Members[c.member].Object, c.value}
		agreed := c.value == last.Value && owned(l.Member, func(w Owner) bool { return w.Agrees })
		if before[l] || agreed && p.stricter(now.Value, c.value) {
			out = append(out, l)
		}
	}
	return out
}

func (e Effect) limited() map[Limit]bool {
	out := make(map[Limit]bool, len(e.Limits))
	for _, l := range e.Limits {
		out[l] = true
	}
	return out
}

func (e Effect) limits(value string) bool {
	return slices.ContainsFunc(e.Limits, func(l Limit) bool { return l.Value == value })
}
