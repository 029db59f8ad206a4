package networking

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// former is bindings.Networks.Former. A binding may have the rules that its namespace needed before, or those of an
// earlier process if it is as old and had no targets since: it must not keep open what others opened.
func (r *Reconciler) former(ctx context.Context, o *v1beta1.TargetGroupBinding, group string) (may,
	stands func(stack.Permission) bool) {
	may = sgrules.Of(r.Table.NodePorts(o.Namespace, group)).Admits
	r.mu.Lock()
	w := r.requests[ruleID(o)]
	targeted := w != nil && w.targeted
	r.mu.Unlock()
	if !targeted && r.mayBeOlder(o) {
		may = func(stack.Permission) bool { return true }
	}
	rules, err := r.rules.Standing(ctx, group)
	return may, func(p stack.Permission) bool { return err == nil && rules.Admits(p) }
}

// mayBeOlder reports whether an earlier process may have written rules for a binding.
func (r *Reconciler) mayBeOlder(o *v1beta1.TargetGroupBinding) bool {
	r.mu.Lock()
	heir := r.heirs[ruleID(o)]
	r.mu.Unlock()
	return r.mayHaveRules(o) && (heir || !o.CreationTimestamp.After(r.begun))
}

// admitting reports whether permissions that a binding may have admit another one.
func admitting(needed []stack.Permission) func(stack.Permission) bool {
	return sgrules.Of(slices.DeleteFunc(slices.Clone(needed), func(p stack.Permission) bool {
		return p.Description == sgsync.NotAllowed
	})).Admits
}

// addStanding adds to what a binding needs its rules for ports of nodes in all groups, as long as it asks for them:
// once closed, they would not be opened again when its pods come back. need has what its targets need now.
func (r *Reconciler) addStanding(ctx context.Context, o *v1beta1.TargetGroupBinding, need map[string][]stack.Permission,
	asked []stack.Permission) error {
	standing := r.Table.Standing(ruleID(o))
	if !r.Table.Placed(ruleID(o)) && r.mayBeOlder(o) {
		var err error
		if standing, err = r.nodePortsOf(ctx, o, slices.DeleteFunc(slices.Clone(asked), func(p stack.Permission) bool {
			return len(need) > 0 && sgsync.AllPorts(p) // need has the ports of targets
		})); err != nil {
			return err
		}
	}
	if len(standing) == 0 {
		return nil
	}
	asks := sgrules.Of(asked)
	for group, perms := range standing {
		has, stood := sgrules.Of(need[group]), sgrules.Of(perms)
		for _, p := range asked {
			perms = append(slices.Clip(perms), sgsync.AtNodePorts(p)...) // an edit may have narrowed the source
		}
		for _, p := range perms {
			p.Description = sgsync.Standing
			if stood.Admits(p) && asks.Admits(p) && !has.Admits(p) && !slices.Contains(need[group], p) {
				need[group] = append(slices.Clip(need[group]), p)
			}
		}
	}
	return nil
}

// nodePortsOf are, of what a binding asks for at ports of nodes, the permissions that the cluster's groups admit. A
// port by name may be any of them. A rule for all ports is not one for these.
func (r *Reconciler) nodePortsOf(ctx context.Context, o *v1beta1.TargetGroupBinding, asked []stack.Permission) (
	map[string][]stack.Permission, error) {
	out := map[string][]stack.Permission{}
	asked = slices.DeleteFunc(slices.Clone(asked), func(p stack.Permission) bool {
		return len(sgsync.AtNodePorts(p)) == 0
	})
	if len(asked) == 0 || r.Limits.Allowed.Allow(o.Namespace, allowlist.AnyPort) {
		return nil, nil
	}
	groups, err := r.Inventory.SecurityGroups().OfCluster(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the security groups of the cluster: %w", err)
	}
	for _, group := range groups {
		rules, err := r.rules.Standing(ctx, group)
		if err != nil {
			return nil, fmt.Errorf("security group %s: %w", group, err)
		}
		for _, p := range asked {
			if sgsync.AllPorts(p) && rules.Admits(p) {
				continue
			}
			for _, one := range sgsync.AtNodePorts(p) {
				if rules.Admits(one) {
					out[group] = append(out[group], one)
				}
			}
		}
	}
	return out, nil
}
