package acceptance

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// servesQUIC is the manifest of a namespace with a Backend whose pods get server ids, and serve datagrams.
func servesQUIC(namespace string) string {
	return datagrams(strings.NewReplacer(
		"    metadata: {labels: {app: web}}",
		"    metadata: {labels: {app: web}, annotations: "+
			"{service.beta.kubernetes.io/aws-load-balancer-quic-enabled-containers: app}}",
	).Replace(strings.Replace(namespace, "}\n---\n", ", labels: {elbv2.k8s.aws/quic-server-id-inject: enabled}}\n---\n",
		1)))
}

var serverIDForm = regexp.MustCompile("^0x[0-9a-f]{16}$")

// identified waits until each target group of a load balancer has a target, and returns its targets by server id, of
// which each has its own.
func identified(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer) (targets map[string]string) {
	t.Helper()
	wait(t, c, "targets with server ids", func() string {
		targets = map[string]string{}
		for _, g := range c.TargetGroups(lb) {
			if len(g.Targets) == 0 {
				return "no targets in " + g.Name
			}
			for _, target := range g.Targets {
				if other, taken := targets[target.QUICServerID]; !serverIDForm.MatchString(target.QUICServerID) || taken &&
					other != target.ID {
					return fmt.Sprintf("target %s has server id %q", target.ID, target.QUICServerID)
				}
				targets[target.QUICServerID] = target.ID
			}
		}
		return ""
	})
	return targets
}

// packet asks, from a socket on an address of loopback, the server of an id with a packet of an established QUIC
// connection (RFC 9000, section 17.3): the stand-in answers whatever reaches it with the name of its pod.
func packet(from string, to netip.AddrPort, serverID string) (pod string, err error) {
	id, err := hex.DecodeString(strings.TrimPrefix(serverID, "0x"))
	if err != nil {
		return "", err
	}
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}, Timeout: time.Second}
	conn, err := d.Dial("udp", to.String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write(append(append([]byte{0x40, 0}, id...), make([]byte, 40)...)); err != nil {
		return "", err
	}
	answer := make([]byte, 256)
	n, err := conn.Read(answer)
	return string(answer[:n]), err
}

// staysWithItsPod holds that packets with the server id of a target reach one pod, whatever address they come from, and
// those with other ids other pods.
func staysWithItsPod(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, port int32) {
	t.Helper()
	pods := map[string]string{} // server id by pod
	for id := range identified(t, c, lb) {
		c.WaitFor(t, "answers to packets with server id "+id, func(ctx context.Context) error {
			at, err := address(ctx, c, lb, port)
			if err != nil {
				return err
			}
			first, err := packet("127.0.0.1", at, id)
			if err != nil {
				return err
			}
			moved, err := packet("127.0.0.3", at, id)
			if err != nil {
				return err
			}
			if first != moved || !strings.HasPrefix(first, "web-") {
				t.Errorf("server id %s: %q, and from another address %q", id, first, moved)
			}
			if other, taken := pods[first]; taken && other != id {
				t.Errorf("pod %s answers for %s and %s", first, id, other)
			}
			pods[first] = id
			return nil
		})
	}
	if len(pods) < 2 {
		t.Errorf("pods %v", pods)
	}
}

// address is that of a port of a load balancer.
func address(ctx context.Context, c *harness.Cluster, lb simclient.LoadBalancer, port int32) (netip.AddrPort, error) {
	all, err := c.Env.Endpoints(ctx)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, e := range all {
		for _, l := range e.Listeners {
			if e.ARN == lb.ARN && l.Port == port && l.Address.IsValid() {
				return l.Address, nil
			}
		}
	}
	return netip.AddrPort{}, fmt.Errorf("nothing listens at port %d of %s", port, lb.Name)
}

func onQUIC(t *testing.T, name string, f func(*testing.T, *servedBy)) {
	eachTargetType(t, func(t *testing.T, targets string) {
		s := &servedBy{Cluster: cluster(t), ns: name + "-" + targets, targets: targets}
		s.Apply(t, servesQUIC(scene.Namespace(s.ns, 2)))
		f(t, s)
	}, "ip")
}

// TestQUICConnectionsStayWithTheirPodWhenTheClientMoves shows that injected server IDs, registered
// targets and the NLB keep a QUIC connection with its pod when the client moves.
func TestQUICConnectionsStayWithTheirPodWhenTheClientMoves(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestAServiceAnswersDatagramsAndBothProtocolsAtOnePort, which make test runs")
	}
	t.Parallel()
	onQUIC(t, "sv-q", func(t *testing.T, s *servedBy) {
		ports := "{name: udp, port: 80, protocol: UDP, targetPort: 8080}"
		lb := s.serve(t, scene.Annotations{"quic-enabled-ports": "80", "disable-nlb-sg": "true"}, ports, "",
			"QUIC 80: ip QUIC")
		scene.WaitTargets(t, s.Cluster, s.TargetGroups(lb)[0].ARN, 2)
		staysWithItsPod(t, s.Cluster, lb, 80)
	})
}
