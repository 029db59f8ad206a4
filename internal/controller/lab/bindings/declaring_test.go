package bindings

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// told fails unless exactly these objects hear of a text.
func told(l *lab.Lab, text string, want ...string) {
	l.Helper()
	var got []string
	for _, e := range l.Events {
		if object, _, _ := strings.Cut(e, " Note: "); strings.Contains(e, text) && !slices.Contains(got, object) {
			got = append(got, object)
		}
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		l.Errorf("%v hear of it, want %v:\n%s", got, want, strings.Join(l.Events, "\n"))
	}
}

// TestMemberOfAGroupHearsThatItsTargetGroupIsEmpty has node labels that no node has on a member of an explicit group.
func TestMemberOfAGroupHearsThatItsTargetGroupIsEmpty(t *testing.T) {
	t.Parallel()
	svc, other := lab.Service("web"), lab.Service("other")
	for n, s := range []*corev1.Service{svc, other} {
		s.Spec.Type, s.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080+int32(n)
	}
	l := lab.New(t, account.Profile{}, lab.Class(), svc, other, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		lab.Ingress("web", map[string]string{"group.name": "g", "target-type": "instance",
			"target-node-labels": "karpenter.sh/nodepool=web"}, "web"),
		lab.Ingress("site", map[string]string{"group.name": "g", "target-type": "instance"}, "other", "web"))
	l.Settle(stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}})
	var binding string
	for _, b := range l.AllBindings() {
		if b.Spec.NodeSelector != nil {
			binding = b.Name
		}
	}
	told(l, "has no targets", "Ingress shop/web", "Service shop/web", "TargetGroupBinding shop/"+binding)
}

// TestRouteHearsThatItsTargetGroupIsEmpty has a route whose Service selects no pod.
func TestRouteHearsThatItsTargetGroupIsEmpty(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	l.Clock.Advance(2 * time.Minute)
	l.SettleWeb()
	told(l, "has no targets", "HTTPRoute shop/web", "Service shop/web", "TargetGroupBinding shop/"+l.AllBindings()[0].Name)
}

// TestOwnersHearThatNoPodIsBehindTheirNodes has a Service of nodes whose selector no pod has.
func TestOwnersHearThatNoPodIsBehindTheirNodes(t *testing.T) {
	t.Parallel()
	svc := lab.Service("web")
	svc.Spec.Selector = map[string]string{"app": "wbe"}
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, lab.Class(), svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
		lab.Ingress("web", map[string]string{"group.name": "g", "target-type": "instance"}, "web"))
	l.Settle(stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}})
	b := l.AllBindings()[0]
	if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 {
		t.Fatalf("targets %v", got)
	}
	l.Sim.Account.Lock()
	l.Sim.Account.HealthReported = true
	l.Sim.Account.Unlock()
	l.Sim.Account.SetTargetHealth(b.Spec.TargetGroupARN, account.TargetDescription{ID: "i-0a1de0000000000a1",
		Port: 30080}, account.Health{State: "unhealthy"})
	l.Clock.Advance(time.Minute)
	l.Bound.Health.Look(t.Context())
	text := strings.Join(l.Events, "\n")
	for _, object := range []string{"Ingress shop/web", "Service shop/web", "TargetGroupBinding shop/" + b.Name} {
		if !strings.Contains(text, object+" UnhealthyTargets: no target is healthy") {
			t.Errorf("%s does not hear of it:\n%s", object, text)
		}
	}
	if strings.Count(text, "no pod with the labels app=wbe, which Service web selects") != 3 {
		t.Errorf("told:\n%s", text)
	}
}
