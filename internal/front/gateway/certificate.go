package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// OfSecrets are the listeners that use certificates of Secrets: they name some in tls.certificateRefs, and the
// configuration of their port names none in ACM.
func (l *Loaded) OfSecrets() (out []*attachment.Listener) {
	if l.State != Declared || l.listeners == nil {
		return nil
	}
	configured := l.listenerConfigurations()
	for i := range l.listeners.All {
		x := &l.listeners.All[i]
		p := port{number: x.Port, protocol: effective(x)}
		if !p.secure() || x.TLS == nil || len(x.TLS.CertificateRefs) == 0 {
			continue
		}
		if c, ok := configured[p.protocolPort()]; !ok || len(explicit(c)) == 0 {
			out = append(out, x)
		}
	}
	return out
}

// checkCertificates reads the Secrets that listeners of secure ports name. A listener with references none of which can
// be used is not served, unless its configuration names certificates, or did so when the listener served.
func (t *translation) checkCertificates(ports []port,
	configured map[configv1.ProtocolPort]configuration.Layer[configv1.ListenerConfiguration]) {
	t.unserved, t.named, t.owned = map[int]bool{}, map[int]bool{}, map[string]bool{}
	for i := range ports {
		p := &ports[i]
		if !p.secure() {
			continue
		}
		c, named := configured[p.protocolPort()]
		named = named && len(explicit(c)) > 0
		for _, i := range p.listeners {
			t.named[i] = named
			usable, all := t.checkRefs(i, named)
			if !all && !named {
				usable = t.recallRefs(i) || usable
			}
			if usable || named {
				continue
			}
			if t.named[i] = t.wasNamed(i); !t.named[i] && len(t.discoveredFirst(i)) == 0 {
				t.unserved[i] = true
			}
		}
	}
}

// keepInsecure has listeners none of whose references can be used serve as their last valid versions did, if these
// needed no certificate. It precedes the attachment of routes, as their ports may be others. In construction compatible
// the certificates of ACM come first.
func (t *translation) keepInsecure() {
	t.refsOf = map[int]diag.List{}
	configured := t.listenerConfigurations()
	for i := range t.listeners.All {
		l := &t.listeners.All[i]
		p := port{number: l.Port, protocol: effective(l)}
		if !p.secure() || l.Problem != nil || l.Declared != nil || l.TLS == nil || len(l.TLS.CertificateRefs) == 0 ||
			t.rules == rule.Compatible {
			continue
		}
		last, ok := t.config.Last.of(l.Parent, l.Name)
		before := port{protocol: effective(&attachment.Listener{Listener: last})}
		if c, named := configured[p.protocolPort()]; !ok || before.secure() || named && len(explicit(c)) > 0 {
			continue
		}
		var problem *attachment.Problem
		usable := false
		for n, ref := range l.TLS.CertificateRefs {
			c, wrong := t.certificate(i, ref, t.source(l, fmt.Sprintf("tls.certificateRefs[%d]", n)))
			usable, problem = usable || c != nil, cmp.Or(problem, wrong)
		}
		if !usable && t.listeners.Reinstate(i, problem, t.config.Last.of) {
			t.refs[i] = problem
		}
	}
}

// wasNamed reports whether a listener served with certificates that its configuration named. If none of its references
// can be used, an edit of the configuration does not end that.
func (t *translation) wasNamed(i int) bool {
	l := &t.listeners.All[i]
	_, served := t.config.Last.of(l.Parent, l.Name)
	return served && t.config.Certified != nil && t.config.Certified(Object(t.Gateway), l.Port)
}

// recallRefs has a listener some of whose references cannot be used have those of its last valid version, too, and
// reports whether one of these can be used.
func (t *translation) recallRefs(i int) (usable bool) {
	l := &t.listeners.All[i]
	last, ok := t.config.Last.of(l.Parent, l.Name)
	if !ok || last.TLS == nil || l.Declared != nil || equality.Semantic.DeepEqual(last.TLS.CertificateRefs,
		l.TLS.CertificateRefs) {
		return false
	}
	declared, problem, with := *l, t.refs[i], *l.TLS
	with.CertificateRefs = last.TLS.CertificateRefs
	l.TLS = &with
	if usable, _ = t.checkRefs(i, false); !usable {
		l.TLS, t.refs[i] = declared.TLS, problem
		return false
	}
	with.CertificateRefs = slices.Concat(declared.TLS.CertificateRefs, last.TLS.CertificateRefs)
	l.Declared, t.refs[i] = &declared, problem
	return true
}

