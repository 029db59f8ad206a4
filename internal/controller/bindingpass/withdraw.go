package bindingpass

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// fixedRecord is a record of targets that nobody changes.
type fixedRecord []string

// Load implements registrar.RegisteredTargets.
func (r fixedRecord) Load(context.Context, stack.ID) (keys []string, known bool, err error) {
	return r, true, nil
}

// Save implements registrar.RegisteredTargets.
func (fixedRecord) Save(context.Context, stack.ID, []string) error { return nil }

// withdraw deregisters the targets of a binding that may no longer share the target group of another namespace. The
// record of what the binding registered is a ConfigMap that its tenant writes, so of the record only targets count that
// the binding wants, as its own pods or nodes.
func (b *Reconciler) withdraw(ctx context.Context, whose *ownership) error {
	o := whose.binding
	k := b.memory.get(o)
	if k.withdrawn || !o.Spec.MultiClusterTargetGroup || bindingobject.OfStack(o.Labels) {
		return nil
	}
	others, err := b.binders(ctx, o)
	if err != nil {
		return err
	}
	if owner, err := whose.among(ctx, others); err != nil || !b.Conflicts.Misplaced(owner, o, others) {
		return err
	}
	id := stack.ID{Namespace: o.Namespace, Name: o.Name}
	recorded, _, err := b.RegisteredTargets.Load(ctx, id)
	if err != nil && !apierrors.IsForbidden(err) { // without the right, it registered nothing
		return err
	}
	if len(recorded) > 0 {
		own, err := b.ownAmong(ctx, whose, registrar.KeySet(recorded))
		if err != nil {
			return err
		}
		if len(own) > 0 {
			if _, err := b.Registry.Clear(ctx, registrar.Request{Group: b.group(o), Binding: id, Record: own}); err != nil {
				return err
			}
		}
	}
	k = b.memory.get(o)
	k.withdrawn = true
	b.memory.put(o, k)
	return nil
}

// ownAmong are those of some targets that a binding wants, as its own pods or nodes.
func (b *Reconciler) ownAmong(ctx context.Context, whose *ownership, recorded map[string]bool) (own fixedRecord,
	err error) {
	o := whose.binding
	if err := b.Pods.require(ctx, o, b.Client, b.APIReader); err != nil {
		return nil, err
	}
	of, err := b.Endpoints(ctx, o)
	if err != nil {
		return nil, err
	}
	for e := range ported(of.Targets) {
		if recorded[e.Key()] && ownEndpoint(o, e) {
			own = append(own, e.Key())
		}
	}
	return own, nil
}
