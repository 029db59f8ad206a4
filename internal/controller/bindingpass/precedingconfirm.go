package bindingpass

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const (
	// confirmAfter is how long after the first read of a target group a second one confirms which targets preceded a
	// binding: a wrong answer without targets looks like a target group that has none.
	confirmAfter = 5 * time.Minute
	// confirmPause is the pause after a second read that confirms nothing.
	confirmPause = time.Minute
)

// unconfirmed is what stays registered while one read alone says which targets preceded a binding, and keeps which ones
// the binding wants meanwhile. When it is time, it reads again; for a binding that ends it does neither.
func (b *Reconciler) unconfirmed(ctx context.Context, o *v1beta1.TargetGroupBinding, t bindings.Preceding,
	of bindings.Targets) protectedTargets {
	out := protectedTargets{keys: registrar.KeySet(t.Targets), own: registrar.KeySet(t.Own), known: true}
	if leaving(o) {
		return out
	}
	own, wanted := out.own, map[string]bool{}
	for key := range bindings.OwnKeys(o, of) {
		wanted[key] = true
	}
	maps.Copy(own, wanted)
	maps.Copy(own, b.Registry.Own(b.group(o)))
	if len(own) > len(t.Own) {
		t.Own = slices.Sorted(maps.Keys(own))
		b.Preceding.enter(o, t)
	}
	wait := t.Since.Add(confirmAfter).Sub(b.Now())
	if wait <= 0 {
		var found []string
		if found, out.err = b.confirm(ctx, o, of, own, wanted); out.err == nil {
			t.Targets = slices.Compact(slices.Sorted(slices.Values(append(found, t.Targets...))))
			t.Own, t.Since = nil, time.Time{}
			b.Preceding.enter(o, t)
			return protectedTargets{keys: b.stillPreceding(o, t, of), known: true}
		}
		wait = confirmPause
	}
	b.Waker.WakeAfter(wait, queue.Normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	out.keys = b.stillPreceding(o, t, of)
	return out
}

// errPartial is the cause of confirm's error where the answer lacks a target that the binding wants and has registered.
var errPartial = errors.New("AWS's answer lacks a registered target")

// confirm reads the targets of a target group again: found are those that are not the binding's own.
func (b *Reconciler) confirm(ctx context.Context, o *v1beta1.TargetGroupBinding, of bindings.Targets, own,
	wanted map[string]bool) (found []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, ownerTimeout)
	defer cancel()
	health, err := b.Registry.Health(ctx, b.group(o))
	if err != nil {
		return nil, err
	}
	shown := map[string]bool{}
	for _, h := range health {
		shown[h.Key()] = true
	}
	for key := range b.Registry.Own(b.group(o)) {
		if wanted[key] && !shown[key] {
			return nil, errPartial
		}
	}
	return b.notOwned(ctx, o, of, health, own)
}
