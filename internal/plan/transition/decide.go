package transition

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// decision is the fate of each rule and its final priority.
type decision struct {
	pairs   []Pair        // in the wanted order
	surplus []*awsop.Rule // to be deleted, by priority
	movable []*awsop.Rule // that stay, though not wanted, and may move, by priority
	shifted []shifted     // those of movable that move
	taken   map[int32]bool
	room    []awsop.RulePriority // moves that keep the order, so that new rules find room
	moves   []awsop.RulePriority // of observed rules, which change their order
	floor   int32                // they belong behind this priority
}

// shifted is a rule that stays, and moves as another needs its priority.
type shifted struct {
	*awsop.Rule
	at int32
}

// decide settles which rules are modified and which recreated, and the priorities. Without rename no rule gets other
// conditions than it has.
func decide(d decision, t *Targets, rename bool) decision {
	if rename {
		if r := d.renamed(t); r.position() {
			return r
		}
	}
	for !d.position() && d.recreate() {
	}
	return d
}

// mostRenamed bounds the pairwise comparisons of renamed.
const mostRenamed = 1 << 20

// renamed lets a rule that is not wanted become a new one that belongs at the same place, between the same neighbours:
// one write instead of two, if it shares no request with any other rule that comes, changes or goes. What answers its
// former requests is then there, and stays.
func (d decision) renamed(t *Targets) decision {
	if len(d.surplus) == 0 || len(d.surplus)*(len(d.surplus)+len(d.pairs)) > mostRenamed {
		return d
	}
	out := d.inPlace()
	for i := range out.pairs {
		p := &out.pairs[i]
		if d.pairs[i].Have == p.Have {
			continue
		}
		old := p.Have.Conditions
		alone := !slices.ContainsFunc(d.surplus, func(s *awsop.Rule) bool {
			return s != p.Have && !overlap.Disjoint(s.Conditions, old)
		})
		for j := range d.pairs {
			o := &d.pairs[j]
			changes := o.Have == nil || o.modify
			alone = alone && (j == i || !changes || overlap.Disjoint(o.Want.Conditions, old))
		}
		if s := t.prewarm(p.Have.Actions, p.Want.Actions); len(s.cold) > 0 && !overlap.Disjoint(p.Want.Conditions, old) {
			alone = false // what it answered before it answers on, until its new targets are healthy
		}
		if apart(t.namespaces(p.Have.Actions), t.namespaces(p.Want.Actions)) {
			alone = false // the end of a rule of one namespace must not fail with the new one of another
		}
		if !alone {
			out.surplus = append(out.surplus, p.Have)
			p.Have, p.modify = nil, false
		}
	}
	sortByPriority(out.surplus)
	return out
}

// inPlace pairs rules that are not wanted with new ones between the same neighbours.
func (d decision) inPlace() decision {
	out := decision{pairs: slices.Clone(d.pairs), movable: d.movable, taken: d.taken, floor: d.floor}
	stay(out.pairs, d.floor)
	left := d.surplus
	for _, s := range stretches(out.pairs, d.floor, maxPriority+1) {
		for ; len(left) > 0 && left[0].Priority < s.hi; left = left[1:] {
			i := slices.IndexFunc(s.pairs, func(p Pair) bool { return p.Have == nil })
			if i < 0 {
				out.surplus = append(out.surplus, left[0])
				continue
			}
			s.pairs[i].Have, s.pairs[i].modify = left[0], true
			s.pairs = s.pairs[i+1:]
		}
	}
	return out
}

// recreate turns the modifications that a request could notice into creations and deletions; it reports whether there
// are any.
func (d *decision) recreate() (found bool) {
	for i := range d.pairs {
		if p := &d.pairs[i]; p.modify && d.moment(i) == never {
			d.surplus = append(d.surplus, p.Have)
			p.Have, p.modify, found = nil, false, true
		}
	}
	sortByPriority(d.surplus)
	return found
}

func sortByPriority(rules []*awsop.Rule) {
	slices.SortStableFunc(rules, func(a, b *awsop.Rule) int { return int(a.Priority - b.Priority) })
}

// moment is when a rule may be modified.
type moment int

const (
	never moment = iota
	beforeMove
	afterMove
)

