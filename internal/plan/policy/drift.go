package policy

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Withhold leaves out the steps that would undo changes made in AWS, if the policies of their groups say so. wanted
// has the fields that are declared now, and applied the fields that were applied last. A step is withheld
//
//   - under drift.Report, if its fields are declared as they were applied last: the difference was then made in AWS;
//   - under drift.Ignore, if its fields were applied before, whatever is declared now.
//
// For attributes and tags, each key is decided separately. The rules of a listener are decided together. A step is
// executed anyway if the plan recreates the resource that it writes or refers to, or if an executed step needs it. A
// plan that creates or deletes a load balancer is executed as a whole, because the fields of another load balancer
// cannot be distinguished from those of its predecessor.
func Withhold(by drift.Policies, wanted, applied Fields, o awsop.Observed) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		if by.Corrects() || replacesLoadBalancers(p) {
			return p
		}
		f := &filter{by: by, wanted: wanted, applied: applied, ids: identitiesOf(o)}
		for _, s := range p.Steps {
			f.split(s)
		}
		for changed := true; changed; {
			changed = f.release()
		}
		p.Steps, p.Withheld = f.result()
		p.HandOver = slices.DeleteFunc(slices.Clone(p.HandOver), func(id plan.StepID) bool {
			return !slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.ID == id })
		})
		return p
	}
}

func replacesLoadBalancers(p plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		switch s.Op.(type) {
		case awsop.CreateLoadBalancer, awsop.DeleteLoadBalancer:
			return s.Guard == nil
		}
		return false
	})
}

// filter is the state of a Withhold.
type filter struct {
	by              drift.Policies
	wanted, applied Fields
	ids             map[string]string
	steps           []choice
}

// choice is a step, or the part of one with some of its keys.
type choice struct {
	plan.Step
	written  written
	withheld bool
}

// split appends a step. If only some of the keys that it sets are withheld, it appends two.
func (f *filter) split(s plan.Step) {
	w := writtenBy(s, f.ids)
	if !w.keyed {
		f.steps = append(f.steps, choice{s, w, w.group != "" && f.withholds(w.group, w.fields...)})
		return
	}
	for _, withheld := range []bool{false, true} {
		if part, ok := withKeys(s, func(key string) bool {
			return withheld == (!tracks(f.ids, key) && f.withholds(w.group, w.fields[0]+key))
		}); ok {
			f.steps = append(f.steps, choice{part, w, withheld})
		}
	}
}

func (f *filter) withholds(g drift.Group, fields ...string) bool {
	differs := func(field string) bool { return f.wanted[field] != f.applied[field] }
	fresh := func(field string) bool { return f.applied[field] == "" && f.wanted[field] != "" }
	switch f.by.Of(g) {
	case drift.Report:
		return !slices.ContainsFunc(fields, differs)
	case drift.Ignore:
		return !slices.ContainsFunc(fields, fresh)
	case drift.Correct:
	}
	return false
}

// release decides again about steps that depend on others. changed is true if one of them is no longer withheld, or is
// withheld now.
func (f *filter) release() (changed bool) {
	for i := range f.steps {
		x := &f.steps[i]
		for j := range f.steps {
			y := &f.steps[j]
			needed := slices.Contains(x.Needs, y.ID) && i != j
			switch {
			case x.withheld && !y.withheld && needed && f.makes(x, y), // the resource that it writes or refers to is recreated
				// a field is written whole or not at all
				x.withheld && !y.withheld && !x.written.keyed && overlap(x.written.fields, y.written.fields):
				x.withheld, changed = false, true
			// a resource in use is not deleted
			case !x.withheld && y.withheld && needed && x.written.group == "" && x.Action == plan.Delete:
				x.withheld, x.written.group, changed = true, y.written.group, true
			case !x.withheld && y.withheld && (needed || aside(y) && slices.Contains(x.After, y.ID)):
				y.withheld, changed = false, true
			}
		}
	}
	return changed
}

// makes reports whether y recreates a resource, so that the withheld x must be executed too. An ignored field follows a
// target group only if that replaces another one.
func (f *filter) makes(x, y *choice) bool {
	_, group := y.Op.(awsop.CreateTargetGroup)
	return y.Action == plan.Replace || y.Action == plan.Create && (f.by.Of(x.written.group) == drift.Report || !group ||
		x.Resource == y.Resource)
}

// aside reports whether a step creates a listener aside, which stands in for another listener while that changes.
func aside(y *choice) bool {
	_, listener := y.Op.(awsop.CreateListener)
	return listener
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// result returns the steps to execute, without those that only prepare withheld steps, and the withheld steps.
func (f *filter) result() (out []plan.Step, withheld []plan.Withheld) {
	gone := map[plan.StepID]bool{}
	for _, x := range f.steps {
		if x.withheld {
			gone[x.ID] = true
		}
	}
	for _, x := range f.steps {
		if !x.withheld {
			delete(gone, x.ID) // a part of the step is executed
		}
	}
	uses := func(s plan.Step, id plan.StepID) bool {
		return slices.Contains(s.Needs, id) || slices.Contains(s.After, id)
	}
	prepares := func(s plan.Step) bool {
		return s.Action == plan.Await && slices.ContainsFunc(f.steps, func(x choice) bool {
			return x.withheld && uses(x.Step, s.ID)
		}) &&
			!slices.ContainsFunc(f.steps, func(x choice) bool { return !x.withheld && uses(x.Step, s.ID) })
	}
	for _, x := range f.steps {
		if prepares(x.Step) {
			gone[x.ID] = true
		}
	}
	left := func(ids []plan.StepID) []plan.StepID {
		if !slices.ContainsFunc(ids, func(id plan.StepID) bool { return gone[id] }) {
			return ids
		}
		return slices.DeleteFunc(slices.Clone(ids), func(id plan.StepID) bool { return gone[id] })
	}
	for _, x := range f.steps {
		s := x.Step
		switch {
		case x.withheld:
			s.Needs, s.After = nil, nil
			withheld = append(withheld, plan.Withheld{Step: s, Group: string(x.written.group),
				Policy: string(f.by.Of(x.written.group))})
		case !gone[s.ID]:
			s.Needs, s.After = left(s.Needs), left(s.After)
			out = append(out, s)
		}
	}
	return out, withheld
}

// identitiesOf returns the identities of observed resources by ARN or group id; for a rule, the identity of its
// listener.
func identitiesOf(o awsop.Observed) map[string]string {
	out := map[string]string{"": string(o.Key.Owner)}
	for r := range o.Resources(stack.KindLoadBalancer, stack.KindTargetGroup, stack.KindSecurityGroup) {
		out[r.Literal] = r.ID
	}
	for _, r := range o.Listeners {
		out[r.ARN] = r.ID
		if out[r.LoadBalancer.Literal] == stack.FrontendIdentity {
			out[r.ARN] = naming.FrontendListenerID(r.Port)
		}
	}
	for _, r := range o.Rules {
		out[r.ARN] = out[r.Listener.Literal]
	}
	return out
}

// idOf returns the identity of the resource that a reference means.
func idOf(r stack.Ref, ids map[string]string) string {
	if r.ID != "" || r.Literal == "" {
		return r.ID
	}
	return ids[r.Literal]
}

// GroupOf returns the group of fields that a step writes; empty if no drift policy applies to it.
func GroupOf(s plan.Step) drift.Group { return writtenBy(s, nil).group }
