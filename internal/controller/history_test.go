package controller

import (
	"context"
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
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	acceleratoraccount "github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// onPassed is what is called after each pass; nil = nothing is.
func (l *lab) onPassed() func(stacks.Passed) {
	if l.history == nil {
		return nil
	}
	return l.history.passed
}

// newRecorded is a lab whose leaders record what they do.
func newRecorded(t *testing.T, objects ...client.Object) *lab {
	t.Helper()
	l := newLab(t, account.Profile{}, objects...)
	l.checkpointed, l.keepsHistory = true, true
	l.byHTTP(func(ctx context.Context, c awsclient.Call) { l.history.called(ctx, c) })
	l.restart()
	return l
}

// recordOf is what the ConfigMaps say of a unit, and kinds are the kinds of entries in their order.
func (l *lab) recordOf(unit string) (r timeline.Record, kinds string) {
	l.Helper()
	at := client.ObjectKey{Namespace: "kube-system", Name: checkpointConfig(l.config, "kube-system", l.clock.Now, l.log).Name}
	all, err := checkpoint.Peek(l.Context(), l.client, at, checkpoint.History)
	l.must(err)
	if text := all[unit]; text != nil {
		l.must(json.Unmarshal(text, &r))
	}
	for _, e := range timeline.Since(r.Entries, time.Time{}) {
		if kinds += string(e.Kind) + " "; e.Kind == timeline.Call && e.RequestID == "" {
			l.Errorf("a call without the id of its request: %+v", e)
		}
	}
	return r, strings.TrimSpace(kinds)
}

func (l *lab) idleTimeout(seconds string) {
	l.edit("web", func(i *networkingv1.Ingress) {
		metav1.SetMetaDataAnnotation(&i.ObjectMeta, "alb.ingress.kubernetes.io/load-balancer-attributes", "idle_timeout.timeout_seconds="+seconds)
	})
	l.settle(implicit("web"))
}

func TestRecordOfStackSurvivesLeaders(t *testing.T) {
	l := newRecorded(t, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	l.crash()
	unit := implicit("web").String()
	before, kinds := l.recordOf(unit)
	if !strings.HasPrefix(kinds, "plan call") || !slices.ContainsFunc(before.Entries, func(e timeline.Entry) bool { return strings.HasPrefix(e.Text, "CreateLoadBalancer LoadBalancer") }) {
		t.Fatalf("%s: %+v", kinds, before)
	}
	l.clock.Advance(time.Minute)
	l.restart()
	mark := l.mark()
	l.idleTimeout("61")
	l.end()
	after, _ := l.recordOf(unit)
	more := after.Entries[len(before.Entries):]
	if len(more) != 2 || more[0].Kind != timeline.Call || more[1].Kind != timeline.Plan || more[1].Time.After(more[0].Time) || !strings.HasSuffix(more[1].Steps[0], ": done") {
		t.Fatalf("after an edit under the second leader: %+v", more)
	}
	calls := l.sim.Gate.Calls(gate.Filter{After: mark, Action: "ModifyLoadBalancerAttributes"})
	if len(calls) != 1 || calls[0].RequestID != more[0].RequestID {
		t.Errorf("the request is %s, the simulator has %+v", more[0].RequestID, calls)
	}
	leaders, _ := l.recordOf(timeline.LeaderUnit)
	if len(leaders.Entries) != 2 || !strings.Contains(leaders.Entries[1].Text, "did not end in order") {
		t.Errorf("leaders: %+v", leaders)
	}
}

func TestRecordHasFailuresOnce(t *testing.T) {
	l := newRecorded(t, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "ModifyLoadBalancerAttributes", Code: "AccessDenied", Status: 403, Message: "not authorized"})
	l.must(err)
	l.edit("web", func(i *networkingv1.Ingress) {
		metav1.SetMetaDataAnnotation(&i.ObjectMeta, "alb.ingress.kubernetes.io/load-balancer-attributes", "idle_timeout.timeout_seconds=61")
	})
	for range 5 {
		_, err := l.round(implicit("web"))
		if err == nil {
			t.Error("a refused call is no error")
		}
		l.clock.Advance(10 * time.Minute)
	}
	l.end()
	r, _ := l.recordOf(implicit("web").String())
	failed := slices.DeleteFunc(r.Entries, func(e timeline.Entry) bool { return e.Times < 2 })
	if len(failed) != 2 || !strings.HasSuffix(failed[0].Text, "failed: AccessDenied") || failed[1].Kind != timeline.Plan {
		t.Errorf("%+v", failed)
	}
}

func TestRecordHasTargetsOfBinding(t *testing.T) {
	l := newRecorded(t, labClass(), labService("web"), labIngress("web", map[string]string{"target-type": "ip"}, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.create(labPods("a", "10.0.128.50")...)
	l.settle(implicit("web"))
	l.end()
	all := l.allBindings()
	if len(all) != 1 {
		t.Fatal(all)
	}
	r, kinds := l.recordOf(registrar.Key(stack.ID{Namespace: "shop", Name: all[0].Name}).String())
	if kinds != "targets" || !strings.HasPrefix(r.Entries[0].Text, "RegisterTargets 10.0.128.50:") {
		t.Errorf("%+v", r)
	}
}

// TestAtRestNothingIsRecorded: passes that change nothing leave the ConfigMaps as they are.
func TestAtRestNothingIsRecorded(t *testing.T) {
	l := newRecorded(t, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	l.clock.Advance(2 * time.Minute)
	l.crash()
	before := l.written()
	for range 5 {
		l.clock.Advance(2 * time.Minute)
		l.settle(implicit("web"))
		l.crash()
	}
	if after := l.written(); after != before {
		t.Errorf("at rest is written\n%s\nbefore\n%s", after, before)
	}
}

// keeper is a history that keeps its record in memory.
func keeper(now *time.Time) *history { return newHistory(func() time.Time { return *now }, "lbc-0") }

func TestRecordHasEachEditOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := keeper(&now)
	h.restore(checkpoint.Restored{})
	edit := func(manager string, at time.Time) *networkingv1.Ingress {
		of := metav1.NewTime(at)
		return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: manager, Time: &of}}}}
	}
	for _, o := range []*networkingv1.Ingress{edit("helm", now.Add(-time.Hour)), edit("kubectl-edit", now), edit("kubectl-edit", now), edit("kubectl-edit", now.Add(time.Second))} {
		h.passed(stacks.Passed{Key: implicit("web"), Input: front.Input{Members: []metav1.Object{o}}})
	}
	got := h.ring.Of(implicit("web").String()).Entries
	if len(got) != 2 || got[0].By != "kubectl-edit" || got[0].Object != "Ingress shop/web" || !got[1].Time.Equal(now.Add(time.Second)) {
		t.Errorf("%+v", got)
	}
}

func TestRecordHasHoldsAndTheirEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := keeper(&now)
	held := []hold.Kept{{Key: "all", Hold: hold.Hold{Since: now, Until: now.Add(time.Hour), Reason: "incident", By: "ada"}}}
	h.held(held) // by a process that does not lead
	text, err := json.Marshal([]hold.Kept{{Key: "namespace.shop", Hold: hold.Hold{Since: now, Until: now.Add(time.Hour), Reason: "sale"}}})
	if err != nil {
		t.Fatal(err)
	}
	h.restore(checkpoint.Restored{Entries: map[checkpoint.ID]json.RawMessage{{Kind: checkpoint.Holds, Name: checkpoint.HoldsName}: text}})
	h.held(held)
	h.held(held)
	h.held(nil)
	var got []string
	for _, e := range h.ring.Of(timeline.LeaderUnit).Entries[1:] {
		got = append(got, e.Object+": "+e.Text)
	}
	want := []string{
		"all load balancers: held until 2026-01-02T04:00:00Z, set by ada: incident", "namespace shop: the hold has ended, or was changed", "all load balancers: the hold has ended, or was changed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRecordHasPlansOfAccelerators(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	h := keeper(&now)
	ga := &agav1beta1.GlobalAccelerator{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "helm", Time: &metav1.Time{Time: now}}}}}
	p := &plan.Plan{Key: stack.Key{Owner: accelerator.Owner, ID: stack.ID{Namespace: "shop", Name: "web"}}, Steps: []plan.Step{{Action: plan.Create, Resource: stack.Ref{Kind: "Accelerator", ID: "web"}}}}
	h.accelerated(ga, now, p, acceleratoraccount.Result{Problems: diag.List{{Text: "CreateAccelerator: LimitExceeded"}}})
	h.called(awsclient.WithSubject(t.Context(), awsclient.Subject{Unit: p.Key.String(), Text: "Accelerator web"}), awsclient.Call{Operation: "CreateAccelerator", Attempts: 1, RequestID: "0a1b"})
	h.called(awsclient.WithSubject(t.Context(), awsclient.Subject{Unit: p.Key.String(), Text: "Accelerator web"}), awsclient.Call{Operation: "DescribeAccelerator", Attempts: 1})
	h.called(awsclient.WithSubject(t.Context(), awsclient.Subject{Unit: p.Key.String(), Text: "Accelerator web"}), awsclient.Call{Operation: "DeleteAccelerator"}) // not sent
	got := h.ring.Of("aga.k8s.aws:shop/web").Entries
	if len(got) != 3 || got[0].By != "helm" || got[1].Text != "1 to create, 0 to change, 0 to replace, 0 to delete; not all of it is done" || got[1].Steps[1] != "failed: CreateAccelerator: LimitExceeded" || got[2].RequestID != "0a1b" {
		t.Errorf("%+v", got)
	}
}

// TestCacheKeepsTheLastWriter: of the managed fields of objects that own load balancers, and of no other.
func TestCacheKeepsTheLastWriter(t *testing.T) {
	t.Parallel()
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	m := metav1.ObjectMeta{Name: "web", ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "helm", Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}, {Manager: ownManager, Time: &metav1.Time{Time: at.Add(time.Hour)}},
	}}
	transform := managerOptions(&config.Config{}, nil, logr.Discard()).Cache.DefaultTransform
	balanced := &corev1.Service{ObjectMeta: *m.DeepCopy(), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
	for _, o := range []client.Object{&networkingv1.Ingress{ObjectMeta: *m.DeepCopy()}, balanced} {
		for range 2 {
			if _, err := transform(o); err != nil {
				t.Fatal(err)
			}
		}
		if got := o.GetManagedFields(); len(got) != 1 || got[0].Manager != "helm" || !got[0].Time.Equal(&at) || got[0].FieldsV1 != nil {
			t.Errorf("%T keeps %+v", o, got)
		}
	}
	for _, o := range []client.Object{&corev1.Service{ObjectMeta: *m.DeepCopy()}, &networkingv1.IngressClass{ObjectMeta: *m.DeepCopy()}} {
		if _, err := transform(o); err != nil || o.GetManagedFields() != nil {
			t.Errorf("%T keeps %+v, %v", o, o.GetManagedFields(), err)
		}
	}
}
