package offline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// rules finds which rules would be opened for bindings and which ones no binding needs: the controller's table of needs
// and its reconciliation of one group do, with writes that are not carried out.
func (p *bindingPlanner) rules(ctx context.Context) Result {
	out := Result{Key: sgsync.Key, Plan: plan.Plan{Key: sgsync.Key}}
	if !slices.ContainsFunc(p.all, func(b *plannedBinding) bool {
		return b.shown && !b.OfStack() || b.Object.Spec.Networking != nil
	}) {
		return out
	}
	table, groups := sgsync.NewTable(), map[string]bool{}
	for _, b := range p.all {
		if b.shown || p.AllKnown {
			p.need(ctx, b, table)
		}
		for g := range b.Groups {
			groups[g] = true
		}
	}
	// with that, rules may be those of bindings that the controller does not see
	partial := p.unresolved || !p.AllKnown || p.Config.WatchNamespace != ""
	if !partial {
		all, err := p.Inventory.SecurityGroups().OfCluster(ctx)
		for _, g := range all {
			groups[g] = true
		}
		partial = err != nil
	}
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		did := &collector{}
		r := sgsync.Reconciler{
			Cluster: p.Config.ClusterName, Table: table, Rules: p.Inventory.SecurityGroups(),
			Limit: p.Config.RulesPerSecurityGroup, Write: did.write, Backend: p.Config.BackendSecurityGroup,
		}
		end := r.Reconcile(ctx, g, func() bool { return partial })
		for _, b := range p.all {
			if err := end.Of(b.ID().String(), b.Groups[g]); err != nil {
				b.Diagnostics = append(b.Diagnostics, bindings.NetworkProblem(b.Object, diag.RulesNotWritten,
					fmt.Errorf("security group %s: %w", g, err))...)
			}
		}
		p.attribute(g, did.ops, &out)
	}
	return out
}

// need enters what a binding needs of security groups.
func (p *bindingPlanner) need(ctx context.Context, b *plannedBinding, table *sgsync.Table) {
	o, id := b.Object, b.ID().String()
	if o.Spec.Networking == nil || o.DeletionTimestamp != nil {
		return
	}
	if b.State != Served || o.Spec.TargetType == nil {
		unplaced, unclear, _ := p.networks.Permissions(ctx, o, nil)
		table.Extend(id, nil, append(unplaced, unclear...))
		return
	}
	targets := bindings.Targets{Endpoints: registrar.EndpointsOf(b.wanted...)}
	need, unclear, found, placed := p.networks.Needs(ctx, o, targets)
	b.Groups, b.Diagnostics = need, append(b.Diagnostics, found...)
	if placed {
		table.Set(id, need)
	} else {
		table.Extend(id, need, unclear)
	}
	if b.draining { // what an earlier process opened stays until its targets have drained
		unplaced, unclear, _ := p.networks.Permissions(ctx, o, nil)
		table.Extend(id+" drains", nil, append(unplaced, unclear...))
	}
}

// attribute enters what is done to a group: a rule that is opened under the first binding that needs it, one that is
// closed under none.
func (p *bindingPlanner) attribute(group string, ops []plan.Operation, none *Result) {
	ref := stack.Literal(stack.KindSecurityGroup, group)
	for _, op := range ops {
		switch op := op.(type) {
		case awsop.AuthorizeSecurityGroupIngress:
			for _, b := range p.all {
				if len(b.Groups[group]) > 0 {
					if b.Missing == nil {
						b.Missing = map[string][]stack.Permission{}
					}
					b.Missing[group] = append(b.Missing[group], op.Permissions...)
				}
			}
			for _, rule := range op.Permissions {
				p.open(group, rule)
			}
		case awsop.RevokeSecurityGroupIngress:
			none.Plan.Steps = append(none.Plan.Steps, plan.Step{
				ID: plan.StepID("RevokeSecurityGroupIngress " + group), Action: plan.Update, Resource: ref, Lane: plan.Normal,
				Op:  awsop.RevokeSecurityGroupIngress{Group: ref, Permissions: op.Permissions},
				Why: ruleLines("no binding needs it: close ", op.Permissions),
			})
		}
	}
}

// open enters a rule that is opened: under a binding of a user if one needs it.
func (p *bindingPlanner) open(group string, rule stack.Permission) {
	admits := sgrules.Of([]stack.Permission{rule})
	rank := func(b *plannedBinding) int {
		switch {
		case b.shown && !b.OfStack():
			return 0
		case b.shown:
			return 1
		}
		return 2
	}
	for _, b := range slices.SortedStableFunc(slices.Values(p.all), func(x, y *plannedBinding) int {
		return cmp.Compare(rank(x), rank(y))
	}) {
		if !slices.ContainsFunc(b.Groups[group], func(q stack.Permission) bool {
			return admits.Admits(q) || sgrules.Of([]stack.Permission{q}).Admits(rule)
		}) {
			continue
		}
		if at := slices.IndexFunc(b.Open, func(g GroupRules) bool { return g.Group == group }); at >= 0 {
			b.Open[at].Rules = append(b.Open[at].Rules, rule)
		} else {
			b.Open = append(b.Open, GroupRules{group, []stack.Permission{rule}})
		}
		return
	}
}

// healthPort is the port of the health checks of a binding's target group.
func (p *bindingPlanner) healthPort(ctx context.Context, o *v1beta1.TargetGroupBinding) (int32, *diag.Diagnostic) {
	tg, d := bindings.Describe(ctx, p.Balancing, o)
	if d != nil && d.Class != diag.NotFound {
		return 0, d
	}
	return bindings.HealthPort(tg), nil
}
