package front

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
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
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// pairOf is a certificate of a.test with a key, in PEM.
func pairOf(key crypto.Signer, until time.Time) map[string][]byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a.test"},
		DNSNames: []string{"a.test"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return map[string][]byte{
		"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}
}

func keyOf(curve elliptic.Curve) crypto.Signer {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// spoiltSecrets are edits after which a Secret with a certificate cannot be imported.
func spoiltSecrets(name string) (out []edit) {
	add := func(what string, change func(s *corev1.Secret)) {
		out = append(out, edit{name: name + " " + what, make: func(s served) {
			secret := sceneObject[*corev1.Secret](s, name)
			if secret == nil {
				return
			}
			if secret.Data == nil { // by another edit
				secret.Data = map[string][]byte{}
			}
			change(secret)
		}})
	}
	good := func() map[string][]byte { return pairOf(keyOf(elliptic.P256()), time.Now().Add(time.Hour)) }
	add("another key", func(s *corev1.Secret) { s.Data["tls.key"] = good()["tls.key"] })
	add("another certificate", func(s *corev1.Secret) { s.Data["tls.crt"] = good()["tls.crt"] })
	add("a key for the certificate", func(s *corev1.Secret) { s.Data["tls.crt"] = s.Data["tls.key"] })
	add("garbage", func(s *corev1.Secret) { s.Data["tls.crt"] = []byte("garbage") })
	add("cut", func(s *corev1.Secret) { s.Data["tls.crt"] = s.Data["tls.crt"][:min(100, len(s.Data["tls.crt"]))] })
	add("empty", func(s *corev1.Secret) { s.Data = map[string][]byte{"tls.crt": {}, "tls.key": {}} })
	add("no data", func(s *corev1.Secret) { s.Data = nil })
	add("no certificate", func(s *corev1.Secret) { delete(s.Data, "tls.crt") })
	add("no key", func(s *corev1.Secret) { delete(s.Data, "tls.key") })
	add("another type", func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque })
	add("expired", func(s *corev1.Secret) { s.Data = pairOf(keyOf(elliptic.P256()), time.Now().Add(-time.Hour)) })
	add("P-224", func(s *corev1.Secret) { s.Data = pairOf(keyOf(elliptic.P224()), time.Now().Add(time.Hour)) })
	add("Ed25519", func(s *corev1.Secret) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		s.Data = pairOf(key, time.Now().Add(time.Hour))
	})
	return append(out, edit{name: name + " removed", make: func(s served) { delete(s.objects, name) }})
}

// lapse lets the certificate of a Secret expire, there and in ACM.
func lapse(name, namespace, secret string) edit {
	return edit{name: name + " expires", make: func(s served) {
		s.imported(namespace, secret, "EXPIRED")
		sceneObject[*corev1.Secret](s, name).Data = pairOf(keyOf(elliptic.P256()), time.Now().Add(-time.Hour))
	}}
}

const importedARN = "arn:aws:acm:us-west-2:111122223333:certificate/imported"

// imported has AWS hold the certificate of a Secret in a status.
func (s served) imported(namespace, name, status string) {
	*s.account = append(*s.account, func(f *facts.Facts) {
		f.OwnKnown, f.Own = true, []facts.OwnCertificate{{ID: naming.ImportedCertificateID(namespace, name),
			ARN: importedARN, Status: status, Names: []string{"a.test"}}}
		if status == "EXPIRED" {
			f.ExistingKnown = true
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal}
			f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{}}
			for _, port := range []int32{443, 8443} {
				f.Details.Listeners[port] = stack.Listener{Port: port, Protocol: "HTTPS", Certificates: []string{importedARN}}
			}
		}
	})
}

// sameCertificates fails if a pass wants other certificates for a port than served before, and lets AWS change them.
func (c compiled) sameCertificates(old compiled, port int32) string {
	listener := stack.Ref{Kind: stack.KindListener, ID: fmt.Sprint(port)}
	if c.Stack == nil || slices.Contains(slices.Concat(c.Keep.Resources, c.Keep.Certificates), listener) {
		return ""
	}
	if was, is := secured(old, port), secured(c, port); was != is {
		return fmt.Sprintf("port %d has certificates %s, before %s; %v", port, is, was, c.Diagnostics)
	}
	return ""
}

