package awsop

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// CreateBinding creates a TargetGroupBinding object.
type CreateBinding struct{ Binding stack.Binding }

func (o CreateBinding) Refs() []stack.Ref { return bindingRefs(o.Binding) }
func (CreateBinding) Traits() plan.Traits { return plan.Traits{} }
func (o CreateBinding) Send(s Sender)     { s.CreateBinding(o) }
func (CreateBinding) effect() Effect      { return Effect{Kind: stack.KindBinding, Verb: Creates} }
func (o CreateBinding) advance(a advancer) {
	a.o.Bindings = append(a.o.Bindings, Binding{Binding: Literal(o.Binding, a.resolve)})
}

// UpdateBinding patches the fields, labels and annotations that are ours; others stay.
type UpdateBinding struct{ Binding stack.Binding }

func (o UpdateBinding) Refs() []stack.Ref { return bindingRefs(o.Binding) }
func (UpdateBinding) Traits() plan.Traits { return plan.Traits{} }
func (o UpdateBinding) Send(s Sender)     { s.UpdateBinding(o) }
func (UpdateBinding) effect() Effect      { return Effect{Kind: stack.KindBinding, Verb: Changes} }
func (o UpdateBinding) advance(a advancer) {
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

func (ReleaseBinding) Refs() []stack.Ref   { return nil }
func (ReleaseBinding) Traits() plan.Traits { return plan.Traits{} }
func (o ReleaseBinding) Send(s Sender)     { s.ReleaseBinding(o) }
func (ReleaseBinding) effect() Effect      { return Effect{Kind: stack.KindBinding, Verb: Deletes} } // of the stack
func (o ReleaseBinding) advance(a advancer) {
	a.o.Bindings = dropped(a.o.Bindings, o.Namespace+"/"+o.ObjectName, (*Binding).id)
}

// DeleteBinding requests the deletion of the object; finalizers may keep it for a while.
type DeleteBinding struct {
	Namespace, ObjectName string
}

func (DeleteBinding) Refs() []stack.Ref   { return nil }
func (DeleteBinding) Traits() plan.Traits { return plan.Traits{} }
func (o DeleteBinding) Send(s Sender)     { s.DeleteBinding(o) }
func (DeleteBinding) effect() Effect      { return Effect{Kind: stack.KindBinding, Verb: Deletes} }
func (o DeleteBinding) advance(a advancer) {
	a.o.Bindings = dropped(a.o.Bindings, o.Namespace+"/"+o.ObjectName, (*Binding).id)
}

func (b *Binding) id() string { return b.Namespace + "/" + b.Name }

// Literal is a binding whose references are literals, as Kubernetes holds it.
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

func bindingRefs(b stack.Binding) []stack.Ref {
	out := []stack.Ref{b.TargetGroup}
	for _, n := range b.Networking {
		out = append(out, n.FromGroups...)
	}
	return out
}
