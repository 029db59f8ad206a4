package podtargets

import (
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// Times are the deregistration delays of target groups, and for how long their load balancers may need a pod that ends.
// A stack is loaded once for all its bindings, and again only after something of it has changed: each change of
// endpoints asks. It is safe for concurrent use.
type Times struct {
	Finder

	mu     sync.Mutex
	stacks map[stack.Key]*times
}

// times are the times of one stack.
type times struct {
	load    sync.Once
	targets []declared
}

// NewTimes makes one that knows no stack yet.
func NewTimes(f Finder) *Times { return &Times{Finder: f, stacks: map[stack.Key]*times{}} }

// Seconds is for how many seconds the load balancer of a binding may need a pod that ends. Of a binding that no stack
// declares, its spec shows it.
func (t *Times) Seconds(v *objects.View, b *v1beta1.TargetGroupBinding) int64 {
	if b.Spec.TargetType == nil {
		return 0
	}
	if target, declared := t.declared(v, b); declared {
		return target.Seconds()
	}
	return bound(b).Seconds()
}

// declared is the target group that a stack declares for a binding.
func (t *Times) declared(v *objects.View, b *v1beta1.TargetGroupBinding) (target drain.Target, ok bool) {
	key, ok := bindingobject.StackOfBinding(v, b.Labels)
	if !ok {
		return drain.Target{}, false
	}
	return targetOf(v, b, t.of(v, key))
}

// targetOf is what of the declared target groups of its stack a binding is for: the one of its name, or else one
// without a binding of its own name that keeps it.
func targetOf(v *objects.View, b *v1beta1.TargetGroupBinding, all []declared) (target drain.Target, ok bool) {
	i := slices.IndexFunc(all, func(d declared) bool {
		return d.ServiceNamespace == b.Namespace && d.target.Binding == b.Name
	})
	if i < 0 {
		i = slices.IndexFunc(all, func(d declared) bool {
			if !d.keeps(b) {
				return false
			}
			_, own := objects.Lookup[*v1beta1.TargetGroupBinding](v, objects.TargetGroupBinding, b.Namespace, d.target.Binding)
			return !own
		})
	}
	if i < 0 {
		return drain.Target{}, false
	}
	return all[i].target, true
}

// of are the target groups that a stack declares.
func (t *Times) of(v *objects.View, key stack.Key) []declared {
	l := t.Loaders[key.Owner]
	if l == nil {
		return nil
	}
	t.mu.Lock()
	s := t.stacks[key]
	if s == nil {
		s = &times{}
		t.stacks[key] = s
	}
	t.mu.Unlock()
	s.load.Do(func() {
		s.targets = t.ofStack(v, l, key)
		if v.Err() != nil { // what could not be read is missing in it
			t.Changed(key)
		}
	})
	return s.targets
}

// Changed forgets a stack after a change. Results that are being loaded meanwhile are discarded.
func (t *Times) Changed(key stack.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.stacks, key)
}

// Dropped reports whether the stack of a binding declares it no more: it is about to be deleted. What cannot be read
// counts as declared.
func (f Finder) Dropped(v *objects.View, b *v1beta1.TargetGroupBinding) bool {
	key, owned := bindingobject.StackOfBinding(v, b.Labels)
	l := f.Loaders[key.Owner]
	if !owned || l == nil {
		return false
	}
	_, declared := targetOf(v, b, f.ofStack(v, l, key))
	return !declared && v.Err() == nil
}

// ofStack loads a stack, and finds its target groups.
func (f Finder) ofStack(v *objects.View, l front.Loader, key stack.Key) (all []declared) {
	f.each(l.Load(v, key.ID), func(_ *intent.Member, d declared) { all = append(all, d) })
	return all
}
