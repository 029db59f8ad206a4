package bindingpass

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// readyOf says which generation was carried out, and whether the binding is ready.
func readyOf(o *v1beta1.TargetGroupBinding, found diag.List) metav1.Condition {
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Reconciled",
		ObservedGeneration: o.Generation}
	for _, d := range found {
		if d.Class != diag.Note {
			ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(d.Code), d.Message()
			break
		}
	}
	return ready
}

// showsReady reports whether a binding's status shows what a pass found, and that the binding is ready.
func showsReady(o *v1beta1.TargetGroupBinding, found diag.List) bool {
	want, is := readyOf(o, found), meta.FindStatusCondition(o.Status.Conditions, "Ready")
	return is != nil && want.Status == metav1.ConditionTrue && is.Status == want.Status && is.Reason == want.Reason &&
		is.Message == want.Message && is.ObservedGeneration == want.ObservedGeneration &&
		o.Status.ObservedGeneration != nil && *o.Status.ObservedGeneration == want.ObservedGeneration
}

// setStatus has the status written, outside of the pass, that follows from what a pass found. It returns why the last
// attempt at it failed, if it did.
func (b *Reconciler) setStatus(o *v1beta1.TargetGroupBinding, found diag.List) error {
	ready := readyOf(o, found)
	_, err := b.Writes.Enqueue(objectwriter.Write{Object: o, Part: objectwriter.Status,
		Change: func(x client.Object) bool {
			t, ok := x.(*v1beta1.TargetGroupBinding)
			if !ok {
				return false
			}
			before := t.Status.DeepCopy()
			was := meta.FindStatusCondition(before.Conditions, ready.Type)
			if ready.Reason == string(diag.NoTargetsAfterEdit) && was != nil && was.Reason != ready.Reason {
				meta.RemoveStatusCondition(&t.Status.Conditions, ready.Type) // its time is that of the edit; see former
			}
			meta.SetStatusCondition(&t.Status.Conditions, ready)
			if ready.Status == metav1.ConditionTrue {
				t.Status.ObservedGeneration = aws.Int64(ready.ObservedGeneration)
			}
			return !equality.Semantic.DeepEqual(*before, t.Status)
		}}, ready)
	return err
}

// withStatus has the status written that follows from what was found. It adds a finding if the API server refuses the
// status: that is known once it was tried, which brings the binding back.
func (b *Reconciler) withStatus(o *v1beta1.TargetGroupBinding, found diag.List) diag.List {
	return append(found, notWritten(o, diag.StatusNotWritten, b.setStatus(o, found))...)
}

// ensureFinalizer has the controller's finalizer added to a binding, and reports whether targets may be registered for
// it: without the finalizer the binding could be deleted while its targets stay. If somebody removes the finalizer, the
// binding is served while the controller adds it again.
func (b *Reconciler) ensureFinalizer(o *v1beta1.TargetGroupBinding) (ok bool, err error) {
	k, now := b.memory.get(o), b.Now()
	shown := controllerutil.ContainsFinalizer(o, naming.BindingFinalizer)
	done := shown
	if !shown {
		done, err = b.Writes.Enqueue(objectwriter.Write{Object: o, Part: objectwriter.Finalizer,
			Change: func(x client.Object) bool {
				return x.GetDeletionTimestamp() == nil && controllerutil.AddFinalizer(x, naming.BindingFinalizer)
			}}, "added")
	}
	before := k
	switch {
	case !shown && k.marked == nil:
		k.marked, k.markedAt = o, now
	case k.marked != nil && now.Sub(k.markedAt) <= markedFor:
		k.marked = o
	default:
		k.marked = nil
	}
	if k.finalized = k.finalized || done; k.finalized != before.finalized || k.marked != before.marked {
		b.memory.put(o, k)
	}
	return k.finalized, err
}

// removeFinalizer queues the removal of our finalizer from a binding.
func (b *Reconciler) removeFinalizer(o *v1beta1.TargetGroupBinding) error {
	_, err := b.Writes.Enqueue(objectwriter.Write{Object: o, Part: objectwriter.Finalizer,
		Change: func(x client.Object) bool {
			return controllerutil.RemoveFinalizer(x, naming.BindingFinalizer)
		}}, "removed")
	return err
}
