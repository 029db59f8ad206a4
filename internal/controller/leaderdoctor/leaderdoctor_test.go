package leaderdoctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// caches are objects that are cached.
type caches struct {
	objects.Snapshot
	unserved objects.Kind
	err      error
}

func (c caches) Serves(kind objects.Kind) bool { return kind != c.unserved }
func (c caches) Err() error                    { return c.err }

// ward is a Doctor with what it holds, whose calls to the API server are counted.
type ward struct {
	*Doctor
	held   caches
	ends   []inventory.CertificateUse
	behind map[string][]corev1.Pod // pods behind the Service of the same name as their namespace
	unread error                   // of them
	asked  []string                // namespaces whose pods were read
	lacks  []impairment.Condition
	left   []orphan.Orphan
	nodes  []corev1.Node
	at     time.Time
	refuse error // of reads and writes
	reads  int
	writes int
}

func newWard(all ...metav1.Object) *ward {
	w := &ward{held: caches{Snapshot: objects.Snapshot{}}, at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, o := range all {
		w.held.Put(o)
	}
	api := interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme.Scheme).Build(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			w.reads++
			return errors.Join(w.refuse, c.Get(ctx, key, o, opts...))
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			w.writes++
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			w.writes++
			return c.Update(ctx, o, opts...)
		},
	})
	now := func() time.Time { return w.at }
	w.Doctor = &Doctor{
		Version: "v1", Settings: doctor.Settings{Cluster: "demo"}, Checks: doctor.OfLeader(), Kinds: Kinds(true, true),
		Objects: func(context.Context) Reader {
			return w.held
		}, Nodes: func(context.Context) ([]corev1.Node, error) { return w.nodes, nil },
		Certificates: func() []inventory.CertificateUse { return w.ends }, Events: NewEvents(now),
		Endpoints: w.endpoints, Degraded: func() []impairment.Condition { return w.lacks },
		Orphans: func() []orphan.Orphan { return w.left },
		Writer:  &Writer{Client: api, Namespace: "kube-system", Log: logr.Discard()}, Now: now, Log: logr.Discard(),
	}
	return w
}

func (w *ward) endpoints(_ context.Context, namespace string) ([]discoveryv1.EndpointSlice, []corev1.Pod, error) {
	w.asked = append(w.asked, namespace)
	pods, ready := w.behind[namespace], true
	s := discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web-1",
		Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
	for _, p := range pods {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{p.Name},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready}, TargetRef: &corev1.ObjectReference{Name: p.Name}})
	}
	return []discoveryv1.EndpointSlice{s}, pods, w.unread
}

// look examines a minute later and returns the numbers of findings that are not 0.
func (w *ward) look(t *testing.T) string {
	t.Helper()
	w.at = w.at.Add(Interval)
	w.Look(t.Context())
	var out []string
	for _, c := range w.Counts() {
		if c.Findings > 0 {
			out = append(out, fmt.Sprintf("%s %s %d", c.Severity, c.Check, c.Findings))
		}
	}
	return strings.Join(out, ", ")
}

// stored is the report in the ConfigMap.
func (w *ward) stored(t *testing.T) doctor.Stored {
	t.Helper()
	m := &corev1.ConfigMap{}
	if err := w.Writer.Client.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: doctor.ConfigMap},
		m); err != nil {
		t.Fatal(err)
	}
	w.reads--
	s, err := doctor.Load(m.Data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ingress(name, class string) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: networkingv1.IngressSpec{IngressClassName: &class}}
}

// TestLeaderHoldsWhatItsChecksNeed has no check of the leader wait for a source that the leader never has.
func TestLeaderHoldsWhatItsChecksNeed(t *testing.T) {
	t.Parallel()
	has := []doctor.Source{doctor.Objects, doctor.Nodes, doctor.Events, doctor.Certificates, doctor.Workloads}
	for _, c := range doctor.OfLeader() {
		for _, s := range c.Needs {
			if !slices.Contains(has, s) {
				t.Errorf("%s needs %s", c.Name, s)
			}
		}
	}
	if len(doctor.OfLeader()) < 10 {
		t.Errorf("%d checks", len(doctor.OfLeader()))
	}
}

