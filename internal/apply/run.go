package apply

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// run is one execution. Its goroutine alone touches all but values.
type run struct {
	d        Deps
	key      stack.Key
	steps    []plan.Step
	outcomes map[plan.StepID]Outcome
	outputs  map[plan.StepID]plan.Output
	started  map[plan.StepID]bool
	deferred map[plan.StepID]bool
	finished chan finished

	mu     sync.Mutex
	values map[stack.Ref]string // what references stand for
	fresh  map[string]bool      // ARNs and ids that this run created
}

type finished struct {
	id      plan.StepID
	outcome Outcome
	output  plan.Output
}

func newRun(p plan.Plan, d Deps) *run {
	r := &run{
		d: d, key: p.Key, steps: slices.Clone(p.Steps),
		outcomes: map[plan.StepID]Outcome{}, outputs: map[plan.StepID]plan.Output{},
		started: map[plan.StepID]bool{}, deferred: map[plan.StepID]bool{},
		finished: make(chan finished),
		values:   map[stack.Ref]string{}, fresh: map[string]bool{},
	}
	for _, k := range p.Known {
		r.values[k.Ref] = k.Value
	}
	return r
}

func (r *run) loop(ctx context.Context) {
	running := 0
	for len(r.outcomes) < len(r.steps) {
		progress := false
		for i := range r.steps {
			s := &r.steps[i]
			if r.started[s.ID] || running >= r.d.Concurrency {
				continue
			}
			if _, ended := r.outcomes[s.ID]; ended {
				continue
			}
			ready, by := r.ready(s)
			switch {
			case by != "":
				r.outcomes[s.ID] = Outcome{State: Blocked, By: by}
				progress = true
			case ready && s.Guard != nil:
				r.outcomes[s.ID] = Outcome{State: Refused, Problem: diag.New(diag.Object{}, "", s.Guard.Code, s.Guard.Text, s.Guard.Remedy)}
				progress = true
			case ready:
				r.started[s.ID] = true
				running++
				progress = true
				step := *s
				go func() {
					o, out := r.execute(ctx, step)
					r.finished <- finished{step.ID, o, out}
				}()
			}
		}
		switch {
		case running > 0 && (!progress || running >= r.d.Concurrency):
			r.end(<-r.finished)
			running--
		case !progress && running == 0:
			r.strand()
		}
	}
}

// ready reports whether a step may start; by names a need that will not be done.
func (r *run) ready(s *plan.Step) (ready bool, by plan.StepID) {
	ready = true
	for _, n := range s.Needs {
		o, ended := r.outcomes[n]
		if ended && o.State != Done {
			return false, n
		}
		ready = ready && ended
	}
	for _, n := range s.After {
		_, ended := r.outcomes[n]
		ready = ready && ended
	}
	return ready, ""
}

// end takes the outcome of a step, unless it only needs room that other steps of the plan are about to make.
func (r *run) end(f finished) {
	if f.outcome.State == Failed && full(f.outcome.Err) && r.postpone(f.id) {
		return
	}
	r.outcomes[f.id] = f.outcome
	if f.outcome.State == Done && f.output != (plan.Output{}) {
		r.outputs[f.id] = f.output
	}
}

// postpone lets the removals that follow a step go first and the step once more after them: at a quota, what goes must make
// room for what comes. It reports false if there is nothing to gain, or it was tried before.
func (r *run) postpone(id plan.StepID) bool {
	if r.deferred[id] {
		return false
	}
	var room []plan.StepID
	for i := range r.steps {
		s := &r.steps[i]
		if !slices.Contains(s.After, id) || !removes(s.Op) || r.started[s.ID] {
			continue
		}
		s.After = slices.DeleteFunc(slices.Clone(s.After), func(a plan.StepID) bool { return a == id })
		room = append(room, s.ID)
	}
	if len(room) == 0 {
		return false
	}
	for i := range r.steps {
		if s := &r.steps[i]; s.ID == id {
			s.After = append(slices.Clone(s.After), room...)
		}
	}
	r.deferred[id], r.started[id] = true, false
	return true
}

// removes reports whether an operation makes room for its like.
func removes(op plan.Op) bool {
	switch op.(type) {
	case plan.DeleteRule, plan.RevokeIngress, plan.DeleteListener, plan.RemoveListenerCertificates, plan.DeleteTargetGroup:
		return true
	}
	return false
}

// strand ends a plan that refers to steps that it does not have, which Diff never makes.
func (r *run) strand() {
	for _, s := range r.steps {
		if _, ended := r.outcomes[s.ID]; !ended {
			err := fmt.Errorf("step %q waits for a step that is not in the plan, or for itself", s.ID)
			r.outcomes[s.ID] = Outcome{State: Failed, Err: err, Problem: diag.New(diag.Object{}, "", diag.AWSUnavailable, err.Error(), "")}
		}
	}
}

// resolve gives what a reference stands for; "" if nothing.
func (r *run) resolve(ref stack.Ref) string {
	if ref.Literal != "" {
		return ref.Literal
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.values[ref]
}

func (r *run) produced(ref stack.Ref, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[stack.Ref{Kind: ref.Kind, ID: ref.ID}] = value
	r.fresh[value] = true
}

// young reports whether an operation refers to a resource of a kind that this run created.
func (r *run) young(op plan.Op, kind stack.Kind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(plan.Refs(op), func(ref stack.Ref) bool {
		return ref.Kind == kind && ref.Literal == "" && r.fresh[r.values[ref]]
	})
}
