package chart

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const (
	ownSecret  = "aws-load-balancer-webhook-tls" // that the controller issues
	tlsSecret  = "aws-load-balancer-tls"         // of cert-manager, or of files
	rootSecret = "aws-load-balancer-root-cert"
)

// upgrade installs the chart with further values until the test ends.
func upgrade(t *testing.T, c *harness.Cluster, further map[string]any) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Timeout) // that of the test has ended
		defer cancel()
		if err := c.Env.Upgrade(ctx, values); err != nil {
			t.Errorf("upgrade to the values of the other tests: %v", err)
		}
		for _, s := range []string{tlsSecret, rootSecret} {
			if err := c.Client.CoreV1().Secrets("kube-system").Delete(ctx, s, metav1.DeleteOptions{}); err != nil &&
				!apierrors.IsNotFound(err) {
				t.Error(err)
			}
		}
		for {
			_, err := shown(ctx, c, ownSecret)
			if err == nil {
				return
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				t.Fatalf("the controller does not issue its certificate again: %v", err)
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	if err := c.Env.Upgrade(ctx, chart.Merge(values, further)); err != nil {
		t.Fatal(err)
	}
}

// secretOf reads a Secret of the release.
func secretOf(ctx context.Context, c *harness.Cluster, name string) (*corev1.Secret, error) {
	return c.Client.CoreV1().Secrets("kube-system").Get(ctx, name, metav1.GetOptions{})
}

// shown reports why API servers do not trust the authority of a Secret yet, or a replica shows another certificate than
// that of the Secret, whose serial number it returns.
func shown(ctx context.Context, c *harness.Cluster, secret string) (serial string, err error) {
	s, err := secretOf(ctx, c, secret)
	if err != nil {
		return "", err
	}
	want, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return "", err
	}
	v, err := c.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, "aws-load-balancer-webhook",
		metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	for _, w := range v.Webhooks {
		if !bytes.Contains(w.ClientConfig.CABundle, bytes.TrimSpace(s.Data["ca.crt"])) {
			return "", fmt.Errorf("webhook %s does not trust it", w.Name)
		}
	}
	by := v.Webhooks[0].ClientConfig.Service
	if by == nil {
		return "", fmt.Errorf("webhook %s is not called by a Service", v.Webhooks[0].Name)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Data["ca.crt"])
	config := &tls.Config{RootCAs: roots, ServerName: by.Name + "." + by.Namespace + ".svc", MinVersion: tls.VersionTLS12}
	for range 2 * len(c.Env.ReplicaMetrics()) { // connections go to the replicas in turn
		conn, err := c.Env.DialWebhooks(ctx)
		if err != nil {
			return "", err
		}
		secured := tls.Client(conn, config)
		if err := errors.Join(secured.HandshakeContext(ctx), conn.Close()); err != nil {
			return "", err
		}
		got := secured.ConnectionState().PeerCertificates[0].SerialNumber
		if got.Cmp(want.Leaf.SerialNumber) != 0 {
			return "", fmt.Errorf("certificate %v is served, want %v", got, want.Leaf.SerialNumber)
		}
	}
	return want.Leaf.SerialNumber.String(), nil
}

// served waits until the certificate of a Secret is shown, and returns its serial number.
func served(t *testing.T, c *harness.Cluster, secret string) (serial string) {
	t.Helper()
	c.WaitFor(t, "the certificate of Secret "+secret, func(ctx context.Context) (err error) {
		serial, err = shown(ctx, c, secret)
		return err
	})
	return serial
}

