package bindings

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// Planned are the bindings of stacks as this process wrote them, or found them written as planned. Labels and
// annotations do not make a binding one of a stack, as its author writes these. It is safe for concurrent use; a nil
// Planned has none.
type Planned struct {
	// Changed is called when a binding is planned in another way than before; nil = nobody needs to know.
	Changed func(binding types.NamespacedName)

	mu sync.Mutex
	of map[types.NamespacedName]stack.Binding
}

// Note records a binding of a stack, whose references are literals.
func (p *Planned) Note(b stack.Binding) {
	if p == nil {
		return
	}
	key := types.NamespacedName{Namespace: b.Namespace, Name: b.Name}
	b.Labels, b.Annotations, b.NodeLabels, b.NodeExpressions = nil, nil, nil, nil // which decide nothing here
	p.mu.Lock()
	before, known := p.of[key]
	if p.of == nil {
		p.of = map[types.NamespacedName]stack.Binding{}
	}
	p.of[key] = b
	changed := p.Changed
	p.mu.Unlock()
	if changed != nil && (!known || !SamePlan(before, b)) {
		changed(key)
	}
}

// Forget drops a binding that the stack wants no more.
func (p *Planned) Forget(key types.NamespacedName) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.of, key)
}

// Is reports whether a binding is as its stack planned it: its targets and its networking are the controller's own
// words.
func (p *Planned) Is(o *v1beta1.TargetGroupBinding) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	b, known := p.of[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}]
	p.mu.Unlock()
	return known && SamePlan(bindingobject.ObservedBinding(o).Binding, b)
}

// Elsewhere reports whether a stack planned another binding for the target group of a binding.
func (p *Planned) Elsewhere(o *v1beta1.TargetGroupBinding) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, b := range p.of {
		if b.TargetGroup.Literal == o.Spec.TargetGroupARN && (key.Namespace != o.Namespace || key.Name != o.Name) {
			return true
		}
	}
	return false
}

// Len returns how many bindings are known.
func (p *Planned) Len() int {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.of)
}

// SamePlan reports whether two bindings, whose references are literals, have the same targets and networking.
func SamePlan(a, b stack.Binding) bool {
	return a.TargetGroup == b.TargetGroup && a.TargetType == b.TargetType && a.ServiceName == b.ServiceName &&
		a.ServicePort == b.ServicePort &&
		canonical.SameNetworking(a.Networking, b.Networking, canonical.Literal)
}
