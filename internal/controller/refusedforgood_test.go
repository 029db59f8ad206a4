package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// refusedAttribute is an attribute of load balancers that AWS does not know, with a value.
const refusedAttribute = "no.such.attribute=1"

// TestRefusedWritesKeepTheirBudgetOfCalls has many Ingresses declare a setting that AWS refuses. An object has three more attempts in the first hour and
// one in each hour after that; a start makes none.
func TestRefusedWritesKeepTheirBudgetOfCalls(t *testing.T) {
	t.Parallel()
	many := 20
	if longtest.Enabled() {
		many = 100
	}
	objects := []client.Object{labClass(), labService("web")}
	var keys []stack.Key
	for n := range many {
		name := fmt.Sprintf("web%d", n)
		objects, keys = append(objects, labIngress(name, nil, "web")), append(keys, implicit(name))
	}
	l := newLab(t, account.Profile{}, objects...)
	l.must(l.sim.Account.SetQuota("application-load-balancers", many))
	l.checkpointed = true
	l.restart()
	l.settle(keys...)
	for n := range many {
		l.annotate(fmt.Sprintf("web%d", n), "load-balancer-attributes", refusedAttribute)
	}
	mark := l.mark()
	l.pass(time.Second, nil, keys...)
	_, first := l.counts(mark)
	t.Logf("with the edit: %v", first)
	if first["ModifyLoadBalancerAttributes"] != many {
		t.Errorf("the setting is sent %d times, want %d", first["ModifyLoadBalancerAttributes"], many)
	}
	for _, c := range []struct {
		when string
		most int
	}{{"the first hour", 3 * many}, {"the second hour", many}, {"the third hour", many}} {
		mark := l.mark()
		l.pass(time.Hour, nil, keys...)
		writes := len(l.writes(mark))
		total, _ := l.counts(mark)
		reads := total - writes
		t.Logf("%s: %d writes of at most %d, and %d reads that all share", c.when, writes, c.most, reads)
		if writes > c.most || reads > 10 {
			t.Errorf("%s: %d writes, want %d at most, and %d reads", c.when, writes, c.most, reads)
		}
	}
	l.end()
	l.restart()
	mark = l.mark()
	l.pass(time.Minute, nil, keys...)
	_, by := l.counts(mark)
	t.Logf("a minute from a start on: %v", by)
	if writes := l.writes(mark); len(writes) > 0 {
		t.Errorf("a start sends %d writes: %v", len(writes), by)
	}
}

// refusedLab has a group of two namespaces, of which one declares what AWS refuses of the load balancer; it has been tried for a while.
func refusedLab(t *testing.T, annotations map[string]string) *lab {
	t.Helper()
	l := newLab(t, account.Profile{}, append(append(groupMember("shop", "web", 0, nil), groupMember("mal", "evil", 9, annotations)...), labClass())...)
	l.checkpointed = true
	l.restart()
	l.passWith(15*time.Minute, frontGroup)
	return l
}

func TestRefusalHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	const attributes = "load-balancer-attributes"
	edit := func(namespace, name string, change func(*networkingv1.Ingress)) func(l *lab) {
		return func(l *lab) {
			i := &networkingv1.Ingress{}
			l.must(l.client.Get(l.Context(), client.ObjectKey{Namespace: namespace, Name: name}, i))
			change(i)
			l.must(l.client.Update(l.Context(), i))
		}
	}
	annotate := func(namespace, name, key, value string) func(l *lab) {
		return edit(namespace, name, func(i *networkingv1.Ingress) { i.Annotations[prefix+key] = value })
	}
	for name, c := range map[string]struct {
		edit func(l *lab)
		want []string // the writes of the next pass
	}{
		"nothing happens":             {edit: func(*lab) {}},
		"the process starts again":    {edit: func(l *lab) { l.end(); l.restart() }},
		"the process crashes":         {edit: func(l *lab) { l.crash(); l.restart() }},
		"another version starts":      {edit: func(l *lab) { l.end(); l.version = "next"; l.restart() }, want: []string{"ModifyLoadBalancerAttributes"}},
		"another member's setting":    {edit: annotate("shop", "web", attributes, "idle_timeout.timeout_seconds=77"), want: []string{"ModifyLoadBalancerAttributes"}},
		"another member's annotation": {edit: annotate("shop", "web", "group.order", "0")},
		"its object is touched":       {edit: annotate("mal", "evil", "x", "y"), want: []string{"ModifyLoadBalancerAttributes"}},
		"its object is corrected":     {edit: annotate("mal", "evil", attributes, "client_keep_alive.seconds=100"), want: []string{"ModifyLoadBalancerAttributes"}},
		"its object gets a good edit": {edit: annotate("mal", "evil", "healthcheck-path", "/healthy"), want: []string{"ModifyLoadBalancerAttributes", "ModifyTargetGroup"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := refusedLab(t, map[string]string{attributes: refusedAttribute})
			c.edit(l)
			mark := l.mark()
			l.passWith(time.Second, frontGroup)
			got := l.writes(mark)
			if slices.Sort(got); !slices.Equal(slices.Compact(got), c.want) {
				t.Errorf("writes %v, want %v", got, c.want)
			}
		})
	}
}

