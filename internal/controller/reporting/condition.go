package reporting

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// worst is the finding that conditions show: the first one that needs an edit, else the first one that a retry may
// cure.
func worst(found diag.List) (diag.Diagnostic, bool) {
	var out diag.Diagnostic
	for _, d := range found {
		if d.Class == diag.Note {
			continue
		}
		if stalled(d) {
			return d, true
		}
		if out.Code == "" {
			out = d
		}
	}
	return out, out.Code != ""
}

// Cause returns the finding for which an object is not as it is declared: the worst one about it.
func Cause(found diag.List, o diag.Object) (diag.Diagnostic, bool) {
	return worst(slices.DeleteFunc(slices.Clone(found), func(d diag.Diagnostic) bool { return d.Object != o }))
}

// stalled reports whether a finding needs an edit.
func stalled(d diag.Diagnostic) bool {
	return d.Class == diag.Invalid || d.Class == diag.Conflict || d.Class == diag.NotFound
}

// conditions sets the conditions of a status, by the conventions of kstatus: Reconciling and Stalled are True only
// while they apply.
func conditions(s *v1alpha1.LoadBalancerStatus, p Pass) {
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonReconciled, Message: "all declared settings are in effect"}
	working := metav1.Condition{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionFalse,
		Reason: v1alpha1.ReasonNotReconciling}
	stuck := metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionFalse,
		Reason: v1alpha1.ReasonNotStalled}
	serving := servingOf(s)
	busy := func(reason, message string) {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, reason, message
		working.Status, working.Reason, working.Message = metav1.ConditionTrue, reason, message
	}
	d, bad := worst(p.Found)
	message := ""
	if bad {
		message = short(d.Object.String()+": "+findingOf(d).Message, maxText)
	}
	switch {
	case bad && stalled(d):
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(d.Code), message
		stuck.Status, stuck.Reason, stuck.Message = metav1.ConditionTrue, string(d.Code), message
	case bad:
		busy(string(d.Code), message)
		working.Reason = v1alpha1.ReasonRetrying
	case len(p.Members) == 0:
		busy(v1alpha1.ReasonDeleting, "no object declares the load balancer any longer"+waitText(p))
	case len(p.Waiting) > 0:
		busy(v1alpha1.ReasonWaiting, "waiting for AWS"+waitText(p))
	case serving.Reason == v1alpha1.ReasonFailed:
		busy(v1alpha1.ReasonFailed, serving.Message)
	case serving.Status != metav1.ConditionTrue:
		busy(serving.Reason, serving.Message)
	}
	all := []metav1.Condition{ready, serving, working, stuck}
	if c := driftedOf(p); c.Status == metav1.ConditionTrue || meta.FindStatusCondition(s.Conditions, c.Type) != nil {
		all = append(all, c)
	}
	if c := heldOf(p); c.Status == metav1.ConditionTrue || meta.FindStatusCondition(s.Conditions, c.Type) != nil {
		all = append(all, c)
	}
	for _, c := range all {
		c.LastTransitionTime = metav1.NewTime(p.Now.Truncate(time.Second)) // stays as it was if the status does
		meta.SetStatusCondition(&s.Conditions, c)
	}
}

// Reconciling returns a status while edits of objects are applied, or other changes where no object was edited. What
// else it says stays.
func Reconciling(s v1alpha1.LoadBalancerStatus, edited []v1alpha1.ObjectReference,
	now time.Time) v1alpha1.LoadBalancerStatus {
	message := "changes are being applied in AWS"
	if len(edited) > 0 {
		names := make([]string, 0, len(edited))
		for _, o := range edited {
			names = append(names, diag.Object{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}.String())
		}
		message = short("the newest edit is not in effect yet: "+strings.Join(names, ", "), maxText)
	}
	out := *s.DeepCopy()
	set := func(kind string, status metav1.ConditionStatus, reason, message string) {
		c := metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message,
			LastTransitionTime: metav1.NewTime(now.Truncate(time.Second))}
		meta.SetStatusCondition(&out.Conditions, c)
	}
	set(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReconciling, message)
	set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonReconciling, message)
	if len(edited) > 0 { // it may be the edit that a stalled one waits for
		set(v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonNotStalled, "")
	}
	return out
}

// driftedOf is the condition of fields that differ in AWS and are left so. A load balancer that never had any does not
// have it.
func driftedOf(p Pass) metav1.Condition {
	if len(p.Drifted) == 0 {
		return metav1.Condition{Type: v1alpha1.ConditionDrifted, Status: metav1.ConditionFalse,
			Reason: v1alpha1.ReasonNotDrifted}
	}
	return metav1.Condition{Type: v1alpha1.ConditionDrifted, Status: metav1.ConditionTrue,
		Reason: v1alpha1.ReasonChangedInAWS, Message: short(strings.Join(p.Drifted, "; "), maxText)}
}

// heldOf is the condition of a load balancer that an administrator holds. One that never was held does not have it.
func heldOf(p Pass) metav1.Condition {
	if p.Held == "" {
		return metav1.Condition{Type: v1alpha1.ConditionHeld, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotHeld}
	}
	return metav1.Condition{Type: v1alpha1.ConditionHeld, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonHeld,
		Message: short(p.Held, maxText)}
}

func waitText(p Pass) string {
	if len(p.Waiting) == 0 {
		return ""
	}
	return ": " + short(strings.Join(p.Waiting, "; "), maxText/2)
}

func servingOf(s *v1alpha1.LoadBalancerStatus) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionServing, Status: metav1.ConditionFalse,
		Message: "the load balancer is " + s.State}
	switch s.State {
	case "active", "active_impaired":
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonActive
	case "failed":
		c.Reason = v1alpha1.ReasonFailed
	case "":
		c.Reason, c.Message = v1alpha1.ReasonNoLoadBalancer, "there is no load balancer yet"
	default:
		c.Reason = v1alpha1.ReasonProvisioning
	}
	return c
}
