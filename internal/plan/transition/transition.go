// Package transition computes the changes that lead from the observed to the wanted rules and default actions of one
// listener. A request that gets the same answer before and after gets it at every moment between. Compute is pure: it
// returns batches of changes with their dependencies. Package diff decides which rules are wanted, which may be
// deleted, and their tags, and turns changes into steps. transition does no I/O.
//
// In whatever order the dependencies allow the changes, no request notices them:
//
//   - A rule's successor exists before the rule is deleted. New rules that share requests are created first to last, so
//     that no rule answers requests of a rule in front of it.
//   - If a new rule belongs where no priority is free, one atomic call first moves the rules behind it to higher
//     priorities, in their order.
//   - If the order changes, new rules are created behind all others, where they get no requests. One atomic call then
//     gives all rules their final priorities, with the rules that are to be deleted behind all others. Only if no
//     priorities are left behind a rule that stays, the others move in front of that rule.
//   - A rule is modified only if no request can notice (moment and renamed). Otherwise it is recreated.
//   - Rules that share requests are deleted last to first, after the default actions have changed.
//   - Requests get new targets only once these are healthy, if weights allow it (Targets.prewarm).
//   - No change waits for targets of another namespace, see tenants.go.
package transition

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// Input is a listener as it is observed and as it is wanted.
type Input struct {
	Listener    stack.Ref
	Application bool // else there are no rules

	Want     []stack.Rule    // in the order in which they are evaluated
	Observed []*awsop.Rule   // those that may become wanted ones, by priority
	Stays    map[string]bool // ARNs of observed rules that are not deleted even if no wanted rule matches them
	Movable  map[string]bool // ARNs of those of Stays that may move if another rule needs their priority
	Taken    []int32         // priorities of rules of others
	Behind   int32           // wanted rules get priorities behind this one if there is room; 0 = any

	Default []stack.Action // observed default actions; nil for a new listener
	// Modify gives the listener the wanted default actions and other settings; nil = none differs.
	Modify *awsop.ModifyListener
	Early  bool     // Modify must not wait for rules, because it changes the protocol
	Why    []string // of Modify
	// Aside is a listener of a network load balancer on a port that no client knows. Behind it, AWS checks new targets
	// that no forward can also have the old ones; nil = none is needed.
	Aside *stack.Listener

	Targets *Targets
}

// Transition is the result of Compute. Its changes are in an order in which they can be made one by one.
type Transition struct {
	Batches []Batch       // all of them, in the order of the constants
	Stay    []*awsop.Rule // observed rules that are not wanted, and stay
}

// Batch is the changes of a transition that have one purpose. A change waits only for its dependencies, not for the
// batch before.
type Batch struct {
	Name    Name
	Changes []Change
}

// Name is what a batch is for.
type Name string

// The batches in their order.
const (
	ModifyListener  Name = "modify the listener"        // unless rules must be there first
	MakeRoom        Name = "make room"                  // between rules, or behind all of them if the order changes
	Prewarm         Name = "prewarm"                    // the targets of rules that change
	CreateAndModify Name = "create and modify"          // first to last
	Move            Name = "move"                       // at once
	ModifyMoved     Name = "modify what has moved"      // where a request would have noticed before
	SwitchOver      Name = "switch new rules over"      // from what answered their requests before to their own targets
	Tag             Name = "tag"                        // what is kept
	ModifyDefault   Name = "modify the default actions" // if Modify had to wait for rules
	Delete          Name = "delete"                     // last to first
)

// ID is the place of a change in its transition, from 1; 0 is none.
type ID int

// Change is one operation, or the tags of one rule.
type Change struct {
	ID       ID
	Action   plan.Action
	Resource stack.Ref
	Op       awsop.Operation // nil: only tags are to be compared
	Why      []string
	// Needs are changes that must succeed before this one; After are changes that must end before it.
	Needs, After []ID

	Sets     []stack.Action // actions that the operation puts in place
	Releases []stack.Action // observed actions that no longer answer requests after the operation
	Tags     *Pair          // the rule whose tags are to be compared
}

// Compute decides which rules to keep, change, move, create and delete, and returns the changes.
func Compute(in Input) Transition {
	b := builder{Input: &in}
	pairs, unpaired := in.match()
	d := decision{pairs: pairs, taken: map[int32]bool{}}
	for _, p := range in.Taken {
		d.taken[p] = true
	}
	for _, r := range unpaired {
		if in.Stays[r.ARN] {
			d.taken[r.Priority] = true
			b.out.Stay = append(b.out.Stay, r)
			if in.Movable[r.ARN] {
				d.movable = append(d.movable, r)
			}
		} else {
			d.surplus = append(d.surplus, r)
		}
	}
	d.takeUpTo(in.Behind)
	b.shared = in.isShared()
	b.reroutes = in.Modify != nil && !canonical.SameActions(in.Modify.Listener.DefaultActions, in.Default,
		in.Targets.Resolve)
	b.decision = decide(d, in.Targets, !b.reroutes)
	b.build()
	return b.out
}
