package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	controllers "github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
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

// TestNewGatewayHasPlainHosts has Gateways of a class that asks for a construction, and of one that does not. On another port than the default one of
// its protocol a host with a port matches. A restart changes nothing.
func TestNewGatewayHasPlainHosts(t *testing.T) {
	t.Parallel()
	const plain, withPort = "app.example.com", `^app\.example\.com(:[0-9]+)?$`
	for name, test := range map[string]struct {
		port           gatewayv1.PortNumber
		class, own     string // annotations
		recorded, want string
	}{
		"nothing is asked for":     {80, "", "", "plain-hosts", plain},
		"another port":             {8080, "", "", "plain-hosts", withPort},
		"the class asks":           {80, "standard", "", "standard", withPort},
		"the Gateway asks":         {80, "", "standard", "standard", withPort},
		"the Gateway wins":         {80, "standard", "compatible", "compatible", plain},
		"the class asks nonsense":  {80, "sometimes", "", "plain-hosts", plain},
		"the class asks for plain": {80, "plain-hosts", "", "plain-hosts", plain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, class := labGateway("web", "alb", test.port, gatewayv1.HTTPProtocolType)
			if test.class != "" {
				class.Annotations = map[string]string{gateway.ConstructionAnnotation: test.class}
			}
			if test.own != "" {
				g.Annotations = map[string]string{gateway.ConstructionAnnotation: test.own}
			}
			route := labRoute("front", "/")
			route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
			l, key := newLab(t, account.Profile{}, class, g, labService("web"), route, labIP()), gatewayKey(stack.GatewayALB, "web")
			l.settle(key)
			if l.constructed() != test.recorded || l.hosts() != test.want {
				t.Errorf("construction %q, hosts %q", l.constructed(), l.hosts())
			}
			wrong := slices.ContainsFunc(l.events, func(e string) bool { return strings.Contains(e, `rule construction "sometimes" of GatewayClass alb`) })
			if wrong != (test.class == "sometimes") {
				t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
			}
			mark := l.mark()
			l.restart()
			l.settle(key)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("after a restart: writes %v", w)
			}
		})
	}
}

// TestGatewayOfEarlierVersionStaysStandard has restarts, and an annotation that is lost, which the rules in AWS give back.
func TestGatewayOfEarlierVersionStaysStandard(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	g.Annotations = map[string]string{gateway.ConstructionAnnotation: "standard"} // as earlier versions recorded of new Gateways
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
	for _, how := range []string{"of the same process", "of the next one"} {
		l.construct("")
		mark = l.mark()
		l.settle(key)
		if w := l.writes(mark); len(w) > 0 || l.constructed() != "standard" || !slices.Equal(arns(), before) {
			t.Errorf("without annotation, at a pass %s: construction %q, writes %v, load balancers %v, before %v", how, l.constructed(), w, arns(), before)
		}
		l.restart()
	}
	l.construct("compatible")
	l.settle(key)
	l.construct("neither")
	l.settle(key)
	if l.hosts() != "app.example.com" || l.constructed() != "neither" || !slices.ContainsFunc(l.events, func(e string) bool { return strings.Contains(e, "neither compatible nor standard") }) {
		t.Errorf("an invalid annotation: construction %q, hosts %q\n%s", l.constructed(), l.hosts(), strings.Join(l.events, "\n"))
	}
	l.must(l.client.Delete(t.Context(), g))
	l.settle(key)
	l.must(client.IgnoreNotFound(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g)))
}

