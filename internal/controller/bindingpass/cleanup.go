package bindingpass

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Remembered counts what is kept of bindings.
func (b *Reconciler) Remembered() map[string]int {
	return map[string]int{"writes": b.Writes.Len(), "bindings": b.memory.len(), "bindings in vain": b.Unavailable.Len()}
}

// errCheckpointsUnread delays the end of a binding: some of the registered targets may be others'.
var errCheckpointsUnread = errors.New("checkpoints cannot be read yet, so it is not known which targets were " +
	"registered before the binding")

// cleanUp ends what there is of a binding: in AWS, then our finalizer. Its pods do not wait for AWS.
func (b *Reconciler) cleanUp(ctx context.Context, o *v1beta1.TargetGroupBinding) error {
	if !controllerutil.ContainsFinalizer(o, naming.BindingFinalizer) {
		waiting.NoteOf(ctx).Released = true
		return nil
	}
	k := b.memory.get(o)
	var err error
	if !k.cleared {
		if k.successors, err = b.clear(ctx, o); err == nil {
			k.cleared = true
			b.memory.put(o, k)
		}
	} else {
		b.Networking.Review(ctx) // of the groups of its rules, which wait where the API server was away when they were let go
	}
	if !k.opened {
		opened, unopened := b.openGates(ctx, o)
		err, k.opened = cmp.Or(err, unopened), k.cleared && opened // else pods may come that wait for it
	}
	closed := false
	if err == nil && k.opened {
		b.memory.put(o, k)
		closed, err = b.closed(ctx, o)
	}
	if h := (heldError{}); errors.As(err, &h) { // the end of the hold brings the binding back
		b.reportPartial(ctx, o, diag.List{h.problem(bindingobject.BindingObject(o))})
		return nil
	}
	if err != nil {
		d := bindings.Problem(o, "", err)
		d.Code = diag.CleanupFailed
		b.countFailure(o, workOf(err))
		found := diag.List{d}
		b.reportPartial(ctx, o, b.withStatus(o, found))
		return err
	}
	if !closed { // the end of what it waits for brings the binding back
		return nil
	}
	b.Metrics.DeleteTargetGroup(o)
	defer b.handOver(k.successors)
	if err := b.removeFinalizer(o); err != nil {
		b.reportPartial(ctx, o, notWritten(o, diag.FinalizerNotRemoved, err))
		return nil
	}
	waiting.NoteOf(ctx).Released = true
	return nil
}

// openGates opens the gates of the pods of a binding that ends.
func (b *Reconciler) openGates(ctx context.Context, o *v1beta1.TargetGroupBinding) (opened bool, err error) {
	if err := b.Pods.require(ctx, o, b.Client, b.APIReader); err != nil { // else a pod that is not in the cache would wait
		return false, err
	}
	return b.Gates.Open(ctx, client.ObjectKeyFromObject(o))
}

// endVanished cleans up after a binding that is gone although it got our finalizer. ended reports that nothing is left
// to be done for one of that name.
func (b *Reconciler) endVanished(ctx context.Context, name client.ObjectKey) (ended bool, err error) {
	o := b.memory.vanished(name, b.Now())
	if o == nil {
		return true, nil
	}
	if b.APIReader != nil { // a cache that lags, or is read again, may lack what exists
		live := &v1beta1.TargetGroupBinding{}
		switch err := b.APIReader.Get(ctx, name, live); {
		case err != nil && !absence.NotFound(err):
			return false, fmt.Errorf("reading TargetGroupBinding %s, which is gone from the cache: %w", name, err)
		case err == nil && live.UID == o.UID:
			return false, nil
		}
	}
	if err := b.cleanUp(ctx, o); err != nil {
		return false, err
	}
	return b.memory.get(o).opened, nil
}

// clear deregisters what the binding registered, unless its target group is gone as well, its stack makes it again, or
// another binding of its namespace has it or waits for it, which then knows what to keep; and it drops its rules, when
// what it deregistered has drained. A read that fails delays only what needs it.
func (b *Reconciler) clear(ctx context.Context, o *v1beta1.TargetGroupBinding) (successors []v1beta1.TargetGroupBinding,
	err error) {
	id, group := stack.ID{Namespace: o.Namespace, Name: o.Name}, b.group(o)
	b.Networking.RetainUnknown(ctx, o)
	release, needed := func() { b.Networking.Release(ctx, id.String()) }, false
	whose := b.ownership(o)
	successors, own, err := b.successors(ctx, o, whose)
	b.Networking.Inherit(o, successors)
	refused, deleted, idle := b.stranded(o, nil), b.TargetGroupDeleted(group.ARN), !b.served(o)
	if whose.err != nil && (refused != nil || deleted || idle || inherited(o, successors)) {
		err = nil // whoever has the target group, nothing is deregistered
	}
	unlocated := b.locate(ctx, o, id.String())
	switch {
	case refused != nil: // nothing is called under a role that the binding may not name
		b.Registry.Forget(group)
		b.reportPartial(ctx, o, diag.List{*refused})
	case deleted:
		b.Registry.Forget(group)
	case idle: // nothing registered is its own
	case err == nil && group.ARN != "" && !inherited(o, successors) && own:
		if needed = b.stillNeeded(ctx, o); needed {
			err = ctx.Err()
			release = func() { b.Drains.Keep(ctx, id.String(), group) }
			break
		}
		err = b.deregister(ctx, o, whose)
		if d := b.stranded(o, err); d != nil {
			err = nil
			b.Registry.Forget(group)
			b.reportPartial(ctx, o, diag.List{*d})
		} else if o.Spec.Networking != nil {
			release = func() { b.Drains.Begin(ctx, id.String(), group) }
		}
	case err == nil && group.ARN != "" && !own:
		err = b.withdraw(ctx, whose)
	}
	if err == nil && !needed {
		err = cmp.Or(b.dropRecord(ctx, o, id), unlocated)
	}
	if err != nil {
		return successors, err
	}
	if h := b.held(ctx, o); h != nil && o.Spec.Networking != nil {
		return successors, heldError{h}
	}
	release()
	return successors, nil
}

