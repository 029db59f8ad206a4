package accelerator

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// Conditions.
const (
	ready           = "Ready"
	disabling       = "AcceleratorDisabling"
	endpointsLoaded = "EndpointsLoaded"
)

// reason is the reason of condition Ready of a pass that failed; "" = it did not.
type reason string

const (
	reasonEndpointLoad reason = "EndpointLoadFailed"
	reasonModel        reason = "ModelBuildFailed"
	reasonDeployment   reason = "DeploymentFailed"
	reasonHold                = reason(diag.PlanOnHold) // an administrator holds the accelerator, and the plan waits
)

// deleting is the status of an accelerator that is being deleted.
const deleting = "DELETING"

// maxMessage bounds messages of conditions; the API server admits 32768 characters.
const maxMessage = 4096

// statusOf changes the status of an object to that after a pass. What a failed pass does not know stays as it is;
// absent: AWS is known to have no accelerator of the object.
func statusOf(ga *agav1beta1.GlobalAccelerator, o accelerator.Observed, absent bool, failure reason,
	found diag.List) func(*agav1beta1.GlobalAccelerator) bool {
	generation := ga.Generation
	return func(ga *agav1beta1.GlobalAccelerator) bool {
		before := ga.Status.DeepCopy()
		ga.Status.ObservedGeneration = ptr.To(generation)
		if absent {
			ga.Status = agav1beta1.GlobalAcceleratorStatus{ObservedGeneration: ga.Status.ObservedGeneration,
				Conditions: ga.Status.Conditions}
		}
		show(&ga.Status, o)
		c := metav1.Condition{Type: ready, ObservedGeneration: generation}
		switch {
		case failure != "":
			c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(failure),
				messages(found, func(d diag.Diagnostic) bool { return d.Class != diag.Note && d.Code != diag.EndpointNotLoaded })
		case o.Status == accelerator.Deployed:
			c.Status, c.Reason, c.Message = metav1.ConditionTrue, "AcceleratorReady", "GlobalAccelerator is ready and available"
		default:
			c.Status, c.Reason, c.Message = metav1.ConditionUnknown, "AcceleratorProvisioning",
				"GlobalAccelerator is being provisioned"
		}
		set(&ga.Status.Conditions, c)
		missing := messages(found, func(d diag.Diagnostic) bool { return d.Code == diag.EndpointNotLoaded })
		c = metav1.Condition{Type: endpointsLoaded, Status: metav1.ConditionTrue, Reason: "AllEndpointsLoaded",
			ObservedGeneration: generation}
		if missing != "" {
			c.Status, c.Reason, c.Message = metav1.ConditionFalse, "EndpointsNotLoaded", missing
		}
		if missing != "" || meta.FindStatusCondition(ga.Status.Conditions, endpointsLoaded) != nil {
			set(&ga.Status.Conditions, c)
		}
		meta.RemoveStatusCondition(&ga.Status.Conditions, disabling)
		return !equality.Semantic.DeepEqual(before, &ga.Status)
	}
}

// set sets a condition, unless it says the same of this or a newer generation.
func set(conditions *[]metav1.Condition, c metav1.Condition) {
	if before := meta.FindStatusCondition(*conditions, c.Type); before != nil && before.Status == c.Status &&
		before.Reason == c.Reason && before.Message == c.Message && before.ObservedGeneration >= c.ObservedGeneration {
		return
	}
	meta.SetStatusCondition(conditions, c)
}

// show enters an accelerator; the zero value changes nothing.
func show(s *agav1beta1.GlobalAcceleratorStatus, o accelerator.Observed) {
	if !o.Exists() {
		return
	}
	s.AcceleratorARN, s.DNSName, s.Status = ptr.To(o.ARN), ptr.To(o.DNSName), ptr.To(o.Status)
	if s.DualStackDNSName = nil; o.DualStackDNSName != "" {
		s.DualStackDNSName = ptr.To(o.DualStackDNSName)
	}
	if len(o.IPSets) > 0 {
		s.IPSets = nil
		for _, set := range o.IPSets {
			s.IPSets = append(s.IPSets, agav1beta1.IPSet{IPAddresses: slices.Clone(set.Addresses), IPAddressFamily: set.Family})
		}
	}
}

// messages joins the messages of findings to one text.
func messages(found diag.List, of func(diag.Diagnostic) bool) string {
	var out []string
	for _, d := range found {
		if text := d.Message(); of(d) && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	text := strings.Join(out, "\n")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

// removing changes the status of an object to that of one whose accelerator is being deleted.
func removing(generation int64, c metav1.Condition, isDisabling bool) func(*agav1beta1.GlobalAccelerator) bool {
	return func(ga *agav1beta1.GlobalAccelerator) bool {
		before := ga.Status.DeepCopy()
		ga.Status.ObservedGeneration = ptr.To(generation)
		c.ObservedGeneration = generation
		set(&ga.Status.Conditions, c)
		if isDisabling {
			ga.Status.Status = ptr.To(deleting)
			set(&ga.Status.Conditions, metav1.Condition{Type: disabling, Status: metav1.ConditionTrue, Reason: disabling,
				ObservedGeneration: generation, Message: "Waiting for accelerator to be disabled before deletion"})
		} else {
			meta.RemoveStatusCondition(&ga.Status.Conditions, disabling)
		}
		return !equality.Semantic.DeepEqual(before, &ga.Status)
	}
}
