package front

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Elsewhere finds the last valid version of an object that left another stack, or at one of the stacks of which the
// object still carries the finalizer.
type Elsewhere func(o diag.Object, at []stack.Key) (intent.Member, bool)

// otherStacks are the stacks besides that of key of which an object carries the finalizer.
func otherStacks(key stack.Key, o metav1.Object) (at []stack.Key) {
	group, _ := naming.ShardOf(key.ID)
	for _, id := range naming.StacksOfFinalizers(key.Owner, o) {
		if from, _ := naming.ShardOf(id); from != group && len(at) < mostFinalizers {
			at = append(at, stack.Key{Owner: key.Owner, ID: id})
		}
	}
	return at
}

// Moving returns the input with the last valid versions of Ingresses that come from other groups. before is what the
// compiler remembers of the stack.
func (w Input) Moving(key stack.Key, before *compile.Memory, last Elsewhere) Input {
	if key.Owner != stack.Ingress {
		return w
	}
	for _, o := range w.Members {
		of := owner.Object(o)
		if before != nil {
			if _, known := before.Good[of]; known {
				continue
			}
		}
		if version, ok := last(of, otherStacks(key, o)); ok {
			if w.LoadBalancer.Moved == nil {
				w.LoadBalancer.Moved = map[diag.Object]intent.Member{}
			}
			w.LoadBalancer.Moved[of] = version
		}
	}
	return w
}

// LastAt finds the last valid version of an object at one of some stacks. If several have one, each is a part.
func LastAt(o diag.Object, at []stack.Key, memory func(stack.Key) *compile.Memory) (m intent.Member, ok bool) {
	found := 0
	for _, key := range at {
		before := memory(key)
		if before == nil {
			continue
		}
		if version, known := before.Good.Of(o); known {
			m, found = version, found+1
		}
	}
	return m, found == 1
}
