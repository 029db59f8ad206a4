package gateways

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// construct annotates Gateway shop/web with a construction of rules; "" removes the annotation.
func construct(l *lab.Lab, as string) {
	l.Helper()
	g := &gatewayv1.Gateway{}
	l.Get(g, "web")
	delete(g.Annotations, gateway.ConstructionAnnotation)
	if as != "" {
		g.Annotations = map[string]string{gateway.ConstructionAnnotation: as}
	}
	l.Must(l.Client.Update(l.Context(), g))
}

// constructed is the construction that is recorded on Gateway shop/web.
func constructed(l *lab.Lab) string {
	l.Helper()
	g := &gatewayv1.Gateway{}
	l.Get(g, "web")
	return g.Annotations[gateway.ConstructionAnnotation]
}

// hosts are the conditions on hosts of the account's rules.
func hosts(l *lab.Lab) string {
	var out []string
	for _, lb := range l.Sim.Resources().LoadBalancers {
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

// TestAdoptedGatewayKeepsConstructionOfExistingController has a load balancer with the rules of that
// controller, and the Gateway with its finalizer and without annotation, as it leaves them: the first start writes the
// annotation and nothing to AWS.
func TestAdoptedGatewayKeepsConstructionOfExistingController(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	route := lab.Route("front", "/")
	route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
	g.Annotations = map[string]string{gateway.ConstructionAnnotation: "compatible"}
	l, key := lab.New(t, account.Profile{}, class, g, lab.Service("web"), route, lab.IPTargets()),
		lab.GatewayKey(stack.GatewayALB, "web")
	l.Settle(key)
	if hosts(l) != "app.example.com" {
		t.Fatalf("hosts %q\n%s", hosts(l), strings.Join(l.Events, "\n"))
	}
	construct(l, "")
	for _, start := range []string{"the first start", "the second start"} {
		l.Restart()
		mark := l.Mark()
		l.Settle(key)
		if w := l.Writes(mark); len(w) > 0 || constructed(l) != "compatible" {
			t.Errorf("%s: construction %q, writes %v", start, constructed(l), w)
		}
	}

	construct(l, "standard")
	l.Settle(key)
	if hosts(l) != `^app\.example\.com(:[0-9]+)?$` {
		t.Errorf("after the switch: hosts %q", hosts(l))
	}
	l.Restart()
	mark := l.Mark()
	l.Settle(key)
	if w := l.Writes(mark); len(w) > 0 || constructed(l) != "standard" {
		t.Errorf("after the switch and a restart: construction %q, writes %v", constructed(l), w)
	}
}

// TestNewGatewayHasPlainHosts has Gateways of a class that asks for a construction, and of one that does not. On
// another port than the default one of its protocol a host with a port matches. A restart changes nothing.
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
			g, class := lab.Gateway("web", "alb", test.port, gatewayv1.HTTPProtocolType)
			if test.class != "" {
				class.Annotations = map[string]string{gateway.ConstructionAnnotation: test.class}
			}
			if test.own != "" {
				g.Annotations = map[string]string{gateway.ConstructionAnnotation: test.own}
			}
			route := lab.Route("front", "/")
			route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
			l, key := lab.New(t, account.Profile{}, class, g, lab.Service("web"), route, lab.IPTargets()),
				lab.GatewayKey(stack.GatewayALB, "web")
			l.Settle(key)
			if constructed(l) != test.recorded || hosts(l) != test.want {
				t.Errorf("construction %q, hosts %q", constructed(l), hosts(l))
			}
			wrong := slices.ContainsFunc(l.Events, func(e string) bool {
				return strings.Contains(e, `rule construction "sometimes" of GatewayClass alb`)
			})
			if wrong != (test.class == "sometimes") {
				t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
			}
			mark := l.Mark()
			l.Restart()
			l.Settle(key)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("after a restart: writes %v", w)
			}
		})
	}
}

