package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// readScene reads objects that serve.
func readScene(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/kept/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keyPair is a certificate of a.test with its key, in base64.
var keyPair = sync.OnceValues(func() (string, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a.test"},
		DNSNames: []string{"a.test"}, IsCA: true, BasicConstraintsValid: true, // an authority, too
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour * 24 * 365)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	encode := func(kind string, data []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
	}
	return encode("CERTIFICATE", certificate), encode("PRIVATE KEY", private)
})

// servedGateway is a Gateway of a family that serves, with routes of another namespace.
func servedGateway(t *testing.T, family attachment.Family, construction string, automatic bool) served {
	t.Helper()
	s := served{key: stack.Key{Owner: gateway.Owner(family), ID: stack.ID{Namespace: "infra", Name: "gw"}},
		f: gatewayFrontEnd(family), objects: map[string]metav1.Object{}}
	const all = ", allowedRoutes: {namespaces: {from: All}}}"
	listeners := "{name: http, port: 80, protocol: HTTP" + all +
		", {name: https, port: 443, protocol: HTTPS" + all + ", {name: own, port: 8443, protocol: HTTPS, hostname: a.test, " +
		"tls: {certificateRefs: [{name: tls}]}" + all
	finalizer, class, secure, route := "gateway.k8s.aws/alb", gateway.ControllerALB, "HTTPS", "HTTPRoute"
	if family == attachment.Network {
		listeners = "{name: tcp, port: 80, protocol: TCP" + all + ", {name: udp, port: 81, protocol: UDP" + all +
			", {name: tls, port: 443, protocol: TLS, tls: {mode: Terminate, certificateRefs: []}" + all
		finalizer, class, secure, route = "gateway.k8s.aws/nlb", gateway.ControllerNLB, "TLS", "TCPRoute"
	}
	if automatic {
		class = gateway.ControllerAuto
	}
	certificate, key := keyPair()
	text := strings.NewReplacer("CLASS", string(class), "CONSTRUCTION", construction, "FINALIZER", finalizer,
		"LISTENERS", listeners, "SECURE", secure, "ROUTE", route, "CRT", certificate, "KEY", key).Replace(
		readScene(t, "shared") + readScene(t, fmt.Sprint(family)))
	for _, o := range decode(t, text) {
		of := owner.Object(o)
		s.objects[of.Kind+"/"+strings.TrimPrefix(of.Namespace+"/"+of.Name, "/")] = o
	}
	return s
}

// taken are the answers of rules from which somebody took a backend.
var taken = []string{"500", "no listener"}

// gone is the removal of an object that others refer to.
func (t tenants) gone() edit {
	name := t.pick("removed object", "LoadBalancerConfiguration/infra/class", "LoadBalancerConfiguration/infra/own",
		"TargetGroupConfiguration/infra/all", "TargetGroupConfiguration/shop/web", "Secret/infra/tls",
		"ListenerRuleConfiguration/shop/one", "GatewayClass/mine", "Namespace/shop",
		"Service/shop/web", "Service/shop/api", "Service/data/far", "ReferenceGrant/data/grant")
	e := edit{name: name + " removed", make: func(s served) { delete(s.objects, name) }}
	if strings.HasPrefix(name, "Service/") || strings.HasPrefix(name, "ReferenceGrant/") ||
		strings.HasPrefix(name, "ListenerRule") {
		e.may = taken
	}
	return e
}

// gatewayEdit is an edit of a Gateway or of what it refers to.
func (t tenants) gatewayEdit(s served, all map[string]map[string]unfitRow) edit {
	switch rapid.IntRange(0, 9).Draw(t.T, "kind of edit") {
	case 0:
		return t.gone()
	case 1:
		e := t.backendEdit()
		name := t.pick("backend", "Service/shop/web", "Service/shop/api", "Service/data/far")
		was := e.make
		e.name, e.may = name+": "+e.name, taken
		e.make = func(s served) { // backendEdit names the Services of Ingresses
			if svc, ok := s.objects[name].(*corev1.Service); ok {
				one := served{objects: map[string]metav1.Object{}}
				for _, n := range []string{"Service/web", "Service/api", "Service/web of b", "Service/api of b"} {
					one.objects[n] = svc
				}
				was(one)
			}
		}
		return e
	case 2:
		return t.accountEdit()
	case 3:
		name := "Secret/infra/tls"
		return edit{name: "Secret emptied", make: func(s served) {
			if secret := sceneObject[*corev1.Secret](s, name); secret != nil {
				secret.Data = map[string][]byte{"tls.crt": []byte("x")}
			}
		}}
	default:
		return t.fieldEdit(s, all)
	}
}

