package awsop

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// CreateBinding creates a TargetGroupBinding object.
type CreateBinding struct{ Binding stack.Binding }

func (o CreateBinding) About() *plan.About {
	return binding(plan.Creates, bindingRefs(o.Binding)...).About
}
func (o CreateBinding) advance(a *advancer) {
	a.o.Bindings = append(a.o.Bindings, Binding{Binding: Literal(o.Binding, a.resolve)})
}

// UpdateBinding patches the fields, labels and annotations that are ours; others stay.
type UpdateBinding struct{ Binding stack.Binding }

func (o UpdateBinding) About() *plan.About {
	return binding(plan.Changes, bindingRefs(o.Binding)...).About
}
func (o UpdateBinding) advance(a *advancer) {
	if b := found(a.o.Bindings, o.Binding.Namespace+"/"+o.Binding.Name, (*Binding).id); b != nil {
		labels, annotations := merged(b.Labels, o.Binding.Labels), merged(b.Annotations, o.Binding.Annotations)
		*b = Binding{Binding: Literal(o.Binding, a.resolve)}
		b.Labels, b.Annotations = labels, annotations
	}
}

// ReleaseBinding takes labels off an object, which is the stack's no more.
type ReleaseBinding struct {
	Namespace, ObjectName string
	Labels                []string
}

func (ReleaseBinding) About() *plan.About { return binding(plan.Deletes).About } // of the stack
func (o ReleaseBinding) advance(a *advancer) {
	a.o.Bindings = dropped(a.o.Bindings, o.Namespace+"/"+o.ObjectName, (*Binding).id)
}

// DeleteBinding requests the deletion of the object; finalizers may keep it for a while.
type DeleteBinding struct {
	Namespace, ObjectName string
}

func (DeleteBinding) About() *plan.About { return binding(plan.Deletes).About }
func (o DeleteBinding) advance(a *advancer) {
	a.o.Bindings = dropped(a.o.Bindings, o.Namespace+"/"+o.ObjectName, (*Binding).id)
}

func (b *Binding) id() string { return b.Namespace + "/" + b.Name }

// Literal returns a binding whose references are literals, as Kubernetes holds it.
func Literal(b stack.Binding, resolve func(stack.Ref) string) stack.Binding {
	known := func(r stack.Ref) stack.Ref { return stack.Literal(r.Kind, resolve(r)) }
	b.TargetGroup = known(b.TargetGroup)
	b.Networking = slices.Clone(b.Networking)
	for i := range b.Networking {
		from := slices.Clone(b.Networking[i].FromGroups)
		for j := range from {
			from[j] = known(from[j])
		}
		b.Networking[i].FromGroups = from
	}
	return b
}

// binding is about an operation on a TargetGroupBinding.
func binding(v plan.Verb, refs ...stack.Ref) about {
	return about{&plan.About{Effect: plan.Effect{Kind: stack.KindBinding, Verb: v}, Refs: refs}}
}

func bindingRefs(b stack.Binding) []stack.Ref {
	out := []stack.Ref{b.TargetGroup}
	for _, n := range b.Networking {
		out = append(out, n.FromGroups...)
	}
	return out
}
