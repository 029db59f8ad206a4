package account

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// Result is how a plan ended.
type Result struct {
	Done    int
	Blocked int // steps whose needs are not done
	// Problems are those of the steps that failed, without Object and Path.
	Problems diag.List
	// Busy: AWS works on another change of the accelerator, throttles, or did not answer. The rest of the plan was not tried.
	Busy bool
	// Disabling: AWS has not disabled the accelerator everywhere yet.
	Disabling bool
}

// Complete reports whether all steps are done.
func (r Result) Complete() bool {
	return r.Blocked == 0 && len(r.Problems) == 0 && !r.Busy && !r.Disabling
}

// Run carries out a plan, step by step. A failed step blocks those that need it; others go on. created is called as soon as the accelerator is made, before anything is
// made below it.
func (a *Account) Run(ctx context.Context, p plan.Plan, created func(accelerator.Observed)) Result {
	values, failed := map[stack.Ref]string{}, map[plan.StepID]bool{}
	for _, k := range p.Known {
		values[k.Ref] = k.Value
	}
	resolve := func(r stack.Ref) string {
		if r.Literal != "" {
			return r.Literal
		}
		return values[r]
	}
	var out Result
	for _, s := range p.Steps {
		op, ok := s.Op.(operation.Operation)
		blocked := !ok || out.Busy || s.Guard != nil || ctx.Err() != nil || a.Held != nil && a.Held(p.Key)
		for _, n := range s.Needs {
			blocked = blocked || failed[n]
		}
		if blocked {
			failed[s.ID] = true
			out.Blocked++
			continue
		}
		answer, err := a.write(awsclient.WithSubject(ctx, awsclient.SubjectOfStep(p.Key, s)), p.Key, op, resolve)
		if err != nil {
			failed[s.ID] = true
			a.judge(p.Key, s, err, &out)
			continue
		}
		out.Done++
		if answer.ID != "" {
			values[s.Resource] = answer.ID
		}
		if _, ok := s.Op.(operation.CreateAccelerator); ok && created != nil {
			a.mu.Lock()
			o := a.entries[p.Key].observed.Clone()
			a.mu.Unlock()
			created(o)
		}
	}
	return out
}

// write sends an operation, and enters its effect. Of several endpoints of which AWS refuses some, each is sent by itself, so that one does not keep out the others.
func (a *Account) write(ctx context.Context, key stack.Key, op operation.Operation, resolve operation.Resolve) (operation.Output, error) {
	sum := plan.Fingerprint(op, resolve)
	if err := a.refused.before(key, sum, a.now()); err != nil {
		return operation.Output{}, err
	}
	out, err := awsclient.WriteAccelerator(ctx, a.clients.Accelerators, op, resolve)
	if err != nil && op.Traits().Removes && awsclient.Classify(err).Class == diag.NotFound {
		err = nil
	}
	if add, ok := op.(operation.AddEndpoints); ok && err != nil && len(add.Endpoints) > 1 && lasting(err) {
		var texts []string
		for _, e := range add.Endpoints {
			if _, one := a.write(ctx, key, operation.AddEndpoints{Group: add.Group, Endpoints: []accelerator.Endpoint{e}}, resolve); one != nil {
				err = one
				texts = append(texts, e.ID)
			}
		}
		if len(texts) == 0 {
			return out, nil
		}
		return out, fmt.Errorf("of %s: %w", strings.Join(texts, ", "), err)
	}
	if err != nil {
		if lasting(err) {
			a.refused.add(key, sum, err, a.now())
		}
		return out, err
	}
	a.refused.forgetOne(key, sum)
	a.mu.Lock()
	e := a.entries[key]
	if e == nil {
		e = &entry{read: a.now()}
		a.entries[key] = e
	}
	op.Advance(&e.observed, out, resolve)
	a.mu.Unlock()
	switch op.(type) {
	case operation.CreateAccelerator, operation.DeleteAccelerator:
		a.written()
	}
	return out, nil
}

// lasting reports whether AWS refuses a call for a reason that a repetition does not cure.
func lasting(err error) bool {
	c := awsclient.Classify(err).Class
	return c == diag.Invalid || c == diag.Quota || c == diag.Denied
}

// judge enters a failed step into the result.
func (a *Account) judge(key stack.Key, s plan.Step, err error, out *Result) {
	e := awsclient.Classify(err)
	if e.Code == awsclient.CodeAcceleratorNotDisabled {
		out.Disabling = true
		return
	}
	if !lasting(err) { // what AWS holds is not what was believed, or is not known after an answer that is lost
		if e.Class != diag.Throttled {
			a.Doubt(key)
		}
		out.Busy = out.Busy || e.Class == diag.Throttled || e.Class == diag.Transient
	}
	if e.Class == diag.Throttled && e.Code == "TransactionInProgressException" {
		return // it waits for its turn
	}
	d := awsclient.Problem(plan.NameOf(s.Op), err)
	if id := s.Resource.ID; id != "" {
		d.Text = id + ": " + d.Text
	}
	out.Problems = append(out.Problems, d)
}

// refusalPauses are the pauses before an operation is sent again that AWS refused for a reason which repetitions do not cure, as long as the object asks for the same.
var refusalPauses = backoff.Policy{First: 5 * time.Second, Longest: 10 * time.Minute}

// refusals are operations that AWS refused.
type refusals struct {
	mu sync.Mutex
	of map[stack.Key]map[string]refusal
}

type refusal struct {
	err   error
	until time.Time
	count int
}

func (r *refusals) before(key stack.Key, sum string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x, ok := r.of[key][sum]; ok && now.Before(x.until) {
		return x.err
	}
	return nil
}

func (r *refusals) add(key stack.Key, sum string, err error, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[key] == nil {
		r.of[key] = map[string]refusal{}
	}
	x := r.of[key][sum]
	x.count++
	x.err, x.until = err, now.Add(refusalPauses.Pause(x.count))
	r.of[key][sum] = x
}

func (r *refusals) forgetOne(key stack.Key, sum string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of[key], sum)
}

func (r *refusals) forget(key stack.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, key)
}
