package gateways

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// longName is a name of 253 characters, and name100 one that is too long for a label only.
var (
	longName = strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." +
		strings.Repeat("d", 61)
	name100 = strings.Repeat("e", 100)
)

// longGateway is a Gateway and a route of one name, and their backend.
func longGateway(name string) string {
	return lab.GatewayClasses + `
Gateway shop/` + name + ` {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/` + name + ` {spec: {parentRefs: [{name: ` + name +
		`}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`
}

func longKey(name string) stack.Key {
	return stack.Key{Owner: stack.GatewayALB, ID: naming.StackID("shop", name)}
}

// made are the ARNs of load balancer and target group, and the name of the only binding.
func made(l *lab.Lab) (of [3]string) {
	l.Helper()
	r, bindings := l.Sim.Resources(), l.AllBindings()
	if len(r.LoadBalancers) != 1 || len(r.TargetGroups) != 1 || len(bindings) != 1 {
		l.Fatalf("%d load balancers, %d target groups, %d bindings\n%s", len(r.LoadBalancers), len(r.TargetGroups),
			len(bindings), strings.Join(l.Events, "\n"))
	}
	return [3]string{r.LoadBalancers[0].ARN, r.TargetGroups[0].ARN, bindings[0].Namespace + "/" + bindings[0].Name}
}

func TestAGatewayWithALongNameServesIsFoundAgainAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for what, name := range map[string]string{"of 64 characters": name100[:64], "of 100 characters": name100,
		"of 253 characters": longName} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l, key := lab.NewGateway(t, longGateway(name)), longKey(name)
			l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
			l.Settle(key)
			before := made(l)
			tg := l.Sim.Resources().TargetGroups[0]
			if got := l.Answers("/"); got != tg.Tags["gateway.k8s.aws.alb/resource"] || len(tg.Targets) != 1 {
				t.Fatalf("/ is answered by %q; target group %+v\n%s", got, tg, strings.Join(l.Events, "\n"))
			}
			if tag := tg.Tags["gateway.k8s.aws.alb/stack"]; tag != key.ID.String() ||
				(tag == "shop/"+name) != (name != longName) {
				t.Errorf("tag %s", tag)
			}
			for key, value := range l.AllBindings()[0].Labels {
				if invalid := validation.IsValidLabelValue(value); len(invalid) > 0 {
					t.Errorf("label %s: %v", key, invalid)
				}
			}
			g := &gatewayv1.Gateway{}
			if l.Get(g, name); lab.Shown(g.Status.Conditions) != "Accepted, Programmed" || len(g.Status.Addresses) != 1 {
				t.Errorf("status %+v", g.Status)
			}
			l.WantParents(lab.HTTPRoute(name), name+": Accepted, ResolvedRefs")

			kept := func() { // a pass has something to keep; the next process begins with it
				l.Checkpointed = true
				l.Restart()
				l.Settle(key)
				l.End()
				l.Restart()
			}
			for stage, again := range map[string]func(){"a pass": func() {}, "a restart without checkpoints": l.Restart,
				"a restart with checkpoints": kept} {
				again()
				mark := l.Mark()
				l.Settle(key)
				if writes := l.Writes(mark); len(writes) > 0 || made(l) != before {
					t.Errorf("%s: %v; %v, before %v", stage, writes, made(l), before)
				}
			}

			l.Restart()
			l.Discard("Gateway shop/" + name + " {}")
			l.Settle(key)
			if left := l.LeftOfStacks(); len(left) > 0 || l.Get(g, name) || len(l.AllBindings()) > 0 {
				t.Errorf("left: %v, bindings %v", left, l.AllBindings())
			}
		})
	}
}

