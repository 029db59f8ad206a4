package upkeep

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// refusedAttribute is an attribute of load balancers that AWS does not know, with a value.
const refusedAttribute = "no.such.attribute=1"

// TestRefusedWritesKeepTheirBudgetOfCalls has many Ingresses declare a setting that AWS refuses. An object has three
// more attempts in the first hour and one in each hour after that; a start makes none.
func TestRefusedWritesKeepTheirBudgetOfCalls(t *testing.T) {
	t.Parallel()
	many := 20
	if !testing.Short() {
		many = 100
	}
	objects := []client.Object{lab.Class(), lab.Service("web")}
	var keys []stack.Key
	for n := range many {
		name := fmt.Sprintf("web%d", n)
		objects, keys = append(objects, lab.Ingress(name, nil, "web")), append(keys, lab.Key(name))
	}
	l := lab.New(t, account.Profile{}, objects...)
	l.Must(l.Sim.Account.SetQuota("application-load-balancers", many))
	l.Checkpointed = true
	l.Restart()
	l.Settle(keys...)
	for n := range many {
		l.Annotate(fmt.Sprintf("web%d", n), "load-balancer-attributes", refusedAttribute)
	}
	mark := l.Mark()
	l.Pass(time.Second, nil, keys...)
	_, first := l.Counts(mark)
	t.Logf("with the edit: %v", first)
	if first["ModifyLoadBalancerAttributes"] != many {
		t.Errorf("the setting is sent %d times, want %d", first["ModifyLoadBalancerAttributes"], many)
	}
	for _, c := range []struct {
		when string
		most int
	}{{"the first hour", 3 * many}, {"the second hour", many}, {"the third hour", many}} {
		mark := l.Mark()
		l.Pass(time.Hour, nil, keys...)
		writes := len(l.Writes(mark))
		total, _ := l.Counts(mark)
		reads := total - writes
		t.Logf("%s: %d writes of at most %d, and %d reads that all share", c.when, writes, c.most, reads)
		if writes > c.most || reads > 10 {
			t.Errorf("%s: %d writes, want %d at most, and %d reads", c.when, writes, c.most, reads)
		}
	}
	l.End()
	l.Restart()
	mark = l.Mark()
	l.Pass(time.Minute, nil, keys...)
	_, by := l.Counts(mark)
	t.Logf("a minute from a start on: %v", by)
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("a start sends %d writes: %v", len(writes), by)
	}
}

// refusedLab has a group of two namespaces, of which one declares what AWS refuses of the load balancer; it has been
// tried for a while.
func refusedLab(t *testing.T, annotations map[string]string) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{},
		append(append(lab.GroupMember("shop", "web", 0, nil), lab.GroupMember("mal", "evil", 9, annotations)...),
			lab.Class())...)
	l.Checkpointed = true
	l.Restart()
	l.PassWith(15*time.Minute, lab.FrontGroup)
	return l
}

func TestRefusalHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	const attributes = "load-balancer-attributes"
	edit := func(namespace, name string, change func(*networkingv1.Ingress)) func(l *lab.Lab) {
		return func(l *lab.Lab) {
			i := &networkingv1.Ingress{}
			l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: namespace, Name: name}, i))
			change(i)
			l.Must(l.Client.Update(l.Context(), i))
		}
	}
	annotate := func(namespace, name, key, value string) func(l *lab.Lab) {
		return edit(namespace, name, func(i *networkingv1.Ingress) { i.Annotations[prefix+key] = value })
	}
	for name, c := range map[string]struct {
		edit func(l *lab.Lab)
		want []string // the writes of the next pass
	}{
		"nothing happens":          {edit: func(*lab.Lab) {}},
		"the process starts again": {edit: func(l *lab.Lab) { l.End(); l.Restart() }},
		"the process crashes":      {edit: func(l *lab.Lab) { l.Crash(); l.Restart() }},
		"another version starts": {edit: func(l *lab.Lab) { l.End(); l.Version = "next"; l.Restart() }, want: []string{
			"ModifyLoadBalancerAttributes"}},
		"another member's setting": {edit: annotate("shop", "web", attributes, "idle_timeout.timeout_seconds=77"),
			want: []string{"ModifyLoadBalancerAttributes"}},
		"another member's annotation": {edit: annotate("shop", "web", "group.order", "0")},
		"its object is touched": {edit: annotate("mal", "evil", "x", "y"), want: []string{
			"ModifyLoadBalancerAttributes"}},
		"its object is corrected": {edit: annotate("mal", "evil", attributes, "client_keep_alive.seconds=100"),
			want: []string{"ModifyLoadBalancerAttributes"}},
		"its object gets a good edit": {edit: annotate("mal", "evil", "healthcheck-path", "/healthy"), want: []string{
			"ModifyLoadBalancerAttributes", "ModifyTargetGroup"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := refusedLab(t, map[string]string{attributes: refusedAttribute + ",client_keep_alive.seconds=90"})
			c.edit(l)
			mark := l.Mark()
			l.PassWith(time.Second, lab.FrontGroup)
			got := l.Writes(mark)
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
		l.Annotate("web", "load-balancer-attributes", fmt.Sprintf("idle_timeout.timeout_seconds=%d", 70+n))
		mark := l.Mark()
		l.PassWith(time.Second, lab.FrontGroup)
		if _, by := l.Counts(mark); by["ModifyLoadBalancerAttributes"] != 1 {
			t.Errorf("edit %d: %v", n, by)
		}
		if got := l.Sim.Resources().LoadBalancers[0].Attributes["idle_timeout.timeout_seconds"]; got != fmt.Sprint(70+n) {
			t.Errorf("edit %d: the timeout is %s", n, got)
		}
	}
}

func TestRefusedRuleIsNotRepeatedWhileTargetsAwaitHealth(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.Fault(gate.Fault{Action: "CreateRule", Code: "ValidationError", Message: "A condition value may not contain '|'",
		Status: 400})
	l.Edit("web", lab.ToNew)
	l.Create(lab.Service("new"))
	mark := l.Mark()
	l.PassWith(9*time.Minute, lab.Key("web"))
	if _, by := l.Counts(mark); by["CreateRule"] != 2 {
		t.Errorf("calls in nine minutes: %v", by)
	}
	if told := strings.Join(l.Events, "\n"); strings.Count(told, "may not contain") != 1 {
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
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
			l.Settle(lab.Key("web"))
			l.Annotate("web", "load-balancer-attributes", refusedAttribute)
			l.PassWith(15*time.Minute, lab.Key("web"))
			_, err := l.Inventory.Reread(t.Context(), lab.Key("web"))
			l.Must(err)
			if c.change {
				lb := l.Sim.Resources().LoadBalancers[0].ARN
				_, err := l.Sim.Balancing.CreateListener(t.Context(), &elbv2.CreateListenerInput{LoadBalancerArn: &lb,
					Port: aws.Int32(81), Protocol: "HTTP",
					DefaultActions: []elbtypes.Action{
						{Type: "fixed-response", FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
							StatusCode: aws.String("404")}}}})
				l.Must(err)
			}
			mark := l.Mark()
			_, err = l.Inventory.Reread(t.Context(), lab.Key("web"))
			l.Must(err)
			l.PassWith(time.Second, lab.Key("web"))
			if _, by := l.Counts(mark); by["ModifyLoadBalancerAttributes"] != c.want {
				t.Errorf("calls: %v", by)
			}
		})
	}
}

func TestRefusedTargetsKeepTheirBudgetOfCalls(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	l.Get(b, "bound")
	b.Generation = 1
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	l.Fault(gate.Fault{Action: "RegisterTargets", Code: "ValidationError", Message: "no", Status: 400})
	for _, o := range lab.Pods("a", "10.0.128.51") {
		l.Must(client.IgnoreNotFound(l.Client.Delete(t.Context(), o)))
		o.SetResourceVersion("")
		l.Create(o)
	}
	for _, c := range []struct {
		when  string
		edit  func()
		spans time.Duration
		want  int
	}{
		{"the first hour", func() {}, 59 * time.Minute, 4},
		{"the second hour", func() {}, time.Hour, 1},
		{"an edit of the binding", func() {
			l.Get(b, "bound")
			b.Generation++
			l.Must(l.Client.Update(t.Context(), b))
		}, time.Minute, 1},
	} {
		c.edit()
		mark := l.Mark()
		l.Pass(c.spans, nil)
		n, by := l.Counts(mark)
		t.Logf("%s: %d calls: %v", c.when, n, by)
		if by["RegisterTargets"] != c.want {
			t.Errorf("%s: %v, want %d RegisterTargets", c.when, by, c.want)
		}
	}
}
