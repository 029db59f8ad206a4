package stacks

import (
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// counted is the sum of a metric's series.
func counted(t *testing.T, r *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestAChangeMadeByHandIsCountedOnceACheckFindsIt(t *testing.T) {
	t.Parallel()
	s, _ := newTestReconciler(t, served()...)
	r := prometheus.NewRegistry()
	s.Metrics = metrics.New(r)
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	check := func() {
		t.Helper()
		if _, err := s.Inventory.Reread(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		s.NoteCheck(key)
		for range 2 {
			if _, err := s.Reconcile(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		if _, err := s.Reconcile(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if check(); counted(t, r, "lbc_drift_found_total") != 0 {
		t.Error("a check that finds nothing is counted")
	}
	o, err := s.Inventory.Observed(t.Context(), key, nil)
	if err != nil || len(o.LoadBalancers) == 0 {
		t.Fatal(o, err)
	}
	listeners, err := s.Clients.ELBV2.DescribeListeners(t.Context(), &elbv2.DescribeListenersInput{
		LoadBalancerArn: &o.LoadBalancers[0].ARN})
	if err != nil || len(listeners.Listeners) == 0 {
		t.Fatal(listeners, err)
	}
	if _, err := s.Clients.ELBV2.DeleteListener(t.Context(), &elbv2.DeleteListenerInput{
		ListenerArn: listeners.Listeners[0].ListenerArn}); err != nil {
		t.Fatal(err)
	}
	if check(); counted(t, r, "lbc_drift_found_total") != 1 {
		t.Errorf("counted %v, want 1", counted(t, r, "lbc_drift_found_total"))
	}
}

func TestServiceKeepsFinalizerIfStatusCannotBeCleared(t *testing.T) {
	t.Parallel()
	web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Finalizers: []string{
		"service.k8s.aws/resources"}}}
	web.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "gone.example"}}
	s, _ := newTestReconciler(t, web)
	s.Front = front.Service{}
	refuse := forbidden{on: true, status: true}
	direct := s.Client
	s.Client = refuse.wrap(direct)
	key := stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "shop", Name: "web"}}
	refused := s.releaseMembers(t.Context(), key, front.Input{Leaving: []metav1.Object{web}}, nil)
	if len(refused) != 1 || !apierrors.IsForbidden(refused.err()) {
		t.Fatalf("refused %v", refused)
	}
	found := refused.found("FinalizerNotRemoved")
	if found[0].Code != "StatusNotCleared" || found[0].Reason() != "FailedCleanupStatus" {
		t.Errorf("found %s with reason %s", found[0].Code, found[0].Reason())
	}
	after := &corev1.Service{}
	if err := direct.Get(t.Context(), client.ObjectKeyFromObject(web), after); err != nil || len(after.Finalizers) != 1 {
		t.Errorf("finalizers %v, %v", after.Finalizers, err)
	}
}
