// Package takeover shows end to end that an edit which replaces the target group of a network load balancer loses no
// connection, with the times that AWS takes: the clock of the account runs ten times as fast as the machine's.
package takeover

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
)

func TestMain(m *testing.M) { harness.Main(m) }

// times are what network load balancers take, but for their provisioning, for which nobody waits here.
var times = account.Profile{Name: "takeover", NetworkTargetInitial: time.Minute, NetworkDeregister: 10 * time.Second,
	Draining: time.Hour}

// network is a Service with a network load balancer, before and after an edit that replaces its target group.
type network struct {
	name          string
	scheme        string // of URLs
	before, after variant
	aside         bool // the new targets cannot be in one forward with the old ones
}

// variant is a version of the Service: annotations without their prefix, further ports, and the target group that it
// gets.
type variant struct {
	annotations map[string]string
	ports       string
	protocol    string
	targetType  string
}

const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

var networks = []network{
	{
		name: "targets", scheme: "http",
		before: variant{annotations: map[string]string{"nlb-target-type": "ip"}, protocol: "TCP", targetType: "ip"},
		after: variant{annotations: map[string]string{"nlb-target-type": "instance"}, protocol: "TCP",
			targetType: "instance"},
	},
	{
		name: "secure", scheme: "https", aside: true,
		before: variant{annotations: map[string]string{"nlb-target-type": "ip"}, protocol: "TCP", targetType: "ip"},
		after: variant{annotations: map[string]string{"nlb-target-type": "ip", "ssl-cert": certificate,
			"backend-protocol": "ssl"}, protocol: "TLS", targetType: "ip"},
	},
	{
		name: "datagrams", scheme: "http", aside: true,
		before: variant{annotations: map[string]string{"nlb-target-type": "ip"}, protocol: "TCP", targetType: "ip"},
		after: variant{
			annotations: map[string]string{"nlb-target-type": "ip", "enable-tcp-udp-listener": "true"}, protocol: "TCP_UDP",
			targetType: "ip",
			ports:      ", {name: packets, port: 80, targetPort: 8080, protocol: UDP}",
		},
	},
}

// manifest is the Service of a variant.
func (n network) manifest(v variant) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Service\nmetadata:\n  name: net\n  namespace: %s\n  annotations:\n",
		n.namespace())
	fmt.Fprintf(&b, "    service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing\n")
	for key, value := range v.annotations {
		fmt.Fprintf(&b, "    service.beta.kubernetes.io/aws-load-balancer-%s: %q\n", key, value)
	}
	port := "80, targetPort: 8080"
	if n.scheme == "https" {
		port = "443, targetPort: 8443"
	}
	fmt.Fprintf(&b, "spec:\n  type: LoadBalancer\n  loadBalancerClass: service.k8s.aws/nlb\n  selector: {app: web}\n  "+
		"ports: [{name: main, port: %s}%s]\n---\n", port, v.ports)
	return b.String()
}

func (n network) namespace() string { return "takeover-" + n.name }

