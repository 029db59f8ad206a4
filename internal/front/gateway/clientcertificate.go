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
	"k8s.io/utils/ptr"
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
	// of the port is accepted. With kept, the listeners serve nevertheless, as their last valid version did.
	refs, refused *attachment.Problem
	kept          bool
	spoilt        int // references that lead to no authorities
	// trusted are the ConfigMaps that the kept trust store has, and that no reference names any longer.
	trusted []string
}

const treatedAsBefore = "; until this is fixed, the verification of client certificates does not change"

// stayTrusted says which authorities are trusted although no reference names their ConfigMaps any longer.
func stayTrusted(names []string) string {
	slices.Sort(names)
	switch names = slices.Compact(names); len(names) {
	case 0:
		return ""
	case 1:
		return "; ConfigMap " + names[0] + " stays trusted"
	}
	return "; ConfigMaps " + strings.Join(names, ", ") + " stay trusted"
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
	from, kept := len(t.found), true
	var trusted []string
	for _, p := range t.byPort(false) {
		if p.protocol != https {
			continue
		}
		if c, ok := configured[p.protocolPort()]; ok && c.Spec.MutualAuthentication != nil {
			continue
		}
		v := t.clientValidation(p.number)
		t.clients[p.number] = v
		kept, trusted = kept && (v.kept || v.refs == nil), append(trusted, v.trusted...)
		for _, i := range p.listeners {
			t.refs[i] = v.refs
			switch l := &listeners.All[i]; {
			case v.refused == nil:
			case !v.kept:
				l.Problem = v.refused
			case l.Declared == nil:
				declared := *l
				declared.Problem = v.refused
				l.Declared = &declared
			}
		}
	}
	t.listeners = &listeners
	for i := range t.found[from:] {
		if d := &t.found[from:][i]; kept && d.Code == diag.InvalidCACertificate {
			d.Text += treatedAsBefore + stayTrusted(trusted)
		}
	}
}

// clientValidation is what spec.tls.frontend declares for a port.
func (t *translation) clientValidation(port int32) (out clientValidation) {
	v, path := validationOf(t.Gateway.Spec.TLS.Frontend, port)
	if v == nil {
		return out
	}
	verifies := v.Mode != gatewayv1.AllowInsecureFallback
	if verifies && !t.config.TrustStores {
		text := "the controller has no S3 bucket for CA certificates, so these certificates cannot verify clients"
		t.report(t.here(path), diag.UnsupportedFeature, fmt.Sprintf("%s; the controller does not serve port %d", text, port),
			"run the controller with --trust-store-bucket=BUCKET, or create a trust store in AWS and name it in "+
				"mutualAuthentication of a LoadBalancerConfiguration")
		out.refused = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonUnsupportedValue), Message: text +
			": the controller needs --trust-store-bucket"}
		return out
	}
	store := t.bundles(v.CACertificateRefs, path, &out)
	if text := tooManyAuthorities(store.Bundle); text != "" && verifies {
		t.add(diag.New(Object(t.Gateway), path, diag.InvalidCACertificate, text, "name fewer CA certificates").In(
			diag.Certificate))
		out.refs = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonInvalidCACertificateRef), Message: text}
		out.refused = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonNoValidCACertificate), Message: text}
	} else if len(store.Objects) == 0 {
		out.refused = &attachment.Problem{Reason: string(gatewayv1.ListenerReasonNoValidCACertificate),
			Message: "None of the CA certificate references (caCertificateRefs) is valid."}
	}
	if last, ok := t.lastClients(port, v, store, &out); ok {
		store, out.kept = last, true
		out.trusted = t.unnamed(v, last)
	} else if out.refused != nil {
		return out
	}
	if out.refs != nil { // the others are in effect, unless one could not be read
		out.refs.Partial = store.Bundle != "" || out.kept
		if out.kept && out.refused == nil {
			out.refs.Message += treatedAsBefore + stayTrusted(out.trusted)
		}
	}
	if !verifies {
		out.mutual = intent.Of(stack.MutualAuthentication{Mode: stack.MutualPassthrough}, t.here(path))
		return out
	}
	store.Source = t.here(path)
	if !slices.ContainsFunc(t.trustStores, func(o intent.TrustStore) bool { return o.ID == store.ID }) {
		t.trustStores = append(t.trustStores, store)
	}
	out.mutual = intent.Of(stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: store.ID}, t.here(path))
	return out
}

// bundles is the trust store of the authorities that references name and that can be used. Without a bundle, some could
// not be read.
func (t *translation) bundles(refs []gatewayv1.ObjectReference, path string, out *clientValidation) intent.TrustStore {
	store := intent.TrustStore{Objects: map[string]string{}}
	var names []string
	unread := false
	for i, ref := range refs {
		name, bundle, problem, passing := t.authorities(ref, t.here(fmt.Sprintf("%s.caCertificateRefs[%d]", path, i)))
		if problem != nil && (out.refs == nil || problem.Reason == notPermitted) {
			out.refs = problem
		}
		if problem != nil && !passing {
			out.spoilt++
		}
		if problem == nil || passing {
			names, store.Objects[name], unread = append(names, name), hashOf(bundle), unread || passing
			store.Bundle += bundle
		}
	}
	if store.ID = naming.TrustStoreID(names); unread {
		store.Bundle = ""
	}
	store.Hash = hashOf(store.Bundle)
	return store
}

