package chart

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// creations are dry runs of the creation of a Service of type LoadBalancer, whose webhook fails closed, one after the
// other.
type creations struct {
	stop context.CancelFunc
	done chan struct{}

	mu       sync.Mutex
	made     int
	refusals []string
	last     time.Time // of a refusal
}

func create(t *testing.T, c *harness.Cluster) *creations {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	x := &creations{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(x.done)
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{GenerateName: "tried-"}, Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}}}
		for ctx.Err() == nil {
			_, err := c.Client.CoreV1().Services("default").Create(ctx, svc, metav1.CreateOptions{
				DryRun: []string{metav1.DryRunAll}})
			if ctx.Err() == nil {
				x.count(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(x.end)
	return x
}

func (x *creations) count(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.made++
	if err != nil {
		x.refusals, x.last = append(x.refusals, err.Error()), time.Now()
	}
}

func (x *creations) end() {
	x.stop()
	<-x.done
}

// more waits for a number of further creations.
func (x *creations) more(t *testing.T, c *harness.Cluster, n int) {
	t.Helper()
	x.mu.Lock()
	want := x.made + n
	x.mu.Unlock()
	c.WaitFor(t, "further creations", func(context.Context) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.made < want {
			return fmt.Errorf("%d of %d", x.made, want)
		}
		return nil
	})
}

// bundle is a certificate of another authority, of an age.
func bundle(t *testing.T, age time.Duration) servingcert.Bundle {
	t.Helper()
	hosts := []string{"aws-load-balancer-webhook-service.kube-system.svc", "aws-load-balancer-webhook-service.kube-system",
		"127.0.0.1"}
	b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Lifetime: time.Hour, Hosts: hosts},
		time.Now().Add(-age))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// store replaces what the Secret of the controller's certificate holds.
func store(t *testing.T, c *harness.Cluster, b servingcert.Bundle) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"data": map[string][]byte{"ca.crt": b.CA, "ca.key": b.CAKey,
		corev1.TLSCertKey: b.Cert, corev1.TLSPrivateKeyKey: b.Key}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client.CoreV1().Secrets("kube-system").Patch(t.Context(), ownSecret, types.MergePatchType, patch,
		metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestWebhookCertificateHealsWithoutARestart shows that the API server trusts the webhooks again
// after their Secret or CA bundle was deleted or changed, without a restart. Certificates live a
// minute here, so that the controller checks them every three seconds instead of every thirty.
func TestWebhookCertificateHealsWithoutARestart(t *testing.T) {
	if testing.Short() {
		t.Skip("it upgrades the release twice, and waits for looks at the certificate")
	}
	c := start(t)
	waitLeader(t, c)
	upgrade(t, c, map[string]any{"webhookCertificate": map[string]any{"lifetime": "1m"}})
	waitLeader(t, c)
	served(t, c, ownSecret)
	secrets, hooks := c.Client.CoreV1().Secrets("kube-system"), c.Client.AdmissionregistrationV1()
	for _, tt := range []struct {
		name    string
		harm    func(t *testing.T)
		refused bool   // until it has healed, creations may be refused
		log     string // of a line of the leader
	}{
		{"the Secret is deleted", func(t *testing.T) {
			t.Helper()
			if err := secrets.Delete(t.Context(), ownSecret, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}, false, "the Secret does not exist"},
		{"the Secret holds junk", func(t *testing.T) {
			t.Helper()
			junk := []byte("junk")
			store(t, c, servingcert.Bundle{CA: junk, CAKey: junk, Cert: junk, Key: junk})
		}, false, "tls: failed to find any PEM data in certificate input"},
		{"the certificate in the Secret has expired", func(t *testing.T) { t.Helper(); store(t, c, bundle(t, 20*time.Hour)) },
			false, "the serving certificate has expired on "},
		{"the Secret holds a certificate of another authority", func(t *testing.T) {
			t.Helper()
			store(t, c, bundle(t, time.Minute))
		}, false, "wrote the CA bundle of webhooks"},
		{"somebody changes the CA bundle", func(t *testing.T) {
			t.Helper()
			m, err := hooks.MutatingWebhookConfigurations().Get(t.Context(), "aws-load-balancer-webhook", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			other := bundle(t, time.Minute).CA
			for i := range m.Webhooks {
				m.Webhooks[i].ClientConfig.CABundle = other
			}
			if _, err := hooks.MutatingWebhookConfigurations().Update(t.Context(), m, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		}, true, "wrote the CA bundle of webhooks"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, running, said := served(t, c, ownSecret), processes(t, c), strings.Count(logs(t, c), tt.log)
			x := create(t, c)
			x.more(t, c, 3)
			began := time.Now()
			tt.harm(t)
			c.WaitFor(t, "what the leader says", func(context.Context) error {
				if all := logs(t, c); strings.Count(all, tt.log) == said {
					return fmt.Errorf("the logs are %s", all)
				}
				return nil
			})
			after := served(t, c, ownSecret)
			healed := time.Since(began)
			x.more(t, c, 20)
			x.end()
			t.Logf("healed after %s; %d of %d creations were refused", healed, len(x.refusals), x.made)
			if len(x.refusals) > 0 {
				t.Logf("the last after %s", x.last.Sub(began))
			}
			if !tt.refused && (len(x.refusals) > 0 || before == after) {
				t.Errorf("certificate %s, then %s: %v", before, after, x.refusals)
			}
			for _, text := range x.refusals {
				if !strings.Contains(text, `failed calling webhook "mservice.elbv2.k8s.aws"`) ||
					!strings.Contains(text, "x509: certificate signed by unknown authority") {
					t.Errorf("users read %s", text)
				}
			}
			if now := processes(t, c); now != running {
				t.Errorf("pods and restarts were\n%s\nand are\n%s", running, now)
			}
			admits(t, c)
		})
	}
}

// logs are those of all replicas.
func logs(t *testing.T, c *harness.Cluster) string {
	t.Helper()
	return c.Kubectl(t, "logs", "-n", "kube-system", "-l", "app.kubernetes.io/name="+installation, "--tail=-1")
}
