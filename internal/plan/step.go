// Package plan defines plans: steps that write to AWS and Kubernetes, each with an operation, reasons, dependencies,
// a lane and a guard, as values that can be printed as text and JSON. It also defines policies, which filter steps.
//
// Package plan knows no operation: packages such as awsop define them. Function Stack of package diff makes plans,
// and its example shows one. Package apply executes them. Package plan is pure.
package plan

import (
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Plan is a list of steps. Every step comes after the steps that it needs or follows, so they can be executed one by
// one.
type Plan struct {
	Key   stack.Key `json:"key"`
	Steps []Step    `json:"steps"`
	// Known are the references to existing resources. Steps create the resources of other references.
	Known []Known `json:"known,omitempty"`
	// HandOver are the steps that must be done before objects show the successor of the resource that they show.
	HandOver []StepID `json:"handOver,omitempty"`
	// Withheld are the steps, or parts of steps, that the drift policy of the load balancer leaves out.
	Withheld []Withheld `json:"withheld,omitempty"`
	// Assumed is true if steps may rest on parts that this process has not read from AWS. Such a plan is not executed: the
	// parts must be read, and the diff repeated.
	Assumed bool `json:"assumed,omitempty"`
}

// Withheld is a step that is left out because it would undo a change made in AWS.
type Withheld struct {
	Step   Step   `json:"step"`
	Group  string `json:"group"`  // of fields, as package drift names it
	Policy string `json:"policy"` // report or ignore
}

// Reason returns why the step is withheld.
func (w Withheld) Reason() string { return "withheld by drift policy " + w.Group + "=" + w.Policy }

// Values returns the ARNs and ids of the known references.
func (p *Plan) Values() map[stack.Ref]string {
	out := make(map[stack.Ref]string, len(p.Known))
	for _, k := range p.Known {
		out[k.Ref] = k.Value
	}
	return out
}

// Known is a reference with its ARN or id.
type Known struct {
	Ref   stack.Ref `json:"ref"`
	Value string    `json:"value"`
}

// StepID names a step within its plan, e.g. "CreateRule 443:1".
type StepID string

// Action is what a step does to its resource.
type Action string

// Actions.
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace" // creates the successor of a resource that cannot be changed in place
	Delete  Action = "delete"
	Await   Action = "await" // changes nothing: steps that need it wait until the resource is ready
)

// Lane says how urgent a step is: a failed cosmetic step blocks nothing, and vital steps go first if calls are limited.
type Lane string

// Lanes.
const (
	Vital    Lane = "vital"    // traffic depends on it
	Normal   Lane = "normal"   // the rest
	Cosmetic Lane = "cosmetic" // traffic does not need it, such as tags and attributes
)

// Step is one write to AWS or Kubernetes.
type Step struct {
	ID       StepID
	Action   Action
	Resource stack.Ref // by identity; by ARN for a resource that carries no identity
	Op       Operation
	// Needs are steps that must succeed before this one. After are steps that must end before it, with or without success.
	Needs []StepID
	After []StepID
	Lane  Lane
	Why   []string // e.g. "idle_timeout.timeout_seconds 60 → 75"
	Guard *Guard   // refuses the step; nil = none
	// NotBefore is the time of the plan that executes the step: this plan only waits for it. Zero = now.
	NotBefore time.Time
}

// Need adds steps to Needs. Empty ids are left out.
func (s *Step) Need(ids ...StepID) {
	for _, id := range ids {
		if id != "" && id != s.ID && !slices.Contains(s.Needs, id) {
			s.Needs = append(s.Needs, id)
		}
	}
}

// Follow adds steps to After. Empty ids are left out.
func (s *Step) Follow(ids ...StepID) {
	for _, id := range ids {
		if id != "" && id != s.ID && !slices.Contains(s.Needs, id) && !slices.Contains(s.After, id) {
			s.After = append(s.After, id)
		}
	}
}

// Guard is why a step must not be executed although the desired stack implies it.
type Guard struct {
	Code   diag.Code `json:"code"`
	Text   string    `json:"text"`
	Remedy string    `json:"remedy"`
	// RequestID is the id of AWS's answer, if AWS is the reason.
	RequestID string `json:"requestId,omitempty"`
}

// Empty reports whether the plan has no steps.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Step returns a step by its id.
func (p *Plan) Step(id StepID) (Step, bool) {
	for _, s := range p.Steps {
		if s.ID == id {
			return s, true
		}
	}
	return Step{}, false
}

// Summary counts the steps of a plan by action, and those that a guard refuses.
type Summary struct {
	Create, Update, Replace, Delete, Refused int
}

// Summary counts the steps.
func (p *Plan) Summary() Summary {
	var s Summary
	for _, st := range p.Steps {
		switch st.Action {
		case Create:
			s.Create++
		case Update:
			s.Update++
		case Replace:
			s.Replace++
		case Delete:
			s.Delete++
		case Await:
		}
		if st.Guard != nil {
			s.Refused++
		}
	}
	return s
}

// Policy is a filter from plan to plan: it refuses steps by a guard, or leaves out steps, or some attributes or tags
// of a step, or orders steps. Only Withdraw and NarrowToClass of package policy add steps, to a plan that objects
// freeze.
type Policy func(Plan) Plan

// Under applies policies to the plan, one after the other.
func (p Plan) Under(policies ...Policy) Plan {
	for _, filter := range policies {
		p = filter(p)
	}
	return p
}

// Refuse returns the plan with a guard on a step. Steps that only prepare for it, because no other step needs them, are
// left out.
func (p Plan) Refuse(id StepID, g *Guard) Plan {
	refused, _ := p.Step(id)
	needed := map[StepID]bool{}
	for _, s := range p.Steps {
		for _, n := range s.Needs {
			needed[n] = needed[n] || s.ID != id
		}
	}
	prepares := func(n StepID) bool { return slices.Contains(refused.Needs, n) && !needed[n] }
	var out []Step
	for _, s := range p.Steps {
		if prepares(s.ID) {
			continue
		}
		if s.ID == id {
			s.Guard = g
		}
		s.Needs, s.After = without(s.Needs, prepares), without(s.After, prepares)
		out = append(out, s)
	}
	p.Steps, p.HandOver = out, without(p.HandOver, prepares)
	return p
}

// without returns the remaining ids, and does not change its argument.
func without(ids []StepID, drop func(StepID) bool) []StepID {
	if !slices.ContainsFunc(ids, drop) {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), drop)
}