const notPermitted = string(gatewayv1.ListenerReasonRefNotPermitted)

// hashOf distinguishes bundles; empty = the bundle is not known.
func hashOf(bundle string) string {
	if bundle == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(bundle))
	return hex.EncodeToString(sum[:8])
}

// lastClients returns the trust store by which a port verified clients before an edit that leaves a reference without
// authorities. ok is false if the port does not stay as it was: also if the edit takes authorities away in addition to
// that, because a namespace no longer permits the reference, a reference is removed, or another ConfigMap has other
// ones. What is taken away is not used again. A port that passed certificates on does so while no reference is valid.
func (t *translation) lastClients(port int32, v *gatewayv1.FrontendTLSValidation, now intent.TrustStore,
	out *clientValidation) (last intent.TrustStore, ok bool) {
	if out.refs == nil || out.refs.Reason == notPermitted {
		return last, false
	}
	var mutual stack.MutualAuthentication
	if t.config.Clients != nil {
		mutual, last = t.config.Clients(Object(t.Gateway), port)
	}
	last.Kept = true
	switch {
	case v.Mode == gatewayv1.AllowInsecureFallback:
		return last, out.refused != nil && mutual.Mode == stack.MutualPassthrough
	case t.config.Clients == nil || mutual.Mode == stack.MutualVerify && last.ID != "" && len(last.Objects) == 0:
		return t.namedClients(v, out)
	case mutual.Mode != stack.MutualVerify || last.ID == "" || last.ID == now.ID && out.refused == nil:
		return last, false
	}
	fits, spoilt := tooManyAuthorities(now.Bundle) == "", out.spoilt
	for name, hash := range last.Objects {
		is, valid := now.Objects[name]
		switch {
		case !t.mayRead(name), valid && fits && is != "" && is != hash:
			return last, false
		case !valid:
			spoilt--
		}
	}
	return last, spoilt >= 0
}

// namedClients is the trust store of all references, for a start without memory while none is valid. The port is closed
// if AWS has no such trust store, as nothing else shows by which authorities the port verified clients.
func (t *translation) namedClients(v *gatewayv1.FrontendTLSValidation, out *clientValidation) (last intent.TrustStore,
	ok bool) {
	last = intent.TrustStore{Objects: map[string]string{}, Kept: true}
	var names []string
	for _, ref := range v.CACertificateRefs {
		name := t.configMapOf(ref)
		if ok = t.mayRead(name); !ok {
			return last, false
		}
		names, last.Objects[name] = append(names, name), ""
	}
	last.ID = naming.TrustStoreID(names)
	return last, out.refused != nil && Finalized(t.Gateway, t.Family)
}

// unnamed are the ConfigMaps of a trust store that no reference names.
func (t *translation) unnamed(v *gatewayv1.FrontendTLSValidation, store intent.TrustStore) (names []string) {
	for name := range store.Objects {
		if !slices.ContainsFunc(v.CACertificateRefs, func(ref gatewayv1.ObjectReference) bool {
			return t.configMapOf(ref) == name
		}) {
			names = append(names, name)
		}
	}
	return names
}

// configMapOf returns namespace/name of what a reference names.
func (t *translation) configMapOf(ref gatewayv1.ObjectReference) string {
	return string(ptr.Deref(ref.Namespace, gatewayv1.Namespace(t.Gateway.Namespace))) + "/" + string(ref.Name)
}

// mayRead reports whether the Gateway may name a ConfigMap, which is given as namespace/name.
func (t *translation) mayRead(name string) bool {
	namespace, name, _ := strings.Cut(name, "/")
	return objects.Permits(t.view, objects.From{Kind: objects.Gateway, Namespace: t.Gateway.Namespace},
		objects.Ref{Kind: objects.ConfigMap, Namespace: namespace, Name: name})
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
	return fmt.Sprintf("%d CA certificates are named; a trust store has %d at most", n, maxAuthorities)
}

// authorities are the certificates that a reference names, in PEM without what is between them. passing reports a
// problem that is none of the reference: what it names could not be read.
func (t *translation) authorities(ref gatewayv1.ObjectReference, source intent.Source) (name, bundle string,
	problem *attachment.Problem, passing bool) {
	fail := func(reason gatewayv1.ListenerConditionReason, code diag.Code, text, remedy string) *attachment.Problem {
		t.addCause(diag.New(Object(t.Gateway), source.Place(), code, text, remedy).In(diag.Certificate))
		return &attachment.Problem{Reason: string(reason), Message: text}
	}
	const create = "name a ConfigMap that has CA certificates in its key ca.crt"
	if ref.Group != corev1.GroupName || string(ref.Kind) != string(objects.ConfigMap) {
		return "", "", fail(gatewayv1.ListenerReasonInvalidCACertificateKind, diag.InvalidCACertificate,
				fmt.Sprintf("caCertificateRefs names a %s, not a ConfigMap; until at least one of these "+
					"references is valid, the controller creates no new listener that verifies client certificates with them",
					ref.Kind),
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
		t.report(source, diag.VerifyingListeners, fmt.Sprintf("%d ports verify client certificates, but AWS allows %d per "+
			"load balancer by default; AWS refuses the other listeners, unless the account has a higher quota", n, maxVerifying),
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
