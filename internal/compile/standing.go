package compile

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ruleOnPort is the text of the conditions of a rule, whatever their order, with its port.
func ruleOnPort(port int32, conditions []stack.Condition) string {
	return fmt.Sprintf("%d %s", port, quarantine.ConditionsKey(conditions))
}

// existingRule is a rule that AWS has.
type existingRule struct {
	*stack.Rule
	port  int32
	owner string // the namespace that declared it; empty = it is not known
	used  bool   // a claim has its place
}

// markStanding marks the claims that have the places of rules in AWS. Such a rule gives its place to one claim at most,
// of the namespace that declared it: first to one with the same conditions, or joined of a rule with them, then to one
// that the rule was joined of. What is left goes to other claims of the namespace: an edit takes the places of the
// rules that it removes, before rules of others that wait for room. Claims that only match the same requests do not
// count: everybody can add values to conditions.
func (b *build) markStanding(claims []rules.Claim) {
	free, existing := indexClaims(claims), b.existingRules()
	for n := range existing {
		if e := &existing[n]; e.owner == "" {
			e.owner = b.namespaceThatDoes(e, free)
		}
	}
	for _, parts := range []bool{false, true} {
		for n := range existing {
			if e := &existing[n]; !e.used && e.owner != "" {
				e.used = free.take(e, parts)
			}
		}
	}
	freed := map[string]int{} // places by namespace
	for n := range existing {
		switch e := &existing[n]; {
		case e.owner == "":
			free.take(e, false)
		case !e.used:
			freed[e.owner]++
		}
	}
	if len(freed) > 0 {
		b.takeFreed(claims, freed)
	}
}

// takeFreed gives the places of removed rules to claims of the same namespace: first to claims that no member declared
// before, then to claims that have waited for room.
func (b *build) takeFreed(claims []rules.Claim, freed map[string]int) {
	before := b.declaredBefore()
	for _, all := range []bool{false, true} {
		for i := range claims {
			c := &claims[i]
			if !c.Stands && freed[c.Namespace] > 0 && (all || !declared(c, before)) {
				c.Stands = true
				freed[c.Namespace]--
			}
		}
	}
}

// declared reports whether the namespace of a claim has declared it, or all rules that it was joined of, before.
func declared(c *rules.Claim, before map[string][]string) bool {
	return !slices.ContainsFunc(c.Declared(), func(part []stack.Condition) bool {
		return !slices.Contains(before[ruleOnPort(c.Port, part)], c.Namespace)
	})
}

// claimIndex finds claims by the port and the conditions of a rule that they are, or were joined of.
type claimIndex struct {
	claims        []rules.Claim
	whole, joined map[string][]int
}

func indexClaims(claims []rules.Claim) *claimIndex {
	x := &claimIndex{claims, make(map[string][]int, len(claims)), map[string][]int{}}
	for i := range claims {
		c := &claims[i]
		key := ruleOnPort(c.Port, c.Conditions)
		x.whole[key] = append(x.whole[key], i)
		for _, part := range c.Parts {
			key := ruleOnPort(c.Port, part)
			x.joined[key] = append(x.joined[key], i)
		}
	}
	return x
}

// of yields the claims with the conditions of a rule in AWS, then the joined claims of which one part has them. With
// parts, the conditions are also those with fewer of the rule's hosts, paths or methods.
func (x *claimIndex) of(e *existingRule, parts bool) iter.Seq[*rules.Claim] {
	conditions := [][]stack.Condition{e.Conditions}
	if parts {
		conditions = rules.Parts(e.Conditions)
	}
	return func(yield func(*rules.Claim) bool) {
		for _, all := range []map[string][]int{x.whole, x.joined} {
			for _, c := range conditions {
				for _, i := range all[ruleOnPort(e.port, c)] {
					if !yield(&x.claims[i]) {
						return
					}
				}
			}
		}
	}
}

// take marks the first claim that may have the place of a rule in AWS. It reports false if there is none.
func (x *claimIndex) take(e *existingRule, parts bool) bool {
	for c := range x.of(e, parts) {
		if !c.Stands && (e.owner == "" || e.owner == c.Namespace) {
			c.Stands = true
			return true
		}
	}
	return false
}

