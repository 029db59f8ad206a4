// Package offline plans without a running controller: objects from files or a cluster, what AWS holds from an inventory.
// It goes the controller's own way up to the plan, and stops there. It writes nothing.
// It imports front, compile and plan; it knows no Kubernetes client.
package offline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Account is what is asked about AWS; the inventory answers.
type Account interface {
	front.FactSource
	Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (elb.Observed, error)
}

// Result is what would happen to one stack.
type Result struct {
	Key         stack.Key
	Plan        plan.Plan
	Diagnostics diag.List
	// Unbuildable says that what is desired cannot be built as it is; nothing would be touched.
	Unbuildable bool
	// Input, Compiled and Observed are what the plan comes from.
	Input    front.Input
	Compiled compile.Result
	Observed elb.Observed
}

// Outcome is what would happen to all stacks.
type Outcome struct {
	Stacks []Result
	// Diagnostics are about objects that belong to no stack because their class or group is invalid.
	Diagnostics diag.List
}

// Invalid reports whether an object is.
func (o Outcome) Invalid() bool {
	return len(o.Diagnostics) > 0 || slices.ContainsFunc(o.Stacks, func(r Result) bool { return r.Diagnostics.HasErrors() })
}

// Plans plans every stack that the objects of the view ask for, or that only admits, sorted by key. bindings lists the
// TargetGroupBindings that exist for a stack.
func Plans(ctx context.Context, v *objects.View, only func(stack.Key) bool, a Account, c *config.Config, bindings func(stack.Key) []elb.Binding) (Outcome, error) {
	ing, svc := front.IngressFromFlags(c), front.ServiceFromFlags(c)
	ing.Config.IncludeDryRun = true // what a plan is for
	keys, broken := keysOf(v, ing, svc)
	compileConfig := front.CompileFromFlags(c)
	var out []Result
	for _, key := range keys {
		if !only(key) {
			continue
		}
		var source front.Loader = ing
		if key.Owner == stack.Service {
			source = svc
		}
		w := source.Load(v, key.ID)
		r, _, err := front.Compile(ctx, a, key, w, compileConfig, nil)
		if err != nil {
			return Outcome{}, fmt.Errorf("%s: %w", key, err)
		}
		res := Result{Key: key, Plan: plan.Plan{Key: key}, Diagnostics: append(slices.Clone(w.Found), r.Diagnostics...), Input: w, Compiled: r}
		res.Diagnostics = append(res.Diagnostics, underDryRun(w)...)
		if r.Stack == nil {
			res.Unbuildable = true
			out = append(out, res)
			continue
		}
		diff := func(needs *stack.Stack, what string) error {
			o, err := a.Observed(ctx, key, needs)
			if err != nil {
				return fmt.Errorf("%s: reading %s: %w", key, what, err)
			}
			o.Bindings, o.Hostnames = bindings(key), w.Hostnames()
			res.Observed = o.Clone() // a diff sorts in place
			res.Plan = diff.Stack(r.Stack, r.Keep, o, w.Options(front.OptionsFromFlags(c))).Under(policy.Protect(w.Protected, o))
			return nil
		}
		if err := diff(r.Stack, "what AWS holds"); err != nil {
			return Outcome{}, err
		}
		if needs, unread := unreadDeletions(&res, r.Stack); unread {
			if err := diff(needs, "the deletion protection of what would be deleted"); err != nil {
				return Outcome{}, err
			}
		}
		out = append(out, res)
	}
	return Outcome{out, broken}, nil
}

// unreadDeletions reports whether a plan deletes load balancers of which the attributes, and deletion protection among them, were not read,
// and returns a stack to observe that needs them. The controller learns of the protection when AWS refuses the deletion.
func unreadDeletions(r *Result, desired *stack.Stack) (needs *stack.Stack, unread bool) {
	s := *desired
	s.LoadBalancers = slices.Clone(desired.LoadBalancers)
	for _, step := range r.Plan.Steps {
		if _, deletes := step.Op.(elb.DeleteLoadBalancer); !deletes || step.Guard != nil {
			continue
		}
		for _, lb := range r.Observed.LoadBalancers {
			if lb.ARN == step.Resource.Literal && !lb.Known(elb.PartAttributes) { // attributes are read of those for which some are wanted
				s.LoadBalancers = append(s.LoadBalancers, stack.LoadBalancer{ID: lb.ID, Type: lb.Type, Scheme: lb.Scheme, Attributes: map[string]string{"": ""}})
				unread = true
			}
		}
	}
	return &s, unread
}

// underDryRun notes the objects that the controller would not deploy yet.
func underDryRun(w front.Input) diag.List {
	var out diag.List
	for _, m := range w.Members {
		if i, ok := m.(*networkingv1.Ingress); ok && ingress.DryRun(i) {
			out = append(out, diag.New(ingress.Object(i), annotation.DryRun.Path(), diag.DryRun,
				"annotation dry-run keeps this from being deployed; the plan tells what would be done without it", "remove the annotation to deploy it"))
		}
	}
	return out
}

// KeysOf are the stacks that have to look at an object.
func KeysOf(v *objects.View, c *config.Config, o metav1.Object) []stack.Key {
	var keys []stack.Key
	switch x := o.(type) {
	case *networkingv1.Ingress:
		for _, id := range ingress.Groups(v, front.IngressFromFlags(c).Config, x) {
			keys = append(keys, stack.Key{Owner: stack.Ingress, ID: id})
		}
	case *corev1.Service:
		if cfg := front.ServiceFromFlags(c).Config; service.Supported(cfg, x) || service.PendingFinalization(x) {
			keys = append(keys, service.Key(x))
		}
	}
	return keys
}

func keysOf(v *objects.View, ing front.Ingress, svc front.Service) ([]stack.Key, diag.List) {
	var keys []stack.Key
	var broken diag.List
	for _, i := range v.Ingresses() {
		if _, _, d := ingress.GroupOf(v, ing.Config, i); d != nil {
			broken = append(broken, *d)
		}
		for _, id := range ingress.Groups(v, ing.Config, i) {
			keys = append(keys, stack.Key{Owner: stack.Ingress, ID: id})
		}
	}
	for _, s := range v.Services("") {
		if service.Supported(svc.Config, s) || service.PendingFinalization(s) {
			keys = append(keys, service.Key(s))
		}
	}
	slices.SortFunc(keys, func(a, b stack.Key) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(keys), broken
}

// Only admits one stack.
func Only(key stack.Key) func(stack.Key) bool { return func(k stack.Key) bool { return k == key } }

// KeyOf is the stack that an object belongs to now; ok is false if it is not ours, and d tells if its class or group is invalid.
func KeyOf(v *objects.View, c *config.Config, o metav1.Object) (key stack.Key, d *diag.Diagnostic, ok bool) {
	switch x := o.(type) {
	case *networkingv1.Ingress:
		id, ok, d := ingress.GroupOf(v, front.IngressFromFlags(c).Config, x)
		return stack.Key{Owner: stack.Ingress, ID: id}, d, ok
	case *corev1.Service:
		return service.Key(x), nil, service.Supported(front.ServiceFromFlags(c).Config, x)
	}
	return stack.Key{}, nil, false
}