// keepsCertificates makes edits one after the other, of which no request and no certificate of a port is lost, and
// takes them back.
func keepsCertificates(t *testing.T, s served, port int32, ask []traffic.Request, edits ...edit) {
	t.Helper()
	old := s.compile(t, nil)
	if old.complaint() != "" || !strings.Contains(secured(old, port), importedARN) {
		t.Fatalf("the scene has %s: %s", secured(old, port), old.complaint())
	}
	memory, now := old.Memory, s.copied()
	for i, e := range edits {
		e.make(now)
		for pass := range 2 {
			c := now.compile(t, memory)
			if c.Memory != nil {
				memory = c.Memory
			}
			wrong := c.sameCertificates(old, port)
			if c.Stack != nil && wrong == "" {
				wrong = loses(old, c, edits[:i+1], ask, true)
			}
			if wrong != "" || c.complaint() == "" {
				t.Errorf("%s, pass %d: %q; told: %s", e.name, pass, wrong, c.complaint())
			}
		}
	}
	if c := s.compile(t, memory); c.complaint() != "" || secured(c, port) != secured(old, port) {
		t.Errorf("%s taken back: %s, %s", edits[0].name, secured(c, port), c.complaint())
	}
}

// secretsOfGateway is a Gateway one of whose listeners has the certificate of a Secret, and the port.
func secretsOfGateway(t *testing.T, family attachment.Family, construction string, automatic bool) (served, int32) {
	t.Helper()
	s := servedGateway(t, family, construction, automatic).copied()
	f, _ := s.f.(Gateway)
	f.Config.Now = time.Now
	s.f = f
	s.imported("infra", "tls", "ISSUED")
	if family == attachment.Application {
		return s, 8443
	}
	sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.Listeners[2].TLS.CertificateRefs =
		[]gatewayv1.SecretObjectReference{{Name: "tls"}}
	fieldEditOf("LoadBalancerConfiguration/infra/own", "spec.listenerConfigurations", 0, nil, unfitRow{}).make(s)
	return s, 443
}

// TestSpoiltSecretOfGatewayKeepsCertificate edits the Secret of a listener, alone and before another edit.
func TestSpoiltSecretOfGatewayKeepsCertificate(t *testing.T) {
	t.Parallel()
	const secret = "Secret/infra/tls"
	other := edit{name: "another edit", make: func(s served) {
		sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.Listeners[0].AllowedRoutes.Kinds =
			[]gatewayv1.RouteGroupKind{{Kind: "Unknown"}}
	}}
	for _, family := range servedFamilies {
		for i, construction := range []string{"standard", "plain-hosts"} {
			s, port := secretsOfGateway(t, family, construction, i == 1)
			for _, e := range append(spoiltSecrets(secret), lapse(secret, "infra", "tls")) {
				keepsCertificates(t, s, port, gatewayRequests(), e, other)
			}
		}
	}
}

// tlsGroup is a group of two Ingresses: one has the certificate of a Secret, the other one of ACM.
func tlsGroup() served {
	s := served{key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}, f: Ingress{
		Config: ingress.Config{IngressClass: "alb", DefaultTargetType: stack.TargetIP, ImportSecrets: true, Now: time.Now}},
		objects: map[string]metav1.Object{
			"IngressClass/alb": &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
				Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb"}},
			"Namespace/a": &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
			"Namespace/b": &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "b"}},
			"Secret/tls": &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "tls"}, Type: corev1.SecretTypeTLS,
				Data: pairOf(keyOf(elliptic.P256()), time.Now().Add(time.Hour))},
		}}
	s.backends()
	for i, namespace := range []string{"a", "b"} {
		name := memberNames[i]
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
			CreationTimestamp: metav1.Unix(1_700_000_000, 0), Annotations: map[string]string{ofALB + "group.name": "g",
				ofALB + "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`}},
			Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}}
		if i == 0 {
			ing.Annotations[ofALB+"import-tls-secrets"] = "true"
			ing.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"a.test"}, SecretName: "tls"}}
		}
		if i == 1 {
			ing.Annotations[ofALB+"certificate-arn"] = otherCertificate
		}
		ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: []string{"a.test", "b.test"}[i],
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix),
					Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web",
						Port: networkingv1.ServiceBackendPort{Number: 80}}}}}}}})
		showing(deployed(s.key, ing), "g.elb.amazonaws.com")
		s.objects["Ingress/"+name] = ing
	}
	s = s.copied()
	s.imported("a", "tls", "ISSUED")
	return s
}

