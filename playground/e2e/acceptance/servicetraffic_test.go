package acceptance

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// udpPort is a port for datagrams. Node ports of UDP take no connection of TCP, so that the usual health check fails
// with nodes as targets.
const udpPort = "{name: udp, port: 53, protocol: UDP, targetPort: 8080}"

// TestAServiceAnswersDatagramsAndBothProtocolsAtOnePort shows that pods answer TCP and UDP clients
// of one Service, also at one port.
func TestAServiceAnswersDatagramsAndBothProtocolsAtOnePort(t *testing.T) {
	t.Parallel()
	onService(t, "sv-u", func(t *testing.T, s *servedBy) {
		ports := onePort + ", " + udpPort +
			", {name: both-tcp, port: 90, targetPort: 8080}, {name: both-udp, port: 90, protocol: UDP, targetPort: 8080}"
		lb := s.serve(t, scene.Annotations{"enable-tcp-udp-listener": "true"}, ports, "", "TCP 80: "+s.targets+" TCP",
			"TCP_UDP 90: "+s.targets+" TCP_UDP", "UDP 53: "+s.targets+" UDP")
		answersTCP(t, s.Cluster, lb, 80, "web")
		scene.WaitDatagram(t, s.Cluster, lb, 53, "web")
		answersTCP(t, s.Cluster, lb, 90, "web")
		scene.WaitDatagram(t, s.Cluster, lb, 90, "web")
		expectNoWarnings(t, s.Cluster, s.ns)
	}, "ip")
}

// TestLocalServiceIsServedByNodesWithPods shows that only nodes with pods are healthy targets under
// externalTrafficPolicy Local, and answer TCP and UDP.
func TestLocalServiceIsServedByNodesWithPods(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestAServiceAnswersDatagramsAndBothProtocolsAtOnePort, which make test runs")
	}
	t.Parallel()
	onService(t, "sv-l", func(t *testing.T, s *servedBy) {
		s.Kubectl(t, "scale", "deployment", "-n", s.ns, "web", "--replicas=1")
		s.Apply(t, s.manifest("net", nil, onePort+", "+udpPort, "externalTrafficPolicy: Local"))
		lb := s.LoadBalancer(t, s.ServiceAddress(t, s.ns, "net"))
		wait(t, s.Cluster, "one healthy node", func() string {
			for _, tg := range s.TargetGroups(lb) {
				healthy := 0
				for _, target := range tg.Targets {
					if target.State == "healthy" {
						healthy++
					}
				}
				if complaint := differs("healthy targets of "+tg.Protocol, healthy, 1); complaint != "" {
					return complaint
				}
			}
			return differs("target groups", len(s.TargetGroups(lb)), 2)
		})
		answersTCP(t, s.Cluster, lb, 80, "web")
		scene.WaitDatagram(t, s.Cluster, lb, 53, "web")
	}, "instance")
}

// TestSourceRangesAdmitAndRefuseClientsOfAService shows that the NLB of a Service admits and
// refuses real clients by loadBalancerSourceRanges.
func TestSourceRangesAdmitAndRefuseClientsOfAService(t *testing.T) {
	t.Parallel()
	onService(t, "sv-r", func(t *testing.T, s *servedBy) {
		to := "TCP 80: " + s.targets + " TCP"
		lb := s.serve(t, nil, onePort, `loadBalancerSourceRanges: ["0.0.0.0/0"]`, to)
		answersTCP(t, s.Cluster, lb, 80, "web")
		s.Apply(t, s.manifest("net", nil, onePort, `loadBalancerSourceRanges: ["192.0.2.0/24"]`))
		refuses(t, s.Cluster, lb, 80)
		s.Apply(t, s.manifest("net", nil, onePort, `loadBalancerSourceRanges: ["0.0.0.0/0"]`))
		answersTCP(t, s.Cluster, lb, 80, "web")
	})
}

// TestAServiceHasTheAddressesThatItNames shows that an NLB has the elastic, private or IPv6
// addresses that its Service names, and answers there.
func TestAServiceHasTheAddressesThatItNames(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestAServiceAnswersDatagramsAndBothProtocolsAtOnePort, which make test runs")
	}
	t.Parallel()
	const subnets = "demo-private-a,demo-private-b"
	onService(t, "sv-a", func(t *testing.T, s *servedBy) {
		for name, c := range map[string]struct {
			annotations scene.Annotations
			of          func(private, public, six netip.Addr) netip.Addr
			want        string
		}{
			"elastic": {
				scene.Annotations{"eip-allocations": "eipalloc-0a1de0000000000a1,eipalloc-0a1de0000000000b1",
					"subnets": "demo-public-a,demo-public-b"},
				func(_, public, _ netip.Addr) netip.Addr { return public }, "198.51.100.11 198.51.100.12",
			},
			"private": {
				scene.Annotations{"scheme": "internal", "private-ipv4-addresses": "10.0.143.20,10.0.159.20", "subnets": subnets},
				func(private, _, _ netip.Addr) netip.Addr { return private }, "10.0.143.20 10.0.159.20",
			},
			"six": {
				scene.Annotations{
					"scheme": "internal", "ip-address-type": "dualstack",
					"ipv6-addresses": "2600:1f14:abc:de10::53,2600:1f14:abc:de11::53", "subnets": subnets,
				},
				func(_, _, six netip.Addr) netip.Addr { return six }, "2600:1f14:abc:de10::53 2600:1f14:abc:de11::53",
			},
		} {
			s.Apply(t, s.manifest(name, c.annotations, onePort, ""))
			lb := s.LoadBalancer(t, s.ServiceAddress(t, s.ns, name))
			listening(t, s.Cluster, lb, "TCP 80: ip TCP") // a pod in a zone without subnet is never healthy
			lb = s.LoadBalancer(t, lb.Name)
			var have []string
			for _, z := range lb.Zones {
				have = append(have, c.of(z.Private, z.Public, z.IPv6).String())
			}
			slices.Sort(have)
			if got := strings.Join(have, " "); got != c.want {
				t.Errorf("%s: addresses %s, want %s", name, got, c.want)
			}
			answersTCP(t, s.Cluster, lb, 80, "web")
		}
	}, "ip")
}
