package main

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

func TestDoctorShowsTheReportOfTheLeader(t *testing.T) {
	t.Parallel()
	k, holder := holdCluster(t), "pod-1"
	show := func() (string, error) {
		var out strings.Builder
		o := doctorOptions{}
		o.format = "text"
		err := o.leaderReport(t.Context(), k, holdNow, &out)
		return out.String(), err
	}
	if _, err := show(); err == nil || !strings.Contains(err.Error(), "there is no ConfigMap lbc/aws-lbc-doctor") {
		t.Errorf("without a report: %v", err)
	}
	report := doctor.Report{Cluster: "demo", Warnings: 1, Findings: []doctor.Finding{
		{Check: "node-provider-id", Severity: doctor.Warning, Object: "Node a", Text: "spec.providerID is empty",
			Remedy: "run the AWS cloud provider"}}}
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "lbc", Name: doctor.ConfigMap},
		Data: doctor.Store(report, holdNow.Add(-10*time.Minute)).Data()}
	renewed := metav1.NewMicroTime(holdNow.Add(-5 * time.Second))
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "lbc", Name: "aws-load-balancer-controller-leader"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &renewed}}
	if err := k.Create(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	out, err := show()
	if err != exitWarnings || !strings.Contains(out, "warning unreadable: controller") { //nolint:errorlint // a value
		t.Errorf("without a Lease: %v\n%s", err, out)
	}
	if err := k.Create(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	out, err = show()
	//nolint:errorlint // a value
	if err != exitWarnings || !strings.Contains(out, "(10 minutes ago)") ||
		!strings.Contains(out, "warning node-provider-id: Node a") || strings.Contains(out, "leaderless:") {
		t.Errorf("%v\n%s", err, out)
	}
	past := metav1.NewMicroTime(holdNow.Add(-5 * time.Minute))
	lease.Spec.RenewTime = &past
	if err := k.Update(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	//nolint:errorlint // a value
	if out, err = show(); err != exitInvalid ||
		!strings.Contains(out, "error controller-leaderless: Lease lbc/aws-load-balancer-controller-leader") {
		t.Errorf("without a leader: %v\n%s", err, out)
	}
	if _, _, err := lbc(t, "", "doctor", "--leader", "--offline"); err == nil || !strings.Contains(err.Error(), "leader") {
		t.Errorf("flags that exclude each other: %v", err)
	}
}

// TestLeaseOfADeploymentIsFoundByItsNamespace has a controller whose Lease has a name of its own, and a user who names
// the namespace.
func TestLeaseOfADeploymentIsFoundByItsNamespace(t *testing.T) {
	t.Parallel()
	k := holdCluster(t)
	d := &appsv1.Deployment{}
	if err := k.Get(t.Context(), client.ObjectKey{Namespace: "lbc", Name: "controller"}, d); err != nil {
		t.Fatal(err)
	}
	d.Spec.Template.Spec.Containers[0].Args = []string{"--of-another-version", "--leader-election-id=balancers-leader"}
	if err := k.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for namespace, want := range map[string]string{
		"": "lbc/balancers-leader", "lbc": "lbc/balancers-leader", "ops": "ops/aws-load-balancer-controller-leader",
	} {
		if got, err := elected(t.Context(), k, namespace); err != nil || got.String() != want {
			t.Errorf("namespace %q: %s, %v, want %s", namespace, got, err, want)
		}
	}
}
