package acceptance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestG7AcceleratorsInFrontOfEveryKindOfLoadBalancer shows that requests through an accelerator
// reach pods behind Services, Ingresses and Gateways, and that edits change it in place. The cases
// can share load balancers.
func TestG7AcceleratorsInFrontOfEveryKindOfLoadBalancer(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of processor time; internal/controller/accelerator has the cases without traffic")
	}
	t.Parallel()
	a := accelerate(t)
	const on80 = "TCP 80-80 NONE us-west-2 100%: "
	for name, run := range map[string]func(*testing.T, *accelerated){
		"1 of a Service, then other ports, affinity and dial": accelerateService,
		"3 by an ARN": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-service-ip", "by-arn"}
			e.Apply(t, e.listening("", "", "type: EndpointID, endpointID: "+a.service.ARN))
			e.answers(t, e.deployed(t, "TCP 80-81,443-443 NONE us-west-2 100%: "+to(a.service)), 81, "web")
		},
		"4 with two listeners": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-service-ip", "two"}
			listener := "{%s, endpointGroups: [{endpoints: [{type: Service, name: net}]}]}"
			e.Apply(t, e.manifest(fmt.Sprintf("listeners: ["+listener+", "+listener+"]", onPort(80), onPort(443))))
			x := e.deployed(t, "TCP 443-443 NONE us-west-2 100%: "+to(a.service), on80+to(a.service))
			e.answers(t, x, 80, "web")
			e.answers(t, x, 443, "web")
		},
		"5 with a range of ports": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-service-ip", "range"}
			e.Apply(t, e.listening("protocol: TCP, portRanges: [{fromPort: 80, toPort: 443}]", "", "type: Service, name: net"))
			x := e.deployed(t, "TCP 80-443 NONE us-west-2 100%: "+to(a.service))
			e.answers(t, x, 80, "web")
			e.answers(t, x, 443, "web") // the range has more ports than loopback opens without a reason
			e.answersInside(t, x.Addresses[0], 443, "web")
			e.answersInside(t, x.Addresses[1], 81, "web")
		},
		"6 of a Service of another namespace by grant": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-case-6", "web"}
			e.Apply(t, empty(e.ns)+e.listening(onPort(80), "", ofService))
			e.deployed(t, on80)
			e.Apply(t, grant("case-6", "g7-service-ip", "", "Service", e.ns))
			e.answers(t, e.deployed(t, on80+to(a.service)), 80, "web")
		},
		"7 of an Ingress, then other ports": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-ingress", "ports"}
			e.Apply(t, e.listening(onPort(80), "", "type: Ingress, name: web"))
			before := e.deployed(t, on80+to(a.ingress))
			e.answers(t, before, 80, "shop")
			scene.Change(t, e.Cluster, e.listening("protocol: TCP, portRanges: [{fromPort: 8000, toPort: 8000}]",
				"portOverrides: [{listenerPort: 8000, endpointPort: 80}]", "type: Ingress, name: web"))
			after := e.deployed(t, "TCP 8000-8000 NONE us-west-2 100% 8000→80: "+to(a.ingress))
			if before.ARN != after.ARN || before.Listeners[0].ARN != after.Listeners[0].ARN {
				t.Errorf("%s is not changed, but replaced by %s", before.Listeners[0].ARN, after.Listeners[0].ARN)
			}
			e.answers(t, after, 8000, "shop")
		},
		"8 of an Ingress of another namespace by grant": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-case-8", "web"}
			e.Apply(t, empty(e.ns)+e.listening(onPort(80), "", ofIngress))
			e.deployed(t, on80)
			e.Apply(t, grant("case-8", "g7-ingress", "networking.k8s.io", "Ingress", e.ns))
			e.answers(t, e.deployed(t, on80+to(a.ingress)), 80, "shop")
		},
		"9 with protocol and ports of its Ingress": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-ingress", "discovered"}
			e.Apply(t, e.listening("", "", "type: Ingress, name: web"))
			e.answers(t, e.deployed(t, on80+to(a.ingress)), 80, "shop")
		},
		"10 with protocol and ports of an Ingress of another namespace": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-case-10", "web"}
			e.Apply(t, empty(e.ns)+e.listening("", "", ofIngress))
			e.deployed(t) // without listeners
			e.Apply(t, grant("case-10", "g7-ingress", "networking.k8s.io", "Ingress", e.ns))
			e.answers(t, e.deployed(t, on80+to(a.ingress)), 80, "shop")
		},
		"11 of both address families": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-ingress", "families"}
			e.Apply(t, e.listening("", "", "type: Ingress, name: web"))
			four := e.deployed(t, on80+to(a.ingress))
			e.Kubectl(t, "patch", "globalaccelerator", "-n", e.ns, e.name, "--type=merge", "-p",
				`{"spec":{"ipAddressType":"DUAL_STACK"}}`)
			both := e.deployed(t, on80+to(a.ingress))
			if both.ARN != four.ARN || len(both.Addresses) != 4 || both.DualStackDNSName == "" ||
				!strings.HasPrefix(both.Name, "k8s_g7-ingress_families_") {
				t.Errorf("%+v became %+v", four, both)
			}
			e.answers(t, both, 80, "shop")
			e.WaitGet(t, "http://"+both.DualStackDNSName+"/", "", 200, "shop")
		},
		"12 with a port override": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-ingress", "override"}
			e.Apply(t, e.listening(onPort(443), "portOverrides: [{listenerPort: 443, endpointPort: 80}]",
				"type: Ingress, name: web"))
			e.answers(t, e.deployed(t, "TCP 443-443 NONE us-west-2 100% 443→80: "+to(a.ingress)), 443, "shop")
		},
		"13 of a Gateway with an ALB": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-alb", "web"}
			e.Apply(t, e.listening("", "", "type: Gateway, name: web"))
			e.answers(t, e.deployed(t, on80+to(a.application)), 80, "web")
		},
		"14 of a Gateway with an NLB": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-nlb", "web"}
			e.Apply(t, e.listening("", "", "type: Gateway, name: net"))
			e.answers(t, e.deployed(t, on80+to(a.network)), 80, "web")
		},
		"15 of a Gateway with an ALB of another namespace by grant": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-case-15", "web"}
			e.Apply(t, empty(e.ns)+e.listening(onPort(80), "", ofApplication))
			e.deployed(t, on80)
			e.Apply(t, grant("case-15", "g7-alb", "gateway.networking.k8s.io", "Gateway", e.ns))
			e.answers(t, e.deployed(t, on80+to(a.application)), 80, "web")
		},
		"16 of a Gateway with an NLB of another namespace by grant": func(t *testing.T, a *accelerated) {
			e := edge{a.Cluster, "g7-case-16", "web"}
			e.Apply(t, empty(e.ns)+e.listening(onPort(80), "", ofNetwork))
			e.deployed(t, on80)
			e.Apply(t, grant("case-16", "g7-nlb", "gateway.networking.k8s.io", "Gateway", e.ns))
			e.answers(t, e.deployed(t, on80+to(a.network)), 80, "web")
		},
		"18 of three other namespaces, grant by grant": accelerateNamespaces,
	} {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(coreAccelerators, name) {
				if testing.Short() {
					t.Skip("a variant: the core has an accelerator of a Service, of an Ingress and of a Gateway, and a grant")
				}
			}
			t.Parallel()
			run(t, a)
		})
	}
}

