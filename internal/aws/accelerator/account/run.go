package account

import (
	"context"
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
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
	// Busy: AWS works on another change of the accelerator, throttles, or did not answer. The rest of the plan was not
	// tried.
	Busy bool
	// Disabling: AWS has not disabled the accelerator everywhere yet.
	Disabling bool
}

// Complete reports whether all steps are done.
func (r Result) Complete() bool {
	return r.Blocked == 0 && len(r.Problems) == 0 && !r.Busy && !r.Disabling
}

// Run executes a plan step by step. A failed step blocks the steps that need it; others continue. Run calls created
// as soon as the accelerator exists, before it creates listeners.
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

// write sends an operation, and enters its effect. Of several endpoints of which AWS refuses some, each is sent by
// itself, so that one does not keep out the others.
func (a *Account) write(ctx context.Context, key stack.Key, op operation.Operation, resolve operation.Resolve) (
	operation.Output, error) {
	parts := apart(op)
	for _, part := range parts {
		if a.refusedBefore(key, plan.Fingerprint(part, resolve)) != nil {
			return operation.Output{}, a.writeApart(ctx, key, parts, resolve)
		}
	}
	write := plan.Fingerprint(op, resolve)
	if err := a.refusedBefore(key, write); err != nil {
		return operation.Output{}, err
	}
	out, err := awsclient.WriteAccelerator(ctx, a.clients.Accelerators, op, resolve)
	if err != nil && op.About().Removes && awsclient.Classify(err).Class == diag.NotFound {
		err = nil
	}
	switch {
	case err != nil && len(parts) > 0 && lasting(err):
		return out, a.writeApart(ctx, key, parts, resolve)
	case err != nil && lasting(err):
		a.remember(key, write, op, err)
	}
	if err != nil {
		return out, err
	}
	a.Refusals.ForgetWrite(key, write)
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

// apart returns an operation for each endpoint of one that adds several; nil = it adds one, or something else.
func apart(op operation.Operation) (out []operation.AddEndpoints) {
	if add, ok := op.(operation.AddEndpoints); ok && len(add.Endpoints) > 1 {
		for _, e := range add.Endpoints {
			out = append(out, operation.AddEndpoints{Group: add.Group, Endpoints: []accelerator.Endpoint{e}})
		}
	}
	return out
}

// writeApart adds endpoints one by one. The error names those that AWS refuses.
func (a *Account) writeApart(ctx context.Context, key stack.Key, parts []operation.AddEndpoints,
	resolve operation.Resolve) error {
	var texts []string
	var last error
	for _, part := range parts {
		if _, err := a.write(ctx, key, part, resolve); err != nil {
			last = err
			texts = append(texts, part.Endpoints[0].ID)
		}
	}
	if last == nil {
		return nil
	}
	return fmt.Errorf("of %s: %w", strings.Join(texts, ", "), last)
}

// refusedBefore is AWS's error of a write that it has refused, before the pause after that is over.
func (a *Account) refusedBefore(key stack.Key, write string) error {
	_, err := a.Refusals.Before(key, write, func(error) string { return a.edits(key) })
	return err
}

// remember takes note that AWS refuses an operation.
func (a *Account) remember(key stack.Key, write string, op operation.Operation, err error) {
	r := refusal.Refusal{Step: plan.StepID(plan.NameOf(op)), Action: plan.NameOf(op), Cause: refusal.Obstacle, Err: err}
	if awsclient.Classify(err).Class == diag.Invalid {
		r.Cause, r.Objects = refusal.Content, a.edits(key)
	}
	a.Refusals.Refused(key, write, r)
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