func TestRefusedValuesAreSentOnceBesideGoodOnes(t *testing.T) {
	t.Parallel()
	l := refusedLab(t, map[string]string{"load-balancer-attributes": refusedAttribute + ",client_keep_alive.seconds=1"})
	for n := range 5 {
		l.annotate("web", "load-balancer-attributes", fmt.Sprintf("idle_timeout.timeout_seconds=%d", 70+n))
		mark := l.mark()
		l.passWith(time.Second, frontGroup)
		if _, by := l.counts(mark); by["ModifyLoadBalancerAttributes"] != 1 {
			t.Errorf("edit %d: %v", n, by)
		}
		if got := l.sim.Resources().LoadBalancers[0].Attributes["idle_timeout.timeout_seconds"]; got != fmt.Sprint(70+n) {
			t.Errorf("edit %d: the timeout is %s", n, got)
		}
	}
}

func TestRefusedRuleIsNotRepeatedWhileTargetsAwaitHealth(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	l.fault(gate.Fault{Action: "CreateRule", Code: "ValidationError", Message: "A condition value may not contain '|'", Status: 400})
	l.edit("web", toNew)
	l.create(labService("new"))
	mark := l.mark()
	l.passWith(9*time.Minute, implicit("web"))
	if _, by := l.counts(mark); by["CreateRule"] != 2 {
		t.Errorf("calls in nine minutes: %v", by)
	}
	if told := strings.Join(l.events, "\n"); strings.Count(told, "may not contain") != 1 {
		t.Errorf("events:\n%s", told)
	}
}

func TestChangeInAWSHasARefusedWriteTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change bool
		want   int
	}{"the look finds nothing": {false, 0}, "the look finds a change": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
			l.settle(implicit("web"))
			l.annotate("web", "load-balancer-attributes", refusedAttribute)
			l.passWith(15*time.Minute, implicit("web"))
			_, err := l.inventory.Reread(t.Context(), implicit("web"))
			l.must(err)
			if c.change {
				lb := l.sim.Resources().LoadBalancers[0].ARN
				_, err := l.sim.Balancing.CreateListener(t.Context(), &elbv2.CreateListenerInput{LoadBalancerArn: &lb, Port: aws.Int32(81), Protocol: "HTTP",
					DefaultActions: []elbtypes.Action{{Type: "fixed-response", FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("404")}}}})
				l.must(err)
			}
			mark := l.mark()
			_, err = l.inventory.Reread(t.Context(), implicit("web"))
			l.must(err)
			l.passWith(time.Second, implicit("web"))
			if _, by := l.counts(mark); by["ModifyLoadBalancerAttributes"] != c.want {
				t.Errorf("calls: %v", by)
			}
		})
	}
}

func TestRefusedTargetsKeepTheirBudgetOfCalls(t *testing.T) {
	t.Parallel()
	l, b := boundLab(t)
	l.get(b, "bound")
	b.Generation = 1
	l.must(l.client.Update(t.Context(), b))
	l.settle()
	l.fault(gate.Fault{Action: "RegisterTargets", Code: "ValidationError", Message: "no", Status: 400})
	for _, o := range labPods("a", "10.0.128.51") {
		l.must(client.IgnoreNotFound(l.client.Delete(t.Context(), o)))
		o.SetResourceVersion("")
		l.create(o)
	}
	for _, c := range []struct {
		when  string
		edit  func()
		spans time.Duration
		want  int
	}{
		{"the first hour", func() {}, 59 * time.Minute, 4},
		{"the second hour", func() {}, time.Hour, 1},
		{"an edit of the binding", func() { l.get(b, "bound"); b.Generation++; l.must(l.client.Update(t.Context(), b)) }, time.Minute, 1},
	} {
		c.edit()
		mark := l.mark()
		l.pass(c.spans, nil)
		n, by := l.counts(mark)
		t.Logf("%s: %d calls: %v", c.when, n, by)
		if by["RegisterTargets"] != c.want {
			t.Errorf("%s: %v, want %d RegisterTargets", c.when, by, c.want)
		}
	}
}
