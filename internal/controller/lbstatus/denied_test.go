package lbstatus

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

type policyError string

func (e policyError) Error() string { return string(e) }

func TestRefusedObjectIsToldToItsOwner(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	var told []string
	w.Reporter = reporting.NewReporter(func(o diag.Object, e reporting.Event) {
		told = append(told, o.String()+" "+e.Reason+": "+e.Message)
	}, w.Writer.now)
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	w.refuse = apierrors.NewForbidden(schema.GroupResource{Group: "elbv2.k8s.aws", Resource: "loadbalancers"},
		"group-front",
		policyError("ValidatingAdmissionPolicy 'require-team' with binding 'all' denied request: no team"))
	flush(t.Context(), w.Writer)
	if len(told) != 1 || !strings.Contains(told[0], "Ingress shop/web FailedUpdateStatus") ||
		!strings.Contains(told[0], "ValidatingAdmissionPolicy require-team refuses LoadBalancer shop/group-front: no team") ||
		!strings.Contains(told[0], "[PolicyDenied]") {
		t.Errorf("told %q", told)
	}
	w.refuse = nil
	w.now = w.now.Add(rewritePauses.Longest)
	flush(t.Context(), w.Writer)
	if w.get("shop").Status.ARN != "arn:lb" {
		t.Error("the object is not written after the policy has gone")
	}
}

// TestAdmittedObjectHasTheOthersWritten has a policy refuse two objects for an hour: the end of the policy is noticed
// by one of them, for both.
func TestAdmittedObjectHasTheOthersWritten(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	w.refuse = apierrors.NewForbidden(schema.GroupResource{Group: "elbv2.k8s.aws", Resource: "loadbalancers"},
		"group-front",
		policyError("ValidatingAdmissionPolicy 'require-team' with binding 'all' denied request: no team"))
	other := groupPass("blog")
	other.Key.ID.Name = "back"
	w.Enqueue(groupPass("shop"))
	w.Enqueue(other)
	for range 120 {
		flush(t.Context(), w.Writer)
		w.now = w.now.Add(refusedProbe)
		w.Tick(t.Context())
	}
	if n := len(w.writes); n > 160 {
		t.Errorf("%d attempts in an hour", n)
	}
	w.refuse = nil
	w.now = w.now.Add(refusedProbe)
	w.Tick(t.Context())
	for range 2 {
		flush(t.Context(), w.Writer)
		w.now = w.now.Add(time.Second)
	}
	var all v1alpha1.LoadBalancerList
	if err := w.client.List(t.Context(), &all); err != nil || len(all.Items) != 2 {
		t.Errorf("%d objects, %v", len(all.Items), err)
	}
	if len(w.refused) != 0 {
		t.Errorf("still refused: %v", w.refused)
	}
}

func TestObjectsHaveTheLabelsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	w.Enqueue(groupPass("shop"))
	w.expect("without labels", "create shop/group-front", "status shop/group-front")
	w.Labels = naming.ObjectLabels{Fixed: map[string]string{"team": "edge"}, Copied: []string{"stage"}}
	p := groupPass("blog", "shop")
	p.Labels = []map[string]string{{"stage": "of another namespace"}, {"stage": "prod", "app": "web"}}
	w.Enqueue(p)
	flush(t.Context(), w.Writer)
	if got := w.get("shop").Labels; got["team"] != "edge" || got["stage"] != "prod" || got["app"] != "" {
		t.Errorf("labels %v", got)
	}
	w.writes = nil
	w.Enqueue(p)
	w.expect("the same again")
}
