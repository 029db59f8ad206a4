package front

import (
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// spoiltAuthorities are edits after which clients of a Gateway cannot be verified as declared.
func spoiltAuthorities() (out []edit) {
	const name = "ConfigMap/infra/ca"
	add := func(what string, change func(s served, of *corev1.ConfigMap, v *gatewayv1.FrontendTLSValidation)) {
		out = append(out, edit{name: what, make: func(s served) {
			change(s, sceneObject[*corev1.ConfigMap](s, name), sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.TLS.
				Frontend.PerPort[0].TLS.Validation)
		}})
	}
	text := func(what, text string) {
		add(what, func(_ served, of *corev1.ConfigMap, _ *gatewayv1.FrontendTLSValidation) { of.Data["ca.crt"] = text })
	}
	text("garbage", "garbage")
	text("empty", "")
	text("the certificate of a client", string(pairOf(keyOf(elliptic.P256()), time.Now().Add(time.Hour))["tls.crt"]))
	text("a key", string(pairOf(keyOf(elliptic.P256()), time.Now().Add(time.Hour))["tls.key"]))
	add("too many", func(_ served, of *corev1.ConfigMap, _ *gatewayv1.FrontendTLSValidation) {
		of.Data["ca.crt"] = strings.Repeat(of.Data["ca.crt"], 26)
	})
	add("another key", func(_ served, of *corev1.ConfigMap, _ *gatewayv1.FrontendTLSValidation) { of.Data = nil })
	add("removed", func(s served, _ *corev1.ConfigMap, _ *gatewayv1.FrontendTLSValidation) { delete(s.objects, name) })
	add("a misspelt name", func(_ served, _ *corev1.ConfigMap, v *gatewayv1.FrontendTLSValidation) {
		v.CACertificateRefs[0].Name = "ac"
	})
	add("a misspelt kind", func(_ served, _ *corev1.ConfigMap, v *gatewayv1.FrontendTLSValidation) {
		v.CACertificateRefs[0].Kind = "ConfigMp"
	})
	return out
}

// TestSpoiltAuthoritiesOfGatewayKeepVerifying edits the authorities of clients, of which there are two: the port goes on
// to verify by the trust store as it is. The listener is not accepted if no reference is valid, as the Gateway API asks.
func TestSpoiltAuthoritiesOfGatewayKeepVerifying(t *testing.T) {
	t.Parallel()
	for _, mode := range []gatewayv1.FrontendValidationModeType{gatewayv1.AllowValidOnly, gatewayv1.AllowInsecureFallback} {
		for _, second := range []bool{false, true} {
			s := servedGateway(t, attachment.Application, "standard", false)
			f, _ := s.f.(Gateway)
			f.Config.TrustStores = true
			s.f = f
			clientsOf(s, 443)
			v := sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.TLS.Frontend.PerPort[0].TLS.Validation
			v.Mode = mode
			names := []string{"infra/ca"}
			if second {
				more := sceneObject[*corev1.ConfigMap](s, "ConfigMap/infra/ca").DeepCopy()
				more.Name = "more"
				s.objects["ConfigMap/infra/more"] = more
				v.CACertificateRefs = append(v.CACertificateRefs, gatewayv1.ObjectReference{Kind: "ConfigMap", Name: "more"})
				names = append(names, "infra/more")
			}
			s = s.copied()
			*s.account = append(*s.account, func(f *facts.Facts) {
				f.OwnTrustStores = []facts.OwnTrustStore{{ARN: "arn:store", ID: naming.TrustStoreID(names), Active: true}}
			})
			for _, e := range spoiltAuthorities() {
				if mode == gatewayv1.AllowInsecureFallback && e.name == "too many" {
					continue // no trust store is needed
				}
				keepsClients(t, s, e, second, mode == gatewayv1.AllowValidOnly)
			}
		}
	}
}

// keepsClients makes an edit of the authorities of port 443, after which it does with clients what it did.
func keepsClients(t *testing.T, s served, e edit, second, verifies bool) {
	t.Helper()
	mutual := func(c compiled) string {
		for i := range c.Stack.Listeners {
			if l := &c.Stack.Listeners[i]; l.Port == 443 {
				return fmt.Sprintf("%+v", l.Mutual)
			}
		}
		return "no listener"
	}
	old := s.compile(t, nil)
	if old.complaint() != "" || mutual(old) == "no listener" {
		t.Fatalf("%s; %s", mutual(old), old.complaint())
	}
	now := s.copied()
	e.make(now)
	memory := old.Memory
	for pass := range 3 {
		if pass == 2 && !second && verifies && !strings.Contains(e.name, "misspelt") {
			memory = nil // as after a start without checkpoints
		}
		c := now.compile(t, memory)
		memory = c.Memory
		wrong := loses(old, c, []edit{e}, gatewayRequests(), true)
		if is, was := mutual(c), mutual(old); is != was || wrong != "" || c.said(diag.InvalidCACertificate) == "" {
			t.Errorf("%s, two: %t, pass %d: %s, before %s; %s; %v", e.name, second, pass, is, was, wrong, c.Diagnostics)
		}
		trusted := strings.Contains(c.said(diag.InvalidCACertificate), "; ConfigMap infra/ca stays trusted")
		if trusted != (verifies && e.name == "a misspelt name") {
			t.Errorf("%s, two: %t, pass %d: told %s", e.name, second, pass, c.said(diag.InvalidCACertificate))
		}
		for _, w := range c.Stack.TrustStores {
			if w.Bundle != "" {
				t.Errorf("%s: the trust store gets another bundle", e.name)
			}
		}
		if text := asText(now.objects["Gateway/infra/gw"]); !second && !strings.Contains(text, "NoValidCACertificate") {
			t.Errorf("%s, pass %d: no condition tells it", e.name, pass)
		}
	}
	if c := s.compile(t, memory); c.complaint() != "" || mutual(c) != mutual(old) {
		t.Errorf("%s taken back: %s; %s", e.name, mutual(c), c.complaint())
	}
}

// TestWithdrawnGrantForAuthoritiesClosesPort removes the ReferenceGrant for the authorities of clients, alone and beside
// a misspelt name: the Gateway API has the access revoked.
func TestWithdrawnGrantForAuthoritiesClosesPort(t *testing.T) {
	t.Parallel()
	s := servedGateway(t, attachment.Application, "standard", false)
	f, _ := s.f.(Gateway)
	f.Config.TrustStores = true
	s.f = f
	clientsOf(s, 443)
	ca := sceneObject[*corev1.ConfigMap](s, "ConfigMap/infra/ca")
	delete(s.objects, "ConfigMap/infra/ca")
	ca.Namespace, s.objects["ConfigMap/data/ca"] = "data", ca
	s.objects["ReferenceGrant/data/ca"] = &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "data",
		Name: "ca"}, Spec: gatewayv1beta1.ReferenceGrantSpec{From: []gatewayv1beta1.ReferenceGrantFrom{{
		Group: "gateway.networking.k8s.io", Kind: "Gateway", Namespace: "infra"}}, To: []gatewayv1beta1.ReferenceGrantTo{{
		Kind: "ConfigMap"}}}}
	ref := func(s served) *gatewayv1.ObjectReference {
		return &sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.TLS.Frontend.PerPort[0].TLS.Validation.
			CACertificateRefs[0]
	}
	ref(s).Namespace = ptr.To(gatewayv1.Namespace("data"))
	sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.TLS.Frontend.PerPort[0].TLS.Validation.Mode =
		gatewayv1.AllowValidOnly
	s = s.copied()
	*s.account = append(*s.account, func(f *facts.Facts) {
		f.OwnTrustStores = []facts.OwnTrustStore{{ARN: "arn:store", ID: naming.TrustStoreID([]string{"data/ca"}), Active: true}}
	})
	old := s.compile(t, nil)
	if secured(old, 443) != "["+accountCertificate+"] verify" {
		t.Fatal(secured(old, 443), old.Diagnostics)
	}
	for _, misspelt := range []bool{false, true} {
		now := s.copied()
		delete(now.objects, "ReferenceGrant/data/ca")
		if misspelt {
			ref(now).Namespace, ref(now).Name = nil, "ac"
		}
		if c := now.compile(t, old.Memory); secured(c, 443) != "no listener" {
			t.Errorf("misspelt %t: %s", misspelt, secured(c, 443))
		}
	}
}

