package timeline

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestListHasCauseBeforeEffect: the API server rounds the times of edits and events down to seconds.
func TestListHasCauseBeforeEffect(t *testing.T) {
	t.Parallel()
	got := Since([]Entry{
		{Time: start, Kind: Event, Object: "Ingress shop/web", Text: "reconciled"},
		{Time: start.Add(500 * time.Millisecond), Kind: Call, Object: "shop/web", Text: "ModifyRule"},
		{Time: start.Add(400 * time.Millisecond), Kind: Plan, Object: "shop/web", Text: "1 to change"},
		{Time: start, Kind: Edit, Object: "Ingress shop/web", By: "kubectl", Text: Edited},
		{Time: start, Kind: Edit, Object: "Ingress shop/web", By: "kubectl", Text: "Update: spec.rules"},
		{Time: start.Add(-time.Hour), Kind: Edit, Object: "Ingress shop/web", By: "kubectl", Text: Edited},
		{Time: start.Add(-3 * time.Hour), Kind: Plan, Text: "too old"},
	}, start.Add(-2*time.Hour))
	var texts []string
	for _, e := range got {
		texts = append(texts, e.Text)
	}
	if list := strings.Join(texts, ", "); list != "edited, Update: spec.rules, 1 to change, ModifyRule, reconciled" {
		t.Error(list)
	}
}

func TestLastWriteIsOfAnotherManager(t *testing.T) {
	t.Parallel()
	at := func(minutes int) *metav1.Time {
		m := metav1.NewTime(start.Add(time.Duration(minutes) * time.Minute))
		return &m
	}
	o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "helm", Time: at(1)}, {Manager: "kubectl-edit", Time: at(3)}, {Manager: "controller", Time: at(5)},
		{Manager: "other", Time: at(6), Subresource: "status"}, {Manager: "unknown"},
	}}}
	if m := LastWrite(o, "controller"); m == nil || m.Manager != "kubectl-edit" {
		t.Errorf("%+v", m)
	}
	if got := LastEdits("Ingress shop/web", o); len(got) != 1 || got[0].By != "controller" ||
		!got[0].Time.Equal(at(5).Time) {
		t.Errorf("%+v", got)
	}
	o.DeletionTimestamp, o.ManagedFields = at(7), nil
	if got := LastEdits("Ingress shop/web", o); len(got) != 1 || got[0].Text != Deleted {
		t.Errorf("%+v", got)
	}
}
