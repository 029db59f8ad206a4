// Package diff plans the changes from the observed accelerator to the declared one. At every moment, AWS refuses two
// listeners of a protocol with a port in common, and port overrides that disagree with listeners. So the steps are in
// an order in which AWS allows each of them. It is pure.
package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// root is the reference of the accelerator itself.
var root = stack.Ref{Kind: accelerator.KindAccelerator, ID: accelerator.Identity}

// Plan returns what makes an observed accelerator a declared one.
func Plan(d accelerator.Declared, o accelerator.Observed) plan.Plan {
	b := newBuilder(d, o)
	b.accelerator()
	switch {
	case !d.Deferred:
		b.listeners()
	case d.Emptied:
		b.empty()
	}
	return b.plan
}

// builder makes a plan. now is what AWS holds after the steps so far; resources that the plan creates have the text of
// their reference in place of an ARN.
type builder struct {
	declared accelerator.Declared
	now      accelerator.Observed
	plan     plan.Plan
	values   map[stack.Ref]string

	target map[string]accelerator.Listener // what each listener that stays is to be, by ARN
	ids    map[string]string               // identity of each listener that stays, by ARN
	index  map[string]int                  // in the declared listeners
	writes map[string][]write              // steps by the listener that they are about
	made   map[string]plan.StepID          // the step that creates a resource, by its text or ARN
	strips []plan.StepID                   // steps that take port overrides away
}

// write is a step on a listener, with the listener before it.
type write struct {
	id     plan.StepID
	before accelerator.Listener
}

func newBuilder(d accelerator.Declared, o accelerator.Observed) *builder {
	b := &builder{
		declared: d, now: o.Clone(), plan: plan.Plan{Key: d.Key}, values: map[stack.Ref]string{},
		target: map[string]accelerator.Listener{}, ids: map[string]string{}, index: map[string]int{},
		writes: map[string][]write{}, made: map[string]plan.StepID{},
	}
	if o.Exists() {
		b.know(root, o.ARN)
	}
	return b
}

// know enters the ARN of what AWS holds.
func (b *builder) know(ref stack.Ref, arn string) {
	b.values[ref] = arn
	b.plan.Known = append(b.plan.Known, plan.Known{Ref: ref, Value: arn})
}

func (b *builder) resolve(ref stack.Ref) string {
	if ref.Literal != "" {
		return ref.Literal
	}
	return b.values[ref]
}

// ref is the reference of a resource that AWS holds or the plan creates, by its ARN or text.
func (b *builder) ref(kind stack.Kind, arn string) stack.Ref {
	for r, v := range b.values {
		if v == arn && r.Kind == kind {
			return r
		}
	}
	return stack.Literal(kind, arn)
}

// add adds a step for an operation that a listener or nothing ("") is the subject of.
func (b *builder) add(s plan.Step, subject string) plan.StepID {
	if s.ID == "" {
		s.ID = plan.StepID(fmt.Sprintf("%s %s", plan.NameOf(s.Op), nameOf(s.Resource)))
	}
	for n, id := 2, s.ID; ; n++ {
		if _, taken := b.plan.Step(s.ID); !taken {
			break
		}
		s.ID = plan.StepID(fmt.Sprintf("%s #%d", id, n))
	}
	if s.Lane == "" {
		s.Lane = plan.Vital
	}
	s.Need(b.made[b.resolve(root)])
	if subject != "" {
		if l := b.now.Listener(subject); l != nil {
			b.writes[subject] = append(b.writes[subject], write{s.ID, accelerator.CloneListeners([]accelerator.Listener{*l})[0]})
		}
		s.Need(b.made[subject])
	}
	out := operation.Output{}
	if s.Action == plan.Create {
		out.ID = "new:" + string(s.Resource.Kind) + "/" + s.Resource.ID
		b.values[s.Resource], b.made[out.ID] = out.ID, s.ID
	}
	b.plan.Steps = append(b.plan.Steps, s)
	if op, ok := s.Op.(operation.Operation); ok {
		op.Advance(&b.now, out, b.resolve)
	}
	return s.ID
}

func nameOf(r stack.Ref) string {
	if r.ID != "" {
		return r.ID
	}
	return Short(r.Literal)
}