// TestSpoiltAuthoritiesOpenNothing edits the authorities of clients so that they are spoilt, and takes something away or
// declares something else beside that: nothing that was taken away verifies clients again, and no port is opened.
func TestSpoiltAuthoritiesOpenNothing(t *testing.T) {
	t.Parallel()
	s := servedGateway(t, attachment.Application, "standard", false)
	f, _ := s.f.(Gateway)
	f.Config.TrustStores = true
	s.f = f
	clientsOf(s, 443)
	validation := func(s served) *gatewayv1.FrontendTLSValidation {
		return sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.TLS.Frontend.PerPort[0].TLS.Validation
	}
	validation(s).Mode = gatewayv1.AllowValidOnly
	more := sceneObject[*corev1.ConfigMap](s, "ConfigMap/infra/ca").DeepCopy()
	more.Name, s.objects["ConfigMap/infra/more"] = "more", more
	validation(s).CACertificateRefs = append(validation(s).CACertificateRefs, gatewayv1.ObjectReference{
		Kind: "ConfigMap", Name: "more"})
	s = s.copied()
	both, rest := naming.TrustStoreID([]string{"infra/ca", "infra/more"}), naming.TrustStoreID([]string{"infra/more"})
	*s.account = append(*s.account, func(f *facts.Facts) {
		f.OwnTrustStores = []facts.OwnTrustStore{{ARN: "arn:both", ID: both, Active: true}, {ARN: "arn:rest", ID: rest,
			Active: true}}
	})
	spoil := func(s served, name string) {
		sceneObject[*corev1.ConfigMap](s, "ConfigMap/infra/"+name).Data["ca.crt"] = "garbage"
	}
	old := s.compile(t, nil)
	for name, c := range map[string]struct {
		edit    func(s served)
		forgets bool
		want    string
	}{
		"one alone":             {edit: func(s served) { spoil(s, "ca") }, want: "verify arn:both"},
		"one, after a start":    {edit: func(s served) { spoil(s, "ca") }, forgets: true, want: "verify arn:rest"},
		"all, after a start":    {edit: func(s served) { spoil(s, "ca"); spoil(s, "more") }, forgets: true, want: "verify arn:both"},
		"the other is replaced": {edit: func(s served) { spoil(s, "ca"); another(s, "more") }, want: "verify arn:rest"},
		"the other is removed": {edit: func(s served) {
			spoil(s, "ca")
			validation(s).CACertificateRefs = validation(s).CACertificateRefs[:1]
		}, want: "closed"},
		"the mode passes": {edit: func(s served) {
			spoil(s, "ca")
			spoil(s, "more")
			validation(s).Mode = gatewayv1.AllowInsecureFallback
		}, want: "closed"},
		"the mode passes, after a start": {edit: func(s served) {
			spoil(s, "ca")
			spoil(s, "more")
			validation(s).Mode = gatewayv1.AllowInsecureFallback
		}, forgets: true, want: "closed"},
		"misspelt, after a start": {edit: func(s served) {
			validation(s).CACertificateRefs[0].Name, validation(s).CACertificateRefs[1].Name = "ac", "less"
		}, forgets: true, want: "closed"},
	} {
		now, memory := s.copied(), old.Memory
		if c.edit(now); c.forgets {
			memory = nil
		}
		for pass := range 2 {
			r := now.compile(t, memory)
			got := "closed"
			for i := range r.Stack.Listeners {
				if l := &r.Stack.Listeners[i]; l.Port == 443 {
					got = l.Mutual.Mode + " " + l.Mutual.TrustStore
				}
			}
			if slices.Contains(r.Keep.Resources, stack.Ref{Kind: stack.KindListener, ID: "443"}) {
				got = "as it is"
			}
			if got != c.want {
				t.Errorf("%s, pass %d: %s, want %s; %v", name, pass, got, c.want, r.Diagnostics)
			}
			memory = r.Memory
		}
	}
}

// another puts another authority into a ConfigMap.
func another(s served, name string) {
	crt, _ := keyPair()
	text, err := base64.StdEncoding.DecodeString(crt)
	if err != nil {
		panic(err)
	}
	sceneObject[*corev1.ConfigMap](s, "ConfigMap/infra/"+name).Data["ca.crt"] += string(text)
}