// TestGatewayOfEarlierVersionStaysStandard has restarts, and an annotation that is lost, which the rules in AWS give
// back.
func TestGatewayOfEarlierVersionStaysStandard(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	// as earlier versions recorded of new Gateways
	g.Annotations = map[string]string{gateway.ConstructionAnnotation: "standard"}
	route := lab.Route("front", "/")
	route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
	l, key := lab.New(t, account.Profile{}, class, g, lab.Service("web"), route, lab.IPTargets()),
		lab.GatewayKey(stack.GatewayALB, "web")
	l.Settle(key)
	arns := func() (out []string) {
		for _, lb := range l.Sim.Resources().LoadBalancers {
			out = append(out, lb.ARN)
		}
		return out
	}
	before := arns()
	l.Restart()
	mark := l.Mark()
	l.Settle(key)
	if w := l.Writes(mark); len(w) > 0 || constructed(l) != "standard" || !strings.Contains(hosts(l), "(:[0-9]+)?") {
		t.Errorf("construction %q, hosts %q, writes %v", constructed(l), hosts(l), w)
	}
	for _, how := range []string{"of the same process", "of the next one"} {
		construct(l, "")
		mark = l.Mark()
		l.Settle(key)
		if w := l.Writes(mark); len(w) > 0 || constructed(l) != "standard" || !slices.Equal(arns(), before) {
			t.Errorf("without annotation, at a pass %s: construction %q, writes %v, load balancers %v, before %v", how,
				constructed(l), w, arns(), before)
		}
		l.Restart()
	}
	for _, restarted := range []bool{false, true} {
		construct(l, "standart")
		mark = l.Mark()
		l.Settle(key)
		if w := l.Writes(mark); len(w) > 0 || !slices.Equal(arns(), before) {
			t.Errorf("misspelt annotation, restart %t: writes %v", restarted, w)
		}
		l.Restart()
	}
	construct(l, "compatible")
	l.Settle(key)
	construct(l, "neither")
	l.Settle(key)
	if hosts(l) != "app.example.com" || constructed(l) != "neither" || !slices.ContainsFunc(l.Events, func(e string) bool {
		return strings.Contains(e, "neither compatible nor standard")
	}) {
		t.Errorf("an invalid annotation: construction %q, hosts %q\n%s", constructed(l), hosts(l),
			strings.Join(l.Events, "\n"))
	}
	l.Must(l.Client.Delete(t.Context(), g))
	l.Settle(key)
	l.Must(client.IgnoreNotFound(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g)))
}

