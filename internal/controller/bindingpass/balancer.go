package bindingpass

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// balancer is the load balancer in front of the target group. Only one with nearly as many targets as AWS admits by
// default costs a read of the account's limits.
func (p *pass) balancer(ctx context.Context) registrar.Balancer {
	b, group := p.reconciler, p.reconciler.group(p.binding)
	arn, kind := b.Inventory.BalancerOf(group.ARN)
	if arn == "" {
		return registrar.Balancer{}
	}
	limit := quota.TargetsOf(kind)
	out := registrar.Balancer{ARN: arn, Max: limit.Default()}
	if 10*b.Registry.Needed(arn, group, p.endpoints.Len()) > 9*out.Max {
		out.Max = b.Inventory.Limit(ctx, limit)
		out.Namespaces = p.sharing(ctx)
	}
	return out
}

// sharing is how many namespaces have bindings of the stack of the target group. A binding counts if the target group
// is its own: labels alone prove nothing.
func (p *pass) sharing(ctx context.Context) int {
	b := p.reconciler
	own, _ := b.Inventory.KnownOwner(p.binding.Spec.TargetGroupARN)
	labels := naming.Labels(own.Stack)
	var list v1beta1.TargetGroupBindingList
	if b.Client.List(ctx, &list, client.MatchingFields{reads.ByStack: reads.Indexed(labels)},
		client.MatchingLabels(labels)) != nil {
		return 0
	}
	of := map[string]bool{}
	for i := range list.Items {
		o := &list.Items[i]
		if owner, known := b.Inventory.KnownOwner(o.Spec.TargetGroupARN); known && owner.Stack == own.Stack && owner.BindsIn(
			o.Namespace) {
			of[o.Namespace] = true
		}
	}
	return len(of)
}
