package controller

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// endings are the bindings that are being deleted of which nothing is left in AWS: what remains is written in the cluster, over several passes. The zero value
// is ready to use.
type endings struct {
	mu sync.Mutex
	of map[types.NamespacedName]ending
}

// ending is how far the deletion of a binding has come.
type ending struct {
	uid    types.UID
	heirs  []v1beta1.TargetGroupBinding
	opened bool // the gates of its pods
}

func (e *endings) get(binding types.NamespacedName, uid types.UID) (x ending, cleared bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x, cleared = e.of[binding]
	return x, cleared && x.uid == uid
}

func (e *endings) set(binding types.NamespacedName, x ending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of == nil {
		e.of = map[types.NamespacedName]ending{}
	}
	e.of[binding] = x
}

func (e *endings) forget(binding types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.of, binding)
}

// cleanUp ends what there is of a binding: in AWS, then the waiting of its pods, then our finalizer.
func (b *targetBindings) cleanUp(ctx context.Context, o *v1beta1.TargetGroupBinding) error {
	if !controllerutil.ContainsFinalizer(o, naming.BindingFinalizer) {
		return nil
	}
	key := client.ObjectKeyFromObject(o)
	x, cleared := b.endings.get(key, o.UID)
	var err error
	if !cleared {
		x = ending{uid: o.UID}
		if x.heirs, err = b.clear(ctx, o); err == nil {
			b.endings.set(key, x)
		}
	} else {
		b.rules.review(ctx) // of the groups of its rules, which wait where the API server was away when they were let go
	}
	if err == nil && !x.opened {
		x.opened, err = b.gates.Open(ctx, key)
	}
	if err != nil {
		d := b.problem(o, "", err)
		d.Code = diag.CleanupFailed
		found := diag.List{d}
		b.partly(ctx, o, b.withStatus(o, found))
		return err
	}
	if !x.opened { // their end brings the binding back
		return nil
	}
	b.endings.set(key, x)
	b.metrics.DeleteTargetGroup(o)
	defer b.handOver(x.heirs)
	done, err := b.unprotect(ctx, o)
	if err != nil {
		b.partly(ctx, o, notWritten(o, diag.FinalizerNotRemoved, err))
		if err = b.writes.again(err); err != nil {
			err = fmt.Errorf("removing finalizer: %w", err)
		}
		return err
	}
	if done {
		b.statuses.forget(key)
	}
	return nil
}

// clear deregisters what the binding registered, unless its target group is gone as well, its stack makes it again, or another binding has it or waits for
// it, which then knows what to keep; and it drops its rules, when what it deregistered has drained.
func (b *targetBindings) clear(ctx context.Context, o *v1beta1.TargetGroupBinding) (heirs []v1beta1.TargetGroupBinding, err error) {
	id, arn := stack.ID{Namespace: o.Namespace, Name: o.Name}, o.Spec.TargetGroupARN
	b.rules.holdUnknown(ctx, o)
	release, needed := func() { b.rules.release(ctx, id.String()) }, false
	heirs, own, err := b.heirs(ctx, o)
	switch {
	case o.Spec.IamRoleArnToAssume != "": // what is registered there is none of ours
		b.partly(ctx, o, diag.List{strandedTargets(o)})
	case b.gone(arn):
		b.registry.Forget(arn)
	case err == nil && arn != "" && len(heirs) == 0 && own:
		if needed, err = b.stillNeeded(ctx, o); needed || err != nil {
			release = func() { b.drains.keep(ctx, id.String(), arn) }
			break
		}
		unseen, _ := b.mayServe(ctx, o)
		var left targets.Change
		left, err = b.registry.Clear(ctx, targets.Request{Binding: id, ARN: arn, Claims: b.claimsOf(o), Unseen: unseen})
		if err == nil && len(left.NotOurs) > 0 {
			b.partly(ctx, o, diag.List{b.rules.elsewhere.registeredByOthers(o, left.NotOurs)})
		}
		if o.Spec.Networking != nil {
			release = func() { b.drains.begin(ctx, id.String(), arn) }
		}
	}
	if err == nil && !needed && (o.Spec.MultiClusterTargetGroup || b.claims.kept(id)) {
		err = b.claims.drop(ctx, id)
	}
	if err == nil {
		release()
	}
	return heirs, err
}
