package stacks

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// versions returns a function that identifies the versions of the objects on which a problem of a step is reported,
// by the parts that users write. After an edit of one of them, a refused write is sent again; an edit of another
// member does not cause that. The function may be called concurrently.
func (p *pass) versions() func(plan.Step, diag.Diagnostic) string {
	members := map[diag.Object]metav1.Object{}
	for _, o := range slices.Concat(p.input.Members, p.input.Leaving) {
		members[unversioned(owner.Object(o))] = o
	}
	var mu sync.Mutex
	view := p.view.Fork() // these reads are no dependencies of the pass
	return func(step plan.Step, d diag.Diagnostic) string {
		var concerned []diag.Object
		for _, found := range p.reconciler.attribute(d, p.compiled.Origins, step, p.input) {
			concerned = append(concerned, unversioned(found.Object))
		}
		sorting.By(concerned, func(a, b diag.Object) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
		mu.Lock()
		defer mu.Unlock()
		h := sha256.New()
		for _, o := range slices.Compact(concerned) {
			object, known := members[o]
			if !known && objects.Kind(o.Kind) != objects.Secret { // the write contains its content
				object, known = objects.Lookup[metav1.Object](view, objects.Kind(o.Kind), o.Namespace, o.Name)
			}
			if known {
				writeEdits(h, object)
			}
		}
		return hex.EncodeToString(h.Sum(nil)[:12])
	}
}

// unversioned identifies an object by its name alone.
func unversioned(o diag.Object) diag.Object {
	o.UID = ""
	return o
}
