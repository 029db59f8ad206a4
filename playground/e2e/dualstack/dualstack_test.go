// Package dualstack shows load balancers end to end in a cluster whose nodes, pods and Services have addresses of both
// IP families. It has a playground of its own, as those of other tests have addresses of IPv4 only.
package dualstack

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Parallel(4); harness.Main(m) }

func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{DualStack: true})
}

// resolver is a namespace with pods that answer HTTP and datagrams at port 5353.
func resolver(ns string) string {
	return strings.NewReplacer(
		"name: web,", "name: resolver,", "{app: web}", "{app: resolver}", "value: web}", "value: resolver}",
		"{name: http, containerPort: 8080}",
		"{name: http, containerPort: 5353}, {name: dns-udp, containerPort: 5353, protocol: UDP}",
		"name: web\n", "name: resolver\n",
	).Replace(fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", ns) +
		withoutService(scene.Backend(ns, "web", 2)))
}

// withoutService is the manifest of a Backend without its Service.
func withoutService(backend string) string {
	deployment, _, _ := strings.Cut(backend, "---\n")
	return deployment + "---\n"
}

// balanced is a Service of the resolver's pods with an NLB of both families whose targets are pods.
func balanced(ns, annotations, spec string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: resolver
  namespace: %s
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-type: external
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-ip-address-type: dualstack
%s
spec:
  type: LoadBalancer
  selector: {app: resolver}
%s
---
`, ns, annotations, spec)
}

const tcpAndUDP = `  ports:
  - {name: dns-udp, port: 53, protocol: UDP, targetPort: 5353}
  - {name: dns-tcp, port: 53, protocol: TCP, targetPort: 5353}`

// TestPodsOfIPv6AnswerTCPAndUDPAtOnePortOfADualstackNLB shows that IPv6 pods answer TCP and UDP
// clients at one port of a dualstack NLB with source NAT. It is the worked example of a resolver.
// Without the addresses for source NAT, AWS has no UDP between the address families.
func TestPodsOfIPv6AnswerTCPAndUDPAtOnePortOfADualstackNLB(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, of both families of addresses")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "dns"
	c.Apply(t, resolver(ns)+
		balanced(ns, `    service.beta.kubernetes.io/aws-load-balancer-enable-prefix-for-ipv6-source-nat: "on"
    service.beta.kubernetes.io/aws-load-balancer-enable-tcp-udp-listener: "true"`,
			"  ipFamilies: [IPv6]\n  ipFamilyPolicy: SingleStack\n"+tcpAndUDP))
	lb := c.LoadBalancer(t, c.ServiceAddress(t, ns, "resolver"))
	c.WaitHealthy(t, lb)
	lb = c.LoadBalancer(t, lb.Name)
	var listeners []string
	for _, l := range lb.Listeners {
		listeners = append(listeners, fmt.Sprintf("%s %d", l.Protocol, l.Port))
	}
	groups := c.TargetGroups(lb)
	if lb.Type != "network" || lb.Scheme != "internal" || lb.IPAddressType != "dualstack" ||
		!slices.Equal(listeners, []string{"TCP_UDP 53"}) || len(groups) != 1 {
		t.Fatalf("load balancer %s %s %s with listeners %v and %d target groups", lb.Type, lb.Scheme, lb.IPAddressType,
			listeners, len(groups))
	}
	if tg := groups[0]; tg.TargetType != "ip" || tg.Protocol != "TCP_UDP" || tg.Port != 5353 ||
		!strings.HasPrefix(tg.HealthCheck, "TCP on traffic-port") {
		t.Errorf("target group %s %s %d, health check %q", tg.TargetType, tg.Protocol, tg.Port, tg.HealthCheck)
	}
	expectTargets(t, c, groups[0], ns, true)
	c.WaitAnswer(t, harness.Request{Target: fmt.Sprintf("http://%s:53/", lb.DNSName), Headers: []string{
		"Connection: close"}}, 200, "resolver")
	scene.WaitDatagram(t, c, lb, 53, "resolver")
	if w := scene.Warnings(t, c, ns); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	mark := c.Mark()
	c.Kubectl(t, "annotate", "service", "-n", ns, "resolver", "example.com/touched=yes")
	c.Kubectl(t, "scale", "deployment", "-n", ns, "resolver", "--replicas=3")
	c.WaitFor(t, "a third target", func(context.Context) error {
		if n := len(scene.Targets(c, groups[0].ARN)); n != 3 {
			return fmt.Errorf("%d targets", n)
		}
		return nil
	})
	for _, call := range c.Calls(mark) {
		if call.Action == "SetSubnets" && strings.Contains(fmt.Sprintf("%v", call.Input), lb.Name) {
			t.Error("the addresses for source NAT are set again")
		}
	}
	c.Kubectl(t, "delete", "service", "-n", ns, "resolver")
	scene.WaitGone(t, c, scene.Marks(ns)...)
}

// TestAnALBServesPodsOfIPv6 shows that an ALB serves pods of a Service with IPv6 addresses in a
// dual-stack cluster.
func TestAnALBServesPodsOfIPv6(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, of both families of addresses")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "six"
	c.Apply(t, strings.Replace(scene.Namespace(ns, 2), "type: NodePort", "ipFamilies: [IPv6]\n  "+
		"ipFamilyPolicy: SingleStack", 1)+
		scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing", "target-type": "ip",
			"ip-address-type": "dualstack"}))
	lb := c.LoadBalancer(t, c.IngressAddress(t, ns, "web"))
	c.WaitHealthy(t, lb)
	groups := c.TargetGroups(lb)
	if len(groups) != 1 {
		t.Fatalf("%d target groups", len(groups))
	}
	expectTargets(t, c, groups[0], ns, true)
	c.WaitGet(t, "http://"+lb.DNSName+"/", "", 200, "web")
}

// TestAServiceOfIPv4IsServedInAClusterOfBothFamilies shows that the controller registers the IPv4
// addresses of pods and nodes that have both families.
func TestAServiceOfIPv4IsServedInAClusterOfBothFamilies(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, of both families of addresses")
	}
	t.Parallel()
	c := cluster(t)
	for _, targets := range []string{"ip", "instance"} {
		t.Run(targets, func(t *testing.T) {
			t.Parallel()
			ns := "four-" + targets
			c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{
				"scheme": "internet-facing", "target-type": targets}))
			lb := c.LoadBalancer(t, c.IngressAddress(t, ns, "web"))
			c.WaitHealthy(t, lb)
			c.WaitGet(t, "http://"+lb.DNSName+"/", "", 200, "web")
			if targets == "ip" {
				expectTargets(t, c, c.TargetGroups(lb)[0], ns, false)
			}
		})
	}
}

// podAddresses are the addresses of one family of the pods of a namespace.
func podAddresses(t *testing.T, c *harness.Cluster, ns string, six bool) (out []string) {
	t.Helper()
	all := scene.Query(t, c, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].status.podIPs[*].ip}")
	for text := range strings.FieldsSeq(all) {
		if addr := netip.MustParseAddr(text); addr.Is6() == six {
			out = append(out, addr.String())
		}
	}
	slices.Sort(out)
	return out
}

// expectTargets waits until the targets of a group are the pods of a namespace by their addresses of one family: one
// pod may be a target before another one.
func expectTargets(t *testing.T, c *harness.Cluster, tg simclient.TargetGroup, ns string, six bool) {
	t.Helper()
	c.WaitFor(t, "the pods of "+ns+" to be the targets", func(context.Context) error {
		var have []string
		for _, target := range scene.Targets(c, tg.ARN) {
			have = append(have, netip.MustParseAddr(target.ID).String())
		}
		slices.Sort(have)
		if want := podAddresses(t, c, ns, six); len(want) == 0 || !slices.Equal(have, want) {
			return fmt.Errorf("targets %v, want %v", have, want)
		}
		return nil
	})
}