func TestFindingsFollowWhatTheLeaderHolds(t *testing.T) {
	t.Parallel()
	deleted := ingress("old", "alb")
	deleted.Finalizers = []string{"ingress.k8s.aws/resources"}
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: "ingress.k8s.aws/alb"}}
	w := newWard(ingress("web", "alb"), deleted, class)
	if got := w.look(t); got != "" || w.stored(t).Healthy != true {
		t.Errorf("a healthy cluster has %s", got)
	}
	long := metav1.NewTime(w.at.Add(-time.Hour))
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"no class", func() { w.held.Delete(objects.IngressClass, "", "alb") }, "error ingress-class-missing 2"},
		{"a class again", func() { w.held.Put(class) }, ""},
		{"a deletion", func() { deleted.DeletionTimestamp = &long }, "error deletion-stuck 1"},
		{"its end", func() { w.held.Delete(objects.Ingress, "shop", "old") }, ""},
		{"a node", func() {
			w.nodes = []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n"}}}
		}, "warning node-provider-id 1"},
		{"its id", func() { w.nodes[0].Spec.ProviderID = "aws:///a/i-1" }, ""},
		{"a certificate", func() {
			w.ends = []inventory.CertificateUse{
				{End: certificate.End{ARN: "arn", Domains: []string{"a.b"}, NotAfter: w.at.Add(20 * 24 * time.Hour)},
					Stacks: []stack.Key{keyOf("web")}}}
		}, "warning certificate-expiring 1"},
		{"its last week", func() { w.ends[0].NotAfter = w.at.Add(24 * time.Hour) }, "error certificate-expiring 1"},
		{"another one", func() { w.ends = nil }, ""},
		{"unread objects", func() {
			w.held.err = errors.New("listing Service: not served any more")
		}, "warning unreadable 1"},
		{"read again", func() { w.held.err = nil }, ""},
	} {
		step.do()
		if got := w.look(t); got != step.want {
			t.Errorf("%s: %s", step.name, got)
		}
		if s := w.stored(t); step.want == "" != s.Healthy {
			t.Errorf("%s: stored %+v", step.name, s.Findings)
		}
	}
}

func keyOf(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}

// TestConditionsAreFindingsWhileTheyHold shows conditions that the leader observes under the names of doctor's checks.
func TestConditionsAreFindingsWhileTheyHold(t *testing.T) {
	t.Parallel()
	w := newWard()
	for reason, want := range map[impairment.Reason]string{
		impairment.Definitions:         "error crd-missing 1",
		impairment.DefinitionsOutdated: "warning crd-outdated 1",
		impairment.Rights:              "error rbac-denied 1",
		impairment.SharedClusterName:   "error cluster-name-shared 1",
		impairment.SecondController:    "error controller-duplicate 1",
		impairment.Throttled:           "",
	} {
		w.lacks = []impairment.Condition{{Reason: reason, Text: "what is wrong", Remedy: "what to do"}}
		if got := w.look(t); got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
		if s := w.stored(t); want != "" && (s.Findings[0].Text != "what is wrong" || s.Findings[0].Remedy != "what to do") {
			t.Errorf("%s: the report has %v", reason, s.Findings)
		}
		w.lacks = nil
		if got := w.look(t); got != "" {
			t.Errorf("%s, healed: %s", reason, got)
		}
	}
}

func TestUnclaimedStacksAreFindingsUntilTheyAreGone(t *testing.T) {
	t.Parallel()
	w := newWard()
	w.left = []orphan.Orphan{{Key: keyOf("gone"), Why: "no object claims it",
		Resources: []orphan.Resource{{Kind: stack.KindLoadBalancer, ID: "arn", Name: "k8s-shop-gone"}}}}
	if got := w.look(t); got != "warning orphaned 1" {
		t.Errorf("left behind: %s", got)
	}
	if s := w.stored(t); !strings.Contains(strings.Join(s.Findings[0].Evidence, " "), "k8s-shop-gone") {
		t.Errorf("the report has %v", s.Findings)
	}
	w.left = nil
	if got := w.look(t); got != "" {
		t.Errorf("deleted: %s", got)
	}
}