// admits shows that the webhooks decide: an Ingress of a class that is missing is refused, a Service gets its class.
func admits(t *testing.T, c *harness.Cluster) {
	t.Helper()
	refused := c.ApplyRefused(t, "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: misled, namespace: "+
		"default, annotations: {alb.ingress.kubernetes.io/scheme: internal}}\nspec: {ingressClassName: no-such-class, "+
		"defaultBackend: {service: {name: web, port: {number: 80}}}}\n")
	if !strings.Contains(refused, "vingress.elbv2.k8s.aws") || !strings.Contains(refused, `"no-such-class" does not exist`) {
		t.Errorf("refused: %s", refused)
	}
	c.Kubectl(t, "create", "service", "loadbalancer", "admitted", "-n", "default", "--tcp=80:80")
	if class := c.Kubectl(t, "get", "service", "-n", "default", "admitted", "-o",
		"jsonpath={.spec.loadBalancerClass}"); class != "service.k8s.aws/nlb" {
		t.Errorf("the Service has class %q", class)
	}
	c.Kubectl(t, "delete", "service", "-n", "default", "admitted", "--timeout="+harness.Timeout.String())
}

// processes are the pods of the controller and how often their containers were started again.
func processes(t *testing.T, c *harness.Cluster) string {
	t.Helper()
	return c.Kubectl(t, "get", "pods", "-n", "kube-system", "-l", "app.kubernetes.io/name="+installation, "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{"\n"}{end}`)
}

// renewed has a certificate renewed, and waits until the same processes serve the new one.
func renewed(t *testing.T, c *harness.Cluster, renew func()) {
	t.Helper()
	before, running := served(t, c, tlsSecret), processes(t, c)
	renew()
	c.WaitFor(t, "another certificate", func(context.Context) error {
		if served(t, c, tlsSecret) == before {
			return errors.New("it is the former one")
		}
		return nil
	})
	if now := processes(t, c); now != running {
		t.Errorf("pods and restarts were\n%s\nand are\n%s", running, now)
	}
	admits(t, c)
}

// TestRow39CertManagerRenewsTheWebhookCertificate shows that the webhooks of the chart work with a
// certificate that the real cert-manager issues and renews. The values are those of example 39 of
// the guides. The test also shows that the chart's objects of cert-manager have no unknown fields.
func TestRow39CertManagerRenewsTheWebhookCertificate(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for cert-manager, and upgrades the release twice")
	}
	c := start(t)
	waitLeader(t, c)
	c.ApplyFile(t, "testdata/cert-manager.yaml")
	c.WaitFor(t, "the definitions of cert-manager", func(ctx context.Context) error {
		_, err := c.Dynamic.Resource(certManagerResource("issuers")).List(ctx, metav1.ListOptions{})
		if err == nil {
			_, err = c.Dynamic.Resource(certManagerResource("certificates")).List(ctx, metav1.ListOptions{})
		}
		return err
	})
	startCertManager(t, c)
	upgrade(t, c, guide(t, c, "39-helm-values-full.yaml"))
	served(t, c, tlsSecret)
	admits(t, c)
	root, err := secretOf(t.Context(), c, rootSecret)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := secretOf(t.Context(), c, tlsSecret); err != nil || !bytes.Equal(s.Data["ca.crt"],
		root.Data[corev1.TLSCertKey]) {
		t.Errorf("the certificate is not one of the release's authority: %v", err)
	}
	// whereupon cert-manager issues again
	renewed(t, c, func() { c.Kubectl(t, "delete", "secret", "-n", "kube-system", tlsSecret) })
}

// TestFilesOfTheUserAreTheCertificateOfTheWebhooks shows that pods of the chart serve webhooks with
// certificate files in its values, also after an upgrade to other files.
func TestFilesOfTheUserAreTheCertificateOfTheWebhooks(t *testing.T) {
	if testing.Short() {
		t.Skip("it upgrades the release three times")
	}
	c := start(t)
	waitLeader(t, c)
	// by which this API server calls webhooks
	hosts := []string{"aws-load-balancer-webhook-service.kube-system.svc", "127.0.0.1"}
	files := func() map[string]any {
		b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Lifetime: time.Hour, Hosts: hosts},
			time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"webhookTLS": map[string]any{"caCert": string(b.CA), "cert": string(b.Cert),
			"key": string(b.Key)}}
	}
	upgrade(t, c, files())
	served(t, c, tlsSecret)
	admits(t, c)
	renewed(t, c, func() {
		ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
		defer cancel()
		if err := c.Env.Upgrade(ctx, chart.Merge(values, files())); err != nil {
			t.Fatal(err)
		}
	})
}
