package gateway

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// authoritiesKey is the key of a ConfigMap with the certificates of authorities.
const authoritiesKey = "ca.crt"

// Limits of a trust store.
const (
	maxAuthorities = 25
	maxAuthority   = 16 << 10 // bytes of a certificate
)

// clientValidation is what spec.tls.frontend makes of the HTTPS listeners of a port.
type clientValidation struct {
	mutual intent.Field[stack.MutualAuthentication]
	// refs is what is wrong with the first reference that cannot be followed, if there is one; refused is why no listener
	// of the port is accepted.
	refs, refused *attachment.Problem
}

// validateClients decides what HTTPS listeners do with the certificates of clients, and refuses those whose references
// to authorities are all invalid. A port whose listener configuration has mutualAuthentication is left to that.
func (t *translation) validateClients() {
	t.refs, t.clients = make([]*attachment.Problem, len(t.listeners.All)), map[int32]clientValidation{}
	if t.Gateway.Spec.TLS == nil || t.Gateway.Spec.TLS.Frontend == nil {
		return
	}
	listeners := *t.listeners
	listeners.All = slices.Clone(listeners.All)
	configured := t.listenerConfigurations()
	for _, p := range t.byPort(false) {
		if p.protocol != https {
			continue
		}
		if c, ok := configured[p.protocolPort()]; ok && c.Spec.MutualAuthentication != nil {
			continue
		}
		v := t.clientValidation(p.number)
		t.clients[p.number] = v
		for _, i := range p.listeners {
			t.refs[i] = v.refs
			if v.refused != nil {
				listeners.All[i].Problem = v.refused
			}
		}
	}
	t.listeners = &listeners
}

// clientValidation is what spec.tls.frontend declares for a port.
func (t *translation) clientValidation(port int32) (out clientValidation) {
	v, path := validationOf(t.Gateway.Spec.TLS.Frontend, port)
	if v == nil {
		return out
	}
	verifies := v.Mode != gatewayv1.AllowInsecureFallback
	if verifies && !t.config.TrustStores {
		text := "client certificates can only be verified with a bucket for their authorities"
		t.report(t.here(path), diag.UnsupportedFeature, fmt.Sprintf("%s; port %d is not served", text, port),
			"run the controller with --trust-store-bucket, or make a trust store in AWS and name it in mutualAuthentication "+
				"of a LoadBalancerConfiguration")
		out.refused = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonUnsupportedValue), Message: text +
			": the controller needs --trust-store-bucket"}
		return out
	}
	var names, bundles []string
	unread := false
	for i, ref := range v.CACertificateRefs {
		name, bundle, problem, passing := t.authorities(ref, t.here(fmt.Sprintf("%s.caCertificateRefs[%d]", path, i)))
		if problem != nil && out.refs == nil {
			out.refs = problem
		}
		if problem == nil || passing {
			names, bundles, unread = append(names, name), append(bundles, bundle), unread || passing
		}
	}
	if len(names) == 0 {
		out.refused = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonNoValidCACertificate),
			Message: "None of the CA certificate references (caCertificateRefs) is valid."}
		return out
	}
	if out.refs != nil { // the others are in effect, unless one could not be read
		out.refs.Partial = !unread
	}
	if !verifies {
		out.mutual = intent.Of(stack.MutualAuthentication{Mode: stack.MutualPassthrough}, t.here(path))
		return out
	}
	store := intent.TrustStore{ID: naming.TrustStoreID(names), Source: t.here(path)}
	if !unread {
		store.Bundle = strings.Join(bundles, "")
		if text := tooManyAuthorities(store.Bundle); text != "" {
			t.add(diag.New(Object(t.Gateway), path, diag.InvalidCACertificate, text,
				"name fewer CA certificates").In(diag.Certificate))
			out.refs = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonInvalidCACertificateRef), Message: text}
			out.refused = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonNoValidCACertificate), Message: text}
			return out
		}
		sum := sha256.Sum256([]byte(store.Bundle))
		store.Hash = hex.EncodeToString(sum[:8])
	}
	if !slices.ContainsFunc(t.trustStores, func(o intent.TrustStore) bool { return o.ID == store.ID }) {
		t.trustStores = append(t.trustStores, store)
	}
	out.mutual = intent.Of(stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: store.ID}, t.here(path))
	return out
}

// validationOf returns what a Gateway declares for a port, and the path of the declaration.
func validationOf(f *gatewayv1.FrontendTLSConfig, port int32) (v *gatewayv1.FrontendTLSValidation, path string) {
	v, path = f.Default.Validation, "spec.tls.frontend.default.validation"
	for i, p := range f.PerPort {
		if p.Port == port {
			v, path = p.TLS.Validation, fmt.Sprintf("spec.tls.frontend.perPort[%d].tls.validation", i)
		}
	}
	return v, path
}

// tooManyAuthorities says that a bundle has more certificates than a trust store takes; empty = they fit.
func tooManyAuthorities(bundle string) string {
	n := strings.Count(bundle, "-----BEGIN ")
	if n <= maxAuthorities {
		return ""
	}
	return fmt.Sprintf("%d certificates of authorities are named; a trust store has %d at most", n, maxAuthorities)
}

