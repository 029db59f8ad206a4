// Package cleanup reads the AWS resources with the tags of a cluster whose controller no longer exists. It deletes
// them with plans like the controller's.
package cleanup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Account is the AWS account of a cluster, with the TargetGroupBindings of the cluster itself.
type Account struct {
	Cluster, VPC string
	Clients      awsclient.Clients
	Inventory    *inventory.Inventory
	// Bindings are the TargetGroupBindings of a stack, as they are now; nil = there is no cluster any longer.
	Bindings func(ctx context.Context, key stack.Key) ([]awsop.Binding, error)
	Writer   apply.Bindings // nil = there is no cluster any more
}

// Held returns what AWS holds of the cluster's stacks, with the shared backend security group. unread lists what could
// not be read and is not a part of it.
func (a *Account) Held(ctx context.Context) (held []orphan.Holding, unread []string, err error) {
	keys, err := a.Inventory.Keys(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("listing load balancers, target groups and security groups: %w", err)
	}
	at := map[stack.Key]int{}
	for _, key := range keys {
		o := a.Inventory.Listed(key)
		at[key] = len(held)
		held = append(held, orphan.HoldingOf(key, &o))
	}
	owned, err := a.Inventory.Certificates().Owned(ctx, time.Hour)
	if err != nil {
		unread = append(unread, "certificates: "+err.Error())
	}
	for key, arns := range owned {
		if _, known := at[key]; !known {
			at[key] = len(held)
			held = append(held, orphan.Holding{Key: key})
		}
		for _, arn := range arns {
			held[at[key]].Resources = append(held[at[key]].Resources, orphan.Resource{Kind: stack.KindCertificate, ID: arn})
		}
	}
	for _, g := range a.Inventory.SecurityGroups().Backend() {
		held = append(held, orphan.Holding{Key: orphan.Backend, Resources: []orphan.Resource{
			{Kind: stack.KindSecurityGroup, ID: g.GroupID, Name: g.Name}}})
	}
	return held, unread, nil
}

// Plan returns the plan of the deletion of a stack, or of the shared backend security group, as AWS holds it now. Rules
// that let one of its security groups into others come first: AWS deletes no group that a rule refers to.
func (a *Account) Plan(ctx context.Context, key stack.Key) (plan.Plan, error) {
	a.Inventory.Invalidate(key)
	removal := stack.ForRemoval(key, a.Cluster, a.VPC, stack.Orphaned) // no object claims it
	if key == orphan.Backend {
		return a.planBackend(ctx)
	}
	o, err := a.Inventory.Observed(ctx, key, removal)
	if err != nil {
		return plan.Plan{}, err
	}
	holding := orphan.HoldingOf(key, &o)
	disowned, err := a.Inventory.ConfirmOwnership(ctx, key, deletable(holding))
	if err != nil {
		return plan.Plan{}, err
	}
	if len(disowned) > 0 { // its tags are another stack's by now, or none's
		if o, err = a.Inventory.Observed(ctx, key, removal); err != nil {
			return plan.Plan{}, err
		}
	}
	if a.Bindings != nil {
		if o.Bindings, err = a.Bindings(ctx, key); err != nil {
			return plan.Plan{}, err
		}
		o.Bindings = slices.DeleteFunc(o.Bindings, a.bindsOthers)
	}
	if why := shared(o.Bindings); why != "" {
		return plan.Plan{}, fmt.Errorf("%s: delete the target group's targets and the binding first", why)
	}
	p := diff.Stack(removal, stack.Keep{}, o, diff.Options{Namespaces: namespaces(o.Bindings), DeleteAdopted: true})
	var groups []string
	for _, g := range o.SecurityGroups {
		if g.ID != stack.BackendSecurityGroup {
			groups = append(groups, g.GroupID)
		}
	}
	return a.withRules(ctx, p, groups)
}

func (a *Account) planBackend(ctx context.Context) (plan.Plan, error) {
	out := plan.Plan{Key: orphan.Backend}
	a.Inventory.SecurityGroups().Forget()
	if _, err := a.Inventory.SecurityGroups().OfVPC(ctx); err != nil {
		return out, err
	}
	for _, g := range a.Inventory.SecurityGroups().Backend() {
		p, err := a.withRules(ctx, diff.DeleteShared(orphan.Backend, g), []string{g.GroupID})
		if err != nil {
			return out, err
		}
		out.Steps = append(out.Steps, p.Steps...)
	}
	return out, nil
}

// withRules adds the revocation of the rules that the controller wrote, by their description, in other groups for
// security groups that a plan deletes.
func (a *Account) withRules(ctx context.Context, p plan.Plan, groups []string) (plan.Plan, error) {
	var first []plan.Step
	of := map[string][]plan.StepID{} // revocations, by the group that they let in
	for _, source := range groups {
		for _, id := range a.Inventory.SecurityGroups().Admitting(ctx, source) {
			rules, err := a.Inventory.SecurityGroups().Rules(ctx, id)
			if err != nil {
				return p, err
			}
			rules = slices.DeleteFunc(slices.Clone(rules), func(r stack.Permission) bool {
				return r.Group.Literal != source || r.Description != ruleLabel
			})
			if len(rules) == 0 {
				continue
			}
			op := awsop.RevokeSecurityGroupIngress{Group: stack.Literal(stack.KindSecurityGroup, id), Permissions: rules}
			step := plan.StepID(plan.NameOf(op) + " " + id + " " + source)
			of[source] = append(of[source], step)
			first = append(first, plan.Step{
				ID: step, Action: plan.Update, Resource: op.Group, Op: op, Lane: plan.Normal,
				Why: []string{fmt.Sprintf("lets %s in, which goes (%d rules)", source, len(rules))},
			})
		}
	}
	for i, s := range p.Steps {
		if op, deletes := s.Op.(awsop.DeleteSecurityGroup); deletes {
			p.Steps[i].After = slices.Concat(s.After, of[op.Group.Literal])
		}
	}
	p.Steps = append(first, p.Steps...)
	return p, nil
}

// deletable are the ids of a holding whose tags must be read again before a deletion: those of load balancers, target
// groups and security groups.
func deletable(h orphan.Holding) (ids []string) {
	for _, r := range h.Resources {
		switch r.Kind {
		case stack.KindLoadBalancer, stack.KindTargetGroup, stack.KindSecurityGroup:
			ids = append(ids, r.ID)
		// their tags were just read
		case stack.KindCertificate, stack.KindTrustStore, stack.KindBinding, stack.KindListener, stack.KindRule:
		}
	}
	return ids
}

// bindsOthers reports whether a TargetGroupBinding of the stack is of a target group without the tags of the account's
// cluster. In a cluster that was renamed, the new load balancers have such target groups, and the same stacks.
func (a *Account) bindsOthers(b awsop.Binding) bool {
	owner, known := a.Inventory.KnownOwner(b.TargetGroup.Literal)
	return known && owner.External()
}

// namespaces are those of the TargetGroupBindings of a stack, which are its own if they are in one of them.
func namespaces(bindings []awsop.Binding) (out []string) {
	for _, b := range bindings {
		out = append(out, b.Namespace)
	}
	return out
}

// shared is why a stack with TargetGroupBindings must not be deleted by itself: clusters share a target group, and
// which targets are whose is known to them alone.
func shared(bindings []awsop.Binding) (why string) {
	for _, b := range bindings {
		if b.MultiCluster {
			return "TargetGroupBinding " + b.Namespace + "/" + b.Name + " shares its target group with other clusters"
		}
	}
	return ""
}
