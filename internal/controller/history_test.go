package controller

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	acceleratoraccount "github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// keeper is a history that keeps its record in memory.
func keeper(now *time.Time) *History { return NewHistory(func() time.Time { return *now }, "lbc-0") }

func TestRecordHasEachEditOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := keeper(&now)
	h.Restore(checkpoint.Restored{})
	edit := func(manager string, at time.Time) *networkingv1.Ingress {
		of := metav1.NewTime(at)
		return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: manager, Time: &of}}}}
	}
	for _, o := range []*networkingv1.Ingress{edit("helm", now.Add(-time.Hour)), edit("kubectl-edit", now),
		edit("kubectl-edit", now), edit("kubectl-edit", now.Add(time.Second))} {
		h.Passed(stacks.Passed{Key: keyNamed("web"), Input: front.Input{Members: []metav1.Object{o}}})
	}
	got := h.ring.Of(keyNamed("web").String()).Entries
	if len(got) != 2 || got[0].By != "kubectl-edit" || got[0].Object != "Ingress shop/web" ||
		!got[1].Time.Equal(now.Add(time.Second)) {
		t.Errorf("%+v", got)
	}
}

// TestPlanOfRecordIsOfItsNamespace has plans of a group whose steps are of one member, of two, or of all.
func TestPlanOfRecordIsOfItsNamespace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	group := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	gone := stack.Ref{Kind: stack.KindTargetGroup, ID: "team/web-app:80"}
	lb := stack.Ref{Kind: stack.KindLoadBalancer, ID: "lb"}
	rule := func(n string) stack.Ref { return stack.Ref{Kind: stack.KindRule, ID: n} }
	of := func(namespaces ...string) (o compile.Origin) {
		for _, n := range namespaces {
			o.Objects = append(o.Objects, diag.Object{Kind: "Ingress", Namespace: n, Name: "web"})
		}
		return o
	}
	route := of("infra")
	route.Fields = map[string]intent.Source{
		"Actions": intent.At(diag.Object{Kind: "HTTPRoute", Namespace: "team"}, "spec")}
	origins := map[stack.Ref]compile.Origin{rule("1"): of("mal"), rule("2"): of("shop"), lb: of("mal", "shop"),
		rule("3"): route}
	for name, c := range map[string]struct {
		steps []stack.Ref
		want  string
	}{
		"of one member":                    {[]stack.Ref{rule("1"), rule("1")}, "mal"},
		"of two":                           {[]stack.Ref{rule("1"), rule("2")}, ""},
		"of all":                           {[]stack.Ref{lb}, ""},
		"a target group that is no longer": {[]stack.Ref{gone}, "team"},
		"a rule that is no longer":         {[]stack.Ref{rule("4")}, ""},
		"a route of a Gateway":             {[]stack.Ref{rule("3")}, "team"},
	} {
		h, p := keeper(&now), &plan.Plan{}
		for _, ref := range c.steps {
			p.Steps = append(p.Steps, plan.Step{Action: plan.Update, Resource: ref})
		}
		h.Passed(stacks.Passed{Key: group, Plan: p, Compiled: compile.Result{Origins: origins}})
		if got := h.ring.Of(group.String()).Entries; len(got) != 1 || got[0].Namespace != c.want {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
}

func TestRecordHasHoldsAndTheirEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := keeper(&now)
	held := []hold.Kept{{Key: "all", Hold: hold.Hold{Since: now, Until: now.Add(time.Hour), Reason: "incident",
		By: "ada"}}}
	h.held(held) // by a process that does not lead
	text,
		err := json.Marshal(
		[]hold.Kept{{Key: "namespace.shop", Hold: hold.Hold{Since: now, Until: now.Add(time.Hour), Reason: "sale"}}})
	if err != nil {
		t.Fatal(err)
	}
	h.Restore(checkpoint.Restored{Entries: map[checkpoint.ID]json.RawMessage{
		{Kind: checkpoint.Holds, Name: checkpoint.HoldsName}: text}})
	h.held(held)
	h.held(held)
	h.held(nil)
	var got []string
	for _, e := range h.ring.Of(timeline.LeaderUnit).Entries[1:] {
		got = append(got, e.Object+": "+e.Text)
	}
	want := []string{
		"all load balancers: held until 2026-01-02T04:00:00Z, set by ada: incident",
		"namespace shop: the hold has ended, or was changed", "all load balancers: the hold has ended, or was changed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRecordHasPlansOfAccelerators(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := keeper(&now)
	ga := &agav1beta1.GlobalAccelerator{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "helm", Time: &metav1.Time{Time: now}}}}}
	p := &plan.Plan{Key: stack.Key{Owner: accelerator.Owner, ID: stack.ID{Namespace: "shop", Name: "web"}},
		Steps: []plan.Step{{Action: plan.Create, Resource: stack.Ref{Kind: "Accelerator", ID: "web"}}}}
	h.accelerated(ga, now, p, acceleratoraccount.Result{Problems: diag.List{{Text: "CreateAccelerator: LimitExceeded"}}})
	h.Called(awsclient.WithSubject(t.Context(), awsclient.Subject{Unit: p.Key.String(), Text: "Accelerator web"}),
		awsclient.Call{Operation: "CreateAccelerator", Attempts: 1, RequestID: "0a1b"})
	h.Called(awsclient.WithSubject(t.Context(), awsclient.Subject{Unit: p.Key.String(), Text: "Accelerator web"}),
		awsclient.Call{Operation: "DescribeAccelerator", Attempts: 1})
	// not sent
	h.Called(awsclient.WithSubject(t.Context(), awsclient.Subject{Unit: p.Key.String(), Text: "Accelerator web"}),
		awsclient.Call{Operation: "DeleteAccelerator"})
	got := h.ring.Of("aga.k8s.aws:shop/web").Entries
	if len(got) != 3 || got[0].By != "helm" ||
		got[1].Text != "1 to create, 0 to change, 0 to replace, 0 to delete; not all of it is done" ||
		got[1].Steps[1] != "failed: CreateAccelerator: LimitExceeded" || got[2].RequestID != "0a1b" {
		t.Errorf("%+v", got)
	}
}

// TestCacheKeepsTheLastWriter: of the managed fields of objects that own load balancers, and of no other.
func TestCacheKeepsTheLastWriter(t *testing.T) {
	t.Parallel()
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	m := metav1.ObjectMeta{Name: "web", ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "helm", Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)},
		{Manager: ownManager, Time: &metav1.Time{Time: at.Add(time.Hour)}},
	}}
	transform := managerOptions(&config.Config{}, nil, logr.Discard()).Cache.DefaultTransform
	balanced := &corev1.Service{ObjectMeta: *m.DeepCopy(), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
	for _, o := range []client.Object{&networkingv1.Ingress{ObjectMeta: *m.DeepCopy()}, balanced} {
		for range 2 {
			if _, err := transform(o); err != nil {
				t.Fatal(err)
			}
		}
		if got := o.GetManagedFields(); len(got) != 1 || got[0].Manager != "helm" || !got[0].Time.Equal(&at) ||
			got[0].FieldsV1 != nil {
			t.Errorf("%T keeps %+v", o, got)
		}
	}
	for _, o := range []client.Object{&corev1.Service{ObjectMeta: *m.DeepCopy()}, &networkingv1.IngressClass{
		ObjectMeta: *m.DeepCopy()}} {
		if _, err := transform(o); err != nil || o.GetManagedFields() != nil {
			t.Errorf("%T keeps %+v, %v", o, o.GetManagedFields(), err)
		}
	}
}
