package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

var told = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// timelineScene has an Ingress with a history that the API server and the record of the leader know.
func timelineScene(t *testing.T) *waitScene {
	t.Helper()
	s := newWaitScene(t)
	at := func(minutes int) metav1.Time { return metav1.NewTime(told.Add(time.Duration(minutes) * time.Minute)) }
	edited := at(-30)
	managed := []metav1.ManagedFieldsEntry{{
		Manager: "kubectl-edit", Operation: metav1.ManagedFieldsOperationUpdate, Time: &edited, FieldsType: "FieldsV1",
		APIVersion: "networking.k8s.io/v1",
		FieldsV1: metav1.NewFieldsV1(
			`{"f:metadata":{"f:annotations":{"f:alb.ingress.kubernetes.io/scheme":{}}},"f:spec":{"f:rules":{}}}`),
	}}
	lb := s.writtenBy(ourLease)
	for i := range lb.Status.Conditions {
		lb.Status.Conditions[i].LastTransitionTime = at(-180)
	}
	s.put(lb)
	s.put(&corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "e"}, InvolvedObject: corev1.ObjectReference{
			Kind: "Ingress", Namespace: "shop", Name: "web"},
		Type: "Normal", Reason: "SuccessfullyReconciled", Message: "Successfully reconciled", LastTimestamp: at(-28),
		Source: corev1.EventSource{Component: "ingress"},
	})
	s.put(&corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "other"},
		InvolvedObject: corev1.ObjectReference{Kind: "Ingress", Namespace: "shop", Name: "other"}, Reason: "Other",
		LastTimestamp: at(-28)})
	store := checkpoint.New(s.kube, checkpoint.Config{Namespace: "kube-system",
		Name: "aws-load-balancer-controller-checkpoint", Now: func() time.Time { return told }, Log: logr.Discard()})
	if _, err := store.Open(t.Context(), func(bool) {}); err != nil {
		t.Fatal(err)
	}
	store.Put(checkpoint.ID{Kind: checkpoint.Memory, Name: "ingress.k8s.aws:shop/web"}, "of the compiler")
	store.PutLater(checkpoint.ID{Kind: checkpoint.History, Name: "ingress.k8s.aws:shop/web"}, timeline.Record{
		Entries: []timeline.Entry{
			{Time: at(-29).Add(20 * time.Millisecond), Kind: timeline.Call,
				Text: "ModifyLoadBalancerAttributes LoadBalancer shop/web", RequestID: "0a1b"},
			{Time: at(-29).Add(10 * time.Millisecond), Kind: timeline.Plan, Text: "1 to change", Steps: []string{
				"update LoadBalancer shop/web (scheme): done"}},
			{Time: at(-30).Time, Kind: timeline.Edit, Object: "Ingress shop/web", By: "kubectl-edit", Text: timeline.Edited},
			{Time: at(-60).Time, Kind: timeline.Edit, Object: "Ingress shop/web", By: "kubectl-edit", Text: timeline.Edited},
		}})
	store.PutLater(checkpoint.ID{Kind: checkpoint.History, Name: timeline.LeaderUnit}, timeline.Record{From: at(-90).Time,
		Entries: []timeline.Entry{
			{Time: at(-50).Time, Kind: timeline.Leader, By: "lbc-1",
				Text: "became the leader; the leader before it did not end in order"},
			{Time: at(-40).Time, Kind: timeline.Hold, Object: "namespace shop", Text: "the hold has ended, or was changed"},
			{Time: at(-40).Time, Kind: timeline.Hold, Object: "namespace bank", Text: "the hold has ended, or was changed"},
		}})
	store.PutLater(checkpoint.ID{Kind: checkpoint.History, Name: "ingress.k8s.aws:bank/secret"}, timeline.Record{
		Entries: []timeline.Entry{{Time: at(-29).Time, Kind: timeline.Plan, Text: "of another"}}})
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	under, ok := s.kube.(client.WithWatch)
	if !ok {
		t.Fatal("no client with watches")
	}
	s.kube = interceptor.NewClient(under, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		err := c.Get(ctx, key, o, opts...)
		if in, is := o.(*networkingv1.Ingress); is { // the fake client keeps no managed fields
			in.ManagedFields = managed
		}
		return err
	}})
	return s
}

// tell runs lbc timeline of an Ingress in a scene.
func tell(t *testing.T, k client.Client, name, format string, since time.Duration) (string, error) {
	t.Helper()
	o := timelineOptions{since: since}
	o.format = format
	var out, errOut bytes.Buffer
	w := newWaiter(k, usualConfig(t), objects.Ingress, client.ObjectKey{Namespace: "shop", Name: name}, waitOptions{})
	err := o.show(t.Context(), newTimelineReader(w), told, &out, &errOut)
	return out.String() + errOut.String(), err
}

// tellWeb is what lbc timeline says of Ingress web.
func tellWeb(t *testing.T, k client.Client, format string, since time.Duration) string {
	t.Helper()
	text, err := tell(t, k, "web", format, since)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// reading is a client whose reads of objects in the controller's namespace are answered by a function.
func reading(t *testing.T, k client.Client, get func(o client.Object, key client.ObjectKey) error) client.Client {
	t.Helper()
	under, ok := k.(client.WithWatch)
	if !ok {
		t.Fatal("no client with watches")
	}
	return interceptor.NewClient(under, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if key.Namespace == "kube-system" {
			if err := get(o, key); err != nil {
				return err
			}
		}
		return c.Get(ctx, key, o, opts...)
	}})
}