// moment is when pair i may be modified. If rules move, it may afterwards if it meets no request that another rule in
// front of it answers today: then none in front of it leaves or moves behind it with which it shares requests. Before,
// likewise: none that shares requests with it comes or moves in front of it.
func (d *decision) moment(i int) moment {
	if len(d.moves) == 0 {
		return beforeMove
	}
	have := d.pairs[i].Have
	apart := func(cs []stack.Condition) bool { return overlap.Disjoint(cs, have.Conditions) }
	after, before := true, true
	for _, s := range d.surplus {
		after = after && (s.Priority > have.Priority || apart(s.Conditions))
	}
	for j := range d.pairs {
		o := &d.pairs[j]
		switch {
		case j == i:
		case o.Have == nil:
			before = before && (j > i || apart(o.Want.Conditions))
		case j > i && o.Have.Priority < have.Priority:
			after = after && apart(o.Have.Conditions)
		case j < i && o.Have.Priority > have.Priority:
			before = before && apart(o.Have.Conditions)
		}
	}
	switch {
	case after:
		return afterMove
	case before:
		return beforeMove
	}
	return never
}

// Pair is a wanted rule and the observed one that becomes it.
type Pair struct {
	Want *stack.Rule
	Have *awsop.Rule // nil = create

	modify  bool        // the content of Have differs
	fixed   bool        // Have keeps its priority
	final   int32       // the priority in the end
	initial int32       // the priority at which a new rule is created
	awaits  []stack.Ref // target groups whose health is awaited before the rule is as wanted
	// today are observed actions that answer the requests of a new rule until it is switched over; nil = none do
	today []stack.Action
}

// ref names the rule. An observed one keeps its identity.
func (p *Pair) ref() stack.Ref {
	if p.Have == nil {
		return stack.Ref{Kind: stack.KindRule, ID: p.Want.ID}
	}
	return stack.Ref{Kind: stack.KindRule, ID: cmp.Or(p.Have.ID, p.Want.ID), Literal: p.Have.ARN}
}

// renames reports whether the observed rule matches other requests than the wanted one.
func (p *Pair) renames() bool {
	return p.modify && canonical.Conditions(p.Have.Conditions) != canonical.Conditions(p.Want.Conditions)
}

// match finds for each wanted rule an observed one of the same content, else one with the same conditions. Equal ones
// are paired in order. unpaired are the observed rules in no pair.
func (in *Input) match() (pairs []Pair, unpaired []*awsop.Rule) {
	type content struct {
		conditions, actions, transforms string
		sticky                          bool // the actions tell the stickiness
	}
	byContent, byConditions := make(map[content][]*awsop.Rule, len(in.Observed)), make(map[string][]*awsop.Rule,
		len(in.Observed))
	sticky := slices.ContainsFunc(in.Want, func(r stack.Rule) bool { return canonical.ManagesStickiness(r.Actions) })
	for _, r := range in.Observed {
		c := content{canonical.Conditions(r.Conditions), canonical.Actions(r.Actions, canonical.Literal, false),
			canonical.Transforms(r.Transforms), false}
		byConditions[c.conditions] = append(byConditions[c.conditions], r)
		byContent[c] = append(byContent[c], r)
		if sticky {
			c.actions, c.sticky = canonical.Actions(r.Actions, canonical.Literal, true), true
			byContent[c] = append(byContent[c], r)
		}
	}
	used := make(map[*awsop.Rule]bool, len(in.Observed))
	take := func(rules []*awsop.Rule) *awsop.Rule {
		i := slices.IndexFunc(rules, func(r *awsop.Rule) bool { return !used[r] })
		if i < 0 {
			return nil
		}
		used[rules[i]] = true
		return rules[i]
	}
	conditions := make([]string, len(in.Want))
	pairs = make([]Pair, 0, len(in.Want))
	for i := range in.Want {
		w := &in.Want[i]
		s := canonical.ManagesStickiness(w.Actions)
		conditions[i] = canonical.Conditions(w.Conditions)
		r := take(byContent[content{conditions[i], canonical.Actions(w.Actions, in.Targets.Resolve, s),
			canonical.Transforms(w.Transforms), s}])
		pairs = append(pairs, Pair{Want: w, Have: r, modify: r != nil && canonical.StaleSecret(w.Actions, r.Actions)})
	}
	for i := range pairs {
		if p := &pairs[i]; p.Have == nil {
			p.Have = take(byConditions[conditions[i]])
			p.modify = p.Have != nil
		}
	}
	return pairs, slices.DeleteFunc(slices.Clone(in.Observed), func(r *awsop.Rule) bool { return used[r] })
}