// checkRefs reads the Secrets that a listener names, and keeps what is wrong in refs. usable is false if no reference
// can be used; one to a Secret that is missing or invalid can, as the certificate that was imported from it before
// stays in use. all reports that each can. With named, the certificates of the configuration are used, and none is
// imported.
func (t *translation) checkRefs(i int, named bool) (usable, all bool) {
	l := &t.listeners.All[i]
	if l.TLS == nil || len(l.TLS.CertificateRefs) == 0 {
		return true, true
	}
	all = true
	for n, ref := range l.TLS.CertificateRefs {
		source := t.source(l, fmt.Sprintf("tls.certificateRefs[%d]", n))
		c, problem := t.certificate(i, ref, source)
		if c != nil {
			if refused := t.foreign(i, c, source); refused != nil {
				c, problem = nil, refused
			}
		}
		if problem != nil && (t.refs[i] == nil || t.refs[i].Partial) {
			t.refs[i] = problem
		}
		if c == nil {
			all = false
			continue
		}
		usable = true
		if !named && !t.owned[c.ID] {
			t.owned[c.ID] = true
			t.certificates = append(t.certificates, *c)
		}
	}
	return usable, all
}

// refuseRef adds what is wrong with a reference of a listener: on the Gateway, and on the ListenerSet that has it.
func (t *translation) refuseRef(listener int, source intent.Source, code diag.Code, text, remedy string) {
	l := &t.listeners.All[listener]
	d := diag.New(Object(t.Gateway), source.Place(), code, text, remedy).In(diag.Certificate)
	t.addCause(d)
	if l.Parent.Kind != kindGateway {
		d.Object, d.Path = t.parent(l), source.Path()
		t.refsOf[listener] = withCause(t.refsOf[listener], d)
	}
}

// foreign is why a listener may not have a certificate: load balancers would serve it for a hostname of others.
func (t *translation) foreign(listener int, c *intent.Certificate, source intent.Source) *attachment.Problem {
	l := &t.listeners.All[listener]
	for _, name := range c.Names {
		whose, ok := t.listeners.Foreign(listener, name)
		if !ok {
			continue
		}
		text := fmt.Sprintf("the certificate covers %s, and clients of %s would get it; the controller does not use it",
			name, whose)
		remedy := t.trusted("use a certificate without this name", l.Parent.Namespace)
		t.refuseRef(listener, source, diag.SecretRefused, text, remedy)
		return &attachment.Problem{Reason: string(gatewayv1.ListenerReasonRefNotPermitted), Message: text + "; " + remedy}
	}
	return nil
}

