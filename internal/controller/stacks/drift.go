package stacks

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// withhold leaves out the steps that the drift policies of a stack withhold.
func (s *Reconciler) withhold(key stack.Key, c compile.Result, o awsop.Observed) plan.Policy {
	by := front.DriftPolicies(c, s.DriftPolicy)
	if by.Corrects() || c.Stack.Removal != stack.NotRemoved {
		return func(p plan.Plan) plan.Plan { return p }
	}
	wanted := policy.FieldsOf(c.Stack)
	return policy.Withhold(by, wanted, s.appliedTo(key, wanted, o), o)
}

// appliedTo returns the fields of a stack that were last applied. Without a record, because the policy is new, no
// field counts as applied in a process that has seen the stack before, and for a load balancer that does not exist:
// everything is applied once. A new process has lost the record, so the declared values count as applied, and a
// start undoes nothing.
func (s *Reconciler) appliedTo(key stack.Key, wanted policy.Fields, o awsop.Observed) policy.Fields {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	switch {
	case st.memory != nil && st.memory.Applied != nil:
		return st.memory.Applied
	case st.applied || len(o.LoadBalancers) == 0:
		return policy.Fields{}
	}
	return wanted
}

// record keeps the last applied fields, for this process and the next; nil = no drift policy needs them.
func (s *Reconciler) record(key stack.Key, applied policy.Fields) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	if st.memory == nil || st.memory.Applied == nil && applied == nil {
		return
	}
	m := *st.memory // the checkpoint keeps the former value
	m.Applied = applied
	st.memory = &m
	s.Checkpoints.Put(checkpoint.Memory, key.String(), &m)
}

// noteApplied records, before a load balancer is created, that nothing of it was applied yet. Otherwise a process
// that starts in between would count fields as applied that are still to be created.
func (s *Reconciler) noteApplied(ctx context.Context, key stack.Key, c compile.Result, o awsop.Observed,
	p *plan.Plan) error {
	if front.DriftPolicies(c, s.DriftPolicy).Corrects() || c.Stack.Removal != stack.NotRemoved || !creates(p) {
		return nil
	}
	s.record(key, s.appliedTo(key, policy.FieldsOf(c.Stack), o))
	if err := s.Checkpoints.Flush(ctx); err != nil {
		return fmt.Errorf("recording, before the load balancer is created, that none of its fields are applied: %w", err)
	}
	return nil
}

// settle records the fields that count as applied after a plan was executed.
func (s *Reconciler) settle(key stack.Key, c compile.Result, o awsop.Observed, p *plan.Plan, r apply.Result) {
	if c.Stack.Removal != stack.NotRemoved || c.Keep.Settings {
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.state(key).applied = true
	}()
	if front.DriftPolicies(c, s.DriftPolicy).Corrects() {
		s.record(key, nil)
		return
	}
	wanted := policy.FieldsOf(c.Stack)
	done := func(id plan.StepID) bool { return r.Outcomes[id].State == apply.Done }
	s.record(key, policy.Settle(wanted, s.appliedTo(key, wanted, o), p, o, done))
}

// driftFound counts the changes in AWS that a check found, and returns the notes about them. Changes that are undone
// are noted if the plan is the first one after the check, no object was edited, AWS's answers lead to the same
// decisions as before, and nothing was unfinished. Changes that are only reported are noted in each pass.
func (p *pass) driftFound() diag.List {
	s := p.reconciler
	s.mu.Lock()
	st := s.state(p.key)
	decided := decidedBy(p.compiled.Stack)
	checked, corrects := st.checked, st.checked && p.unedited && st.decided == decided && !st.unfinished && !p.plan.Empty()
	st.checked, st.decided = false, decided
	s.mu.Unlock()
	var corrected, left []plan.Step
	counted := map[[2]string]bool{}
	count := func(group, by string) {
		if at := [2]string{group, by}; group != "" && checked && !counted[at] {
			counted[at] = true
			s.Metrics.CountDriftOf(p.kind.Controller, group, by)
		}
	}
	if corrects {
		s.Metrics.CountDrift(p.kind.Controller)
		corrected = p.plan.Steps
		for _, step := range p.plan.Steps {
			count(string(policy.GroupOf(step)), string(drift.Correct))
		}
	}
	for _, withheld := range p.plan.Withheld {
		count(withheld.Group, withheld.Policy)
		if withheld.Policy == string(drift.Report) {
			left = append(left, withheld.Step)
		}
	}
	return append(p.driftNotes(corrected, correctedNote), p.driftNotes(left, reportedNote)...)
}

// decidedBy returns a hash of what a stack wants because of AWS's answers, and not because of objects alone:
// certificates, trust stores, subnets, security groups and web ACLs. If it changes, something in AWS was changed, but
// nothing of the load balancer.
func decidedBy(s *stack.Stack) uint64 {
	h := fnv.New64a()
	write := func(parts ...string) {
		for _, p := range parts {
			h.Write([]byte(p + "\x00"))
		}
	}
	for i := range s.LoadBalancers {
		lb := &s.LoadBalancers[i]
		for _, m := range lb.Subnets {
			write(m.Subnet)
		}
		for _, g := range lb.SecurityGroups {
			write(g.ID, g.Literal)
		}
		if lb.WebACL != nil {
			write(*lb.WebACL)
		}
	}
	for i := range s.Listeners {
		l := &s.Listeners[i]
		write(l.ID)
		write(l.Certificates...)
		if l.Mutual != nil {
			write(l.Mutual.TrustStore)
		}
	}
	return h.Sum64()
}

// driftNote says what happens to changes that were made in AWS.
type driftNote struct {
	code         diag.Code
	text, remedy string
}

var (
	correctedNote = driftNote{diag.DriftCorrected, "undoing a change made in AWS: ",
		"to keep the change, declare it in Kubernetes, or set drift policy report or ignore"}
	reportedNote = driftNote{diag.DriftReported, "a change made in AWS stays because of drift policy report; the " +
		"controller would do: ",
		"declare the change in Kubernetes, undo it in AWS, or set drift policy correct, which undoes it"}
)

// driftNotes returns notes about steps, on each of the objects that their resources come from.
func (p *pass) driftNotes(steps []plan.Step, note driftNote) (out diag.List) {
	changes := map[diag.Object][]string{}
	var order []diag.Object
	for _, step := range steps {
		objects := p.compiled.Origins[step.Resource].Objects
		if len(objects) == 0 {
			objects = objectsOf(p.input.Members)
		}
		for _, o := range objects {
			if changes[o] == nil {
				order = append(order, o)
			}
			changes[o] = append(changes[o], changeOf(step))
		}
	}
	for _, o := range order {
		out = append(out, diag.New(o, "", note.code, note.text+diag.First(changes[o], 5, "; "), note.remedy))
	}
	return out
}

// changeOf describes a step in a short text.
func changeOf(step plan.Step) string {
	text := string(step.ID)
	if len(step.Why) > 0 {
		text += " (" + strings.Join(step.Why, ", ") + ")"
	}
	return text
}

// reported returns the changes that a drift policy of report withholds.
func reported(p *plan.Plan) (out []string) {
	for _, x := range p.Withheld {
		if x.Policy == string(drift.Report) {
			out = append(out, x.Group+": "+changeOf(x.Step))
		}
	}
	return out
}
