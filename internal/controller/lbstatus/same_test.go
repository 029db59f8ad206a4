package lbstatus

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
)

func TestSameStatusIsCheap(t *testing.T) { // not parallel: it counts allocations
	status := func() *v1alpha1.LoadBalancerStatus {
		at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		s := &v1alpha1.LoadBalancerStatus{ARN: "arn"}
		for range 20 {
			s.Conditions = append(s.Conditions, metav1.Condition{Type: "Ready", LastTransitionTime: at})
		}
		return s
	}
	a, b := status(), status()
	if n := testing.AllocsPerRun(10, func() {
		if !sameStatus(a, b) {
			t.Fatal("differs")
		}
	}); n > 40 {
		t.Errorf("%.0f allocations", n)
	}
	b.Conditions[3].LastTransitionTime = metav1.NewTime(b.Conditions[3].LastTransitionTime.In(time.FixedZone("x", 3600)))
	if !sameStatus(a, b) {
		t.Error("a time zone is a difference")
	}
	if b.Conditions[3].Type = "Other"; sameStatus(a, b) {
		t.Error("a condition is none")
	}
}