// TestHostsWithoutCertificateAreFindings has a certificate of unknown names, which may be for any host.
func TestHostsWithoutCertificateAreFindings(t *testing.T) {
	t.Parallel()
	web := ingress("web", "alb")
	web.Spec.Rules = []networkingv1.IngressRule{{Host: "a.example.org"}, {Host: "b.example.net"}}
	w := newWard(web, &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}})
	of := func(arn string, domains ...string) inventory.CertificateUse {
		u := inventory.CertificateUse{End: certificate.End{ARN: arn, Domains: domains}, Stacks: []stack.Key{keyOf("web")}}
		if len(domains) > 0 {
			u.NotAfter = w.at.Add(300 * 24 * time.Hour)
		}
		return u
	}
	for _, step := range []struct {
		name string
		uses []inventory.CertificateUse
		want string
	}{
		{"no certificate", nil, ""},
		{"one for one host", []inventory.CertificateUse{of("1", "*.example.org")}, "warning certificate-not-covering 1"},
		{"one of unknown names", []inventory.CertificateUse{of("1", "*.example.org"), of("2")}, ""},
		{"one for one host again", []inventory.CertificateUse{of("1", "*.example.org")}, "warning certificate-not-covering 1"},
		{"both", []inventory.CertificateUse{of("1", "*.example.org"), of("3", "b.example.net")}, ""},
	} {
		w.ends = step.uses
		if got := w.look(t); got != step.want {
			t.Errorf("%s: %s", step.name, got)
		}
	}
}

func TestPodsWithoutGateAreFindingsUntilTheyAreReplaced(t *testing.T) {
	t.Parallel()
	ip := v1beta1.TargetTypeIP
	binding := func(namespace string) *v1beta1.TargetGroupBinding {
		return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "k8s-web"},
			Spec: v1beta1.TargetGroupBindingSpec{TargetType: &ip, ServiceRef: v1beta1.ServiceReference{Name: "web"}}}
	}
	gated := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop",
		Labels: map[string]string{readiness.NamespaceLabel: readiness.Enabled}}}
	w := newWard(gated, binding("shop"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "plain"}}, binding("plain"))
	old := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "old"}}
	young := *old.DeepCopy()
	young.Name, young.Spec.ReadinessGates = "young", []corev1.PodReadinessGate{{ConditionType: readiness.Gate("k8s-web")}}
	w.behind = map[string][]corev1.Pod{"shop": {old, young}}
	if got := w.look(t); got != "warning readiness-gate-missing 1" {
		t.Errorf("a pod without gate: %s", got)
	}
	w.unread = errors.New("the cache of pods has ended")
	if got := w.look(t); got != "warning unreadable 1" {
		t.Errorf("unread: %s", got)
	}
	w.unread, w.behind["shop"] = nil, []corev1.Pod{young}
	if got := w.look(t); got != "" {
		t.Errorf("replaced: %s", got)
	}
	if slices.Contains(w.asked, "plain") {
		t.Errorf("pods of namespaces without gates are read: %v", w.asked)
	}
}

func TestWarningsStandUntilTheObjectIsWell(t *testing.T) {
	t.Parallel()
	w := newWard(ingress("web", "alb"), &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}})
	object := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "1"}
	warn := func(message string) {
		w.Events.Recorded(object, reporting.Event{Type: corev1.EventTypeWarning, Reason: "FailedDeployModel",
			Message: message})
	}
	warn("AWS denies elasticloadbalancing:CreateRule [AccessDenied]")
	warn("AWS denies elasticloadbalancing:ModifyRule [AccessDenied]")
	w.Events.Recorded(object, reporting.Event{Type: corev1.EventTypeNormal, Reason: "Note"}) // of the same pass
	w.Events.Recorded(diag.Object{Kind: "Pod", Namespace: "shop", Name: "a"}, reporting.Event{
		Type: corev1.EventTypeWarning, Message: "of a pod"})
	if got := w.look(t); got != "error controller-denied 2" {
		t.Errorf("denied: %s", got)
	}
	warn("the subnet does not exist")
	if got := w.look(t); got != "error controller-denied 2, warning object-failing 1" {
		t.Errorf("failing: %s", got)
	}
	w.at = w.at.Add(time.Second)
	w.Events.Recorded(object, reporting.Event{Type: corev1.EventTypeNormal, Reason: "Note"}) // of a setting without effect
	if got := w.look(t); got != "error controller-denied 2, warning object-failing 1" {
		t.Errorf("after a note: %s", got)
	}
	w.Events.Recorded(object, reporting.Event{Type: corev1.EventTypeNormal, Reason: "SuccessfullyReconciled"})
	if got := w.look(t); got != "" {
		t.Errorf("well: %s", got)
	}
	warn("again")
	if got := w.look(t); got != "warning object-failing 1" {
		t.Errorf("again: %s", got)
	}
	w.held.Delete(objects.Ingress, "shop", "web")
	if got := w.look(t); got != "" {
		t.Errorf("without the object: %s", got)
	}
	w.at = w.at.Add(2 * kept)
	if w.look(t); len(w.Events.of) > 0 {
		t.Errorf("%d objects are kept", len(w.Events.of))
	}
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0)
	e := NewEvents(func() time.Time { at = at.Add(time.Second); return at })
	for i := range 3 * mostObjects {
		for n := range 2 * mostWarnings {
			e.Recorded(diag.Object{Kind: "Ingress", Name: fmt.Sprint(i)}, reporting.Event{Type: corev1.EventTypeWarning,
				Message: fmt.Sprint(n)})
		}
	}
	last := diag.Object{Kind: "Ingress", Name: fmt.Sprint(3*mostObjects - 1)}
	if len(e.of) != mostObjects || len(e.of[last].warnings) != mostWarnings {
		t.Errorf("%d objects, of the last %v", len(e.of), e.of[last])
	}
}

func TestReportIsWrittenOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	w := newWard(ingress("web", "alb"))
	for range 30 {
		w.look(t)
	}
	if w.writes != 1 || w.reads != 1 {
		t.Errorf("%d writes and %d reads of an unchanged report", w.writes, w.reads)
	}
	w.Writer = &Writer{Client: w.Writer.Client, Namespace: "kube-system", Log: logr.Discard()} // of the next leader
	if w.look(t); w.writes != 1 {
		t.Errorf("the next leader writes the same")
	}
	if err := w.Writer.Client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system",
		Name: doctor.ConfigMap}}); err != nil {
		t.Fatal(err)
	}
	for range 62 {
		w.look(t)
	}
	if w.writes != 2 || w.stored(t).Errors != 1 {
		t.Errorf("%d writes after a deletion", w.writes)
	}
}

func TestRefusedReportLeavesTheNumbers(t *testing.T) {
	t.Parallel()
	w := newWard(ingress("web", "alb"))
	w.refuse = apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, doctor.ConfigMap, nil)
	for range 11 {
		if got := w.look(t); got != "error ingress-class-missing 1" {
			t.Errorf("%s", got)
		}
	}
	if w.reads != 2 || w.writes != 0 {
		t.Errorf("%d reads, %d writes", w.reads, w.writes)
	}
	w.refuse = nil
	for range 10 {
		w.look(t)
	}
	if w.writes != 1 {
		t.Errorf("%d writes after the right came", w.writes)
	}
}

func TestPanicOfACheckIsSurvived(t *testing.T) {
	t.Parallel()
	w := newWard(ingress("web", "alb"))
	w.Checks = append([]doctor.Check{
		{Name: "broken", Severity: doctor.Error, Find: func(*doctor.Facts) []doctor.Finding { panic("oh") }}}, w.Checks...)
	if got := w.look(t); got != "error ingress-class-missing 1" {
		t.Errorf("%s", got)
	}
}

func TestUnservedKindsAreNotListed(t *testing.T) {
	t.Parallel()
	gateway := slices.Contains(Kinds(false, true), objects.Gateway) || slices.Contains(Kinds(true, false),
		objects.GlobalAccelerator)
	if gateway {
		t.Error("kinds are read that are not cached")
	}
	w := newWard()
	w.held.unserved = objects.TargetGroupBinding
	if f := w.facts(t.Context()); !slices.Equal(f.Unserved, []objects.Kind{objects.TargetGroupBinding}) {
		t.Errorf("%v", f.Unserved)
	}
	if slices.ContainsFunc(w.Counts(), func(metrics.CheckCount) bool { return true }) {
		t.Error("there are numbers before the first examination")
	}
}

// TestWarningsOfATenantLeaveThoseOfOthers has a tenant make mistakes in more objects than are kept.
func TestWarningsOfATenantLeaveThoseOfOthers(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	e := NewEvents(func() time.Time { return now })
	warn := func(namespace, name string) diag.Object {
		o := diag.Object{Kind: "Ingress", Namespace: namespace, Name: name}
		e.Recorded(o, reporting.Event{Type: corev1.EventTypeWarning, Reason: "FailedBuildModel", Message: "mistake"})
		now = now.Add(time.Second)
		return o
	}
	web := warn("shop", "web")
	for i := range 2 * mostObjects {
		warn("mal", fmt.Sprint("evil-", i))
	}
	if len(e.of) != mostObjects || e.of[web] == nil {
		t.Errorf("%d objects are kept, without shop/web: %t", len(e.of), e.of[web] == nil)
	}
}
