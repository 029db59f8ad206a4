package transition

import (
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// builder makes the changes of a decision, batch by batch.
type builder struct {
	*Input
	decision
	reroutes bool // the default actions change
	shared   bool // the rules belong to several namespaces
	out      Transition
	last     ID

	// Changes that later changes depend on.
	roomMade ID // moves observed rules to make room for new ones
	awaited  awaited
	fresh    []done // rules that match what they did not match before
	modified []done // other rules that change before the move
	moved    ID
	staged   []done // new rules that answer their requests as before, until their targets are healthy
	rerouted ID     // changes the default actions
}

// done is a rule with the change after which it is as wanted, or at least exists.
type done struct {
	id ID
	*Pair
}

func (b *builder) build() {
	for _, p := range []struct {
		name    Name
		changes func()
	}{
		{ModifyListener, func() { b.modifyListener(b.Early || !b.reroutes) }},
		{MakeRoom, b.room},
		{Prewarm, b.prewarm},
		{CreateAndModify, b.createAndModify},
		{Move, b.move},
		{ModifyMoved, b.modifyMoved},
		{SwitchOver, b.switchOver},
		{Tag, b.tag},
		{ModifyDefault, func() { b.modifyListener(!b.Early && b.reroutes) }},
		{Delete, b.delete},
	} {
		b.out.Batches = append(b.out.Batches, Batch{Name: p.name})
		p.changes()
	}
}

// add appends a change to the last batch, without the zeros and duplicates in its dependencies.
func (b *builder) add(c Change) ID {
	b.last++
	c.ID = b.last
	seen := map[ID]bool{0: true}
	for _, ids := range []*[]ID{&c.Needs, &c.After} {
		var out []ID
		for _, id := range *ids {
			if !seen[id] {
				seen[id], out = true, append(out, id)
			}
		}
		*ids = out
	}
	p := &b.out.Batches[len(b.out.Batches)-1]
	p.Changes = append(p.Changes, c)
	return c.ID
}

// modifyListener changes the default actions of the listener and its other settings. If it can wait, new rules that
// answer the requests of the old default actions come first.
func (b *builder) modifyListener(now bool) {
	if !now || b.Modify == nil {
		return
	}
	c := Change{Action: plan.Update, Resource: b.Listener, Op: *b.Modify, Why: b.Why,
		Sets: b.Modify.Listener.DefaultActions, Releases: b.Default}
	var aside ID
	if b.reroutes {
		s := b.Targets.stage(b.Default, c.Sets)
		w := waiting{targets: s.awaited()}
		if b.servedByDefault(c.Sets) {
			w.targets = s.cold
		}
		switch {
		case s.first != nil:
			op := *b.Modify
			op.Listener.DefaultActions = s.first
			why := "default action " + b.Targets.Labels.Actions(b.Default) + " → " + b.Targets.Labels.Actions(s.first)
			w.staged = b.add(Change{Action: plan.Update, Resource: b.Listener, Op: op, Why: []string{why}, Sets: s.first})
		case s.refused && b.Aside != nil:
			why := fmt.Sprintf("%s %d, so that AWS checks the targets before listener %s forwards to them", b.Aside.Protocol,
				b.Aside.Port, b.Listener.ID)
			aside = b.add(Change{Action: plan.Create, Resource: b.aside(), Op: awsop.CreateListener{Listener: *b.Aside,
				Prepares: b.Modify.Changes}, Why: []string{why}, Sets: c.Sets})
			w.staged = aside
		case s.refused:
			w.targets = nil
		}
		c.Needs = b.await(w).of(w.targets)
	}
	for _, f := range b.fresh {
		if sameAnswer(f.Want.Actions, b.Default, b.Targets.Resolve) {
			c.Needs = append(c.Needs, f.id)
		}
	}
	id := b.add(c)
	if b.reroutes {
		b.rerouted = id
	}
	if aside != 0 {
		b.add(Change{
			Action: plan.Delete, Resource: b.aside(), Op: awsop.DeleteListener{Listener: b.aside()}, Needs: []ID{aside, id},
			Why: []string{"listener " + b.Listener.ID + " has turned to the targets that were checked here"},
		})
	}
}

func (b *builder) aside() stack.Ref { return stack.Ref{Kind: stack.KindListener, ID: b.Aside.ID} }

// room moves observed rules if new ones belong between them and no priority is free there, or if the order changes and
// all priorities behind them are taken.
func (b *builder) room() {
	if moves, why := b.makeRoom(b.Targets.Labels); len(moves) > 0 {
		b.roomMade = b.setPriorities(moves, Change{Why: why})
	}
}

// prewarm warms up the new targets of rules that change.
func (b *builder) prewarm() {
	var all []waiting
	for i := range b.pairs {
		p := &b.pairs[i]
		if !p.modify || p.renames() {
			continue
		}
		var staged ID
		s := b.Targets.prewarm(p.Have.Actions, p.Want.Actions)
		if p.awaits = s.awaited(); b.served(i) {
			p.awaits = s.cold // other changes need this rule; a rule in front of it already uses the other targets
		}
		if s.first != nil {
			why := b.Targets.Labels.Actions(p.Have.Actions) + " → " + b.Targets.Labels.Actions(s.first)
			staged = b.modifyRule(p, stack.Rule{Actions: s.first, Transforms: p.Have.Transforms}, Change{Why: []string{why}})
		}
		all = append(all, waiting{p.awaits, staged})
	}
	b.awaited = b.await(all...)
}

func (b *builder) createAndModify() {
	var order overlapping
	observed := b.existing()
	for i := range b.pairs {
		p := &b.pairs[i]
		switch {
		case p.Have == nil:
			b.create(p, observed, &order)
		case !p.modify || b.moment(i) != beforeMove:
		case p.renames(): // requests see a new rule
			b.fresh = append(b.fresh, done{order.add(b.modify(p, order.sharing(p.Want.Conditions)), p.Want.Conditions), p})
		case len(b.moves) > 0:
			b.modified = append(b.modified, done{b.modify(p, nil), p})
		default:
			b.modified = append(b.modified, done{b.modify(p, order.sharing(p.Want.Conditions)), p})
		}
	}
}

// create creates a rule. If one observed rule, or the default actions, forwards all its requests, the new rule first
// forwards them in the same way, with the new targets in addition if AWS allows it, until those are healthy.
func (b *builder) create(p *Pair, observed []*awsop.Rule, order *overlapping) {
	rule, today := *p.Want, &stack.Rule{Actions: b.Default}
	if i := slices.IndexFunc(observed, func(r *awsop.Rule) bool {
		return !overlap.Disjoint(r.Conditions, rule.Conditions)
	}); i >= 0 {
		today = &observed[i].Rule
	}
	if s := b.Targets.prewarm(today.Actions, rule.Actions); len(s.cold) > 0 && overlap.Covers(today.Conditions,
		rule.Conditions) {
		rule.Actions, rule.Transforms, p.awaits, p.today = s.first, today.Transforms, s.awaited(), today.Actions
		if s.first == nil {
			rule.Actions = today.Actions
		}
	}
	d := done{b.add(Change{
		Action: plan.Create, Resource: p.ref(), Op: awsop.CreateRule{Rule: rule, Priority: p.initial}, Sets: rule.Actions,
		Why:   []string{fmt.Sprintf("at %s: %s", p.placeText(), b.Targets.Labels.Rule(rule))},
		Needs: append(b.guarding(rule), b.roomMade), After: order.sharing(rule.Conditions),
	}), p}
	order.add(d.id, rule.Conditions)
	b.fresh = append(b.fresh, d)
	if p.today != nil {
		b.staged = append(b.staged, d)
	}
}

// guarding are the new rules with a login or a check of tokens whose requests a wider new rule of the same namespace
// would answer unprotected if AWS refused them.
func (b *builder) guarding(wider stack.Rule) (out []ID) {
	if Authenticates(wider.Actions) {
		return nil
	}
	for _, f := range b.fresh {
		if Authenticates(f.Want.Actions) && !overlap.Disjoint(f.Want.Conditions, wider.Conditions) &&
			!b.Targets.Apart(f.Want.Actions, wider.Actions) {
			out = append(out, f.id)
		}
	}
	return out
}

// Authenticates reports whether actions begin with a login or a check of tokens.
func Authenticates(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool { return a.OIDC != nil || a.Cognito != nil || a.JWT != nil })
}