// backend is a namespace with three pods.
func (n network) backend(t *testing.T) string {
	t.Helper()
	if n.scheme == "http" {
		return scene.Namespace(n.namespace(), 3)
	}
	crt, key := keyPair(t)
	return fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: Secret
metadata: {name: pair, namespace: %[1]s}
type: kubernetes.io/tls
data: {tls.crt: %[2]s, tls.key: %[3]s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.k8s.io/gateway-api/echo-basic:v1.5.1
        env:
        - {name: TLS_SERVER_CERT, value: /pair/tls.crt}
        - {name: TLS_SERVER_PRIVKEY, value: /pair/tls.key}
        volumeMounts: [{name: pair, mountPath: /pair}]
      volumes: [{name: pair, secret: {secretName: pair}}]
---
`, n.namespace(), crt, key)
}

// keyPair is a certificate and its key, as data of a Secret.
func keyPair(t *testing.T) (crt, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"web"},
		NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	data := func(kind string, bytes []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return data("CERTIFICATE", der), data("EC PRIVATE KEY", raw)
}

// replace puts another variant in place of the Service. A patch would take two ports of one number for one.
func (n network) replace(t *testing.T, c *harness.Cluster, v variant) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "service.yaml")
	if err := os.WriteFile(path, []byte(n.manifest(v)), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "replace", "-f", path)
}

// serves waits until the load balancer has the listener and the target group of a variant alone, whose targets are
// healthy.
func (n network) serves(t *testing.T, c *harness.Cluster, name string, v variant) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%s to have targets by %s %s only", n.name, v.protocol, v.targetType),
		func(context.Context) error {
			lb := c.LoadBalancer(t, name)
			groups := c.TargetGroups(lb)
			if len(lb.Listeners) != 1 || len(groups) != 1 {
				return fmt.Errorf("%d listeners, %d target groups", len(lb.Listeners), len(groups))
			}
			if g := groups[0]; g.Protocol != v.protocol || g.TargetType != v.targetType {
				return fmt.Errorf("targets by %s %s", g.Protocol, g.TargetType)
			}
			return nil
		})
	c.WaitHealthy(t, c.LoadBalancer(t, name))
}

// between waits until the new targets are being checked beside the old ones. That lasts for seconds, in which a machine
// with much to do may not look: the target groups being others than before shows that it is over.
func (n network) between(t *testing.T, c *harness.Cluster, name string, former []simclient.TargetGroup) {
	t.Helper()
	c.WaitFor(t, n.name+" to have new targets checked", func(context.Context) error {
		lb := c.LoadBalancer(t, name)
		if n.aside && len(lb.Listeners) == 2 || !n.aside && weighted(lb) == 2 {
			return nil
		}
		for _, g := range c.TargetGroups(lb) {
			if !slices.ContainsFunc(former, func(f simclient.TargetGroup) bool { return f.ARN == g.ARN }) {
				t.Logf("%s: the new targets are in effect already", n.name)
				return nil
			}
		}
		return errors.New("they are not")
	})
}

// weighted is the number of target groups that the first listener of a load balancer lists.
func weighted(lb simclient.LoadBalancer) (n int) {
	for _, r := range lb.Listeners[0].Rules {
		for _, a := range r.Actions {
			if a.Type == stack.ActionForward {
				n += len(a.Forward.TargetGroups)
			}
		}
	}
	return n
}

// gone waits until the target groups that a load balancer had are deleted.
func gone(t *testing.T, c *harness.Cluster, former []simclient.TargetGroup) {
	t.Helper()
	c.WaitFor(t, "the former target groups to be deleted", func(context.Context) error {
		for _, g := range c.Simulator.Resources().TargetGroups {
			for _, f := range former {
				if g.ARN == f.ARN {
					return fmt.Errorf("%s is there", g.Name)
				}
			}
		}
		return nil
	})
}

// send begins requests for a URL: a hundred new connections a second, and connections that are kept, of which none may
// be lost.
func send(t *testing.T, c *harness.Cluster, url string) *load.Clients {
	t.Helper()
	clients := load.Start(t.Context())
	t.Cleanup(func() { clients.Stop() })
	for n, on := range map[int]load.Connections{4: load.Fresh, 3: load.Held} {
		clients.Add(n, 40*time.Millisecond, func() load.Client { return load.Requests(c.Simulator.DialContext, url, on) })
	}
	return clients
}

// TestReplacedTargetGroupOfAnNLBLosesNoConnection shows that no connection to an NLB fails under
// AWS's times while an edit replaces its target group. The test edits all Services at once, then
// back with a controller that is killed while it waits for the new targets, and once more when they
// serve.
func TestReplacedTargetGroupOfAnNLBLosesNoConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for targets of a network load balancer, as long as AWS takes for them")
	}
	c := harness.Start(t, harness.Options{Profile: times, Speed: 10})
	for _, n := range networks {
		c.Apply(t, n.backend(t)+n.manifest(n.before))
	}
	hosts := map[string]string{}
	for _, n := range networks {
		hosts[n.name] = c.ServiceAddress(t, n.namespace(), "net")
		n.serves(t, c, hosts[n.name], n.before)
	}
	edit := func(to func(network) variant, during, after func()) {
		former, streams := map[string][]simclient.TargetGroup{}, []*load.Clients{}
		for _, n := range networks {
			former[n.name] = c.TargetGroups(c.LoadBalancer(t, hosts[n.name]))
			streams = append(streams, send(t, c, n.scheme+"://"+hosts[n.name]+"/"))
		}
		for i, n := range networks {
			scene.More(t, c, streams[i], 50)
			n.replace(t, c, to(n))
		}
		for _, n := range networks {
			n.between(t, c, hosts[n.name], former[n.name])
		}
		during()
		for _, n := range networks {
			n.serves(t, c, hosts[n.name], to(n))
		}
		after()
		for _, s := range streams {
			scene.More(t, c, s, 200)
			s.Calm()
		}
		for i, n := range networks {
			gone(t, c, former[n.name])
			scene.More(t, c, streams[i], 20)
			r := streams[i].Stop()
			t.Logf("%s: %d of %d requests failed", n.name, r.Failed, r.Requests)
			if r.Failed > 0 || r.Requests == 0 {
				t.Errorf("%s: %s", n.name, r)
			}
		}
	}
	edit(func(n network) variant { return n.after }, func() {}, func() {})
	crash := func() {
		c.KillController()
		c.RestartController(t)
	}
	edit(func(n network) variant { return n.before }, crash, crash)
}
