package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestG5Case1AnNLBInFrontOfAnALBOfAnotherNamespaceByGrant shows that an NLB of one Gateway forwards
// real connections to the ALB of another, as long as a ReferenceGrant admits it.
func TestG5Case1AnNLBInFrontOfAnALBOfAnotherNamespaceByGrant(t *testing.T) {
	t.Parallel()
	onEachTargetType(t, "g5-1", secured, []string{onHTTP, onHTTPS}, func(t *testing.T, s *site) {
		s.route(t, "web", "", toWeb)
		alb := s.balancer(t, 1, "HTTP 80", "HTTPS 443")
		n := &network{Cluster: s.Cluster, ns: s.ns + "-front", targets: s.targets}
		n.Apply(t, scene.Namespace(n.ns, 0)+n.groups()+scene.Gateway(n.ns, "net", "nlb", facing, onTCP,
			"name: secure, protocol: TCP, port: 443"))
		to := func(port string) string {
			return "{group: gateway.networking.k8s.io, kind: Gateway, name: web, namespace: " + s.ns + ", port: " + port + "}"
		}
		// It goes with its namespace: its finalizer stays as long as the Gateway that it is about.
		scene.Change(t, s.Cluster, scene.TargetGroups(s.ns, "front", "targetReference: {group: gateway.networking.k8s.io, "+
			"kind: Gateway, name: web}, "+
			"routeConfigurations: [{routeIdentifier: {kind: TCPRoute, namespace: "+n.ns+", name: secure}, targetGroupProps: "+
			"{healthCheckConfig: {healthCheckProtocol: HTTPS}}}]"))
		n.route(t, "TCPRoute", "plain", "tcp", to("80"))
		n.route(t, "TCPRoute", "secure", "secure", to("443"))
		nlb := n.balancer(t)
		n.resolves(t, "plain", "False RefNotPermitted")
		n.resolves(t, "secure", "False RefNotPermitted")
		n.Apply(t, strings.NewReplacer(`group: ""`, "group: gateway.networking.k8s.io", "kind: Service", "kind: Gateway").
			Replace(scene.Grant(s.ns, "TCPRoute", n.ns)))
		n.balancer(t, "TCP 443: alb TCP", "TCP 80: alb TCP")
		answersTCP(t, n.Cluster, nlb, 80, "web")
		served(t, n.Cluster, nlb, "www.example.com")
		var checks []string
		for _, tg := range n.TargetGroups(nlb) {
			protocol, _, _ := strings.Cut(tg.HealthCheck, " ")
			checks = append(checks, protocol)
			if len(tg.Targets) != 1 || tg.Targets[0].ID != alb.ARN {
				t.Errorf("targets %+v", tg.Targets)
			}
		}
		if slices.Sort(checks); !slices.Equal(checks, []string{"HTTP", "HTTPS"}) {
			t.Errorf("health checks %v", checks)
		}
		before := n.Mark()
		n.Kubectl(t, "delete", "referencegrant", "-n", s.ns, "services")
		n.balancer(t)
		refuses(t, n.Cluster, nlb, 80)
		refuses(t, n.Cluster, nlb, 443)
		s.WaitGet(t, url(alb, "/"), "", 200, "web")
		served(t, s.Cluster, alb, "www.example.com")
		for _, w := range scene.Writes(s.Cluster, before, alb.Name) {
			if !strings.HasPrefix(w, "DeregisterTargets ") {
				t.Errorf("the ALB was written: %s", w)
			}
		}
	})
}

// TestG5Cases2To5ListenerSetsAsTheirGatewayAllowsThem shows that requests are answered at the ports
// of ListenerSets, exactly where the Gateway allows their namespace.
func TestG5Cases2To5ListenerSetsAsTheirGatewayAllowsThem(t *testing.T) {
	if testing.Short() {
		t.Skip("lab/gateways has the cases without traffic")
	}
	t.Parallel()
	for _, row := range []struct {
		name, allowed string // allowed is the Gateway's field from
		team          string // label of the namespace of the ListenerSet; without one it is in that of the Gateway
		admitted      bool
	}{
		{"2 of the same namespace", "Same", "", true},
		{"3 of none", "", "", false},
		{"4 of all namespaces", "All", "any", true},
		{"5 of a namespace with the label", "Selector, selector: {matchLabels: {team: a}}", "a", true},
		{"5 of a namespace with another label", "Selector, selector: {matchLabels: {team: a}}", "b", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			eachTargetType(t, func(t *testing.T, targets string) {
				s := &site{Cluster: cluster(t), targets: targets, ns: "g5-" + strings.ReplaceAll(row.name, " ", "-") +
					"-" + targets}
				sets, gateway := s.ns, scene.Gateway(s.ns, "web", "alb", facing, onHTTP)
				if row.allowed != "" {
					gateway = strings.Replace(gateway, "  listeners:", "  allowedListeners: {namespaces: {from: "+row.allowed+
						"}}\n  listeners:", 1)
				}
				scenery := scene.Namespace(s.ns, 1)
				if row.team != "" {
					sets = s.ns + "-s"
					scenery += strings.Replace(scene.Namespace(sets, 1), "{name: "+sets+"}", "{name: "+sets+", labels: {team: "+
						row.team+"}}", 1)
				}
				s.Apply(t, scenery+s.groups()+gateway+scene.Route("ListenerSet", sets, "more",
					fmt.Sprintf("parentRef: {name: web, namespace: %s}, listeners: [{name: more, protocol: HTTP, port: 8080}]", s.ns)))
				s.route(t, "web", "", toWeb)
				s.Apply(t, scene.Route("HTTPRoute", sets, "more", "parentRefs: [{group: gateway.networking.k8s.io, kind: "+
					"ListenerSet, name: more}], rules: [{"+toWeb+"}]"))
				accepted, count, listeners := "True Accepted", "1", []string{"HTTP 80", "HTTP 8080"}
				if !row.admitted {
					accepted, count, listeners = "False NotAllowed", "0", []string{"HTTP 80"}
				}
				wait(t, s.Cluster, "the statuses", func() string {
					set := scene.Query(t, s.Cluster, "get", "listenerset", "-n", sets, "more", "-o",
						`jsonpath={range .status.conditions[?(@.type=="Accepted")]}{.status} {.reason}{end}`)
					attached := scene.Query(t, s.Cluster, "get", "gateway", "-n", s.ns, "web", "-o",
						"jsonpath={.status.attachedListenerSets}")
					return differs("set and Gateway", set+" "+attached, accepted+" "+count)
				})
				lb := s.LoadBalancer(t, scene.GatewayAddress(t, s.Cluster, s.ns, "web"))
				wait(t, s.Cluster, "the listeners", func() string {
					var have []string
					for _, l := range s.LoadBalancer(t, lb.Name).Listeners {
						have = append(have, fmt.Sprintf("%s %d", l.Protocol, l.Port))
					}
					slices.Sort(have)
					return differs("listeners", have, listeners)
				})
				s.WaitGet(t, url(lb, "/"), "", 200, "web")
				if row.admitted {
					answersTCP(t, s.Cluster, lb, 8080, "web")
				}
			})
		})
	}
}