// deregister deregisters what a binding registered.
func (b *Reconciler) deregister(ctx context.Context, o *v1beta1.TargetGroupBinding, whose *ownership) error {
	preceding, err := b.precedingOf(ctx, whose, bindings.Targets{})
	switch {
	case err != nil:
		return err
	case !preceding.known:
		return errCheckpointsUnread
	}
	id, own := stack.ID{Namespace: o.Namespace, Name: o.Name}, preceding.own
	if own == nil && o.Spec.MultiClusterTargetGroup && specified(o) {
		wanted, err := b.ownRecorded(ctx, whose, id)
		if err != nil {
			return err
		}
		own = registrar.KeySet(wanted)
	}
	record, ofOthers, err := b.registeredOf(ctx, whose, own)
	if err != nil {
		return err
	}
	unseen, _ := b.mayServe(ctx, o)
	unseen = unseen || b.Contested != nil && b.Contested(o.Spec.TargetGroupARN)
	left, err := b.Registry.Clear(ctx, registrar.Request{Group: b.group(o), Record: record, Unseen: unseen,
		OfOthers: ofOthers, Binding: id, Preceding: preceding.keys, Own: preceding.own})
	var found diag.List
	if err == nil {
		found = b.keptTargets(o, preceding.keys, left.NotOurs)
	}
	if len(found) > 0 {
		b.reportPartial(ctx, o, found)
	}
	return err
}

// locate finds the security groups of the endpoints of a binding that ends before this process has found them.
// Otherwise its rules would stay in groups without the cluster's tag, where no later look finds them. The error is that
// of a read because of which they may stay there.
func (b *Reconciler) locate(ctx context.Context, o *v1beta1.TargetGroupBinding, id string) error {
	if o.Spec.Networking == nil || !specified(o) || b.Networking.Table.Placed(id) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	of, err := b.Endpoints(ctx, o)
	if err == nil && of.Known {
		err = b.Networking.Locate(ctx, o, of.Targets)
	}
	if neverServed(o) {
		return nil
	}
	return err
}

// specified reports whether the spec of a binding has what its endpoints depend on.
func specified(o *v1beta1.TargetGroupBinding) bool {
	return o.Spec.TargetType != nil && o.Spec.IPAddressType != nil
}

// neverServed reports whether no pass has completed for a binding: it waits for no read that shows what it may have.
func neverServed(o *v1beta1.TargetGroupBinding) bool {
	return o.Status.ObservedGeneration == nil && !bindingobject.OfStack(o.Labels)
}

// closed reports whether the rules of a binding that ends are revoked where no later process would revoke them.
func (b *Reconciler) closed(ctx context.Context, o *v1beta1.TargetGroupBinding) (bool, error) {
	if neverServed(o) {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	return b.Networking.Closed(ctx, stack.ID{Namespace: o.Namespace, Name: o.Name}.String())
}

// dropRecord drops the record of targets of a binding that shares its target group with other clusters.
func (b *Reconciler) dropRecord(ctx context.Context, o *v1beta1.TargetGroupBinding, id stack.ID) error {
	if !o.Spec.MultiClusterTargetGroup && !b.RegisteredTargets.Exists(id) {
		return nil
	}
	return b.RegisteredTargets.Delete(ctx, id)
}

// inherited reports whether a successor may take over the targets of a binding that goes. One of another namespace has
// other targets, and may never serve: its author must not keep those of others registered.
func inherited(o *v1beta1.TargetGroupBinding, successors []v1beta1.TargetGroupBinding) bool {
	return slices.ContainsFunc(successors, func(x v1beta1.TargetGroupBinding) bool { return x.Namespace == o.Namespace })
}

// stillNeeded reports whether its stack recreates a deleted binding, so that its targets stay registered
// meanwhile: its stack has not deleted it, load balancers use its target group, and its namespace stays. The removal of
// the definition of TargetGroupBindings deletes all of them, and takes nothing out of service so: whoever wrote one
// that no stack makes applies it again. While AWS does not say whether load balancers use the target group, they may:
// the binding must not wait, as nothing new is registered before its stack recreates it.
func (b *Reconciler) stillNeeded(ctx context.Context, o *v1beta1.TargetGroupBinding) bool {
	if !bindingobject.OfStack(o.Labels) {
		return b.DefinitionEnds != nil && b.DefinitionEnds(ctx)
	}
	if b.DeletedByStack(client.ObjectKeyFromObject(o)) {
		return false
	}
	ns := &corev1.Namespace{}
	if err := b.Client.Get(ctx, client.ObjectKey{Name: o.Namespace}, ns); err == nil && ns.DeletionTimestamp != nil {
		return false
	}
	out, err := b.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{
		TargetGroupArns: []string{o.Spec.TargetGroupARN}})
	if err != nil {
		return awsclient.Classify(err).Code != awsclient.CodeTargetGroupNotFound
	}
	// AWS answers that it does not exist: an answer without it says nothing
	return len(out.TargetGroups) == 0 || len(out.TargetGroups[0].LoadBalancerArns) > 0
}
