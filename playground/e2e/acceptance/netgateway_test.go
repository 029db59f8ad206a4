package acceptance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/curl"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const (
	onTCP = "name: tcp, protocol: TCP, port: 80"
	onTLS = "name: tls, protocol: TLS, port: 443, tls: {mode: Terminate, options: {example.com/any: any}}"
)

// network is a namespace with a backend "web", which serves HTTP and datagrams, and a Gateway "net" of class nlb whose
// targets are of one type.
type network struct {
	*harness.Cluster
	ns, targets string
}

// datagrams is the manifest of a Backend with a server of datagrams at the ports of the one of HTTP.
func datagrams(backend string) string {
	return strings.NewReplacer(
		"{name: http, containerPort: 8080}",
		"{name: http, containerPort: 8080}, {name: udp-8080, containerPort: 8080, protocol: UDP}",
		"{name: http, port: 80, targetPort: http}",
		"{name: http, port: 80, targetPort: 8080}, {name: udp, port: 80, protocol: UDP, targetPort: 8080}",
	).Replace(backend)
}

// groups is what the Gateway's target groups are like by default.
func (n *network) groups() string {
	return scene.TargetGroups(n.ns, "targets", "defaultConfiguration: {targetType: "+n.targets+"}")
}

// route applies a route to sections of the Gateway.
func (n *network) route(t *testing.T, kind, name, sections, backends string) {
	t.Helper()
	var parents []string
	for section := range strings.SplitSeq(sections, ",") {
		parents = append(parents, "{name: net, sectionName: "+section+"}")
	}
	n.Apply(t, scene.Route(kind, n.ns, name, fmt.Sprintf("parentRefs: [%s], rules: [{backendRefs: [%s]}]",
		strings.Join(parents, ", "), backends)))
}

// balancer waits until the Gateway is programmed and its load balancer has the listeners.
func (n *network) balancer(t *testing.T, listeners ...string) simclient.LoadBalancer {
	t.Helper()
	lb := n.LoadBalancer(t, scene.GatewayAddress(t, n.Cluster, n.ns, "net"))
	listening(t, n.Cluster, lb, listeners...)
	return n.LoadBalancer(t, lb.Name)
}

// resolves waits until a TCPRoute has the condition ResolvedRefs as wanted.
func (n *network) resolves(t *testing.T, route, want string) {
	t.Helper()
	wait(t, n.Cluster, "the references of "+route, func() string {
		have := scene.RouteConditions(t, n.Cluster, "tcproute", n.ns, route)
		if !strings.Contains(have, "ResolvedRefs="+want+",") {
			return have + ", want " + want
		}
		return ""
	})
}

// listening waits until a load balancer has the listeners, in the order of their texts: "TCP 80: ip TCP" with the types
// and protocols of its target groups, and their weights if there are several.
func listening(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, want ...string) {
	t.Helper()
	wait(t, c, "listeners of "+lb.Name, func() string {
		now := c.LoadBalancer(t, lb.Name)
		groups := map[string]simclient.TargetGroup{}
		for _, tg := range c.TargetGroups(now) {
			groups[tg.ARN] = tg
		}
		var have []string
		for _, l := range now.Listeners {
			text := fmt.Sprintf("%s %d:", l.Protocol, l.Port)
			for _, r := range l.Rules {
				for _, a := range r.Actions {
					if a.Forward == nil {
						continue
					}
					for _, to := range a.Forward.TargetGroups {
						tg := groups[to.TargetGroup.Literal]
						text += fmt.Sprintf(" %s %s", tg.TargetType, tg.Protocol)
						if to.Weight != nil && len(a.Forward.TargetGroups) > 1 {
							text += fmt.Sprintf(" %d", *to.Weight)
						}
					}
				}
			}
			have = append(have, text)
		}
		slices.Sort(have)
		return differs("listeners", strings.Join(have, ", "), strings.Join(want, ", "))
	})
}

// answersTCP waits until a pod of a service answers HTTP on a new connection to a port, whatever the listener is.
func answersTCP(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, port int32, service string) {
	t.Helper()
	c.WaitAnswer(t, harness.Request{Target: fmt.Sprintf("http://%s:%d/", lb.DNSName, port), Headers: []string{
		"Connection: close"}}, 200, service)
}

// refuses waits until a port of a load balancer answers no request.
func refuses(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, port int32) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("no answer on port %d", port), func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		conn, err := curl.Endpoints(c.Env.Endpoints).Dial(ctx, "tcp", fmt.Sprintf("%s:%d", lb.DNSName, port))
		if err != nil {
			return nil
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			return nil
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
			return errors.New("it answers")
		}
		return nil
	})
}

const webOfBoth = "{name: web, port: 80}"

