package accelerator

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
)

// remove deletes the accelerator of an object that is being deleted, and then lets the object go. The accelerator is
// found by its tags where the status does not show it; what does not have the tags of the object is left alone.
func (p *pass) remove(ctx context.Context) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(p.ga, naming.AcceleratorFinalizer) {
		return reconcile.Result{}, nil
	}
	if declare.Protected(p.ga) {
		text := "the accelerator, with its addresses, stays: annotation " + naming.AcceleratorDeletionProtection +
			" protects it"
		p.found = append(p.found, diag.New(p.object, "metadata.annotations["+naming.AcceleratorDeletionProtection+"]",
			diag.DeletionProtected, text, "to delete the accelerator, remove the annotation"))
		return p.endWithoutRemoval(ctx, "DeletionProtected")
	}
	if !p.memory.deleting { // whose it is, is read once more
		p.Account.Doubt(p.key)
		p.memory.deleting, p.memory.polls = true, 0
	}
	o, foreign, err := p.observeOwn(ctx)
	if p.found = append(p.found, foreign...); err != nil {
		return p.failedRemoval(ctx, p.unread(err))
	}
	if age := p.Now().Sub(p.ga.CreationTimestamp.Time); !o.Exists() && p.ga.Status.AcceleratorARN == nil && age < listLag {
		p.Account.Doubt(p.key)
		return reconcile.Result{RequeueAfter: listLag - max(0, age)}, nil
	}
	if o.Exists() {
		if o, err = p.poll(ctx, o); err != nil {
			return p.failedRemoval(ctx, p.unread(err))
		}
	}
	d := accelerator.Declared{Key: p.key}
	for range 2 { // what is disabled already goes in one pass
		plan, wait := diff.Removal(d, o)
		if !plan.Empty() && p.held(&plan) {
			return p.endWithoutRemoval(ctx, string(diag.PlanOnHold))
		}
		result := p.takeAway(ctx, plan)
		if len(result.Problems) > 0 {
			return p.failedRemoval(ctx)
		}
		if o, err = p.Account.Observe(ctx, p.key, ""); err != nil {
			return p.failedRemoval(ctx, p.unread(err))
		}
		if !wait && !result.Complete() || wait && plan.Empty() || o.Status == accelerator.InProgress {
			break
		}
	}
	if o.Exists() {
		p.found = append(p.found, diag.New(p.object, "", diag.AcceleratorDeleting, "AWS disables the accelerator before it "+
			"can be deleted", ""))
		return p.endRemoval(ctx, removal{reason: "AcceleratorDeleting", message: "GlobalAccelerator is being deleted",
			disabling: true})
	}
	return p.release(ctx)
}

// observeOwn reads the accelerator that the status shows. If that one lacks the object's tags, which foreign says,
// observeOwn reads the one that has them.
func (p *pass) observeOwn(ctx context.Context) (o accelerator.Observed, foreign diag.List, err error) {
	o, err = p.Account.Observe(ctx, p.key, ptr.Deref(p.ga.Status.AcceleratorARN, ""))
	if errors.As(err, new(*account.NotOwnedError)) {
		foreign = diag.List{p.unread(err)}
		o, err = p.Account.Observe(ctx, p.key, "")
	}
	return o, foreign, err
}

// endWithoutRemoval ends a pass that deletes nothing. The last finding says why the accelerator stays.
func (p *pass) endWithoutRemoval(ctx context.Context, reason string) (reconcile.Result, error) {
	last := p.found[len(p.found)-1]
	return p.endRemoval(ctx, removal{reason: reason, message: last.Message(), cause: last.Code})
}

// failedRemoval ends a pass that could not delete. The finding of the call has the reason, as an event of cleaning up.
func (p *pass) failedRemoval(ctx context.Context, found ...diag.Diagnostic) (reconcile.Result, error) {
	all := append(p.found, found...)
	waiting.NoteOf(ctx).Found = all
	end := removal{reason: string(reasonDeployment), err: errRetry}
	for _, d := range all {
		if d.Class != diag.Note {
			end.cause = d.Code
			found = append(found[:0:0], diag.New(p.object, "", diag.AcceleratorNotDeleted, d.Text, d.Remedy))
			found[0].RequestID = d.RequestID
		}
	}
	p.found = found
	end.message = messages(p.found, func(diag.Diagnostic) bool { return true })
	return p.endRemoval(ctx, end)
}

// removal is what a pass of a deletion comes to.
type removal struct {
	reason, message string    // of the status
	cause           diag.Code // why the object stays; empty = AWS is at it
	disabling       bool      // AWS disables the accelerator
	err             error
}

func (p *pass) endRemoval(ctx context.Context, end removal) (reconcile.Result, error) {
	c := metav1.Condition{Type: ready, Status: metav1.ConditionFalse, Reason: end.reason, Message: end.message,
		ObservedGeneration: p.ga.Generation}
	err := end.err
	if p.writeStatus(ctx, removing(p.ga.Generation, c, end.disabling)) {
		err = errors.Join(err, errRetry)
	}
	p.report(reporting.Report{Waiting: []diag.Object{p.object}, Found: p.found})
	p.Waiting.WaitsToGo(p.object.String(), p.ga.DeletionTimestamp.Time, end.cause)
	if err != nil || !end.disabling {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: max(time.Second, p.memory.polled.Add(polls.Pause(p.memory.polls)).Sub(p.Now()))},
		nil
}

// release takes the finalizer off: nothing of the object is left in AWS. An event reports what is left because it is
// another one's.
func (p *pass) release(ctx context.Context) (reconcile.Result, error) {
	if len(p.found) > 0 {
		p.report(reporting.Report{Waiting: []diag.Object{p.object}, Found: p.found, Partial: true})
	}
	_, err := objectwriter.Apply(ctx, p.Client, objectwriter.Write{Object: p.ga, Part: objectwriter.Finalizer,
		Change: func(o client.Object) bool {
			return controllerutil.RemoveFinalizer(o, naming.AcceleratorFinalizer)
		}})
	if err != nil {
		p.report(reporting.Report{Waiting: []diag.Object{p.object}, Found: diag.List{
			reporting.APIRefusal(p.object, diag.FinalizerNotRemoved, err)}, Partial: true})
		return reconcile.Result{}, fmt.Errorf("finalizer of GlobalAccelerator %s: %w", p.name(), err)
	}
	p.Waiting.Ends(waiting.Deletions, p.object.String())
	p.memory.Granted = nil // AWS has nothing that others could withdraw
	p.Account.Forget(p.key)
	p.Holds.Forget(p.key)
	return reconcile.Result{}, nil
}
