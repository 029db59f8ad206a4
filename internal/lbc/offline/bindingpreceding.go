package offline

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// ofUser reports whether the target group of a binding is a user's, in which targets may be older than the binding.
func (p *bindingPlanner) ofUser(ctx context.Context, b *plannedBinding) (bool, error) {
	if b.OfStack() {
		return false, nil
	}
	owner, err := p.Inventory.TargetGroupOwner(ctx, b.Object.Spec.TargetGroupARN)
	return owner.External(), err
}

// protect has targets stay that may be older than a binding, and those of its ConfigMap that may be another cluster's,
// as a pass of the controller does. Without a record in a checkpoint, each registered target may be older that is not
// the binding's own.
func (p *bindingPlanner) protect(ctx context.Context, q *registrar.Request, b *plannedBinding) {
	o, of := b.Object, bindings.Targets{Endpoints: q.Want, Port: q.Port}
	if len(b.closed) > 0 {
		of.Endpoints = registrar.EndpointsOf(b.closed...)
	}
	record, kept := p.preceding(ctx, o)
	var pods map[string]bool
	if *o.Spec.TargetType == v1beta1.TargetTypeIP {
		pods = bindings.PodAddresses(objects.List[*corev1.Pod](p.View, objects.Pod, o.Namespace))
	}
	mine := map[string]bool{}
	for key := range bindings.OwnKeys(o, of) {
		mine[key] = true
	}
	if kept && record.Of(o) {
		q.Preceding = registrar.KeySet(record.Targets)
		maps.DeleteFunc(q.Preceding, func(key string, _ bool) bool { return mine[key] })
		if !record.Since.IsZero() {
			q.Own = registrar.KeySet(record.Own)
			maps.Copy(q.Own, mine)
		}
	} else {
		q.Preceding = map[string]bool{}
		for key, address := range bindings.NotOwned(o, of, b.Health) {
			if !pods[address] {
				q.Preceding[key] = true
			}
		}
	}
	if len(q.Preceding) > 0 {
		b.Diagnostics = append(b.Diagnostics, bindings.PrecedingStay(o, q.Preceding))
	}
	if q.Record != nil {
		q.OfOthers = func(t registrar.Target) bool {
			registered := kept && record.Shared == o.Spec.TargetGroupARN && slices.Contains(record.Registered, t.Key())
			return !registered && !mine[t.Key()] && !pods[t.ID]
		}
	}
}

// preceding is the record of a binding, if a checkpoint has one.
func (p *bindingPlanner) preceding(ctx context.Context, o *v1beta1.TargetGroupBinding) (bindings.Preceding, bool) {
	if p.Preceding == nil {
		return bindings.Preceding{}, false
	}
	record, kept := p.Preceding(ctx, o.Namespace, o.Name)
	return record, kept && record.UID == o.UID
}