// TestG4Case1RoutesOfAllProtocolsServeByGrant shows that TCP, UDP and TLS clients of a Gateway
// reach pods and nodes, and that a ReferenceGrant admits and withdraws a backend.
func TestG4Case1RoutesOfAllProtocolsServeByGrant(t *testing.T) {
	t.Parallel()
	certificate := `, listenerConfigurations: [{protocolPort: "TLS:443", defaultCertificate: "` + wildcard + `"}]`
	listeners := []string{onTCP, onTLS, "name: udp, protocol: UDP, port: 8080", "name: other, protocol: TCP, port: 5000"}
	eachTargetType(t, func(t *testing.T, targets string) {
		n := &network{Cluster: cluster(t), ns: "g4-1-" + targets, targets: targets}
		n.Apply(t, datagrams(scene.Namespace(n.ns, 1))+n.groups()+scene.Gateway(n.ns, "net", "nlb", facing+certificate,
			listeners...))
		other := n.ns + "-other"
		n.Apply(t, scene.Namespace(other, 0)+scene.Backend(other, "far", 1))
		n.route(t, "TCPRoute", "tcp", "tcp,tls", webOfBoth)
		n.route(t, "UDPRoute", "udp", "udp", webOfBoth)
		n.route(t, "TCPRoute", "far", "other", "{name: far, namespace: "+other+", port: 80}")
		rest := []string{"TCP 80: " + n.targets + " TCP", "TLS 443: " + n.targets + " TCP", "UDP 8080: " + n.targets + " UDP"}
		lb := n.balancer(t, rest...)
		n.resolves(t, "far", "False RefNotPermitted")
		serves := func() {
			t.Helper()
			answersTCP(t, n.Cluster, lb, 80, "web")
			served(t, n.Cluster, lb, "www.example.com")
			scene.WaitDatagram(t, n.Cluster, lb, 8080, "web")
		}
		serves()
		for _, tg := range n.TargetGroups(lb) {
			if !strings.HasPrefix(tg.HealthCheck, "TCP on traffic-port") {
				t.Errorf("health check %q", tg.HealthCheck)
			}
		}
		n.Apply(t, scene.Grant(other, "TCPRoute", n.ns))
		n.balancer(t, append([]string{"TCP 5000: " + n.targets + " TCP"}, rest...)...)
		n.resolves(t, "far", "True ResolvedRefs")
		answersTCP(t, n.Cluster, lb, 5000, "far")
		left := func() int { return len(scene.Left(n.Cluster, scene.Marks(n.ns)[0])) }
		before := left()
		n.Kubectl(t, "delete", "referencegrant", "-n", other, "services")
		n.balancer(t, rest...)
		n.resolves(t, "far", "False RefNotPermitted")
		refuses(t, n.Cluster, lb, 5000)
		wait(t, n.Cluster, "the end of its target group", func() string {
			return differs("what is left", left(), before-1)
		})
		serves()
	})
}

// TestRoutesOfFormerVersionsServe shows that routes of version v1alpha2 serve that version v1 would refuse: one without
// hostnames, and one with two rules. Only an API server that serves both versions converts them, and takes their status
// in version v1.
func TestRoutesOfFormerVersionsServe(t *testing.T) {
	t.Parallel()
	n := &network{Cluster: cluster(t), ns: "former-versions", targets: "ip"}
	n.Apply(t, scene.Namespace(n.ns, 1)+scene.Backend(n.ns, "more", 1)+n.groups()+scene.Gateway(n.ns, "net", "nlb", facing+
		`, listenerConfigurations: [{protocolPort: "TLS:443", defaultCertificate: "`+wildcard+`"}]`, onTCP, onTLS))
	former := func(kind, name, rules string) {
		n.Apply(t, strings.Replace(scene.Route(kind, n.ns, name, "parentRefs: [{name: net, sectionName: "+name+"}], rules: ["+
			rules+"]"), "gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1alpha2", 1))
	}
	const rule = "{backendRefs: [" + webOfBoth + "]}"
	former("TCPRoute", "tcp", rule+", {backendRefs: [{name: more, port: 80}]}")
	former("TLSRoute", "tls", rule)
	lb := n.balancer(t, "TCP 80: ip TCP 1 ip TCP 1", "TLS 443: ip TLS")
	for _, service := range []string{"web", "more"} {
		answersTCP(t, n.Cluster, lb, 80, service)
	}
	for resource, name := range map[string]string{"tcproutes": "tcp", "tlsroutes": "tls"} {
		wait(t, n.Cluster, "the status of "+resource, func() string {
			have := scene.RouteConditions(t, n.Cluster, resource+".v1.gateway.networking.k8s.io", n.ns, name)
			if !strings.Contains(have, "Accepted=True") || !strings.Contains(have, "ResolvedRefs=True") {
				return have
			}
			return ""
		})
	}
}