// Short returns the part of an ARN that names a listener or an endpoint group below its accelerator, or the whole text.
func Short(arn string) string {
	_, rest, ok := strings.Cut(arn, ":accelerator/")
	if !ok {
		return arn
	}
	if _, below, ok := strings.Cut(rest, "/"); ok {
		return below
	}
	return "accelerator/" + rest
}

// accelerator plans the accelerator itself: it is created, or its settings and tags are changed in place.
func (b *builder) accelerator() {
	d := b.declared
	if !b.now.Exists() {
		b.add(plan.Step{Action: plan.Create, Resource: root, Op: operation.CreateAccelerator{
			Name: d.Name, IPAddressType: d.IPAddressType, IPAddresses: d.IPAddresses, Token: d.UID, Tags: d.Tags,
		}, Why: []string{"it does not exist"}}, "")
		return
	}
	var why []string
	changed := func(what, from, to string) {
		if from != to {
			why = append(why, fmt.Sprintf("%s %s → %s", what, from, to))
		}
	}
	changed("name", b.now.Name, d.Name)
	changed("IP address type", b.now.IPAddressType, d.IPAddressType)
	if !b.now.Enabled {
		why = append(why, "it is disabled")
	}
	if len(why) > 0 {
		b.add(plan.Step{Action: plan.Update, Resource: root, Op: operation.UpdateAccelerator{Accelerator: root, Name: d.Name,
			IPAddressType: d.IPAddressType, Enabled: true}, Why: why}, "")
	}
	b.tags()
}

// tags plans what differs only: AWS's published policy admits the tag of the cluster only in a request that creates.
func (b *builder) tags() {
	foreign := func(k string) bool {
		return strings.HasPrefix(k, "aws:") || slices.Contains(b.declared.ExternalTags, k)
	}
	set, why := map[string]string{}, []string(nil)
	for _, k := range slices.Sorted(maps.Keys(b.declared.Tags)) {
		before, has := b.now.Tags[k]
		if v := b.declared.Tags[k]; !foreign(k) && (!has || v != before) {
			set[k] = v
			why = append(why, fmt.Sprintf("tag %s %q → %q", k, before, v))
		}
	}
	var surplus []string
	for _, k := range slices.Sorted(maps.Keys(b.now.Tags)) {
		if _, wanted := b.declared.Tags[k]; !wanted && !foreign(k) {
			surplus = append(surplus, k)
		}
	}
	var tagged plan.StepID
	if len(set) > 0 {
		tagged = b.add(plan.Step{Action: plan.Update, Resource: root, Op: operation.TagResource{Accelerator: root, Tags: set},
			Lane: plan.Cosmetic, Why: why}, "")
	}
	if len(surplus) > 0 {
		s := plan.Step{Action: plan.Update, Resource: root, Op: operation.UntagResource{Accelerator: root, Keys: surplus},
			Lane: plan.Cosmetic,
			Why:  []string{"not declared any more: " + strings.Join(surplus, ", ")}}
		s.Need(tagged)
		b.add(s, "")
	}
}

// Removal returns what deletes an accelerator. AWS deletes none that is not disabled everywhere, which takes minutes:
// as long as that, or another change, is under way, the plan has no step, and wait is true. Listeners stay until the
// accelerator is disabled.
func Removal(d accelerator.Declared, o accelerator.Observed) (p plan.Plan, wait bool) {
	b := newBuilder(d, o)
	switch {
	case !o.Exists():
		return b.plan, false
	case o.Enabled:
		b.add(plan.Step{Action: plan.Update, Resource: root, Op: operation.UpdateAccelerator{Accelerator: root, Name: o.Name,
			IPAddressType: o.IPAddressType, Enabled: false},
			Why: []string{"the object is deleted, and AWS deletes only disabled accelerators"}}, "")
		return b.plan, true
	case o.Status == accelerator.InProgress:
		return b.plan, true
	}
	for _, l := range accelerator.CloneListeners(o.Listeners) {
		b.deleteListener(l.ARN, "the object is deleted")
	}
	if len(o.Listeners) > 0 { // which is a change that AWS deploys before it deletes the accelerator
		return b.plan, true
	}
	b.add(plan.Step{Action: plan.Delete, Resource: root, Op: operation.DeleteAccelerator{Accelerator: root}, Why: []string{
		"the object is deleted"}}, "")
	return b.plan, false
}