// coreAccelerators are the cases that "make test" runs.
var coreAccelerators = []string{
	"1 of a Service, then other ports, affinity and dial", "8 of an Ingress of another namespace by grant",
	"13 of a Gateway with an ALB",
}

func accelerateService(t *testing.T, a *accelerated) {
	e := edge{a.Cluster, "g7-service-ip", "web"}
	e.Apply(t, e.listening(onPort(80), "", "type: Service, name: net"))
	before := e.deployed(t, "TCP 80-80 NONE us-west-2 100%: "+to(a.service))
	e.answers(t, before, 80, "web")
	scene.Change(t, e.Cluster, e.listening("protocol: TCP, portRanges: [{fromPort: 80, toPort: 81}], "+
		"clientAffinity: SOURCE_IP", "trafficDialPercentage: 50", "type: Service, name: net, weight: 7"))
	after := e.deployed(t, "TCP 80-81 SOURCE_IP us-west-2 50%: "+a.service.Name+"×7 preserving")
	if before.ARN != after.ARN || before.Listeners[0].Groups[0].ARN != after.Listeners[0].Groups[0].ARN {
		t.Errorf("%+v is not changed, but replaced by %+v", before, after)
	}
	e.answers(t, after, 80, "web")
	e.answers(t, after, 81, "web")
	e.ends(t, after, a.service)
}

