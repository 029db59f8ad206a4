package ingress

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var validFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// tlsSecret is a Secret with a certificate for the hosts, valid for the year 2026.
func tlsSecret(t *testing.T, name string, hosts ...string) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts, NotBefore: validFrom,
		NotAfter: validFrom.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{
			corev1.TLSCertKey: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			corev1.TLSPrivateKeyKey: append(parameters,
				pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})...),
		},
	}
}

// importing is a member with import-tls-secrets, the entries of spec.tls and a rule for each host.
func importing(t *testing.T, cfg Config, tls []networkingv1.IngressTLS, hosts []string,
	others ...metav1.Object) intent.Member {
	t.Helper()
	return declaredIngress(t, cfg, map[string]string{string(annotation.ImportTLSSecrets): "true"}, tls, hosts, others...)
}

// declaredIngress is a member with annotations, the entries of spec.tls and a rule for each host.
func declaredIngress(t *testing.T, cfg Config, annotations map[string]string, tls []networkingv1.IngressTLS,
	hosts []string, others ...metav1.Object) intent.Member {
	t.Helper()
	class := "alb"
	ing := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: annotations},
		Spec:       networkingv1.IngressSpec{IngressClassName: &class, TLS: tls},
	}
	for _, h := range hosts {
		ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: h})
	}
	objs := append([]metav1.Object{ing}, others...)
	if !slices.ContainsFunc(others, func(o metav1.Object) bool { _, ok := o.(*networkingv1.IngressClass); return ok }) {
		objs = append(objs, &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
			Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb"}})
	}
	v := objects.FromObjects(objs)
	m := Translate(v, cfg, Load(v, cfg, stack.ID{Namespace: "shop", Name: "web"})).Members[0]
	// certificates need no paths
	m.Diagnostics = slices.DeleteFunc(m.Diagnostics, func(d diag.Diagnostic) bool { return d.Path == "spec.rules[0]" })
	return m
}

func mayImport() Config {
	c := defaults()
	c.ImportSecrets = true
	c.Now = func() time.Time { return validFrom.AddDate(0, 6, 0) }
	return c
}

func entry(secret string, hosts ...string) networkingv1.IngressTLS {
	return networkingv1.IngressTLS{SecretName: secret, Hosts: hosts}
}

func TestSecretsOfSpecTLSAreImportedOnceEachInOrder(t *testing.T) {
	t.Parallel()
	m := importing(t, mayImport(), []networkingv1.IngressTLS{entry("z", "z.example.com"), entry("a", "a.example.com"),
		entry("z"), entry("", "c.example.com")},
		[]string{"z.example.com", "found.example.com", "b.a.example.com"}, tlsSecret(t, "z", "z.example.com"),
		tlsSecret(t, "a", "a.example.com", "*.a.example.com"))
	if len(m.Diagnostics) != 0 {
		t.Fatal(m.Diagnostics)
	}
	if len(m.Listeners) != 1 || m.Listeners[0].Port != 443 {
		t.Fatalf("a Secret does not make the listener secure: %+v", m.Listeners)
	}
	l := m.Listeners[0]
	if !slices.Equal(l.Owned, []string{"imported/shop/z", "imported/shop/a"}) || !slices.Equal(l.DiscoverHosts,
		[]string{"c.example.com", "found.example.com"}) {
		t.Errorf("owned %v, to find %v", l.Owned, l.DiscoverHosts)
	}
	p := m.Certificates[1].Import
	if p == nil || p.Algorithm != "EC_prime256v1" || len(p.Hash) != 32 || !strings.Contains(p.Key.Reveal(),
		"PRIVATE KEY") || p.Chain != "" {
		t.Errorf("pair %+v", p)
	}
	// Nobody sees the key.
	printed := fmt.Sprintf("%v %+v %#v", *p, m.Certificates, p.Key)
	encoded, err := json.Marshal(stack.Certificate{ID: "x", Import: p})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{printed, string(encoded)} {
		if strings.Contains(shown, "PRIVATE KEY") {
			t.Errorf("the key is shown: %s", shown)
		}
	}
}