// modify gives an observed rule the wanted conditions, actions and transforms.
func (b *builder) modify(p *Pair, after []ID) ID {
	needs := append([]ID{b.moved}, b.awaited.of(p.awaits)...)
	return b.modifyRule(p, *p.Want, Change{Why: b.Targets.changes(p), Needs: needs, After: after,
		Releases: p.Have.Actions})
}

// modifyRule gives a rule the wanted conditions, and the actions and transforms of another rule.
func (b *builder) modifyRule(p *Pair, to stack.Rule, c Change) ID {
	op := awsop.ModifyRule{Ref: p.ref(), Rule: *p.Want}
	if p.Have != nil {
		op.Ref = ruleAt(p.Have)
	}
	op.Rule.Actions, op.Rule.Transforms, op.Rule.Tags = to.Actions, to.Transforms, nil
	c.Action, c.Resource, c.Op, c.Sets = plan.Update, p.ref(), op, to.Actions
	return b.add(c)
}

func (b *builder) setPriorities(moves []awsop.RulePriority, c Change) ID {
	c.Action, c.Resource, c.Op = plan.Update, b.Listener, awsop.SetRulePriorities{Listener: b.Listener, Priorities: moves}
	return b.add(c)
}

// move gives all rules their final priorities with one call.
func (b *builder) move() {
	if len(b.moves) == 0 {
		return
	}
	moves, c := slices.Clone(b.moves), Change{Why: b.movesText(b.Targets.Labels)}
	for _, f := range b.fresh {
		if f.initial != f.final {
			moves = append(moves, awsop.RulePriority{Rule: f.ref(), Priority: f.final})
			c.Needs = append(c.Needs, f.id)
		}
		c.After = append(c.After, f.id)
	}
	for _, m := range b.modified {
		if !b.mayFollow(m.Pair) {
			c.Needs = append(c.Needs, m.id)
		}
	}
	c.Needs = append(c.Needs, b.roomMade)
	b.moved = b.setPriorities(moves, c)
}