// TestSpoiltSecretOfIngressKeepsCertificate edits the Secret of an Ingress, alone and before another edit.
func TestSpoiltSecretOfIngressKeepsCertificate(t *testing.T) {
	t.Parallel()
	const secret = "Secret/tls"
	other := edit{name: "another edit", make: func(s served) {
		s.objects["Ingress/one"].GetAnnotations()[ofALB+"healthcheck-interval-seconds"] = "soon"
	}}
	for _, alone := range []bool{false, true} {
		s := tlsGroup()
		if alone {
			delete(s.objects, "Ingress/two")
		}
		for _, e := range append(spoiltSecrets(secret), lapse(secret, "a", "tls")) {
			keepsCertificates(t, s, 443, requests(80, 443), e, other)
		}
	}
}

// TestWithdrawnGrantOfInvalidRuleAnswers500 removes a ReferenceGrant while the rule that needs it is invalid, so that its
// last valid version serves: its requests get no other rule. The version serves again once the grant is back.
func TestWithdrawnGrantOfInvalidRuleAnswers500(t *testing.T) {
	t.Parallel()
	const grant = "ReferenceGrant/data/grant"
	admin := traffic.Request{Scheme: "http", Port: 80, Host: "a.test", Path: "/admin", Method: "GET"}
	to := func(s served, name string) {
		g := sceneObject[*gatewayv1beta1.ReferenceGrant](s, grant)
		g.Spec.To[0].Name = ptr.To(gatewayv1.ObjectName(name))
	}
	for i, construction := range allConstruction {
		for name, withdraw := range map[string]func(s served){
			"removed":            func(s served) { delete(s.objects, grant) },
			"to another Service": func(s served) { to(s, "other") },
		} {
			for _, beside := range []bool{false, true} {
				s := servedGateway(t, attachment.Application, construction, i == 1)
				rule := &sceneObject[*gatewayv1.HTTPRoute](s, "HTTPRoute/shop/web").Spec.Rules[2]
				want := "500"
				if beside {
					rule.BackendRefs = append(rule.BackendRefs, sceneObject[*gatewayv1.HTTPRoute](s, "HTTPRoute/shop/web").Spec.
						Rules[0].BackendRefs...)
					want = "infra/gw:shop-web:HTTPRoute-shop-web:8080 1;"
				}
				old := s.compile(t, nil)
				now := s.copied()
				fieldEditOf("HTTPRoute/shop/web", "spec.rules[].filters[].type", 2, "RequestMirror", unfitRow{}).make(now)
				memory := now.compile(t, old.Memory).Memory
				withdraw(now)
				for pass := range 2 {
					c := now.compile(t, memory)
					if memory = c.Memory; c.answer(admin) != want {
						t.Errorf("%s, %s, pass %d: %s, want %s; %v", construction, name, pass, c.answer(admin), want, c.Diagnostics)
					}
				}
				now.objects[grant] = s.copied().objects[grant]
				to(now, "far")
				if c := now.compile(t, memory); c.answer(admin) != old.answer(admin) {
					t.Errorf("%s, %s, granted again: %s, before %s", construction, name, c.answer(admin), old.answer(admin))
				}
			}
		}
	}
}
