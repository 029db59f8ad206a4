package stacks

import (
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// additions returns notes about what members use beyond the existing controller, if --existing-features-only is set:
// such objects are older than the flag, or no webhook answered when they were written. A group reports them with its
// first load balancer.
func (s *Reconciler) additions(key stack.Key, w front.Input) (found diag.List) {
	if _, n := naming.ShardOf(key.ID); n > 0 || !s.Compile.ExistingFeaturesOnly {
		return nil
	}
	for _, m := range w.Members {
		kind, _ := objects.KindOf(m)
		o, err := addition.Tree(m, string(kind))
		if err != nil {
			continue // an object of the API server has a form in JSON
		}
		for _, u := range addition.Of(o) {
			if !u.Row.Written && u.Row.Effect != addition.Ignored {
				found = append(found, diag.New(owner.Object(m), u.Field, diag.AdditionInUse, u.Missing(), addition.Remedy))
			}
		}
	}
	return found
}
