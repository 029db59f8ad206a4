package timeline

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