func (b *builder) modifyMoved() {
	for i := range b.pairs {
		if b.pairs[i].modify && b.moment(i) == afterMove {
			b.modify(&b.pairs[i], nil)
		}
	}
}

// switchOver gives staged rules their wanted actions when their targets are healthy. Until then, observed actions
// answer their requests.
func (b *builder) switchOver() {
	var all []waiting
	for _, s := range b.staged {
		all = append(all, waiting{s.awaits, s.id})
	}
	awaited := b.await(all...)
	for _, s := range b.staged {
		b.modifyRule(s.Pair, *s.Want, Change{
			Why: []string{b.Targets.Labels.Rule(*s.Want)}, Needs: append([]ID{s.id}, awaited.of(s.awaits)...), After: []ID{
				b.moved}, Releases: s.today,
		})
	}
}

func (b *builder) tag() {
	for i := range b.pairs {
		if p := &b.pairs[i]; p.Have != nil && p.Have.Tags != nil && p.Want.Tags != nil &&
			!maps.Equal(p.Have.Tags, p.Want.Tags) {
			b.add(Change{Action: plan.Update, Resource: p.ref(), Tags: p})
		}
	}
}

// delete deletes surplus rules. Those that share requests are deleted last to first.
func (b *builder) delete() {
	var order overlapping
	hurried := b.hurried()
	for _, old := range slices.Backward(b.surplus) {
		c := Change{
			Action: plan.Delete, Resource: stack.Ref{Kind: stack.KindRule, ID: old.ID, Literal: old.ARN}, Op: awsop.DeleteRule{
				Rule: ruleAt(old)},
			Why: []string{b.Targets.Labels.Rule(old.Rule) + " is no longer wanted"}, Needs: []ID{b.moved},
			After: append(order.sharing(old.Conditions), b.roomMade), Releases: old.Actions,
		}
		if b.shared && !b.succeeded(old) {
			c.After = nil
		}
		b.dependOnTakeover(old, hurried[old], &c)
		order.add(b.add(c), old.Conditions)
	}
}

