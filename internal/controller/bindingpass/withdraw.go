package bindingpass

import (
	"context"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
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

// sharedRecord is the record of a binding that shares a target group of others: the ConfigMap, which the existing
// controller reads, too, and checkpoints. The tenant of the binding writes the ConfigMap: see unprovenOf.
type sharedRecord struct {
	reconciler *Reconciler
	binding    *v1beta1.TargetGroupBinding
}

// Load implements registrar.RegisteredTargets. What checkpoints do not have yet is saved.
func (r sharedRecord) Load(ctx context.Context, id stack.ID) (keys []string, known bool, err error) {
	registered, err := r.reconciler.Preceding.registered(ctx, r.binding)
	if err != nil {
		return nil, false, err
	}
	keys, known, err = r.reconciler.RegisteredTargets.Load(ctx, id)
	return append(keys, registered...), known && len(registered) > 0, err
}

// Save implements registrar.RegisteredTargets. Of the keys, checkpoints get those of which this process knows that the
// binding registered them.
func (r sharedRecord) Save(ctx context.Context, id stack.ID, keys []string) error {
	proven, err := r.reconciler.proven(ctx, r.binding)
	if err != nil {
		return err
	}
	r.reconciler.Preceding.noteRegistered(r.binding, r.binding.Spec.TargetGroupARN, slices.DeleteFunc(slices.Clone(keys),
		func(key string) bool { return !proven[key] }))
	return r.reconciler.RegisteredTargets.Save(ctx, id, keys)
}

// proven are the keys of targets that a binding has registered in a target group that it shares: in this process, or as
// checkpoints say.
func (b *Reconciler) proven(ctx context.Context, o *v1beta1.TargetGroupBinding) (map[string]bool, error) {
	registered, err := b.Preceding.registered(ctx, o)
	proven := registrar.KeySet(registered)
	maps.Copy(proven, b.Registry.Own(b.group(o)))
	return proven, err
}

// registered are the keys of the targets that a binding registered in its target group while it shared that, as far as
// this process, or checkpoints, know.
func (p *Preceding) registered(ctx context.Context, o *v1beta1.TargetGroupBinding) (keys []string, err error) {
	if p == nil {
		return nil, nil
	}
	if p.Checkpoints.Enabled() {
		if err := p.Checkpoints.Await(ctx); err != nil {
			return nil, err
		}
	}
	if t, kept := p.get(o); kept && t.Shared == o.Spec.TargetGroupARN {
		return t.Registered, nil
	}
	return nil, nil
}

// noteRegistered keeps what a binding registered in a target group that it shares.
func (p *Preceding) noteRegistered(o *v1beta1.TargetGroupBinding, in string, keys []string) {
	t, known := p.get(o)
	if !known {
		t = bindings.Preceding{}
	}
	t.UID, t.Shared, t.Registered = o.UID, in, keys
	p.enter(o, t)
}

// withdraw deregisters the targets of a binding that may not share the target group of another namespace, or no longer:
// what checkpoints say that it registered. Without that, the record of the binding is a ConfigMap that its tenant
// writes, and of it only targets count that the binding wants, as its own pods or nodes.
func (b *Reconciler) withdraw(ctx context.Context, whose *ownership) error {
	o := whose.binding
	k := b.memory.get(o)
	if k.withdrawn {
		return nil
	}
	own, err := b.Preceding.registered(ctx, o)
	known := len(own) > 0
	if err != nil || !known && (!o.Spec.MultiClusterTargetGroup || bindingobject.OfStack(o.Labels)) {
		return err
	}
	others, err := b.binders(ctx, o)
	if err != nil {
		return err
	}
	if owner, err := whose.among(ctx, others); err != nil || !b.Conflicts.Misplaced(owner, o, others) {
		return err
	}
	id := stack.ID{Namespace: o.Namespace, Name: o.Name}
	if !known {
		if own, err = b.ownRecorded(ctx, whose, id); err != nil {
			return err
		}
	}
	if len(own) > 0 {
		ofOthers, err := b.ofOthers(ctx, whose)
		if err != nil {
			return err
		}
		if _, err := b.Registry.Clear(ctx, registrar.Request{Group: b.group(o), Binding: id, Record: fixedRecord(own),
			OfOthers: ofOthers}); err != nil {
			return err
		}
	}
	if known {
		b.Preceding.noteRegistered(o, "", nil)
	}
	k = b.memory.get(o)
	k.withdrawn = true
	b.memory.put(o, k)
	return nil
}

// ownRecorded are those of the targets in the ConfigMap of a binding that it wants, as its own pods or nodes.
func (b *Reconciler) ownRecorded(ctx context.Context, whose *ownership, id stack.ID) ([]string, error) {
	recorded, _, err := b.RegisteredTargets.Load(ctx, id)
	if apierrors.IsForbidden(err) { // without the right, it registered nothing
		return nil, nil
	}
	if err != nil || len(recorded) == 0 {
		return nil, err
	}
	return b.ownAmong(ctx, whose, registrar.KeySet(recorded))
}

// ownAmong are those of some targets that a binding wants, as its own pods or nodes.
func (b *Reconciler) ownAmong(ctx context.Context, whose *ownership, recorded map[string]bool) (own []string,
	err error) {
	o := whose.binding
	if err := b.Pods.require(ctx, o, b.Client, b.APIReader); err != nil {
		return nil, err
	}
	of, err := b.Endpoints(ctx, o)
	if err != nil {
		return nil, err
	}
	for key := range bindings.OwnKeys(o, of.Targets) {
		if recorded[key] {
			own = append(own, key)
		}
	}
	return own, nil
}
