package behaviour

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const configurations = "aws-load-balancer-webhook"

// plainBalancer is a Service of type LoadBalancer that names no class.
func plainBalancer(namespace, name string) string {
	return scene.Service(namespace, name, "type: LoadBalancer")
}

// TestMistakesAreRefusedOrWarnedOfWhenTheyAreApplied shows that a real API server asks the webhooks
// of the running controller, and that kubectl prints their refusals and warnings.
func TestMistakesAreRefusedOrWarnedOfWhenTheyAreApplied(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "admitted"
	c.Apply(t, scene.Namespace(ns, 0))
	for name, tc := range map[string]struct{ manifest, contains string }{
		"conditions": {
			scene.Ingress(ns, "web", scene.Class, scene.Annotations{"conditions.web": `[{"field":"http-header"}]`}),
			"ignoring Ingress " + ns + "/web since invalid alb.ingress.kubernetes.io/conditions.web annotation: "},
		"class parameters": {scene.Params(ns, "{inboundCIDRs: [10.0.0.1]}"),
			`spec.inboundCIDRs[0]: Invalid value: "10.0.0.1": Could not be parsed as a CIDR (did you mean "10.0.0.1/32")`},
		"subnets by rule": {scene.Params(ns, "{subnets: {ids: [subnet-1], tags: {a: [b]}}}"),
			"may not have both `ids` and `tags` set"},
	} {
		if out := c.ApplyRefused(t, tc.manifest); !strings.Contains(out, tc.contains) {
			t.Errorf("%s: refused with %s", name, out)
		}
	}
	path := filepath.Join(t.TempDir(), "web.yaml")
	write(t, path, scene.Ingress(ns, "web", scene.Class, scene.Annotations{"schema": "internal"}))
	if out := c.Kubectl(t, "apply", "--dry-run=server", "-f", path); !strings.Contains(out, "Warning: ") ||
		!strings.Contains(out, "did you mean alb.ingress.kubernetes.io/scheme?") {
		t.Errorf("a misspelt annotation: %s", out)
	}
}

// TestAServiceWithoutClassIsOurs shows that a real API server stores the load balancer class that
// the webhook adds, for Services of type LoadBalancer only.
func TestAServiceWithoutClassIsOurs(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "unclassed"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Service(ns, "inner", "type: ClusterIP"))
	path := filepath.Join(t.TempDir(), "service.yaml")
	write(t, path, plainBalancer(ns, "outer"))
	if out := c.Kubectl(t, "apply", "--dry-run=server", "-f", path, "-o", "jsonpath={.spec.loadBalancerClass}"); out !=
		"service.k8s.aws/nlb" {
		t.Errorf("a load balancer got the class %q", out)
	}
	if out := c.Kubectl(t, "get", "service", "-n", ns, "inner", "-o", "jsonpath={.spec.loadBalancerClass}"); out != "" {
		t.Errorf("another Service got the class %q", out)
	}
}

// TestObjectsAdmittedWithoutWebhooksAreServedLater shows what a real API server admits and refuses
// while no controller runs, and that the controller serves it afterwards.
func TestObjectsAdmittedWithoutWebhooksAreServedLater(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	c := cluster(t)
	const ns = "unattended"
	c.Env.StopController()
	t.Cleanup(func() {
		if c.Env.ControllerPID() == 0 {
			c.RestartController(t)
		}
	})
	c.Apply(t, scene.Namespace(ns, 1)+scene.Service(ns, "inner", "type: ClusterIP")+scene.Ingress(ns, "web", scene.Class,
		public(nil))+
		scene.Ingress(ns, "lost", "no-such-class", public(nil)))
	c.Kubectl(t, "annotate", "ingress", "-n", ns, "web", "alb.ingress.kubernetes.io/tags=a=b")
	// Pods that would get a readiness gate and a pause before their end come without.
	c.Kubectl(t, "label", "namespace", ns, "elbv2.k8s.aws/pod-readiness-gate-inject=enabled",
		"elbv2.k8s.aws/pod-drain-inject=enabled")
	c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas=3")
	c.Kubectl(t, "rollout", "status", "deployment", "-n", ns, "web", "--timeout="+harness.Timeout.String())
	if gates := scene.Query(t, c, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].spec.readinessGates}"); gates != "" {
		t.Errorf("pods that no controller saw have gates %s", gates)
	}
	// What could not be put right later waits; the rules of the CRDs hold.
	if out := c.ApplyRefused(t, plainBalancer(ns, "outer")); !strings.Contains(out, "mservice.elbv2.k8s.aws") {
		t.Errorf("a load balancer without class: %s", out)
	}
	if out := c.ApplyRefused(t, "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: "+
		"bound, namespace: "+ns+"}\nspec: {targetGroupARN: x, targetType: ip, nodeSelector: {}, serviceRef: {name: "+
		"web, port: 80}}\n"); !strings.Contains(out, "cannot set NodeSelector") {
		t.Errorf("a binding that contradicts itself: %s", out)
	}
	c.RestartController(t)
	serve(t, c, ns, "web", "/")
	if e := c.WaitEvent(t, "Ingress", ns, "lost", "FailedLoadGroupID"); !strings.Contains(e.Message, "does not exist") {
		t.Errorf("event: %s", e.Message)
	}
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "lost", "--timeout="+harness.Timeout.String())
	scene.WaitGone(t, c, scene.Marks(ns)...)
}