// namespaceThatDoes is the namespace of the first claim that does what a rule in AWS does with the same requests, or
// with some of them; empty = there is none.
func (b *build) namespaceThatDoes(e *existingRule, claims *claimIndex) string {
	d, _ := b.detailsOfExisting()
	labels := stack.Labels(d.TargetGroups)
	does := labels.Actions(e.Actions)
	for c := range claims.of(e, true) {
		if c.Keep || does == labels.Actions(c.Actions) {
			return c.Namespace
		}
	}
	return ""
}

// existingRules are the rules that AWS has, in order, with the namespaces that declared them: those of the target
// groups that they forward to; of the others, what the last compilation recorded, or what members declared then.
func (b *build) existingRules() (out []existingRule) {
	d, _ := b.detailsOfExisting()
	untold := false
	recorded := maps.Clone(b.ruleOwnersBefore)
	take := func(from map[string][]string, e *existingRule, conditions []stack.Condition) {
		key := ruleOnPort(e.port, conditions)
		if owners := from[key]; e.owner == "" && len(owners) > 0 {
			e.owner, from[key] = owners[0], owners[1:]
		}
	}
	for _, port := range slices.Sorted(maps.Keys(d.Rules)) {
		for n := range d.Rules[port] {
			e := existingRule{Rule: &d.Rules[port][n], port: port}
			if e.owner = b.ownerOfActions(e.Actions, d.TargetGroups); e.owner == "" {
				take(recorded, &e, e.Conditions)
				untold = untold || e.owner == ""
			}
			out = append(out, e)
		}
	}
	if !untold {
		return out
	}
	declared := b.declaredBefore()
	for n := range out {
		take(declared, &out[n], out[n].Conditions)
	}
	for n := range out {
		if e := &out[n]; e.owner == "" {
			for _, part := range rules.Parts(e.Conditions) {
				take(declared, e, part)
			}
		}
	}
	return out
}

// ownerOfActions is the namespace that declared the target groups to which actions in AWS forward; empty = none of them
// shows it.
func (b *build) ownerOfActions(actions []stack.Action, groups map[string]string) string {
	for _, ref := range rules.TargetGroups(actions) {
		id := groups[ref.Literal]
		if o, known := b.ownersBefore[id]; known {
			return o.Namespace
		}
		if i, known := b.owners[id]; known {
			return b.members[i].Object.Namespace
		}
		for i := range b.members {
			if of := b.members[i].Object.Namespace; naming.DeclaredIn(id, of) {
				return of
			}
		}
	}
	return ""
}

// declaredBefore are the namespaces of the rules that members declared last, by port and conditions.
func (b *build) declaredBefore() map[string][]string {
	out := map[string][]string{}
	for i := range b.members {
		o := b.members[i].Object
		last, _ := b.past.Good.Of(o)
		for r := range last.Routes {
			route := &last.Routes[r]
			for _, part := range rules.Split(route.Conditions) {
				for _, l := range last.Listeners {
					if len(route.Ports) == 0 || slices.Contains(route.Ports, l.Port) {
						key := ruleOnPort(l.Port, part)
						out[key] = append(out[key], o.Namespace)
					}
				}
			}
		}
	}
	return out
}

// rememberRules records the namespace of each rule that forwards to no target group of the stack; the others show their
// owner by their target groups. A full load balancer lacks some rules, and several members may declare the same one.
func (b *build) rememberRules(claims []rules.Claim, f rules.Fitting) {
	b.ruleOwners = map[string][]string{}
	for i := range claims {
		c := &claims[i]
		ofStack := slices.ContainsFunc(rules.TargetGroups(c.Actions), func(r stack.Ref) bool { return r.ID != "" })
		if !f.LeftOut[i] && !ofStack {
			key := ruleOnPort(c.Port, c.Conditions)
			b.ruleOwners[key] = append(b.ruleOwners[key], c.Namespace)
		}
	}
}