func TestSecretsThatCannotBeImportedAreReportedAndChangeNothing(t *testing.T) {
	t.Parallel()
	good := func() *corev1.Secret { return tlsSecret(t, "s", "a.example.com") }
	change := func(f func(*corev1.Secret)) *corev1.Secret { s := good(); f(s); return s }
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	otherKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(small)})
	at := func(year int) Config {
		c := mayImport()
		c.Now = func() time.Time { return validFrom.AddDate(year, 0, 0).Add(time.Hour) }
		return c
	}
	labelled := mayImport()
	labelled.RequiredSecretsLabel = "read=yes"
	for name, c := range map[string]struct {
		secret *corev1.Secret
		config Config
		code   diag.Code
		text   string
	}{
		"absent": {nil, mayImport(), diag.SecretNotFound, "does not exist"},
		"type": {change(func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }), mayImport(), diag.InvalidSecret,
			"of type Opaque"},
		"label": {good(), labelled, diag.SecretRefused, "missing required label read=yes"},
		"certificate": {change(func(s *corev1.Secret) { s.Data["tls.crt"] = []byte("x") }), mayImport(), diag.InvalidSecret,
			"no certificate in PEM"},
		"no key": {change(func(s *corev1.Secret) { delete(s.Data, "tls.key") }), mayImport(), diag.InvalidSecret,
			"tls.key holds no key"},
		"other key": {change(func(s *corev1.Secret) { s.Data["tls.key"] = otherKey }), mayImport(), diag.InvalidSecret,
			"not the key of the certificate"},
		"swapped": {change(func(s *corev1.Secret) { s.Data["tls.crt"] = otherKey }), mayImport(), diag.InvalidSecret,
			"holds a RSA PRIVATE KEY"},
		"expired":   {good(), at(1), diag.InvalidSecret, "expired on 2027-01-01"},
		"too early": {good(), at(-1), diag.InvalidSecret, "not valid before 2026-01-01"},
	} {
		others := []metav1.Object{}
		if c.secret != nil {
			others = append(others, c.secret)
		}
		m := importing(t, c.config, []networkingv1.IngressTLS{entry("s", "a.example.com")}, []string{"a.example.com"},
			others...)
		if len(m.Diagnostics) != 1 || m.Diagnostics[0].Code != c.code || !strings.Contains(m.Diagnostics[0].Text, c.text) ||
			m.Diagnostics[0].Path != "spec.tls[0].secretName" {
			t.Errorf("%s: %v", name, m.Diagnostics)
		}
		if strings.Contains(fmt.Sprint(m.Diagnostics), "BEGIN") {
			t.Errorf("%s: content is shown", name)
		}
		if len(m.Certificates) != 1 || !m.Certificates[0].Broken || len(m.Listeners[0].DiscoverHosts) != 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestImportedCertificateWithUncoveredHostsIsReported(t *testing.T) {
	t.Parallel()
	m := importing(t, mayImport(), []networkingv1.IngressTLS{entry("s", "a.example.com", "b.example.com")}, nil,
		tlsSecret(t, "s", "a.example.com"))
	if len(m.Diagnostics) != 1 || !strings.Contains(m.Diagnostics[0].Text, "does not cover b.example.com") ||
		m.Certificates[0].Import == nil {
		t.Errorf("%v", m.Diagnostics)
	}
}

func TestSecretsAreReadOnlyIfFlagAndIngressOrClassAllow(t *testing.T) {
	t.Parallel()
	no := false
	class := []metav1.Object{
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
			Controller: "ingress.k8s.aws/alb", Parameters: &networkingv1.IngressClassParametersReference{
				APIGroup: &v1beta1.GroupVersion.Group, Kind: "IngressClassParams", Name: "p"}}},
		&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1beta1.IngressClassParamsSpec{
			ImportTLSSecrets: &no}},
	}
	s := tlsSecret(t, "s", "a.example.com")
	tls := []networkingv1.IngressTLS{entry("s", "a.example.com")}
	if m := importing(t, mayImport(), tls, nil, append(class, s)...); len(m.Certificates) != 0 ||
		len(m.Diagnostics) != 2 || !strings.Contains(m.Diagnostics[1].Text, "spec.importTLSSecrets of IngressClassParams p overrides it") {
		t.Errorf("the class does not decide: %+v", m)
	}
	m := importing(t, defaults(), tls, nil, s)
	if len(m.Certificates) != 0 || len(m.Diagnostics) != 1 || m.Diagnostics[0].Code != diag.IgnoredSetting {
		t.Errorf("without the flag: %+v", m)
	}
}