// TestGatewaysWhoseLongNamesBeginAlikeDoNotShareAnything deletes one of two.
func TestGatewaysWhoseLongNamesBeginAlikeDoNotShareAnything(t *testing.T) {
	t.Parallel()
	other := longName[:252] + "x"
	l := lab.NewGateway(t, longGateway(longName)+`
Gateway shop/`+other+` {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
HTTPRoute shop/`+other+` {spec: {parentRefs: [{name: `+other+`}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.Settle(longKey(longName), longKey(other))
	if r := l.Sim.Resources(); len(r.LoadBalancers) != 2 || len(r.TargetGroups) != 2 {
		t.Fatalf("%d load balancers, %d target groups\n%s", len(r.LoadBalancers), len(r.TargetGroups),
			strings.Join(l.Events, "\n"))
	}
	l.Discard("Gateway shop/" + other + " {}")
	l.Restart()
	l.Settle(longKey(longName), longKey(other))
	made(l)
	l.WantParents(lab.HTTPRoute(longName), longName+": Accepted, ResolvedRefs")
}

// TestWhatAGatewayWithALongNameLeftIsFoundByItsTags has one that goes without its finalizer and comes back, as after a
// restore of the cluster.
func TestWhatAGatewayWithALongNameLeftIsFoundByItsTags(t *testing.T) {
	t.Parallel()
	l, key := lab.NewGateway(t, longGateway(longName)), longKey(longName)
	l.Settle(key)
	before := made(l)
	if found, _, ok := naming.StackOf("demo-cluster", "", l.Sim.Resources().LoadBalancers[0].Tags); !ok || found != key {
		t.Errorf("the load balancer is that of %s", found)
	}
	g := &gatewayv1.Gateway{}
	l.Get(g, longName)
	g.Finalizers = nil
	l.Must(l.Client.Update(t.Context(), g))
	l.Discard("Gateway shop/" + longName + " {}")
	l.Restart()
	l.Settle(key)
	l.Apply("Gateway shop/" + longName + " {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, " +
		"protocol: HTTP}]}}")
	l.Restart()
	l.Settle(key)
	if got := made(l); got != before {
		t.Errorf("%v, before %v", got, before)
	}
}

// TestABindingOfAnotherWithTheLabelsOfALongNameIsLeftAlone has a copy in another namespace, of which no target group
// says that it belongs there.
func TestABindingOfAnotherWithTheLabelsOfALongNameIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{name100, longName} {
		l, key := lab.NewGateway(t, longGateway(name)), longKey(name)
		l.Settle(key)
		made := l.AllBindings()[0]
		foreign := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "blog", Name: "copy",
			Labels: made.Labels}, Spec: made.Spec}
		l.Create(foreign)
		l.Settle(key)
		l.Restart()
		l.Settle(key)
		if n := len(l.AllBindings()); n != 2 {
			t.Errorf("%d bindings", n)
		}
		l.Must(l.Client.Delete(t.Context(), &made)) // its stack makes it again
		l.Settle(key)
		if !slices.ContainsFunc(l.AllBindings(), func(b v1beta1.TargetGroupBinding) bool {
			return b.Namespace == "shop" && b.DeletionTimestamp == nil
		}) {
			t.Errorf("bindings %v", l.AllBindings())
		}
	}
}

// TestATargetGroupOfALongNameThatIsLostIsMadeAgain deletes the target group beside the controller. Only its binding
// wakes the stack.
func TestATargetGroupOfALongNameThatIsLostIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{name100, longName} {
		l, key := lab.NewGateway(t, longGateway(name)), longKey(name)
		l.Settle(key)
		before := made(l)
		l.Clock.Advance(time.Hour)
		listener := l.Sim.Resources().LoadBalancers[0].Listeners[0].ARN
		_, err := l.Sim.Balancing.DeleteListener(t.Context(), &elbv2.DeleteListenerInput{ListenerArn: aws.String(listener)})
		l.Must(err)
		_, err = l.Sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{
			TargetGroupArn: aws.String(before[1])})
		l.Must(err)
		if _, drifted, err := l.Bound.Registry.Recheck(t.Context(), registrar.Group{ARN: before[1]}); err != nil || !drifted {
			t.Fatalf("a group that is gone is no drift: %v", err)
		}
		if l.Settle(); len(l.Sim.Resources().TargetGroups) == 0 {
			t.Fatal("the binding has not woken its stack")
		}
		l.Settle(key)
		if got := made(l); got[1] == before[1] {
			t.Errorf("nothing was made anew: %v", got)
		}
	}
}

// TestADryRunOfAGatewayWithALongNameShowsItsPlan makes nothing in AWS.
func TestADryRunOfAGatewayWithALongNameShowsItsPlan(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.Replace(longGateway(longName), " {spec: {gatewayClassName",
		` {metadata: {annotations: {gateway.k8s.aws/dry-run: "true"}}, spec: {gatewayClassName`, 1))
	l.Settle(longKey(longName))
	g := &gatewayv1.Gateway{}
	l.Get(g, longName)
	keys := owner.Of(stack.GatewayALB).DryRun
	if plan := g.Annotations[string(keys.Plan)] + g.Annotations[string(keys.Packed)]; plan == "" ||
		len(l.Sim.Resources().LoadBalancers) > 0 {
		t.Errorf("plan %q, load balancers %v", plan, l.Sim.Resources().LoadBalancers)
	}
}

func TestAnIngressWithALongNameServesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{name100, longName} {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress(name, nil, "web"))
		key := stack.Key{Owner: stack.Ingress, ID: naming.StackID("shop", name)}
		l.Settle(key)
		tg := l.Served()
		l.Restart()
		mark := l.Mark()
		l.Settle(key)
		if writes := l.Writes(mark); len(writes) > 0 || l.Served() != tg {
			t.Errorf("a restart writes %v", writes)
		}
		l.Must(l.Client.Delete(t.Context(), lab.Ingress(name, nil, "web")))
		l.Settle(key)
		if left := l.LeftOfStacks(); len(left) > 0 || l.Get(&networkingv1.Ingress{}, name) {
			t.Errorf("left: %v", left)
		}
	}
}