// TestTheControllersOwnCertificateIsRenewedWithoutAFailure shows that the API server trusts the
// webhooks without a gap while the controller renews its own certificate. The test applies objects
// all the while, each of which the webhook must judge.
func TestTheControllersOwnCertificateIsRenewedWithoutAFailure(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for two thirds of the life of a certificate, of a minute")
	}
	c := cluster(t)
	c.ApplyFile(t, filepath.Join(c.Repo.Webhooks(), "rbac.yaml"))
	t.Cleanup(func() {
		ctx := context.Background()
		if err := c.Env.InstallWebhooks(ctx); err != nil {
			t.Error(err)
		}
		if err := c.Client.CoreV1().Secrets("kube-system").Delete(ctx, "aws-load-balancer-webhook-tls",
			metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		c.RestartController(t)
	})
	const ns = "renewed"
	c.Apply(t, scene.Namespace(ns, 0))
	c.RestartController(t, "--webhook-cert-dir=", "--webhook-cert-secret=aws-load-balancer-webhook-tls",
		"--webhook-cert-lifetime=1m")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	write(t, bad, scene.Params(ns, "{inboundCIDRs: [everywhere]}"))
	refused := func(ctx context.Context) error {
		out, err := c.TryKubectl(t, "apply", "--dry-run=server", "-f", bad)
		if err == nil || !strings.Contains(out+err.Error(), "Could not be parsed as a CIDR") {
			return fmt.Errorf("the webhook was not asked: %s %w", out, err)
		}
		return ctx.Err()
	}
	c.WaitFor(t, "the first certificate", refused)
	served, trusted := map[string]bool{}, map[string]bool{}
	// The next one comes when two thirds of the life of the first are over; with the rest of it, a machine with much to do
	// gets along.
	c.WaitFor(t, "a second certificate to be served", func(ctx context.Context) error {
		if err := refused(ctx); err != nil {
			t.Error(err)
		}
		ca, serial, err := handshake(ctx, c)
		if err != nil {
			t.Error(err)
			return err
		}
		served[serial], trusted[ca] = true, true
		if len(served) < 2 {
			return fmt.Errorf("%d certificates, %d CA bundles", len(served), len(trusted))
		}
		return nil
	})
	s, err := c.Client.CoreV1().Secrets("kube-system").Get(t.Context(), "aws-load-balancer-webhook-tls",
		metav1.GetOptions{})
	if err != nil || len(s.Data["ca.crt"]) == 0 {
		t.Errorf("the Secret: %v", err)
	}
}

// handshake calls a webhook as API servers do, and returns the authorities that they trust and the certificate that it
// presents.
func handshake(ctx context.Context, c *harness.Cluster) (ca, serial string, err error) {
	v, err := c.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, configurations,
		metav1.GetOptions{})
	if err != nil {
		return "", "", err
	}
	w := v.Webhooks[0].ClientConfig
	u, err := neturl.Parse(*w.URL)
	if err != nil {
		return "", "", err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.CABundle)
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: pool}}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return "", "", err
	}
	defer conn.Close()
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return "", "", errors.New("not a TLS connection")
	}
	return string(w.CABundle), secure.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
