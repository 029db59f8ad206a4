package doctor

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// ObjectChecks are the checks of the controller that the leader makes.
var ObjectChecks = []Check{{
	Name: "controller-denied", Severity: Error, Needs: []Source{Events}, Uses: []Source{Objects},
	About: "AWS denies the controller an action, according to an event of the last 30 minutes on an existing object. No " +
		"later event of this object reports a success. The controller repeats the event every 20 minutes while AWS denies " +
		"the action.",
	Remedy: "allow the action in the policy of the controller's role (docs/permissions.md)",
	Find:   deniedActions,
}, {
	Name: "object-failing", Severity: Warning, Needs: []Source{Events}, Uses: []Source{Objects},
	About:  "The controller's last event on an existing object, within the last hour, is a warning.",
	Remedy: "follow the remedy of the event; lbc explain and lbc plan show more",
	Find:   failingObjects,
}, {
	Name: "deletion-stuck", Severity: Error, Needs: []Source{Objects},
	About: "An object was deleted more than five minutes ago, but still has finalizers of the controller. The evidence " +
		"lists the finalizers, and the cause if the controller shows a cause on the object.",
	Remedy: "remove the cause in the evidence; if the evidence has no cause, check that the controller runs, and run " +
		"lbc explain KIND NAME; remove the finalizers by hand only if AWS has no resource of the object",
	Find: stuckDeletions,
}}

// OwnerKinds are the kinds whose objects may carry finalizers of the controller.
var OwnerKinds = append(owner.KubernetesKinds(nil), objects.TargetGroupBinding, objects.GlobalAccelerator)

// Owners returns the objects that may carry finalizers of the controller.
func (f *Facts) Owners() (out []metav1.Object) {
	for _, kind := range OwnerKinds {
		out = append(out, list[metav1.Object](f, kind)...)
	}
	return out
}

var actionName = regexp.MustCompile(`\b[a-z0-9-]+:[A-Z][A-Za-z]+\b`)

const deniedCode = "[AccessDenied]"

// recent is how old an event may be that is a finding.
const recent = time.Hour

// repeated is the time within which the controller repeats the event of a refusal that lasts: each 20 minutes, by its
// next pass. Of an object with two failures, the event of the one that ended is not repeated.
const repeated = 30 * time.Minute

// Well is the reason of the event that ends the warnings about an object. Another event of type Normal ends none: it
// may be a note beside a failure that lasts.
const Well = string(diag.SuccessfullyDone)

// standing are the warnings of the last hour that still hold: their object exists, and no later event shows that it is
// well.
func standing(f *Facts) (out []*corev1.Event) {
	well := map[string]time.Time{}
	for i := range f.Events {
		if e := &f.Events[i]; e.Reason == Well && lastSeen(e).After(well[involved(e)]) {
			well[involved(e)] = lastSeen(e)
		}
	}
	_, unread := f.Unread[Objects]
	here := map[string]bool{}
	for _, o := range f.Owners() {
		here[NameOf(o)] = true
	}
	for i := range f.Events {
		e := &f.Events[i]
		gone := !unread && slices.Contains(OwnerKinds, objects.Kind(e.InvolvedObject.Kind)) && !here[involved(e)]
		if e.Type == corev1.EventTypeWarning && !gone && f.Now.Sub(lastSeen(e)) < recent &&
			!lastSeen(e).Before(well[involved(e)]) {
			out = append(out, e)
		}
	}
	return out
}

