package upkeep

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lbc/history"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// newRecorded is a lab whose leaders record what they do.
func newRecorded(t *testing.T, objects ...client.Object) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{}, objects...)
	l.Checkpointed, l.KeepsHistory = true, true
	byHTTP(l, func(ctx context.Context, c awsclient.Call) { l.History.Called(ctx, c) })
	l.Restart()
	return l
}

// recordOf is what the ConfigMaps say of a unit, and kinds are the kinds of entries in their order.
func recordOf(l *lab.Lab, unit string) (r timeline.Record, kinds string) {
	l.Helper()
	at := client.ObjectKey{Namespace: "kube-system", Name: controller.CheckpointConfig(l.Config, "kube-system",
		l.Clock.Now, l.Logger).Name}
	all, err := checkpoint.Peek(l.Context(), l.Client, at, checkpoint.History)
	l.Must(err)
	if text := all[unit]; text != nil {
		l.Must(json.Unmarshal(text, &r))
	}
	for _, e := range history.Since(r.Entries, time.Time{}) {
		if kinds += string(e.Kind) + " "; e.Kind == timeline.Call && e.RequestID == "" {
			l.Errorf("a call without the id of its request: %+v", e)
		}
	}
	return r, strings.TrimSpace(kinds)
}

func idleTimeout(l *lab.Lab, seconds string) {
	l.Edit("web", func(i *networkingv1.Ingress) {
		metav1.SetMetaDataAnnotation(&i.ObjectMeta, "alb.ingress.kubernetes.io/load-balancer-attributes",
			"idle_timeout.timeout_seconds="+seconds)
	})
	l.Settle(lab.Key("web"))
}

func TestRecordOfStackSurvivesLeaders(t *testing.T) {
	l := newRecorded(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.Crash()
	unit := lab.Key("web").String()
	before, kinds := recordOf(l, unit)
	if !strings.HasPrefix(kinds, "plan call") || !slices.ContainsFunc(before.Entries, func(e timeline.Entry) bool {
		return strings.HasPrefix(e.Text, "CreateLoadBalancer LoadBalancer")
	}) {
		t.Fatalf("%s: %+v", kinds, before)
	}
	l.Clock.Advance(time.Minute)
	l.Restart()
	mark := l.Mark()
	idleTimeout(l, "61")
	l.End()
	after, _ := recordOf(l, unit)
	more := after.Entries[len(before.Entries):]
	if len(more) != 2 || more[0].Kind != timeline.Call || more[1].Kind != timeline.Plan ||
		more[1].Time.After(more[0].Time) || !strings.HasSuffix(more[1].Steps[0], ": done") {
		t.Fatalf("after an edit under the second leader: %+v", more)
	}
	calls := l.Sim.Gate.Calls(gate.Filter{After: mark, Action: "ModifyLoadBalancerAttributes"})
	if len(calls) != 1 || calls[0].RequestID != more[0].RequestID {
		t.Errorf("the request is %s, the simulator has %+v", more[0].RequestID, calls)
	}
	leaders, _ := recordOf(l, timeline.LeaderUnit)
	if len(leaders.Entries) != 2 || !strings.Contains(leaders.Entries[1].Text, "did not end in order") {
		t.Errorf("leaders: %+v", leaders)
	}
}

func TestRecordHasFailuresOnce(t *testing.T) {
	l := newRecorded(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "ModifyLoadBalancerAttributes", Code: "AccessDenied", Status: 403,
		Message: "not authorized"})
	l.Must(err)
	l.Edit("web", func(i *networkingv1.Ingress) {
		metav1.SetMetaDataAnnotation(&i.ObjectMeta, "alb.ingress.kubernetes.io/load-balancer-attributes",
			"idle_timeout.timeout_seconds=61")
	})
	for range 5 {
		_, err := l.Round(lab.Key("web"))
		if err == nil {
			t.Error("a refused call is no error")
		}
		l.Clock.Advance(10 * time.Minute)
	}
	l.End()
	r, _ := recordOf(l, lab.Key("web").String())
	failed := slices.DeleteFunc(r.Entries, func(e timeline.Entry) bool { return e.Times < 2 })
	if len(failed) != 2 || !strings.HasSuffix(failed[0].Text, "failed: AccessDenied") || failed[1].Kind != timeline.Plan {
		t.Errorf("%+v", failed)
	}
}

func TestRecordHasTargetsOfBinding(t *testing.T) {
	l := newRecorded(t, lab.Class(), lab.Service("web"), lab.Ingress("web", map[string]string{"target-type": "ip"}, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("web"))
	l.End()
	all := l.AllBindings()
	if len(all) != 1 {
		t.Fatal(all)
	}
	r, kinds := recordOf(l, registrar.TargetCalls(stack.ID{Namespace: "shop", Name: all[0].Name}).String())
	if kinds != "targets" || !strings.HasPrefix(r.Entries[0].Text, "RegisterTargets 10.0.128.50:") {
		t.Errorf("%+v", r)
	}
}

// TestAtRestNothingIsRecorded: passes that change nothing leave the ConfigMaps as they are.
func TestAtRestNothingIsRecorded(t *testing.T) {
	l := newRecorded(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.Clock.Advance(2 * time.Minute)
	l.Crash()
	before := l.Written()
	for range 5 {
		l.Clock.Advance(2 * time.Minute)
		l.Settle(lab.Key("web"))
		l.Crash()
	}
	if after := l.Written(); after != before {
		t.Errorf("at rest is written\n%s\nbefore\n%s", after, before)
	}
}
