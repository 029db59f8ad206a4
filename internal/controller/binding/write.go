package binding

import (
	"sync"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/naming"
)

// memory is what passes keep of bindings for the next. The zero value is ready to use.
type memory struct {
	mu sync.Mutex
	of map[types.NamespacedName]kept
}

// kept is what is kept of a binding.
type kept struct {
	uid       types.UID
	protected bool                  // it has had our finalizer
	group     *elbtypes.TargetGroup // that its spec is completed from, as it was read
	read      int64                 // the generation for which the group was read
	ending
}

// ending is how far the deletion of a binding has come.
type ending struct {
	cleared    bool // nothing of it is left in AWS
	successors []v1beta1.TargetGroupBinding
	opened     bool // the gates of its pods
}

// get is what is kept of a binding.
func (m *memory) get(o *v1beta1.TargetGroupBinding) kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.of[client.ObjectKeyFromObject(o)]; k.uid == o.UID {
		return k
	}
	return kept{uid: o.UID}
}

func (m *memory) put(o *v1beta1.TargetGroupBinding, k kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[types.NamespacedName]kept{}
	}
	m.of[client.ObjectKeyFromObject(o)] = k
}

func (m *memory) forget(binding types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, binding)
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.of)
}

// protect has our finalizer put on a binding, and reports whether targets may be registered for it: without one the binding could go while they stay. A binding
// that had it once in this life is served while it is put on again.
func (b *Reconciler) protect(o *v1beta1.TargetGroupBinding) (ok bool, err error) {
	k := b.memory.get(o)
	done := controllerutil.ContainsFinalizer(o, naming.BindingFinalizer)
	if !done {
		done, err = b.Writes.Enqueue(objectwriter.Write{Object: o, Part: objectwriter.Finalizer, Change: func(x client.Object) bool {
			return x.GetDeletionTimestamp() == nil && controllerutil.AddFinalizer(x, naming.BindingFinalizer)
		}}, "added")
	}
	if done && !k.protected {
		k.protected = true
		b.memory.put(o, k)
	}
	return k.protected, err
}

// unprotect has our finalizer taken off a binding.
func (b *Reconciler) unprotect(o *v1beta1.TargetGroupBinding) error {
	_, err := b.Writes.Enqueue(objectwriter.Write{Object: o, Part: objectwriter.Finalizer, Change: func(x client.Object) bool {
		return controllerutil.RemoveFinalizer(x, naming.BindingFinalizer)
	}}, "removed")
	return err
}