// TestAGatewayMadeAgainIsConstructedByWhatAWSHoldsOfIt has a Gateway of either construction that goes and is made again without annotation, as from a
// manifest: rules that are still there stay as they are, and a load balancer that is made new has those of a new Gateway, also where the manifest, or a
// backup, has the finalizer.
func TestAGatewayMadeAgainIsConstructedByWhatAWSHoldsOfIt(t *testing.T) {
	t.Parallel()
	const compatible, standard = "app.example.com", `^app\.example\.com(:[0-9]+)?$`
	const plain = compatible // of a new one
	for name, test := range map[string]struct {
		torn       bool // the finalizer is taken away by hand, or the definition goes, so that the load balancer stays
		gone       bool // the load balancer is deleted in AWS before the Gateway is made again
		finalizers []string
		adopted    string // what becomes of one that was compatible
		own        string // and of one that was standard
	}{
		"once its deletion has ended":                                   {adopted: plain, own: plain},
		"once its deletion has ended, with the finalizer":               {finalizers: []string{"gateway.k8s.aws/alb"}, adopted: plain, own: plain},
		"while its load balancer is there":                              {torn: true, adopted: compatible, own: standard},
		"while its load balancer is there, with the finalizer":          {torn: true, finalizers: []string{"gateway.k8s.aws/alb"}, adopted: compatible, own: standard},
		"once its load balancer was deleted in AWS":                     {torn: true, gone: true, adopted: plain, own: plain},
		"once its load balancer was deleted in AWS, with the finalizer": {torn: true, gone: true, finalizers: []string{"gateway.k8s.aws/alb"}, adopted: plain, own: plain},
	} {
		for was, want := range map[string]string{"compatible": test.adopted, "standard": test.own} {
			for _, restarted := range []bool{false, true} {
				if test.gone && !restarted {
					continue // the search for drift finds that
				}
				t.Run(fmt.Sprintf("%s, %s, restart %t", was, name, restarted), func(t *testing.T) {
					t.Parallel()
					g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
					route := labRoute("front", "/")
					route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
					first := g.DeepCopy()
					first.Annotations = map[string]string{gateway.ConstructionAnnotation: was}
					l, key := newLab(t, account.Profile{}, class, first, labService("web"), route, labIP()), gatewayKey(stack.GatewayALB, "web")
					l.settle(key)
					l.get(first, "web")
					if test.torn {
						first.Finalizers = nil
						l.must(l.client.Update(t.Context(), first))
					}
					l.must(l.client.Delete(t.Context(), first))
					if !test.torn {
						l.settle(key)
					}
					if test.gone {
						_, err := l.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &l.sim.Resources().LoadBalancers[0].ARN})
						l.must(err)
					}
					if restarted {
						l.restart()
					}
					g.UID, g.Finalizers = "uid-again", test.finalizers
					l.must(l.client.Create(t.Context(), g))
					mark := l.mark()
					l.settle(key)
					if w := l.writes(mark); l.hosts() != want || test.torn && !test.gone && len(w) > 0 {
						t.Errorf("construction %q, hosts %q, want %q; writes %v", l.constructed(), l.hosts(), want, w)
					}
				})
			}
		}
	}
}

// TestTheRecordsOfTheExistingControllerOnAClassStayAndNoneAreWritten: that controller compares them with the configuration when it is back, and writes
// them where they differ or are missing, before it serves the Gateways of the class.
func TestTheRecordsOfTheExistingControllerOnAClassStayAndNoneAreWritten(t *testing.T) {
	t.Parallel()
	for _, records := range []map[string]string{nil, {"elbv2.k8s.aws/last-processed-config": "4711-4712", "elbv2.k8s.aws/last-processed-config-timestamp": "1767225600"}} {
		g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
		class.Annotations = maps.Clone(records)
		class.Spec.ParametersRef = &gatewayv1.ParametersReference{Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Namespace: ptr.To[gatewayv1.Namespace]("shop"), Name: "all"}
		l := newLab(t, account.Profile{}, append(gatewayObjects(t, "LoadBalancerConfiguration shop/all {spec: {scheme: internet-facing}}"), class, g)...)
		r := controllers.New(objects.GatewayClass, settings.GatewayConfig(l.config), l.client, nil, l.statuses)
		for range 2 {
			_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "alb"}})
			l.must(err)
			l.settle(gatewayKey(stack.GatewayALB, "web"))
		}
		l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(class), class))
		if !maps.Equal(class.Annotations, records) || len(class.Finalizers) != 1 || !strings.HasPrefix(l.condition("Programmed"), "True") {
			t.Errorf("annotations %v, want %v; finalizers %v; Programmed %s", class.Annotations, records, class.Finalizers, l.condition("Programmed"))
		}
	}
}

// TestGatewayAfterDryRunKeepsItsRecord has the plan of a dry run, its only annotation, removed in the pass that records how rules are made.
func TestGatewayAfterDryRunKeepsItsRecord(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	g.Annotations = map[string]string{"gateway.k8s.aws/dry-run": "true"}
	l, key := newLab(t, account.Profile{}, class, g, labService("web"), labRoute("front", "/"), labIP()), gatewayKey(stack.GatewayALB, "web")
	l.settle(key)
	l.get(g, "web")
	delete(g.Annotations, "gateway.k8s.aws/dry-run")
	l.must(l.client.Update(l.Context(), g))
	l.settle(key)
	if l.constructed() != "plain-hosts" {
		t.Errorf("construction %q", l.constructed())
	}
}