func accelerateNamespaces(t *testing.T, a *accelerated) {
	e := edge{a.Cluster, "g7-case-18", "web"}
	e.Apply(t, empty(e.ns)+e.listening(onPort(80), "", ofService, ofApplication, ofIngress))
	group := func(balancers ...simclient.LoadBalancer) string {
		text := make([]string, 0, len(balancers))
		for _, lb := range balancers {
			text = append(text, to(lb))
		}
		return "TCP 80-80 NONE us-west-2 100%: " + strings.Join(inOrder(text), ", ")
	}
	e.deployed(t, group())
	e.Apply(t, grant("case-18", "g7-service-ip", "", "Service", e.ns))
	x := e.deployed(t, group(a.service))
	e.answers(t, x, 80, "web")
	requests := scene.Send(t, e.Cluster, "http://"+x.DNSName+"/", "", scene.OK)
	e.Apply(t, grant("case-18", "g7-alb", "gateway.networking.k8s.io", "Gateway", e.ns))
	e.deployed(t, group(a.service, a.application))
	e.Apply(t, grant("case-18", "g7-ingress", "networking.k8s.io", "Ingress", e.ns))
	e.deployed(t, group(a.service, a.application, a.ingress))
	e.answers(t, x, 80, "shop")
	e.Kubectl(t, "delete", "referencegrant", "-n", "g7-service-ip", "case-18")
	e.deployed(t, group(a.application, a.ingress))
	scene.More(t, e.Cluster, requests, 20)
	if tally := requests.Stop(); tally.Failed > 0 {
		t.Errorf("requests while endpoints came and went: %s", tally)
	}
}

// TestG7Case2TheEndpointFollowsItsServiceToAnotherLoadBalancer shows that an endpoint follows its
// Service to another load balancer and that nodes still answer through the accelerator.
func TestG7Case2TheEndpointFollowsItsServiceToAnotherLoadBalancer(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestG7AcceleratorsInFrontOfEveryKindOfLoadBalancer, which make test runs")
	}
	t.Parallel()
	s := &servedBy{Cluster: cluster(t), ns: "g7-replaced", targets: "instance"}
	s.Apply(t, scene.Namespace(s.ns, 1))
	before := s.serve(t, nil, onePort, "", "TCP 80: instance TCP")
	e := edge{s.Cluster, s.ns, "web"}
	e.Apply(t, e.listening(onPort(80), "", "type: Service, name: net"))
	x := e.deployed(t, "TCP 80-80 NONE us-west-2 100%: "+to(before))
	e.answers(t, x, 80, "web")
	scene.Change(t, s.Cluster, s.manifest("net", scene.Annotations{"scheme": "internal"}, onePort, ""))
	var after simclient.LoadBalancer
	wait(t, s.Cluster, "the internal load balancer", func() string {
		address := s.ServiceAddress(t, s.ns, "net") // of the former one, perhaps, which goes meanwhile
		for _, lb := range s.Simulator.Resources().LoadBalancers {
			if strings.EqualFold(lb.DNSName, address) {
				after = lb
			}
		}
		return differs("scheme", after.Scheme, "internal")
	})
	x = e.deployed(t, "TCP 80-80 NONE us-west-2 100%: "+to(after))
	if before.ARN == after.ARN {
		t.Errorf("the load balancer is the same, %s", after.ARN)
	}
	e.answers(t, x, 80, "web")
}

// split is a Service and an Ingress as the endpoints of accelerators, told apart by the services that answer.
type split struct {
	*harness.Cluster
	ns       string
	net, alb simclient.LoadBalancer
}

func (s *split) edge(name string) edge { return edge{s.Cluster, s.ns, name} }

// over is the manifest of an accelerator over both, with further fields of its listener, of its endpoint group and of
// the endpoints.
func (s *split) over(e edge, listener, group, service, ingress string) string {
	return e.listening(onPort(80)+listener, group, "type: Service, name: net, "+service,
		"type: Ingress, name: shop, "+ingress)
}

// line is the one endpoint group as tree has it.
func (s *split) line(group, service, ingress string) string {
	return "TCP 80-80 " + group + ": " + strings.Join(inOrder([]string{s.net.Name + service, s.alb.Name + ingress}), ", ")
}

