// Package transition computes how the rules and the default actions of one listener get from what is observed to what
// is wanted, such that a request that gets the same answer before and after gets it all the time. Compute is pure: it
// returns phases of changes, with what each change depends on, as a value to be checked; package diff turns them into
// steps. Which rules are wanted, which may be deleted, and tags are decided there. It imports only the standard
// library, naming, plan, stack, traffic, and awsop and canonical of plan.
//
// Whatever order the dependencies leave open, no request notices the way, because:
//
//   - A rule's successor is there before the rule goes. New rules are created first to last where they share requests,
//     so that none of them is met by what belongs to one in front of it.
//   - If a new rule belongs where no priority is free, one atomic call moves those behind it on, in their order, before
//     it is created.
//   - If the order changes, new rules are created behind all others, where they take no requests, and one atomic call
//     then puts everything in place, what is to be deleted behind all. Only if a rule that stays leaves no priorities
//     behind the others do these pass it.
//   - A rule is modified only where no request can notice: see moment and renamed. Else it is recreated.
//   - What goes away goes last to first where it shares requests, after the default actions became what they shall be.
//   - Requests get new targets only once these are healthy, as far as weights allow for it: see Targets.prewarm.
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
	Stays    map[string]bool // ARNs of those that are not deleted if they become none
	Held     map[string]bool // ARNs of those of Stays that are ours: they move where another rule needs their priority
	Taken    []int32         // priorities of further rules
	Behind   int32           // the rules belong behind this priority, as far as there is room; 0 = anywhere

	Default []stack.Action // observed default actions; nil for a new listener
	// gives the listener the wanted default actions, and whatever else differs; nil = nothing does
	Modify *awsop.ModifyListener
	Early  bool     // Modify must not wait for rules, as it changes the protocol
	Why    []string // of Modify
	// Aside is the listener, of a network load balancer, on a port that no client knows, behind which targets are checked
	// that AWS allows in no forward beside the old ones; nil = there is none.
	Aside *stack.Listener

	Targets *Targets
}

// Transition is what to change. Changes stand in an order in which they may be made one by one.
type Transition struct {
	Phases []Phase       // all of them, in the order of the constants
	Stay   []*awsop.Rule // observed rules that are not wanted, and stay
}

// Phase is a part of a transition. A change waits only for what it depends on, not for the phase before.
type Phase struct {
	Name    Name
	Changes []Change
}

// Name is what a phase is for.
type Name string

// The phases in their order.
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
	// Needs are the changes that must have succeeded, After those that must have ended.
	Needs, After []ID

	Sets     []stack.Action // actions that the operation puts in place
	Releases []stack.Action // observed ones that no request gets from there any more
	Tags     *Pair          // whose tags are to be compared
}

// Compute decides what becomes of each rule and returns the changes.
func Compute(in Input) Transition {
	b := builder{Input: &in}
	pairs, left := in.match()
	d := decision{pairs: pairs, taken: map[int32]bool{}}
	for _, p := range in.Taken {
		d.taken[p] = true
	}
	for _, r := range left {
		if in.Stays[r.ARN] {
			d.taken[r.Priority] = true
			b.out.Stay = append(b.out.Stay, r)
			if in.Held[r.ARN] {
				d.held = append(d.held, r)
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
