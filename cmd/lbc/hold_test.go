package main

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

var holdNow = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// holdCluster has a controller in namespace lbc, and a load balancer that namespaces shop and bank share.
func holdCluster(t *testing.T) client.Client {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "lbc", Name: "controller", Labels: map[string]string{
		"app.kubernetes.io/name": "aws-load-balancer-controller"}}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "controller", Args: []string{"--cluster-name=demo"}}}
	lb := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "group-front"}}
	lb.Status.Owner, lb.Status.Stack = "Ingress", "front"
	for _, ns := range []string{"shop", "bank"} {
		lb.Status.Members = append(lb.Status.Members, v1alpha1.Member{ObjectReference: v1alpha1.ObjectReference{
			Kind: "Ingress", Namespace: ns, Name: "web"}})
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	web := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	inner := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "inner"}}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(d, lb, ns, web, inner).Build()
}

// holding runs lbc hold with flags and returns its output.
func holding(t *testing.T, k client.Client, args ...string) string {
	t.Helper()
	var o holdOptions
	cmd := holdCommand()
	var out strings.Builder
	cmd.RunE = nil
	f := cmd.Flags()
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	o.format = "text"
	o.all, _ = f.GetBool("all")
	o.end, _ = f.GetBool("end")
	for name, to := range map[string]*string{"namespace": &o.namespace, "stack": &o.stack, "until": &o.until,
		"reason": &o.reason, "output": &o.format, "as": &o.reach.as} {
		*to, _ = f.GetString(name)
	}
	if err := o.carryOut(t.Context(), k, holdNow, &out); err != nil {
		return "error: " + err.Error() + "\n"
	}
	return out.String()
}

func TestHoldIsSetListedAndEnded(t *testing.T) {
	t.Parallel()
	k := holdCluster(t)
	var b strings.Builder
	for _, args := range [][]string{
		{},
		{"--all", "--until", "2h", "--reason", "AWS has an incident", "--as", "alice"},
		{"-n", "shop", "--until", "2026-01-02T00:00:00+01:00", "--reason", "sale", "--as", "alice"},
		{"--stack", "Ingress/shop/web", "--until", "30m", "--reason", "sale", "--as", "alice"},
		{},
		{"-o", "json"},
		{"--end", "--all"},
		{"--end", "--all"},
		{},
		{"--all"},
		{"--until", "1h", "--reason", "x"},
		{"--all", "--until", "0s", "--reason", "x"},
		{"--all", "--until", "169h", "--reason", "x"},
		{"--all", "--until", "soon", "--reason", "x"},
		{"--all", "--until", "1h", "--reason", " "},
		{"--stack", "pod/shop/web", "--until", "1h", "--reason", "x"},
		{"--stack", "shop/web", "--until", "1h", "--reason", "x"},
		{"--stack", "ingress/shop/wbe", "--until", "1h", "--reason", "x"},
		{"--stack", "gateway/shop/web", "--until", "1h", "--reason", "x"},
		{"-n", "shp", "--until", "1h", "--reason", "x"},
		{"--stack", "service/shop/inner", "--until", "1h", "--reason", "x", "--as", "alice"},
	} {
		b.WriteString("$ lbc hold " + strings.Join(args, " ") + "\n" + holding(t, k, args...))
	}
	m := &corev1.ConfigMap{}
	if err := k.Get(t.Context(), client.ObjectKey{Namespace: "lbc", Name: hold.ConfigMap}, m); err != nil {
		t.Fatal(err)
	}
	m.Data["namespace.bank"] = "until tomorrow"
	if err := k.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	b.WriteString("an entry is edited by hand\n" + holding(t, k))
	goldenfile.Compare(t, "testdata/hold.txt", b.String())
}

// TestHoldSaysThatNobodyHeedsIt has no controller lead that knows holds, as after the existing controller was put back.
func TestHoldSaysThatNobodyHeedsIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		holder string
		ago    time.Duration
		want   string
	}{
		"this controller":                   {naming.LeaderIdentity("pod-1_0a1b"), time.Second, ""},
		"this controller until an hour ago": {naming.LeaderIdentity("pod-1_0a1b"), time.Hour, "was last renewed"},
		"the existing controller":           {"pod-1_0a1b", time.Second, "is held by pod-1_0a1b"},
	} {
		k := holdCluster(t)
		renewed := metav1.NewMicroTime(holdNow.Add(-tt.ago))
		if err := k.Create(t.Context(), &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: "lbc", Name: "aws-load-balancer-controller-leader"},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &tt.holder, RenewTime: &renewed}}); err != nil {
			t.Fatal(err)
		}
		got := holding(t, k, "--all", "--until", "2h", "--reason", "x")
		if !strings.Contains(got, "held until") || strings.Contains(got, "leads now") != (tt.want != "") ||
			!strings.Contains(got, tt.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestHoldDocumentHasItsSchema(t *testing.T) {
	t.Parallel()
	k := holdCluster(t)
	holding(t, k, "--all", "--until", "2h", "--reason", "AWS has an incident")
	validate(t, "hold", holding(t, k, "-o", "json"), holdsKind)
}