// TestG7Case17WeightsHealthDialAffinityAndAddressesOfClients shows how weight, health, dial and
// affinity of an endpoint group divide real requests, and which client addresses pods see.
func TestG7Case17WeightsHealthDialAffinityAndAddressesOfClients(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestG7AcceleratorsInFrontOfEveryKindOfLoadBalancer, which make test runs")
	}
	t.Parallel()
	of := &servedBy{Cluster: cluster(t), ns: "g7-weights", targets: "ip"}
	of.Apply(t, scene.Namespace(of.ns, 1)+scene.Backend(of.ns, "shop", 1)+scene.Ingress(of.ns, "shop", scene.Class,
		public(nil), scene.Path{Path: "/", Service: "shop"}))
	s := &split{Cluster: of.Cluster, ns: of.ns, net: of.serve(t, nil, onePort, "", "TCP 80: ip TCP"),
		alb: of.LoadBalancer(t, of.IngressAddress(t, of.ns, "shop"))}
	s.WaitHealthy(t, s.alb)
	weights, affinity, e := s.edge("weights"), s.edge("affinity"), s.edge("dial")
	s.Apply(t, s.over(weights, "", "", "weight: 192", "weight: 64")+
		s.over(affinity, ", clientAffinity: SOURCE_IP", "", "weight: 128", "weight: 128")+
		s.over(e, "", "trafficDialPercentage: 0", "weight: 128", "weight: 128"))
	t.Run("healthy", func(t *testing.T) { // the end of one part takes the health of endpoints away
		for name, part := range map[string]func(*testing.T){
			"weights and addresses of clients": func(t *testing.T) { splitByWeight(t, s, weights) },
			"affinity":                         func(t *testing.T) { splitByClient(t, s, affinity) },
			"dial":                             func(t *testing.T) { splitByDial(t, s, e) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				part(t)
			})
		}
	})
	x := e.deployed(t, s.line("NONE us-west-2 100%", "×128 preserving", "×128 preserving"))
	s.Kubectl(t, "scale", "deployment", "-n", s.ns, "web", "--replicas=0")
	wait(t, s.Cluster, "the endpoint without pods", func() string {
		now, _ := e.inAWS(x.ARN)
		return differs("accelerator", tree(now), []string{s.line("NONE us-west-2 100%", "×128 preserving UNHEALTHY",
			"×128 preserving")})
	})
	e.WaitFor(t, "requests to the other endpoint only", func(context.Context) error {
		if got := e.shares(t, x, 20); got["shop"] != 20 {
			return fmt.Errorf("the endpoint without healthy targets gets %d of 20 requests", 20-got["shop"])
		}
		return nil
	})
	e.ends(t, x, s.alb)
}

func splitByWeight(t *testing.T, s *split, e edge) {
	t.Helper()
	x := e.deployed(t, s.line("NONE us-west-2 100%", "×192 preserving", "×64 preserving"))
	if got := e.shares(t, x, 120); got["web"] < 66 || got["web"] > 114 { // five standard deviations around three quarters
		t.Errorf("of 120 requests the Service of weight 192 gets %d, and the Ingress of weight 64 %d", got["web"],
			got["shop"])
	}
	if from := e.answers(t, x, 80, "shop").Pod.Headers.Get("X-Forwarded-For"); from != "203.0.113.1" {
		t.Errorf("the ALB sees the client as %s", from)
	}

	scene.Change(t, s.Cluster, s.over(e, "", "", "weight: 0", "weight: 64, clientIPPreservationEnabled: false"))
	e.deployed(t, s.line("NONE us-west-2 100%", "×0 preserving", "×64"))
	if got := e.shares(t, x, 20); got["shop"] != 20 {
		t.Errorf("with weight 0 the Service gets %d of 20 requests", got["web"])
	}
	if from := e.answers(t, x, 80, "shop").Pod.Headers.Get("X-Forwarded-For"); from != "99.82.175.1" {
		t.Errorf("without preservation the ALB sees the client as %s", from)
	}
}

func splitByClient(t *testing.T, s *split, e edge) {
	t.Helper()
	x := e.deployed(t, s.line("SOURCE_IP us-west-2 100%", "×128 preserving", "×128 preserving"))
	if got := e.shares(t, x, 20); len(got) != 1 {
		t.Errorf("the requests of one client reach %v", got)
	}
	scene.Change(t, s.Cluster, s.over(e, "", "", "weight: 128", "weight: 128"))
	e.deployed(t, s.line("NONE us-west-2 100%", "×128 preserving", "×128 preserving"))
	if got := e.shares(t, x, 40); len(got) != 2 {
		t.Errorf("without affinity 40 requests reach %v", got)
	}
}

func splitByDial(t *testing.T, s *split, e edge) {
	t.Helper()
	x := e.deployed(t, s.line("NONE us-west-2 0%", "×128 preserving", "×128 preserving"))
	e.WaitFor(t, "no answer of an endpoint group that is dialled down", func(ctx context.Context) error {
		if _, err := e.Get(ctx, "http://"+x.DNSName+"/", "", "Connection: close"); err == nil {
			return errors.New("it answers")
		}
		return nil
	})
	scene.Change(t, s.Cluster, s.over(e, "", "trafficDialPercentage: 100", "weight: 128", "weight: 128"))
	e.deployed(t, s.line("NONE us-west-2 100%", "×128 preserving", "×128 preserving"))
	e.answers(t, x, 80, "shop")
}
