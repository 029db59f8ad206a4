package controller

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// construct annotates Gateway shop/web with a construction of rules; "" removes the annotation.
func (l *lab) construct(as string) {
	l.Helper()
	g := &gatewayv1.Gateway{}
	l.get(g, "web")
	delete(g.Annotations, gateway.ConstructionAnnotation)
	if as != "" {
		g.Annotations = map[string]string{gateway.ConstructionAnnotation: as}
	}
	l.must(l.client.Update(l.Context(), g))
}

// constructed is the construction that is recorded on Gateway shop/web.
func (l *lab) constructed() string {
	l.Helper()
	g := &gatewayv1.Gateway{}
	l.get(g, "web")
	return g.Annotations[gateway.ConstructionAnnotation]
}

// hosts are the conditions on hosts of the account's rules.
func (l *lab) hosts() string {
	var out []string
	for _, lb := range l.sim.Resources().LoadBalancers {
		for _, n := range lb.Listeners {
			for _, r := range n.Rules {
				for _, c := range r.Conditions {
					if c.Field == stack.HostHeader {
						out = append(out, slices.Concat(c.Values, c.Regex)...)
					}
				}
			}
		}
	}
	return strings.Join(out, " ")
}

// TestTheConstructionOfAnAdoptedGatewayIsThatOfTheExistingController has a load balancer with the rules of that controller, and the Gateway with
// its finalizer and without annotation, as it leaves them: the first start writes the annotation and nothing to AWS.
func TestTheConstructionOfAnAdoptedGatewayIsThatOfTheExistingController(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	route := labRoute("front", "/")
	route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
	g.Annotations = map[string]string{gateway.ConstructionAnnotation: "compatible"}
	l, key := newLab(t, account.Profile{}, class, g, labService("web"), route, labIP()), gatewayKey(stack.GatewayALB, "web")
	l.settle(key)
	if l.hosts() != "app.example.com" {
		t.Fatalf("hosts %q\n%s", l.hosts(), strings.Join(l.events, "\n"))
	}
	l.construct("")
	for _, start := range []string{"the first start", "the second start"} {
		l.restart()
		mark := l.mark()
		l.settle(key)
		if w := l.writes(mark); len(w) > 0 || l.constructed() != "compatible" {
			t.Errorf("%s: construction %q, writes %v", start, l.constructed(), w)
		}
	}

	l.construct("standard")
	l.settle(key)
	if l.hosts() != `^app\.example\.com(:[0-9]+)?$` {
		t.Errorf("after the switch: hosts %q", l.hosts())
	}
	l.restart()
	mark := l.mark()
	l.settle(key)
	if w := l.writes(mark); len(w) > 0 || l.constructed() != "standard" {
		t.Errorf("after the switch and a restart: construction %q, writes %v", l.constructed(), w)
	}
}

// TestAGatewayMadeHereStaysStandard has restarts, and an annotation that is lost: then the Gateway is as one of the existing controller, since AWS
// holds its load balancer.
func TestAGatewayMadeHereStaysStandard(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	route := labRoute("front", "/")
	route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
	l, key := newLab(t, account.Profile{}, class, g, labService("web"), route, labIP()), gatewayKey(stack.GatewayALB, "web")
	l.settle(key)
	arns := func() (out []string) {
		for _, lb := range l.sim.Resources().LoadBalancers {
			out = append(out, lb.ARN)
		}
		return out
	}
	before := arns()
	l.restart()
	mark := l.mark()
	l.settle(key)
	if w := l.writes(mark); len(w) > 0 || l.constructed() != "standard" || !strings.Contains(l.hosts(), "(:[0-9]+)?") {
		t.Errorf("construction %q, hosts %q, writes %v", l.constructed(), l.hosts(), w)
	}
	l.construct("")
	l.settle(key)
	if l.constructed() != "compatible" || l.hosts() != "app.example.com" || !slices.Equal(arns(), before) {
		t.Errorf("without annotation: construction %q, hosts %q, load balancers %v, before %v", l.constructed(), l.hosts(), arns(), before)
	}
	l.construct("neither")
	l.settle(key)
	if l.hosts() != "app.example.com" || l.constructed() != "neither" || !slices.ContainsFunc(l.events, func(e string) bool { return strings.Contains(e, "neither compatible nor standard") }) {
		t.Errorf("an invalid annotation: construction %q, hosts %q\n%s", l.constructed(), l.hosts(), strings.Join(l.events, "\n"))
	}
	l.must(l.client.Delete(t.Context(), g))
	l.settle(key)
	l.must(client.IgnoreNotFound(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g)))
}