// gatewayRequests are those that the scenes answer.
func gatewayRequests() (out []traffic.Request) {
	for _, port := range []int32{80, 81, 443, 8443} {
		for _, path := range []string{"/", "/a", "/admin", "/both"} {
			out = append(out, traffic.Request{Scheme: "http", Port: port, Host: "a.test", Path: path, Method: "GET"})
		}
		out = append(out, traffic.Request{Scheme: "http", Port: port, Host: "x.a.test", Path: "/", Method: "POST"})
	}
	return out
}

var (
	servedFamilies  = []attachment.Family{attachment.Application, attachment.Network}
	allConstruction = []string{"standard", "compatible", "plain-hosts"}
)

// TestEachUnfitFieldKeepsAnswers sets each field of Gateways, and of what they refer to, to each value of
// testdata/unfit.yaml and to values that fit no field. No request that had an answer loses it, unless the edit is valid
// and asks for that, or the Gateway API does.
func TestEachUnfitFieldKeepsAnswers(t *testing.T) {
	t.Parallel()
	all, ask := readUnfit(t), gatewayRequests()
	for _, family := range servedFamilies {
		t.Run(fmt.Sprint(family), func(t *testing.T) {
			t.Parallel()
			var scenes []served
			var before []compiled
			for i, c := range allConstruction {
				s := servedGateway(t, family, c, i == 1)
				scenes, before = append(scenes, s), append(before, s.compile(t, nil))
				if old := before[i]; old.Stack == nil || old.complaint() != "" {
					t.Fatalf("the scene does not serve: %s", old.complaint())
				}
			}
			kept, tried, chosen := 0, 0, sample.OneOf(400)
			for n, e := range fieldEdits(scenes[0], all) {
				if !chosen.Next() {
					continue
				}
				tried++
				invalid, wrong, _ := scenes[n%3].edited(t, before[n%3], []edit{e}, ask, false)
				if wrong != "" {
					t.Errorf("%s: %s", allConstruction[n%3], wrong)
				}
				if invalid {
					kept++
				}
			}
			if kept == 0 {
				t.Errorf("none of %d edits was invalid", tried)
			}
		})
	}
}

// TestEditsOfGatewaysKeepAnswers draws one or two edits of Gateways that serve and of what they refer to: fields,
// objects that go, Services, and what AWS says.
func TestEditsOfGatewaysKeepAnswers(t *testing.T) {
	t.Parallel()
	all, ask := readUnfit(t), gatewayRequests()
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := servedGateway(t, rapid.SampledFrom(servedFamilies).Draw(rt, "family"),
			of.pick("construction", allConstruction...), rapid.Bool().Draw(rt, "automatic"))
		edits := []edit{of.gatewayEdit(s, all)}
		if rapid.Bool().Draw(rt, "two edits") {
			edits = append(edits, of.gatewayEdit(s, all))
		}
		keepsAnswers(rt, s, edits, ask)
	})
}

// TestEditKeepsBackendsOfOtherNamespaces makes a rule with a backend of another namespace invalid, by its own edit and by
// one of the Gateway's defaults.
func TestEditKeepsBackendsOfOtherNamespaces(t *testing.T) {
	t.Parallel()
	edits := []edit{
		{name: "a target group that does not exist", make: func(s served) {
			kind := gatewayv1.Kind("TargetGroupName")
			sceneObject[*gatewayv1.HTTPRoute](s, "HTTPRoute/shop/web").Spec.Rules[2].BackendRefs[0].Kind = &kind
		}},
		{name: "a target type that does not exist", make: func(s served) {
			unknown := lbcgatewayv1.TargetType("alb")
			sceneObject[*lbcgatewayv1.TargetGroupConfiguration](s, "TargetGroupConfiguration/infra/all").
				Spec.DefaultConfiguration.TargetType = &unknown
		}},
	}
	for _, c := range allConstruction {
		s := servedGateway(t, attachment.Application, c, false)
		for _, e := range edits {
			invalid, wrong, _ := s.edited(t, s.compile(t, nil), []edit{e}, gatewayRequests(), false)
			if !invalid || wrong != "" {
				t.Errorf("%s, %s: invalid %t, %s", c, e.name, invalid, wrong)
			}
		}
	}
}

