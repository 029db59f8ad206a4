package networking

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// request is what a binding wants, and what is known of it.
type request struct {
	binding *v1beta1.TargetGroupBinding // as its last pass saw it
	of      registrar.Group
	targets bindings.Targets
	read    bool // it is known what is registered for the binding
	serial  int  // grows with each pass

	notPlaced diag.List        // what is wrong with its endpoints or its networking
	refused   map[string]error // by group
	awaited   map[string]bool  // groups that were not brought there yet
	looked    bool             // its endpoints were looked for
	settled   bool             // all of it was done or refused once
	targeted  bool             // its targets were in security groups once
	expected  bool             // the binding's last pass has reported what Settles says
}

// findings are the findings of a binding. The lock is held.
func (w *request) findings() diag.List {
	out := slices.Clone(w.notPlaced)
	var errs []error
	for _, g := range slices.Sorted(maps.Keys(w.refused)) {
		errs = append(errs, w.refused[g])
	}
	return append(out, bindings.NetworkProblem(w.binding, diag.RulesNotWritten, bindings.JoinOnce(errs))...)
}

// changed reports whether a binding's pass has something else to report than before. The lock is held.
func (w *request) changed(before diag.List) bool {
	if w.binding == nil {
		return false
	}
	settled := w.settled
	open := maps.Clone(w.awaited)
	maps.DeleteFunc(open, func(g string, _ bool) bool { return w.refused[g] != nil })
	w.settled = w.settled || w.looked && len(open) == 0
	found := w.findings()
	return w.settled && (!settled && (!w.expected || len(found) > 0) || !slices.Equal(before, found))
}

// Settles tells that the pass over a binding which wanted its rules last has nothing more to report once they are
// settled without a finding: the binding is not queued then.
func (r *Reconciler) Settles(o *v1beta1.TargetGroupBinding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.requests[ruleID(o)]; w != nil && w.binding == o {
		w.expected = true
	}
}

// Replace has a binding placed again of which something else is planned than before.
func (r *Reconciler) Replace(binding types.NamespacedName) {
	id := stack.ID{Namespace: binding.Namespace, Name: binding.Name}.String()
	r.mu.Lock()
	r.suspectID(id)
	w := r.requests[id]
	known := w != nil && w.binding != nil
	r.mu.Unlock()
	if known {
		r.bindings.AddNow(id)
	}
}
