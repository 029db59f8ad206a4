package policy

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// RefuseDestructive refuses steps that change or delete existing parts of a load balancer. guard makes the refusal of
// a step.
//
// It does not refuse steps that create something, that only add something, or that change a resource which the same
// plan creates. For tags and attributes, a step may set a key that has no value of its own in AWS, and may not
// change one that has. A step that only prepares a refused step, such as a wait for targets, is refused too.
// docs/tasks/ownership.md has the table.
func RefuseDestructive(o awsop.Observed, guard func(refused []plan.Step) plan.Guard) plan.Policy {
	return func(p plan.Plan) plan.Plan {
		h := destructiveSteps{o: o, made: map[stack.Ref]bool{}}
		for _, s := range p.Steps {
			if e := s.Op.About().Effect; e.Verb == plan.Creates && s.Action == plan.Create {
				h.made[s.Resource] = true
			}
		}
		for _, s := range p.Steps {
			h.split(s)
		}
		if len(h.refused) == 0 {
			return p
		}
		g := guard(h.refused)
		at := map[plan.StepID]bool{}
		for i := range h.steps {
			if s := &h.steps[i]; slices.ContainsFunc(h.refused, func(x plan.Step) bool { return x.ID == s.ID }) {
				s.Guard, at[s.ID] = &g, true
			}
		}
		for i := len(h.steps) - 1; i >= 0; i-- { // steps that need a step come after it
			if s := &h.steps[i]; s.Guard == nil && s.Action == plan.Await && preparesFor(h.steps[i+1:], s.ID, at) {
				s.Guard, at[s.ID] = &g, true
			}
		}
		p.Steps = h.steps
		return p
	}
}

// preparesFor reports whether steps wait for the step with an ID, and all of them are refused.
func preparesFor(steps []plan.Step, id plan.StepID, refused map[plan.StepID]bool) bool {
	used := false
	for _, s := range steps {
		if !slices.Contains(s.Needs, id) && !slices.Contains(s.After, id) {
			continue
		}
		if !refused[s.ID] {
			return false
		}
		used = true
	}
	return used
}

// destructiveSteps is the state of a RefuseDestructive.
type destructiveSteps struct {
	o       awsop.Observed
	made    map[stack.Ref]bool // resources that the plan creates
	steps   []plan.Step
	refused []plan.Step
}

// split appends a step. If only some of its keys are refused, it appends two.
func (h *destructiveSteps) split(s plan.Step) {
	taken, keyed := h.takes(s)
	switch {
	case s.Guard != nil:
		h.steps = append(h.steps, s)
	case !keyed:
		if h.steps = append(h.steps, s); h.destructive(s) {
			h.refused = append(h.refused, s)
		}
	default:
		rest, some := withKeys(s, func(k string) bool { return !taken(k) })
		if some {
			h.steps = append(h.steps, rest)
		}
		if part, ok := withKeys(s, taken); ok {
			if some {
				part.ID += " (refused)"
			}
			h.steps, h.refused = append(h.steps, part), append(h.refused, part)
		}
	}
}

// destructive reports whether a step that sets no tags or attributes takes something away from existing resources. Any
// step that is not known to be harmless counts.
func (h *destructiveSteps) destructive(s plan.Step) bool {
	switch s.Action {
	case plan.Await:
		return false
	case plan.Create: // a listener aside only prepares the change of another listener
		return awsop.ProtocolsOf(s.Op) != awsop.Protocols{}
	case plan.Replace, plan.Delete:
		return true
	case plan.Update:
	}
	switch s.Op.(type) {
	case awsop.AddListenerCertificates, awsop.AuthorizeSecurityGroupIngress, awsop.RegisterLoadBalancer,
		awsop.RegisterTargets, awsop.CreateProtection:
		return false // they add
	case awsop.UpdateBinding, awsop.ImportCertificate, awsop.AddTagsToCertificate, awsop.PublishValidation,
		awsop.ModifyTrustStore, awsop.PutObject:
		return false // they write resources that only the stack can have created
	}
	return !h.made[s.Resource]
}

// takes returns which keys of a step that sets or removes tags or attributes have a value of their own; ok is false for
// other steps.
func (h *destructiveSteps) takes(s plan.Step) (taken func(key string) bool, ok bool) {
	if s.Action != plan.Update || h.made[s.Resource] {
		return nil, false
	}
	about := s.Op.About()
	switch sets := slices.Contains(about.Writes.Names, awsop.FieldTag); {
	case sets && len(about.Values) > 0:
		return h.hasTag(about.Resource), true
	case sets:
		own := naming.OwnTags(h.o.Key.Owner)
		return func(k string) bool { return !slices.Contains(own, k) }, true
	}
	switch op := s.Op.(type) {
	case awsop.ModifyLoadBalancerAttributes:
		for _, r := range h.o.LoadBalancers {
			if is(op.LoadBalancer, r.ID, r.ARN) {
				return differs(r.Attributes, func(k string) (string, bool) {
					return canonical.LoadBalancerDefault(r.LoadBalancer, k)
				}), true
			}
		}
	case awsop.ModifyTargetGroupAttributes:
		for _, r := range h.o.TargetGroups {
			if is(op.TargetGroup, r.ID, r.ARN) {
				return differs(r.Attributes, func(k string) (string, bool) {
					return canonical.TargetGroupDefault(r.TargetGroup, k)
				}), true
			}
		}
	case awsop.ModifyListenerAttributes:
		for _, r := range h.o.Listeners {
			if is(op.Listener, r.ID, r.ARN) {
				return differs(r.Attributes, func(k string) (string, bool) { return canonical.ListenerDefault(r.Listener, k) }),
					true
			}
		}
	}
	return nil, false
}

// differs returns a function that reports whether a key has another value than the default.
func differs(have map[string]string, def func(string) (string, bool)) func(string) bool {
	return func(k string) bool {
		v, set := have[k]
		d, known := def(k)
		return set && (!known || v != d)
	}
}

// hasTag returns a function that reports whether a resource has a tag with a key. The tags by which the stack's
// resources are found do not count.
func (h *destructiveSteps) hasTag(r stack.Ref) func(string) bool {
	var have map[string]string
	for x := range h.o.Resources(r.Kind) {
		if r.Kind != stack.KindTrustStore && is(r, x.ID, x.Literal) { // it belongs to the stack
			have = x.Tags
		}
	}
	own := naming.OwnTags(h.o.Key.Owner)
	return func(k string) bool {
		_, has := have[k]
		return has && !slices.Contains(own, k)
	}
}

// is reports whether a reference means the resource with an identity or ARN.
func is(r stack.Ref, id, arn string) bool {
	if r.Literal != "" {
		return r.Literal == arn
	}
	return r.ID == id
}