// TestAGatewayMadeAgainIsConstructedByWhatAWSHoldsOfIt has a Gateway of either construction that goes and is made again
// without annotation, as from a manifest: rules that are still there stay as they are, and a load balancer that is made
// new has those of a new Gateway, also where the manifest, or a backup, has the finalizer.
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
		"once its deletion has ended": {adopted: plain, own: plain},
		"once its deletion has ended, with the finalizer": {finalizers: []string{"gateway.k8s.aws/alb"},
			adopted: plain, own: plain},
		"while its load balancer is there": {torn: true, adopted: compatible, own: standard},
		"while its load balancer is there, with the finalizer": {torn: true, finalizers: []string{
			"gateway.k8s.aws/alb"}, adopted: compatible, own: standard},
		"once its load balancer was deleted in AWS": {torn: true, gone: true, adopted: plain, own: plain},
		"once its load balancer was deleted in AWS, with the finalizer": {torn: true, gone: true, finalizers: []string{
			"gateway.k8s.aws/alb"}, adopted: plain, own: plain},
	} {
		for was, want := range map[string]string{"compatible": test.adopted, "standard": test.own} {
			for _, restarted := range []bool{false, true} {
				if test.gone && !restarted {
					continue // the search for drift finds that
				}
				t.Run(fmt.Sprintf("%s, %s, restart %t", was, name, restarted), func(t *testing.T) {
					t.Parallel()
					g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
					route := lab.Route("front", "/")
					route.Spec.Hostnames = []gatewayv1.Hostname{"app.example.com"}
					first := g.DeepCopy()
					first.Annotations = map[string]string{gateway.ConstructionAnnotation: was}
					l, key := lab.New(t, account.Profile{}, class, first, lab.Service("web"), route, lab.IPTargets()),
						lab.GatewayKey(stack.GatewayALB, "web")
					l.Settle(key)
					l.Get(first, "web")
					if test.torn {
						first.Finalizers = nil
						l.Must(l.Client.Update(t.Context(), first))
					}
					l.Must(l.Client.Delete(t.Context(), first))
					if !test.torn {
						l.Settle(key)
					}
					if test.gone {
						_, err := l.Sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{
							LoadBalancerArn: &l.Sim.Resources().LoadBalancers[0].ARN})
						l.Must(err)
					}
					if restarted {
						l.Restart()
					}
					g.UID, g.Finalizers = "uid-again", test.finalizers
					l.Must(l.Client.Create(t.Context(), g))
					mark := l.Mark()
					l.Settle(key)
					if w := l.Writes(mark); hosts(l) != want || test.torn && !test.gone && len(w) > 0 {
						t.Errorf("construction %q, hosts %q, want %q; writes %v", constructed(l), hosts(l), want, w)
					}
				})
			}
		}
	}
}

// TestRecordsOfExistingControllerOnClassStayUnchanged has a class with and without the records.
// When the existing controller is back, it compares them with the configuration, and writes them
// where they differ or are missing, before it serves the Gateways of the class.
func TestRecordsOfExistingControllerOnClassStayUnchanged(t *testing.T) {
	t.Parallel()
	for _, records := range []map[string]string{nil, {"elbv2.k8s.aws/last-processed-config": "4711-4712",
		"elbv2.k8s.aws/last-processed-config-timestamp": "1767225600"}} {
		g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
		class.Annotations = maps.Clone(records)
		class.Spec.ParametersRef = &gatewayv1.ParametersReference{Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration",
			Namespace: ptr.To[gatewayv1.Namespace]("shop"), Name: "all"}
		l := lab.New(t, account.Profile{}, append(lab.GatewayObjects(t, "LoadBalancerConfiguration shop/all {spec: "+
			"{scheme: internet-facing}}"), class, g)...)
		r := controllers.New(objects.GatewayClass, settings.GatewayConfig(l.Config), l.Client, nil, l.Statuses)
		for range 2 {
			_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "alb"}})
			l.Must(err)
			l.Settle(lab.GatewayKey(stack.GatewayALB, "web"))
		}
		l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(class), class))
		if !maps.Equal(class.Annotations, records) || len(class.Finalizers) != 1 ||
			!strings.HasPrefix(l.Condition("Programmed"), "True") {
			t.Errorf("annotations %v, want %v; finalizers %v; Programmed %s", class.Annotations, records, class.Finalizers,
				l.Condition("Programmed"))
		}
	}
}

// TestGatewayAfterDryRunKeepsItsRecord has the plan of a dry run, its only annotation, removed in the pass that records
// how rules are made.
func TestGatewayAfterDryRunKeepsItsRecord(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	g.Annotations = map[string]string{"gateway.k8s.aws/dry-run": "true"}
	l, key := lab.New(t, account.Profile{}, class, g, lab.Service("web"), lab.Route("front", "/"), lab.IPTargets()),
		lab.GatewayKey(stack.GatewayALB, "web")
	l.Settle(key)
	l.Get(g, "web")
	delete(g.Annotations, "gateway.k8s.aws/dry-run")
	l.Must(l.Client.Update(l.Context(), g))
	l.Settle(key)
	if constructed(l) != "plain-hosts" {
		t.Errorf("construction %q", constructed(l))
	}
}
