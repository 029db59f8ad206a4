package accelerator

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

var deployed = accelerator.Observed{
	ARN: "arn", DNSName: "a.awsglobalaccelerator.com", DualStackDNSName: "a.dualstack.awsglobalaccelerator.com",
	Status: accelerator.Deployed,
	IPSets: []accelerator.IPSet{{Family: "IPv4", Addresses: []string{"198.51.100.1"}}},
}

// shown is an object whose status shows a deployed accelerator, since an hour.
func shown() *agav1beta1.GlobalAccelerator {
	ga := object([]int32{80})
	statusOf(ga, deployed, false, "", nil)(ga)
	for i := range ga.Status.Conditions {
		ga.Status.Conditions[i].LastTransitionTime = metav1.NewTime(time.Now().Add(-time.Hour))
	}
	return ga
}

func TestAStatusThatIsTrueStillIsNotWritten(t *testing.T) {
	t.Parallel()
	ga := shown()
	before := ga.DeepCopy()
	if statusOf(ga, deployed, false, "", nil)(ga) || !ga.Status.Conditions[0].LastTransitionTime.Equal(
		&before.Status.Conditions[0].LastTransitionTime) {
		t.Errorf("%+v, and before %+v", ga.Status, before.Status)
	}
	ga.Generation = 2
	if !statusOf(ga, deployed, false, "", nil)(ga) || *ga.Status.ObservedGeneration != 2 ||
		!ga.Status.Conditions[0].LastTransitionTime.Equal(&before.Status.Conditions[0].LastTransitionTime) {
		t.Errorf("of another generation: %+v", ga.Status)
	}
	if got := ga.Status.Conditions[0].ObservedGeneration; got != 2 {
		t.Errorf("condition Ready is of generation %d", got)
	}
}

func TestTheStatusLosesWhatAWSHasNoMore(t *testing.T) {
	t.Parallel()
	ga := shown()
	now := deployed
	now.DualStackDNSName = ""
	if !statusOf(ga, now, false, "", nil)(ga) || ga.Status.DualStackDNSName != nil || ga.Status.DNSName == nil {
		t.Errorf("without a name for both families: %+v", ga.Status)
	}
	if statusOf(ga, accelerator.Observed{}, false, reasonDeployment, nil)(ga); ga.Status.AcceleratorARN == nil ||
		ga.Status.Status == nil {
		t.Errorf("what a failed pass does not know is lost: %+v", ga.Status)
	}
	statusOf(ga, accelerator.Observed{}, true, reasonDeployment, nil)(ga)
	if s := ga.Status; s.AcceleratorARN != nil || s.DNSName != nil || s.Status != nil || len(s.IPSets) > 0 ||
		s.ObservedGeneration == nil || len(s.Conditions) == 0 {
		t.Errorf("of an accelerator that does not exist: %+v", s)
	}
}

func TestConditionsOfDeletedAcceleratorAreOfItsGeneration(t *testing.T) {
	t.Parallel()
	ga := shown()
	removing(7, metav1.Condition{Type: ready, Status: metav1.ConditionFalse, Reason: "AcceleratorDeleting"}, true)(ga)
	for _, c := range ga.Status.Conditions {
		if c.ObservedGeneration != 7 {
			t.Errorf("condition %s is of generation %d", c.Type, c.ObservedGeneration)
		}
	}
}

func TestTheConditionOfADisablingAcceleratorEndsWithIt(t *testing.T) {
	t.Parallel()
	ga := shown()
	c := metav1.Condition{Type: ready, Status: metav1.ConditionFalse, Reason: "AcceleratorDeleting"}
	if !removing(1, c, true)(ga) || !meta.IsStatusConditionTrue(ga.Status.Conditions, disabling) ||
		*ga.Status.Status != deleting {
		t.Errorf("while it is disabled: %+v", ga.Status)
	}
	c.Reason = "DeletionProtected"
	if !removing(1, c, false)(ga) || meta.FindStatusCondition(ga.Status.Conditions, disabling) != nil {
		t.Errorf("protected: %+v", ga.Status)
	}
}

// TestReadyEndsBeforePlanIsCarriedOut shows that condition Ready is not True while AWS is asked for a change: an edit of
// an object that is referred to leaves the generation as it is, so the generation alone tells nothing.
func TestReadyEndsBeforePlanIsCarriedOut(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.settle()
	var during []metav1.ConditionStatus
	w.refuse = func(action string) error {
		if c := meta.FindStatusCondition(w.get().Status.Conditions, ready); strings.HasPrefix(action, "Update") && c != nil {
			during = append(during, c.Status)
		}
		return nil
	}
	w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Name = ptr.To("other") })
	_, err := w.pass()
	w.must(err)
	if !slices.Equal(during, []metav1.ConditionStatus{metav1.ConditionUnknown}) {
		t.Errorf("Ready during updates is %v, want Unknown", during)
	}
}