// authorities are the certificates that a reference names, in PEM without what is between them. passing reports a
// problem that is none of the reference: what it names could not be read.
func (t *translation) authorities(ref gatewayv1.ObjectReference, source intent.Source) (name, bundle string,
	problem *attachment.Problem, passing bool) {
	fail := func(reason gatewayv1.ListenerConditionReason, code diag.Code, text, remedy string) *attachment.Problem {
		t.addCause(diag.New(Object(t.Gateway), source.Place(), code, text, remedy).In(diag.Certificate))
		return &attachment.Problem{Reason: string(reason), Message: text}
	}
	const create = "name a ConfigMap with certificates of authorities in its key ca.crt"
	if ref.Group != corev1.GroupName || string(ref.Kind) != string(objects.ConfigMap) {
		return "", "", fail(gatewayv1.ListenerReasonInvalidCACertificateKind, diag.InvalidCACertificate,
				fmt.Sprintf("caCertificateRefs names a %s of group %q, and must name a ConfigMap; the controller ignores it",
					ref.Kind, ref.Group),
				create),
			false
	}
	namespace := t.Gateway.Namespace
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	name = namespace + "/" + string(ref.Name)
	c, err := objects.Get[*corev1.ConfigMap](t.view, objects.From{Kind: objects.Gateway, Namespace: t.Gateway.Namespace},
		objects.Ref{Kind: objects.ConfigMap, Namespace: namespace, Name: string(ref.Name)})
	var foreign *objects.ForeignError
	switch {
	case errors.As(err, &foreign):
		return name, "", fail(gatewayv1.ListenerReasonRefNotPermitted, diag.InvalidCACertificate, foreign.Error(),
			fmt.Sprintf("add a ReferenceGrant to namespace %s, from Gateway of namespace %s to ConfigMap %s", namespace,
				t.Gateway.Namespace, ref.Name)), false
	case errors.Is(err, objects.ErrAbsent):
		return name, "", fail(gatewayv1.ListenerReasonInvalidCACertificateRef, diag.InvalidCACertificate,
			fmt.Sprintf("ConfigMap %s does not exist", name), create), false
	case err != nil:
		return name, "", fail(gatewayv1.ListenerReasonInvalidCACertificateRef, diag.CACertificateUnread,
			fmt.Sprintf("ConfigMap %s cannot be read: %v", name, err),
			"grant the controller's service account get, list and watch on this ConfigMap by a Role in its namespace, if "+
				"it lacks them"), true
	}
	if bundle, err = authoritiesOf(c); err != nil {
		return name, "", fail(gatewayv1.ListenerReasonInvalidCACertificateRef, diag.InvalidCACertificate,
			fmt.Sprintf("ConfigMap %s: %v", name, err), create), false
	}
	return name, bundle, nil, false
}

// authoritiesOf are the certificates of authorities in a ConfigMap, in PEM without what is between them.
func authoritiesOf(c *corev1.ConfigMap) (string, error) {
	text, ok := c.Data[authoritiesKey]
	if !ok {
		return "", fmt.Errorf("it has no key %s", authoritiesKey)
	}
	var out strings.Builder
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return "", fmt.Errorf("%s holds a %s, and must hold certificates only", authoritiesKey, block.Type)
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return "", fmt.Errorf("a certificate in %s cannot be read: %w", authoritiesKey, err)
		case !leaf.IsCA:
			return "", fmt.Errorf("the certificate of %s in %s is not that of an authority", leaf.Subject, authoritiesKey)
		case len(block.Bytes) > maxAuthority:
			return "", fmt.Errorf("the certificate of %s in %s is longer than %d bytes", leaf.Subject, authoritiesKey,
				maxAuthority)
		}
		out.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	if out.Len() == 0 {
		return "", fmt.Errorf("%s holds no certificate in PEM format", authoritiesKey)
	}
	return out.String(), nil
}

// maxVerifying is how many listeners of a load balancer AWS has verify clients, unless the quota was raised.
const maxVerifying = 2

// noteVerifying notes that AWS may refuse listeners because too many verify clients.
func (t *translation) noteVerifying(listeners []intent.Listener) {
	n, source := 0, intent.Source{}
	for i := range listeners {
		if m := listeners[i].Mutual; m.Set && m.Value.Mode == stack.MutualVerify {
			n, source = n+1, m.Source
		}
	}
	if t.Gateway.Spec.TLS != nil && t.Gateway.Spec.TLS.Frontend != nil {
		source = t.here("spec.tls.frontend")
	}
	if n > maxVerifying {
		t.report(source, diag.VerifyingListeners, fmt.Sprintf("%d ports verify clients; AWS allows %d of a load balancer "+
			"unless the quota was raised, and refuses the others", n, maxVerifying),
			"have the hosts share a port, use another Gateway for some of them, or ask AWS for a higher quota (Mutual TLS "+
				"verify listeners per ALB)")
	}
}

// insecure reports whether a port takes clients whose certificates are not verified although their authorities are
// named.
func (t *translation) insecure() bool {
	for _, v := range t.clients {
		if v.mutual.Set && v.mutual.Value.Mode == stack.MutualPassthrough {
			return true
		}
	}
	return false
}
