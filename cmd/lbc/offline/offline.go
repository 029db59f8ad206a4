// Package offline makes plans without a running controller, from objects of a view and the state of AWS in an inventory, by the same
// packages as the controller. It writes nothing.
// It may import front, compile and plan, and no Kubernetes client.
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

// Account is the state of AWS, as the inventory provides it.
type Account interface {
	front.FactSource
	Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (elb.Observed, error)
}

// Result is the plan of one stack.
type Result struct {
	Key         stack.Key
	Plan        plan.Plan
	Diagnostics diag.List
	// Unbuildable reports that the desired stack cannot be built; nothing would be changed.
	Unbuildable bool
	// Input, Compiled and Observed are what the plan is made from.
	Input    front.Input
	Compiled compile.Result
	Observed elb.Observed
}

// Outcome are the plans of all stacks.
type Outcome struct {
	Stacks []Result
	// Diagnostics are about objects that belong to no stack because their class or group is invalid.
	Diagnostics diag.List
}

// Invalid reports whether an object is invalid.
func (o Outcome) Invalid() bool {
	return len(o.Diagnostics) > 0 || slices.ContainsFunc(o.Stacks, func(r Result) bool { return r.Diagnostics.HasErrors() })
}

// Plans plans the stacks that the objects of the view declare and that only selects, sorted by key. bindings returns the existing
// TargetGroupBindings of a stack.
func Plans(ctx context.Context, v *objects.View, only func(stack.Key) bool, a Account, c *config.Config, bindings func(stack.Key) []elb.Binding) (Outcome, error) {
	ing, svc := front.IngressFromFlags(c), front.ServiceFromFlags(c)
	ing.Config.IncludeDryRun = true
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
		if err := diff(r.Stack, "the state of AWS"); err != nil {
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

// unreadDeletions reports whether a plan deletes load balancers whose attributes, deletion protection among them, were not read, and returns
// a stack whose observation reads them. The controller does not need them, since AWS refuses the deletion.
func unreadDeletions(r *Result, desired *stack.Stack) (needs *stack.Stack, unread bool) {
	s := *desired
	s.LoadBalancers = slices.Clone(desired.LoadBalancers)
	for _, step := range r.Plan.Steps {
		if _, deletes := step.Op.(elb.DeleteLoadBalancer); !deletes || step.Guard != nil {
			continue
		}
		for _, lb := range r.Observed.LoadBalancers {
			if lb.ARN == step.Resource.Literal && !lb.Known(elb.PartAttributes) { // attributes are read only if some are desired
				s.LoadBalancers = append(s.LoadBalancers, stack.LoadBalancer{ID: lb.ID, Type: lb.Type, Scheme: lb.Scheme, Attributes: map[string]string{"": ""}})
				unread = true
			}
		}
	}
	return &s, unread
}

// underDryRun notes the objects under dry run, which the controller would not deploy.
func underDryRun(w front.Input) diag.List {
	var out diag.List
	for _, m := range w.Members {
		if i, ok := m.(*networkingv1.Ingress); ok && ingress.DryRun(i) {
			out = append(out, diag.New(ingress.Object(i), annotation.DryRun.Path(), diag.DryRun,
				"annotation dry-run prevents the deployment; the plan is the one without the annotation", "remove the annotation to deploy it"))
		}
	}
	return out
}

// KeysOf are the stacks that depend on an object.
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

// Only selects one stack.
func Only(key stack.Key) func(stack.Key) bool { return func(k stack.Key) bool { return k == key } }

// KeyOf is the stack that an object belongs to; ok is false if it is not managed, and d reports an invalid class or group.
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