// dependOnTakeover adds to the deletion of a rule its dependencies: the changes of what may take its requests over.
// In a listener of several namespaces, only changes of the rule's own namespace count. If a rule forwards to no
// target group, its namespace is not known: the deletion needs changes that give the same answer, and follows the
// others.
func (b *builder) dependOnTakeover(old *awsop.Rule, hurried bool, c *Change) {
	of, _ := b.Targets.tenants(old.Actions)
	if b.rerouted != 0 && takesOver(b.Modify.Listener.DefaultActions, old.Actions, b.Targets.Resolve) {
		c.Needs = append(c.Needs, b.rerouted)
	}
	depend := func(d *done, waits bool) {
		to, _ := b.Targets.tenants(d.Want.Actions)
		switch {
		case !b.shared, sameAnswer(d.Want.Actions, old.Actions, b.Targets.Resolve):
			c.Needs = append(c.Needs, d.id)
		case waits && (hurried || len(of) == 0):
		case len(of) == 0 || len(to) == 0:
			c.After = append(c.After, d.id)
		case !apart(of, to):
			c.Needs = append(c.Needs, d.id)
		}
	}
	for _, f := range b.fresh {
		if !overlap.Disjoint(f.Want.Conditions, old.Conditions) {
			depend(&f, false)
		}
	}
	for _, m := range b.modified {
		if m.Have.Priority > old.Priority && !overlap.Disjoint(m.Have.Conditions, old.Conditions) {
			depend(&m, len(m.awaits) > 0)
		}
	}
}

// takesOver reports whether default actions can answer the requests of a deleted rule: they give the same answer, or
// redirect every request.
func takesOver(defaults, old []stack.Action, resolve canonical.Resolver) bool {
	redirects := slices.ContainsFunc(defaults, func(a stack.Action) bool { return a.Redirect != nil })
	return redirects || sameAnswer(defaults, old, resolve)
}

// waiting are target groups whose targets must become healthy after staged, the change that puts them in use; 0 = no
// such change.
type waiting struct {
	targets []stack.Ref
	staged  ID
}

// awaited has for each target group the change that ends when its targets are healthy.
type awaited map[stack.Ref]ID

func (a awaited) of(targets []stack.Ref) (ids []ID) {
	for _, r := range targets {
		ids = append(ids, a[r])
	}
	return ids
}

// await adds a change for each target group, which ends when its targets are healthy.
func (b *builder) await(all ...waiting) awaited {
	var order []stack.Ref
	after := map[stack.Ref][]ID{}
	for _, w := range all {
		for _, r := range w.targets {
			if _, ok := after[r]; !ok {
				order = append(order, r)
			}
			after[r] = append(after[r], w.staged)
		}
	}
	out := awaited{}
	for _, r := range order {
		out[r] = b.add(Change{
			Action: plan.Await, Resource: r, Op: awsop.AwaitTargets{TargetGroup: r, Network: !b.Application,
				Succeeds: b.Targets.heirs[r]}, After: after[r],
			Why: []string{"targets of " + b.Targets.Labels.Of(r) + " to become healthy, before they get requests"},
		})
	}
	return out
}

// overlapping orders changes of rules. If two rules share requests, the later one must not change before the earlier
// one, or those requests would get a wrong answer for a moment. Rules that share no requests may change in any order.
type overlapping struct {
	ids        []ID
	conditions [][]stack.Condition
}

// mostCompared bounds the pairwise comparison; beyond it, each rule simply follows the one before.
const mostCompared = 128

// add enters the change of a rule with these conditions.
func (o *overlapping) add(id ID, cs []stack.Condition) ID {
	o.ids, o.conditions = append(o.ids, id), append(o.conditions, cs)
	return id
}

// sharing lists the changes that a change of a rule with these conditions must follow.
func (o *overlapping) sharing(cs []stack.Condition) (out []ID) {
	switch n := len(o.ids); {
	case n == mostCompared:
		return o.ids
	case n > mostCompared:
		return o.ids[n-1:]
	}
	for i, id := range o.ids {
		if !overlap.Disjoint(o.conditions[i], cs) {
			out = append(out, id)
		}
	}
	return out
}