// certificate is the certificate in the Secret that a reference names; nil if the reference cannot be followed.
func (t *translation) certificate(listener int, ref gatewayv1.SecretObjectReference, source intent.Source) (
	*intent.Certificate, *attachment.Problem) {
	l := &t.listeners.All[listener]
	fail := func(reason gatewayv1.ListenerConditionReason, code diag.Code, text, remedy string) *attachment.Problem {
		t.refuseRef(listener, source, code, text, remedy)
		return &attachment.Problem{Reason: string(reason), Message: text}
	}
	group, kind, namespace := "", "Secret", l.Parent.Namespace
	if ref.Group != nil {
		group = string(*ref.Group)
	}
	if ref.Kind != nil {
		kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	name, full := string(ref.Name), namespace+"/"+string(ref.Name)
	if group != corev1.GroupName || kind != string(objects.Secret) {
		return nil, fail(gatewayv1.ListenerReasonInvalidCertificateRef, diag.InvalidSecret,
			fmt.Sprintf("certificateRefs names a %s of group %q; certificates are in Secrets", kind, group),
			"name a Secret of type kubernetes.io/tls")
	}
	if problem := annotation.SecretNameProblem(name); problem != "" {
		return nil, fail(gatewayv1.ListenerReasonInvalidCertificateRef, diag.InvalidSecret, problem,
			"write the name of a Secret")
	}
	c := &intent.Certificate{ID: naming.ImportedCertificateID(namespace, name), Source: source}
	s, err := objects.Get[*corev1.Secret](t.view, objects.From{Kind: objects.Kind(l.Parent.Kind),
		Namespace: l.Parent.Namespace}, objects.Ref{Kind: objects.Secret, Namespace: namespace, Name: name})
	var foreign *objects.ForeignError
	switch {
	case errors.As(err, &foreign):
		return nil, fail(gatewayv1.ListenerReasonRefNotPermitted, diag.SecretRefused, foreign.Error(),
			fmt.Sprintf("add a ReferenceGrant to namespace %s, from %s of namespace %s to Secret %s", namespace, l.Parent.Kind,
				l.Parent.Namespace, name))
	case err != nil:
		c.Broken = true
		var problem *attachment.Problem
		secretdata.Unusable(full, err, "create the Secret with type kubernetes.io/tls, or correct the reference",
			func(code diag.Code, text, remedy string) {
				problem = fail(gatewayv1.ListenerReasonInvalidCertificateRef, code, text, remedy)
			})
		return c, problem
	}
	if c.Import, c.Names, err = t.config.Pairs.TLS(s, t.config.Now); err != nil {
		c.Broken = true
		return c, fail(gatewayv1.ListenerReasonInvalidCertificateRef, diag.InvalidSecret,
			fmt.Sprintf("secret %s cannot be imported: %v", full, err),
			"put a valid certificate with its intermediate certificates into tls.crt and its key into tls.key")
	}
	return c, nil
}

// discoveredFirst are the hosts of a listener whose certificates in ACM count before the Secrets that it names: the
// existing controller does not read these.
func (t *translation) discoveredFirst(listener int) []string {
	if t.rules != rule.Compatible {
		return nil
	}
	return t.hostsOf(listener)
}

// hostsOf are the hostname of a listener and those that routes serve there.
func (t *translation) hostsOf(listener int) (out []string) {
	if h := t.listeners.All[listener].Hostname; h != nil && *h != "" {
		out = append(out, string(*h))
	}
	return append(out, t.routeHosts(listener)...)
}

// hostnames are those of the listeners of a port. A certificate need not cover all names of a wildcard: routes say
// which are served.
func (t *translation) hostnames(p port) (out []string) {
	met := map[gatewayv1.Hostname]bool{}
	for _, i := range p.listeners {
		if h := t.listeners.All[i].Hostname; h != nil && *h != "" && (*h)[0] != '*' && !met[*h] {
			met[*h] = true
			out = append(out, string(*h))
		}
	}
	return out
}

// noteNamed notes the Secrets that listeners of a port name in vain, because a configuration names the certificates. If
// something is wrong with a Secret, that is told instead.
func (t *translation) noteNamed(l *intent.Listener, p port) {
	for _, i := range p.listeners {
		listener := &t.listeners.All[i]
		if listener.TLS == nil || len(listener.TLS.CertificateRefs) == 0 || t.refs[i] != nil {
			continue
		}
		at := t.source(listener, "tls.certificateRefs")
		d := diag.New(Object(t.Gateway), at.Place(), diag.IgnoredSetting, fmt.Sprintf("%s names the certificates of port "+
			"%d%s", l.Certificates.Source.Place(), p.number, withoutEffect), "remove one of them")
		t.add(d)
		if listener.Parent.Kind != kindGateway {
			d.Object, d.Path = t.parent(listener), at.Path()
			t.refsOf[i] = withCause(t.refsOf[i], d)
		}
	}
}

// ownOrDiscover sets the certificates of a port without explicit ones: those of the Secrets that its listeners name,
// and for listeners that name none, certificates of ACM for their hostnames and those of their routes.
func (t *translation) ownOrDiscover(l *intent.Listener, p port) {
	var hosts, first []string
	listed := map[string]bool{}
	for _, i := range p.listeners {
		listener := &t.listeners.All[i]
		if listener.TLS != nil && len(listener.TLS.CertificateRefs) > 0 {
			usable := false
			for _, ref := range listener.TLS.CertificateRefs {
				namespace := listener.Parent.Namespace
				if ref.Namespace != nil {
					namespace = string(*ref.Namespace)
				}
				id := naming.ImportedCertificateID(namespace, string(ref.Name))
				usable = usable || t.owned[id]
				if t.owned[id] && !listed[id] {
					listed[id] = true
					l.Owned = append(l.Owned, id)
				}
			}
			l.NoneUsable = l.NoneUsable || !usable
			first = append(first, t.discoveredFirst(i)...)
			continue
		}
		hosts = append(hosts, t.hostsOf(i)...)
	}
	slices.Sort(hosts)
	slices.Sort(first)
	l.DiscoverHosts, l.DiscoverFirst = slices.Compact(hosts), slices.Compact(first)
}