// TestLostConfigurationKeepsListenerThatItCertifies makes the certificateRefs of such a listener invalid,
// which has no effect, and then removes the configuration or what it says of the certificate. A later edit of the
// Gateway that is invalid, too, changes nothing.
func TestLostConfigurationKeepsListenerThatItCertifies(t *testing.T) {
	t.Parallel()
	const own, gw = "LoadBalancerConfiguration/infra/own", "Gateway/infra/gw"
	invalid := edit{name: "a certificateRef without name", make: func(s served) {
		sceneObject[*gatewayv1.Gateway](s, gw).Spec.Listeners[1].TLS = &gatewayv1.ListenerTLSConfig{
			CertificateRefs: []gatewayv1.SecretObjectReference{{}}}
	}}
	foreign := edit{name: "a certificateRef without grant", make: func(s served) {
		sceneObject[*gatewayv1.Gateway](s, gw).Spec.Listeners[1].TLS = &gatewayv1.ListenerTLSConfig{
			CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "tls", Namespace: ptr.To[gatewayv1.Namespace]("data")}}}
	}}
	for _, first := range []edit{invalid, foreign} {
		for _, second := range []edit{
			{name: "no configuration", make: func(s served) { delete(s.objects, own) }},
			fieldEditOf(own, "spec.listenerConfigurations[].defaultCertificate", 0, nil, unfitRow{}),
			fieldEditOf(own, "spec.listenerConfigurations", 0, nil, unfitRow{}),
			fieldEditOf(gw, "spec.infrastructure", 0, nil, unfitRow{}),
		} {
			second.asks = false
			third := fieldEditOf(gw, "spec.listeners[].allowedRoutes.kinds[].kind", 0, "Unknown", unfitRow{})
			for _, c := range allConstruction {
				s := servedGateway(t, attachment.Application, c, false)
				edits := []edit{first, second, third}
				if _, wrong, _ := s.edited(t, s.compile(t, nil), edits, gatewayRequests(), false); wrong != "" {
					t.Errorf("%s, %s: %s", c, first.name, wrong)
				}
			}
		}
	}
}

// TestListenerWithoutUsableCertificateKeepsItsFormerProtocol has a listener without TLS, or with TLS that targets
// terminate, become one that needs a certificate, and name none that can be used.
func TestListenerWithoutUsableCertificateKeepsItsFormerProtocol(t *testing.T) {
	t.Parallel()
	const gw = "Gateway/infra/gw"
	data, passthrough, terminate := gatewayv1.Namespace("data"), gatewayv1.TLSModePassthrough, gatewayv1.TLSModeTerminate
	secure := func(at int, protocol gatewayv1.ProtocolType, refs ...gatewayv1.SecretObjectReference) edit {
		return edit{name: fmt.Sprint(protocol, " ", refs), make: func(s served) {
			l := &sceneObject[*gatewayv1.Gateway](s, gw).Spec.Listeners[at]
			l.Protocol, l.TLS = protocol, &gatewayv1.ListenerTLSConfig{Mode: &terminate, CertificateRefs: refs}
		}}
	}
	moved := secure(0, "HTTPS", gatewayv1.SecretObjectReference{Name: "tls", Namespace: &data})
	moved.name += " on another port"
	protocol := moved.make
	moved.make = func(s served) {
		protocol(s)
		sceneObject[*gatewayv1.Gateway](s, gw).Spec.Listeners[0].Port = 8080
	}
	mode := func(mode *gatewayv1.TLSModeType, refs ...gatewayv1.SecretObjectReference) edit {
		return edit{name: string(*mode), make: func(s served) {
			sceneObject[*gatewayv1.Gateway](s, gw).Spec.Listeners[2].TLS = &gatewayv1.ListenerTLSConfig{Mode: mode,
				CertificateRefs: refs}
		}}
	}
	for family, all := range map[attachment.Family][][]edit{
		attachment.Application: {
			{secure(0, "HTTPS", gatewayv1.SecretObjectReference{Name: "tls", Namespace: &data})},
			{secure(0, "HTTPS", gatewayv1.SecretObjectReference{Name: ""})}, {moved},
		},
		attachment.Network: {
			{secure(0, "TLS", gatewayv1.SecretObjectReference{Name: "tls", Namespace: &data})},
			{mode(&passthrough, gatewayv1.SecretObjectReference{}), mode(&terminate, gatewayv1.SecretObjectReference{})},
		},
	} {
		for _, edits := range all {
			s := servedGateway(t, family, "standard", false)
			if family == attachment.Network {
				mode(&passthrough).make(s)
				fieldEditOf("LoadBalancerConfiguration/infra/own", "spec.listenerConfigurations", 0, nil, unfitRow{}).make(s)
			}
			old := s.compile(t, nil)
			if old.complaint() != "" {
				t.Fatal(old.complaint())
			}
			if _, wrong, now := s.edited(t, old, edits, gatewayRequests(), false); wrong != "" {
				t.Errorf("%s: %s; %s", family, wrong, now.text())
			}
		}
	}
}

// TestInvalidListenerKeepsItsPort has a listener that is not valid, whose last valid version serves, and another one
// that then asks for its port.
func TestInvalidListenerKeepsItsPort(t *testing.T) {
	t.Parallel()
	const gw = "Gateway/infra/gw"
	s := servedGateway(t, attachment.Network, "standard", false)
	edits := []edit{fieldEditOf(gw, "spec.listeners[].allowedRoutes.kinds[].group", 0, "example.com", unfitRow{}),
		fieldEditOf(gw, "spec.listeners[].port", 2, 80, unfitRow{})}
	if _, wrong, _ := s.edited(t, s.compile(t, nil), edits, gatewayRequests(), false); wrong != "" {
		t.Error(wrong)
	}
}
