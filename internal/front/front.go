// Package front joins the front ends to the compiler and the planner, for the controller and the command line. It loads
// the input of a stack, compiles it with the facts that it needs, and says which policies the stack's plans have, by
// its objects. It also places the hosts of groups with several load balancers (Shards). Its only side effect is the
// reading of facts through FactSource.
package front

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Loader is the front end of one kind of owner of stacks.
type Loader interface {
	Owner() stack.Owner
	// Declared returns the stack that an object of the owner's Kubernetes kind declares now. ok is false if it declares
	// none, because this front end does not manage the object, or because its class or group is invalid or looks like a
	// mistake. The diagnostic then says what is wrong.
	Declared(v *objects.View, o metav1.Object) (id stack.ID, ok bool, d *diag.Diagnostic)
	// Load reads the objects of a stack and translates them. Findings are in the Input. There is no error: whether reads
	// have failed, so that the Input is not to be used, is known to the Reader of v (objects.FallibleReader).
	Load(v *objects.View, id stack.ID) Input
}

// mostFinalizers limits the stacks that StacksOf returns for finalizers: users can forge tens of thousands.
const mostFinalizers = 64

// StacksOf returns the stacks of a front end that depend on an object, each once and sorted: those whose finalizers it
// carries, of which the first mostFinalizers count, the one that it declares, and the further shards of its group.
// There are none for an object of another kind. The diagnostic is that of Loader.Declared.
func StacksOf(f Loader, v *objects.View, o metav1.Object) (keys []stack.Key, d *diag.Diagnostic) {
	kind := owner.Of(f.Owner())
	if !kind.Is(o) {
		return nil, nil
	}
	ids := naming.StacksOfFinalizers(kind.Owner, o)
	ids = ids[:min(len(ids), mostFinalizers)]
	id, ok, d := f.Declared(v, o)
	if ok {
		ids = append(ids, id)
	}
	if ok && kind.Owner == stack.Ingress {
		for n := 1; n < ingress.Shards(v, id); n++ {
			ids = append(ids, naming.ShardID(id, n))
		}
	}
	for _, id := range ids {
		keys = append(keys, stack.Key{Owner: kind.Owner, ID: id})
	}
	slices.SortFunc(keys, stack.Key.Compare)
	return slices.Compact(keys), d
}

// FactSource answers needs for facts, as the inventory does.
type FactSource interface {
	// Answer answers needs in bulk. Needs without an answer are in Facts.Errors, each with its error; the returned error
	// is that of ctx.
	Answer(ctx context.Context, needs []facts.Need) (facts.Facts, error)
}

// Compiler compiles stacks with the facts of an account.
type Compiler struct {
	Facts  FactSource
	Config compile.Config
}

// Compile compiles an Input until there are no new needs. A stack that is to be deleted needs no facts, because its
// plan follows from what exists, with one exception: whether the stack owns the load balancer that its objects
// share. needs are all answered needs, for callers that refresh them. After an error, of FactSource.Answer or of that
// look-up, nothing is compiled.
func (c Compiler) Compile(ctx context.Context, key stack.Key, w Input, before *compile.Memory) (result compile.Result,
	needs []facts.Need, err error) {
	cfg := c.Config
	if !w.Declared {
		removed := stack.ForRemoval(key, cfg.Cluster, cfg.VPC, w.removal())
		removed.Retention, removed.Beside = w.retention(key.Owner), w.beside(key.Owner, before)
		if names := w.shares(key.Owner); len(names) > 0 && removed.Retention == stack.RetainNothing {
			need := facts.Need{Kind: facts.NeedStack, Key: key.String()}
			f, err := c.Facts.Answer(ctx, []facts.Need{need})
			if err == nil {
				err = f.Errors[need]
			}
			if err != nil {
				return compile.Result{}, nil, err
			}
			// the stack adopted the load balancer before its objects shared it
			if lb := f.Existing; lb != nil && (slices.Contains(names, lb.ARN) || slices.Contains(names, lb.Name)) {
				removed.Retention = stack.RetainTagged
			}
		}
		return compile.Result{Stack: removed}, nil, nil
	}
	if len(cfg.ObjectLabels.Copied) > 0 {
		w.LoadBalancer.Labels = map[diag.Object]map[string]string{}
		for _, m := range w.Members {
			w.LoadBalancer.Labels[owner.Object(m)] = m.GetLabels()
		}
	}
	needs = []facts.Need{{Kind: facts.NeedStack, Key: key.String()}} // nearly all compilations ask for it
	for {
		f, err := c.Facts.Answer(ctx, needs)
		if err != nil {
			return compile.Result{}, needs, err
		}
		result = compile.Compile(w.LoadBalancer, f, cfg, before)
		known := len(needs)
		for _, n := range result.Needs {
			if !slices.Contains(needs, n) {
				needs = append(needs, n)
			}
		}
		if len(needs) == known {
			return result, needs, nil
		}
	}
}
