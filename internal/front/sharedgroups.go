package front

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// RegisteredTargets is the known state of the targets of target groups that clusters share.
type RegisteredTargets struct {
	// InAWS are the targets of a target group that do not drain.
	InAWS func(ctx context.Context, targetGroup string) ([]awsop.Target, error)
	// Recorded are the keys of the targets that this cluster registered through a binding; known is false if nothing was
	// recorded.
	Recorded func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)
}

// Foreign counts the targets of other clusters in the target groups that a plan deletes and that clusters share, by
// ARN.
func (r RegisteredTargets) Foreign(ctx context.Context, w Input, p *plan.Plan, o awsop.Observed) (
	map[string]int, error) {
	foreign, declared := map[string]int{}, declaresSharing(p.Key.Owner, w)
	for _, step := range p.Steps {
		op, deletes := step.Op.(awsop.DeleteTargetGroup)
		if !deletes || step.Guard != nil {
			continue
		}
		arn := op.TargetGroup.Literal
		// A record may outlive its binding, which had the name of the target group.
		shared, bindings := declared, []stack.ID{{Namespace: naming.NamespaceOfTargetGroup(step.Resource.ID),
			Name: naming.OfTargetGroup(arn)}}
		for _, b := range o.Bindings { // whoever writes bindings may write the labels of a stack
			if id := (stack.ID{Namespace: b.Namespace, Name: b.Name}); b.TargetGroup.Literal == arn &&
				bindsHere(step.Resource.ID, b.Namespace) {
				shared = shared || b.MultiCluster
				if !slices.Contains(bindings, id) {
					bindings = append(bindings, id)
				}
			}
		}
		if !shared {
			continue
		}
		registered, err := r.InAWS(ctx, arn)
		if err != nil {
			return foreign, err
		}
		for _, id := range bindings {
			own, _, err := r.Recorded(ctx, id)
			if err != nil {
				return foreign, fmt.Errorf("reading which targets of %s are this cluster's: %w", arn, err)
			}
			registered = slices.DeleteFunc(registered, func(t awsop.Target) bool { return slices.Contains(own, t.Key()) })
		}
		if len(registered) > 0 {
			foreign[arn] = len(registered)
		}
	}
	return foreign, nil
}

// bindsHere reports whether a binding of a namespace may be the stack's binding of a target group, by the identity of
// the target group.
func bindsHere(targetGroup, namespace string) bool {
	return naming.NamespaceOfTargetGroup(targetGroup) == "" || naming.BindsIn(targetGroup, namespace)
}

// declaresSharing reports whether an object of a stack declares that clusters share its target groups: its binding may
// be gone already.
func declaresSharing(of stack.Owner, w Input) bool {
	key := string(owner.Of(of).MultiCluster)
	return key != "" && slices.ContainsFunc(slices.Concat(w.Members, w.Leaving), func(o metav1.Object) bool {
		shared, err := strconv.ParseBool(o.GetAnnotations()[key])
		return err == nil && shared
	})
}