func deniedActions(f *Facts) (out []Finding) {
	on := map[string][]string{}
	for _, e := range standing(f) {
		if !strings.Contains(e.Message, deniedCode) || f.Now.Sub(lastSeen(e)) >= repeated {
			continue
		}
		action := "an action"
		if m := actionName.FindString(e.Message); m != "" {
			action = m
		}
		if o := involved(e); !slices.Contains(on[action], o) {
			on[action] = append(on[action], o)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(on)) {
		out = append(out, Finding{Object: action, Text: "AWS denies the controller this action",
			Evidence: Evidence("reported on ", on[action])})
	}
	return out
}

// lastSeen is when an event happened last.
func lastSeen(e *corev1.Event) time.Time {
	t := e.LastTimestamp.Time
	for _, x := range []time.Time{e.EventTime.Time, e.CreationTimestamp.Time} {
		if x.After(t) {
			t = x
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(t) {
		t = e.Series.LastObservedTime.Time
	}
	return t
}

func involved(e *corev1.Event) string {
	return FullName(e.InvolvedObject.Kind, e.InvolvedObject.Namespace, e.InvolvedObject.Name)
}

func failingObjects(f *Facts) (out []Finding) {
	last := map[string]*corev1.Event{}
	for _, e := range standing(f) {
		if was := last[involved(e)]; was == nil || lastSeen(e).After(lastSeen(was)) {
			last[involved(e)] = e
		}
	}
	for _, o := range slices.Sorted(maps.Keys(last)) {
		if e := last[o]; !strings.Contains(e.Message, deniedCode) {
			out = append(out, Finding{Object: o, Text: "event " + e.Reason + ", " + Age(f.Now.Sub(lastSeen(e))) + " ago",
				Evidence: []string{e.Message}})
		}
	}
	return out
}

// stuck is how long a deletion may take.
const stuck = 5 * time.Minute

func stuckDeletions(f *Facts) (out []Finding) {
	for _, o := range f.Owners() {
		if t := o.GetDeletionTimestamp(); t != nil && f.Now.Sub(t.Time) > stuck && len(Finalizers(o)) > 0 {
			evidence := Evidence("finalizers ", Finalizers(o))
			if cause := DeletionCause(o); cause != "" {
				evidence = append(evidence, "cause: "+cause)
			}
			out = append(out, Finding{Object: NameOf(o), Text: "was deleted " + Age(f.Now.Sub(t.Time)) + " ago and still exists",
				Evidence: evidence})
		}
	}
	return out
}

// DeletionCause is why an object that is deleted stays, as the controller shows it on the object; empty = it shows
// nothing.
func DeletionCause(o metav1.Object) string {
	var conditions []metav1.Condition
	switch o := o.(type) {
	case *v1beta1.TargetGroupBinding:
		conditions = o.Status.Conditions
	case *agav1beta1.GlobalAccelerator:
		conditions = o.Status.Conditions
	}
	if c := apimeta.FindStatusCondition(conditions, "Ready"); c != nil && c.Status == metav1.ConditionFalse &&
		c.Message != "" {
		return c.Message
	}
	return o.GetAnnotations()[naming.DeletionCause]
}

// conditionChecks are checks of lbc doctor whose problem the leader observes as a condition of its own.
var conditionChecks = []struct {
	reason   impairment.Reason
	check    string
	severity Severity
}{
	{impairment.Definitions, "crd-missing", Error},
	{impairment.DefinitionsOutdated, "crd-outdated", Warning},
	{impairment.Rights, "rbac-denied", Error},
	{impairment.SharedClusterName, "cluster-name-shared", Error},
	{impairment.SecondController, "controller-duplicate", Error},
}

// OrphanRemedy is the remedy of resources that no object claims.
const OrphanRemedy = "lbc orphans prints the commands that delete the resources, and the commands that keep the " +
	"resources but remove the cluster's tag; if you have just deleted an object, first wait a minute, because the " +
	"deletion may not be finished"

// observed are the checks for which the leader has other facts than lbc doctor, which has a check of each name.
func observed() []Check {
	out := []Check{{Name: "orphaned", Severity: Warning, Remedy: OrphanRemedy, Find: func(f *Facts) (out []Finding) {
		for _, o := range f.Orphans {
			out = append(out, Orphaned(o))
		}
		return out
	}}}
	for _, c := range conditionChecks {
		out = append(out, Check{Name: c.check, Severity: c.severity, Find: func(f *Facts) (out []Finding) {
			for _, d := range f.Degraded {
				if d.Reason == c.reason {
					out = append(out, Finding{Object: "controller", Text: d.Text, Remedy: d.Remedy})
				}
			}
			return out
		}})
	}
	return out
}

// Orphaned returns the finding about a stack that no object claims.
func Orphaned(o orphan.Orphan) Finding {
	x := Finding{Object: o.Key.String(), Text: o.Why + ", and it has resources"}
	for _, r := range o.Resources {
		x.Evidence = append(x.Evidence, r.String())
	}
	return x
}
