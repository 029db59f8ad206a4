package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
)

var secret = types.NamespacedName{Namespace: "kube-system", Name: "hook-tls"}

func testConfigurations() (*admissionregistrationv1.MutatingWebhookConfiguration,
	*admissionregistrationv1.ValidatingWebhookConfiguration) {
	service := admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
		Namespace: "kube-system", Name: "hook"}}
	byURL := admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://127.0.0.1:9443/x"), CABundle: []byte("old")}
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "hooks"},
		Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "m.x.y", ClientConfig: service}},
	}, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "hooks"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{Name: "v.x.y", ClientConfig: byURL},
			{Name: "w.x.y", ClientConfig: service}},
	}
}

func newRenewer(t *testing.T, now *time.Time, objects ...client.Object) (*Renewer, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := admissionregistrationv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return &Renewer{
		Reader: c, Writer: c, Secret: secret, Configurations: "hooks", Lifetime: 24 * time.Hour,
		Now: func() time.Time { return *now }, Log: logr.Discard(),
	}, c
}

// newSource is the source of a replica beside a renewer.
func newSource(k *Renewer, c client.Client) *Source {
	return &Source{Reader: c, Secret: secret, Configurations: k.Configurations, Lifetime: k.Lifetime, Now: k.Now,
		Log: logr.Discard()}
}

// bundles are the CA bundles that API servers are told, each once.
func bundles(t *testing.T, c client.Client) []string {
	t.Helper()
	m, v := testConfigurations()
	for _, o := range []client.Object{m, v} {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	for _, w := range m.Webhooks {
		all = append(all, string(w.ClientConfig.CABundle))
	}
	for _, w := range v.Webhooks {
		all = append(all, string(w.ClientConfig.CABundle))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestReplicasServeCertificateOfLeader(t *testing.T) {
	t.Parallel()
	m, v := testConfigurations()
	now := time.Now()
	k, c := newRenewer(t, &now, m, v)
	s := newSource(k, c)
	if _, err := s.Certificate(nil); err == nil {
		t.Error("there is a certificate before there is one")
	}
	versions := map[string]bool{}
	for i, at := range []time.Duration{0, time.Minute, 17 * time.Hour, 17*time.Hour + time.Minute} {
		now = now.Add(at)
		if err := k.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.read(t.Context()); err != nil {
			t.Fatal(err)
		}
		served, err := s.Certificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(served.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		all := bundles(t, c)
		if len(all) != 1 {
			t.Fatalf("look %d: the webhooks have %d different CA bundles", i, len(all))
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(all[0]))
		for _, host := range []string{"hook.kube-system.svc", "127.0.0.1"} {
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: host, CurrentTime: now}); err != nil {
				t.Errorf("look %d: %s: %v", i, host, err)
			}
		}
		versions[string(leaf.Raw)] = true
	}
	if len(versions) < 2 || len(versions) > 3 {
		t.Errorf("%d certificates in a day and a half of one-day certificates", len(versions))
	}
	o := &corev1.Secret{}
	if err := c.Get(t.Context(), secret, o); err != nil || o.Type != corev1.SecretTypeTLS {
		t.Errorf("the Secret is of type %s, %v", o.Type, err)
	}
}

func TestNothingIsWrittenWhileNothingIsDue(t *testing.T) {
	t.Parallel()
	m, v := testConfigurations()
	now := time.Now()
	k, c := newRenewer(t, &now, m, v)
	if err := k.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	version := func() string {
		s := &corev1.Secret{}
		if err := c.Get(t.Context(), secret, s); err != nil {
			t.Fatal(err)
		}
		m, v := testConfigurations()
		for _, o := range []client.Object{m, v} {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				t.Fatal(err)
			}
		}
		return s.ResourceVersion + " " + m.ResourceVersion + " " + v.ResourceVersion
	}
	before := version()
	now = now.Add(time.Hour)
	if err := k.Sync(t.Context()); err != nil || version() != before {
		t.Errorf("%v; versions %s, before %s", err, version(), before)
	}
}

func TestConfigurationsOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m, v := testConfigurations()
	v.Annotations = map[string]string{"cert-manager.io/inject-ca-from": "kube-system/serving-cert"}
	k, c := newRenewer(t, &now, m, v)
	if err := k.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(v), v); err != nil ||
		string(v.Webhooks[0].ClientConfig.CABundle) != "old" {
		t.Errorf("cert-manager's bundle is %q, %v", v.Webhooks[0].ClientConfig.CABundle, err)
	}
	k, _ = newRenewer(t, &now)
	if err := k.Sync(t.Context()); err == nil || !strings.Contains(err.Error(),
		"webhook configuration hooks does not exist") {
		t.Errorf("without configurations: %v", err)
	}
}

// verify reports why clients that trust a CA bundle do not trust what a source serves.
func verify(t *testing.T, s *Source, ca string, at time.Time) error {
	t.Helper()
	served, err := s.Certificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca))
	_, err = served.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "hook.kube-system.svc", CurrentTime: at})
	return err
}

// TestASecretThatIsLostOrSpoiltLeavesEveryReplicaTrusted: one replica reads the Secret at once, the other one does not
// before the next look.
func TestASecretThatIsLostOrSpoiltLeavesEveryReplicaTrusted(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, c client.Client, s *corev1.Secret){
		"deleted": func(t *testing.T, c client.Client, s *corev1.Secret) {
			t.Helper()
			if err := c.Delete(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		},
		"junk": func(t *testing.T, c client.Client, s *corev1.Secret) {
			t.Helper()
			for k := range s.Data {
				s.Data[k] = []byte("junk")
			}
			if err := c.Update(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(t *testing.T, c client.Client, s *corev1.Secret) {
			t.Helper()
			b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Lifetime: time.Hour, Hosts: []string{
				"hook.kube-system.svc"}}, time.Now().Add(-100*24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			s.Data = map[string][]byte{keyCA: b.CA, keyCAKey: b.CAKey, corev1.TLSCertKey: b.Cert, corev1.TLSPrivateKeyKey: b.Key}
			if err := c.Update(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, v := testConfigurations()
			now := time.Now()
			k, c := newRenewer(t, &now, m, v)
			if err := k.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			quick, slow := newSource(k, c), newSource(k, c)
			for _, s := range []*Source{quick, slow} {
				if err := s.read(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			former := bundles(t, c)[0]
			now = now.Add(time.Hour)
			stored := &corev1.Secret{}
			if err := c.Get(t.Context(), secret, stored); err != nil {
				t.Fatal(err)
			}
			spoil(t, c, stored)
			if err := quick.read(t.Context()); err == nil {
				t.Error("what is lost or spoilt is read without an error")
			}
			if err := verify(t, quick, former, now); err != nil {
				t.Errorf("before the renewal: %v", err)
			}
			if err := k.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := quick.read(t.Context()); err != nil {
					t.Fatal(err)
				}
				now = now.Add(distribution(k.Lifetime))
			}
			for i, s := range []*Source{quick, slow} {
				if err := verify(t, s, bundles(t, c)[0], now); err != nil {
					t.Errorf("replica %d: %v", i, err)
				}
			}
			for range 2 { // the first look sees the authority, and the second one that it was there long enough
				now = now.Add(linger * settle)
				if err := k.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if all := bundles(t, c); len(all) != 1 || verify(t, slow, all[0], now) == nil {
				t.Error("the lost authority is trusted for good")
			}
		})
	}
}