func forbidden(_ client.Object, key client.ObjectKey) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, key.Name, nil)
}

func TestTimelineListsEditsPlansCallsAndEvents(t *testing.T) {
	t.Parallel()
	goldenfile.Compare(t, "testdata/timeline.txt", tellWeb(t, timelineScene(t).kube, "text", 2*time.Hour))
}

func TestTimelineDocumentHasItsSchema(t *testing.T) {
	t.Parallel()
	validate(t, "timeline", tellWeb(t, timelineScene(t).kube, "json", 2*time.Hour), timelineKind)
}

func TestTimelineOfATenantLacksTheRecord(t *testing.T) {
	t.Parallel()
	got := tellWeb(t, reading(t, timelineScene(t).kube, forbidden), "text", 2*time.Hour)
	if strings.Contains(got, "0a1b") || !strings.Contains(got, "you need to get ConfigMaps in namespace kube-system") ||
		!strings.Contains(got, "kubectl-edit") {
		t.Error(got)
	}
}

// TestTimelineSaysWhatItCouldNotRead has one read fail that others do without.
func TestTimelineSaysWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	for missing, of := range map[string]func(o client.Object, key client.ObjectKey) bool{
		"holds are missing: ": func(_ client.Object, key client.ObjectKey) bool { return key.Name == hold.ConfigMap },
		"changes of leaders are missing: ": func(o client.Object, _ client.ObjectKey) bool {
			_, lease := o.(*coordinationv1.Lease)
			return lease
		},
	} {
		got := tellWeb(t, reading(t, timelineScene(t).kube, func(o client.Object, key client.ObjectKey) error {
			if of(o, key) {
				return forbidden(o, key)
			}
			return nil
		}), "text", 2*time.Hour)
		if !strings.Contains(got, "lbc: warning: "+missing) || !strings.Contains(got, "kubectl-edit") {
			t.Errorf("want %q:\n%s", missing, got)
		}
	}
}

func TestTimelineSaysWhyThereIsNoRecord(t *testing.T) {
	t.Parallel()
	got := tellWeb(t, reading(t, timelineScene(t).kube, func(o client.Object, key client.ObjectKey) error {
		if _, ok := o.(*corev1.ConfigMap); ok {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
		}
		return nil
	}), "text", 2*time.Hour)
	if !strings.Contains(got, "the controller keeps no record in namespace kube-system. It runs with "+
		"--enable-checkpoints=false, may not write ConfigMaps there") {
		t.Error(got)
	}
}

func TestTimelineSaysWhenNothingHappened(t *testing.T) {
	t.Parallel()
	got := tellWeb(t, timelineScene(t).kube, "text", time.Minute)
	if want := "No changes of Ingress shop/web are known since 2026-01-02T11:59:00Z. The last entry is of " +
		"2026-01-02T11:32:00Z: --since 1h shows it.\n"; got != want {
		t.Errorf("%q", got)
	}
}

func TestTimelineOfDeletedObject(t *testing.T) {
	t.Parallel()
	s := timelineScene(t)
	if got, err := tell(t, s.kube, "secret", "text", time.Hour); err == nil || !strings.Contains(err.Error(),
		"Ingress shop/secret does not exist, and no record of it was found; check its name") ||
		strings.Contains(got, "of another") {
		t.Errorf("%v\n%s", err, got)
	}
	for _, o := range []client.Object{s.ingress, s.writtenBy(ourLease)} {
		if err := s.kube.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	s.put(&v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ingress-other"},
		Status: v1alpha1.LoadBalancerStatus{Controller: ourLease}})
	got := tellWeb(t, s.kube, "text", time.Hour)
	if !strings.Contains(got, "0a1b") || !strings.Contains(got, "kubectl-edit") || strings.Contains(got, "of another") {
		t.Error(got)
	}
	_, err := tell(t, reading(t, s.kube, forbidden), "web", "text", time.Hour)
	if err == nil || !strings.Contains(err.Error(), "Ingress shop/web does not exist, and whether it did is not known") ||
		!strings.Contains(err.Error(), "you need to get ConfigMaps") {
		t.Errorf("without rights: %v", err)
	}
}

// TestTimelineReadsForgedStatus: a user may write anything into a status.
func TestTimelineReadsForgedStatus(t *testing.T) {
	t.Parallel()
	s := timelineScene(t)
	lb := s.writtenBy(ourLease)
	lb.Status.Parts = append(lb.Status.Parts, v1alpha1.Member{ObjectReference: v1alpha1.ObjectReference{
		Kind: "Nothing", Namespace: "shop", Name: "x"}})
	s.put(lb)
	if got := tellWeb(t, s.kube, "text", 2*time.Hour); !strings.Contains(got, "0a1b") {
		t.Error(got)
	}
}

func TestTimelineSaysWhenTheRecordHadNoRoom(t *testing.T) {
	t.Parallel()
	s := timelineScene(t)
	s.put(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "quiet"}})
	got, err := tell(t, s.kube, "quiet", "text", 2*time.Hour)
	if err != nil || !strings.Contains(got, "the record of the controller begins at 2026-01-02T10:30:00Z: it had no "+
		"room for what happened before") {
		t.Errorf("%v\n%s", err, got)
	}
}
