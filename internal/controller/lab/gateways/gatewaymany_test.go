package gateways

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestTheStatusOfARouteOfFiveGatewaysIsWrittenOnce(t *testing.T) {
	t.Parallel()
	text, parents := strings.Replace(lab.WebGateway, "parentRefs: [{name: web}]",
		"parentRefs: [{name: web}, {name: g1}, {name: g2}, {name: g3}, {name: g4}]", 1), "g1: Accepted, ResolvedRefs; "
	keys := []stack.Key{lab.GatewayKey(stack.GatewayALB, "web")}
	for i := 1; i < 5; i++ {
		text += fmt.Sprintf("\nGateway shop/g%d {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, "+
			"protocol: HTTP}]}}", i)
		keys = append(keys, lab.GatewayKey(stack.GatewayALB, fmt.Sprintf("g%d", i)))
	}
	l := lab.NewGateway(t, text)
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client does not watch")
	}
	writes := 0
	l.Client = interceptor.NewClient(watching, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if _, is := o.(*gatewayv1.HTTPRoute); is && sub == "status" {
				writes++
			}
			return c.SubResource(sub).Patch(ctx, o, patch, opts...)
		}})
	l.Restart()
	for _, key := range keys {
		_, err := l.ReconcilerOf(key).Reconcile(t.Context(), key)
		l.Must(err)
	}
	l.Clock.Advance(1e9) // passes that are made together
	l.RunQueues(t.Context())
	l.WantParents(lab.HTTPRoute("web"), parents+"g2: Accepted, ResolvedRefs; g3: Accepted, ResolvedRefs; g4: Accepted, "+
		"ResolvedRefs; web: Accepted, ResolvedRefs")
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
	l.Settle(keys...)
	if writes != 1 {
		t.Errorf("%d writes once all serve", writes)
	}
}

// TestReplacedALBTargetIsDeregisteredFirst has the scheme of the ALB changed: a target
// group of ALBs takes one.
func TestReplacedALBTargetIsDeregisteredFirst(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "gatewayClassName: alb, ",
		"gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, "+
			"name: web}}, ", 1)+`
LoadBalancerConfiguration shop/web {spec: {scheme: internal}}
Gateway shop/net {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/net {spec: {parentRefs: [{name: net}], rules: [{backendRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web, port: 80}]}]}}`)
	keys := append(l.WebKeys(), lab.GatewayKey(stack.GatewayNLB, "net"))
	settle := func() (target string) {
		l.Settle(keys...)
		l.Settle(keys...)
		for _, tg := range l.Sim.Resources().TargetGroups {
			if tg.TargetType == "alb" && len(tg.Targets) == 1 {
				target = tg.Targets[0].ID
			}
		}
		return target
	}
	before, mark := settle(), l.Mark()
	l.Apply("LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing}}")
	after := settle()
	if after == before || !strings.Contains(after, ":loadbalancer/app/") {
		t.Errorf("the target is %s, before %s", after, before)
	}
	order := slices.DeleteFunc(l.Writes(mark), func(action string) bool {
		return action != "RegisterTargets" && action != "DeregisterTargets"
	})
	if !slices.Equal(order, []string{"DeregisterTargets", "RegisterTargets"}) {
		t.Errorf("writes %v\n%s", order, strings.Join(l.Events, "\n"))
	}
	if left := l.Sim.Resources().LoadBalancers; len(left) != 2 {
		t.Errorf("load balancers %+v", left)
	}
}
