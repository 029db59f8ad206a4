package ingress

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// authorityARN is the pattern of the authority of a request (ACM API reference, RequestCertificate).
var authorityARN = regexp.MustCompile(
	`^arn:[\w+=/,.@-]+:acm-pca:[\w+=/,.@-]*:[0-9]+:certificate-authority/[\w+=,.@-]+$`)

// certificates are the sources of the certificates of the member's HTTPS listeners. The first one that is declared
// applies: ARNs of the class or the annotation, a certificate to request, Secrets to import; without any, certificates
// in ACM for the hosts.
type certificates struct {
	arns  intent.Field[[]string]
	owned []intent.Certificate
	// discover are the hosts to find certificates for.
	discover []string
	// secure: certificates are declared, so that the listener without listen-ports is HTTPS.
	secure bool
	// imports: Secrets of spec.tls are imported.
	imports bool
	// tooMany: spec.tls decides about the certificates, and has so much that nothing of it is read.
	tooMany bool
}

// mostTLS limits the entries of spec.tls, and their hosts together. A load balancer has no more hosts: AWS allows 100
// rules by default, and a rule compares at most five values.
const mostTLS = 1000

// mostNames is how many names ACM accepts in a request (ACM API reference, RequestCertificate). By default, its quota
// is ten.
const mostNames = 100

// hugeTLS reports whether spec.tls exceeds mostTLS, and returns how much it has.
func (t *translation) hugeTLS() (entries, hosts int, huge bool) {
	entries = len(t.ingress.Spec.TLS)
	for _, tls := range t.ingress.Spec.TLS {
		hosts += len(tls.Hosts)
	}
	return entries, hosts, entries > mostTLS || hosts > mostTLS
}

// refuseTLS refuses the Ingress for the size of spec.tls. Its last valid version keeps its certificates.
func (t *translation) refuseTLS() {
	entries, hosts, _ := t.hugeTLS()
	t.findings.Add(diag.New(Object(t.ingress), "spec.tls", diag.QuotaExceeded, fmt.Sprintf("spec.tls has %d entries "+
		"with %d hosts, and the controller reads at most %d of each: AWS allows %d certificates of a load balancer by "+
		"default, besides default ones", entries, hosts, mostTLS, quota.CertificatesOf(stack.Application).Default()),
		"use certificates with wildcards, or several Ingresses").In(diag.Route))
}

func (t *translation) certificates(spec v1beta1.IngressClassParamsSpec) certificates {
	c := certificates{arns: t.listOf(spec.CertificateArn, "spec.certificateArn", annotation.CertificateARN)}
	wanted, importing := t.requested(), t.imports(spec)
	c.imports = importing && !wanted && !c.arns.Set
	if !wanted || c.arns.Set {
		t.read.Ignored(annotation.CertificateAuthority, fmt.Sprintf("annotation %s has no effect: no "+
			"certificate is requested", annotation.CertificateAuthority),
			fmt.Sprintf("set %s to true, or remove this annotation", annotation.CreateCertificate))
	}
	_, _, huge := t.hugeTLS()
	switch {
	case c.arns.Set:
		c.secure = true
		if wanted {
			t.read.Ignored(annotation.CreateCertificate,
				fmt.Sprintf("no certificate is requested, because %s names certificates", c.arns.Source.Place()),
				"remove one of the two")
		}
	case huge:
		c.tooMany, c.secure = true, wanted || c.imports
	case wanted:
		c.secure = true
		if request, ok := t.request(); ok {
			c.owned = []intent.Certificate{request}
		}
	default:
		var imported facts.Names
		if importing {
			c.owned, imported = t.imported()
			c.secure = len(c.owned) > 0
		}
		c.discover = slices.DeleteFunc(t.hosts(), imported.Cover)
	}
	return c
}

// requested reports whether a certificate is to be requested for the Ingress.
func (t *translation) requested() bool {
	wanted := t.lenient(annotation.CreateCertificate)
	if wanted && !t.config.RequestCertificates {
		t.read.Ignored(annotation.CreateCertificate, "no certificate is requested: the controller runs without feature "+
			"gate EnableCertificateManagement",
			"run the controller with --feature-gates=EnableCertificateManagement=true, or remove the annotation")
		return false
	}
	return wanted
}

// lenient reads a bool. An invalid value counts as false, as in the existing controller, which is noted.
func (t *translation) lenient(k annotation.Key) bool {
	raw, _, ok := t.read.Raw(k)
	if !ok {
		return false
	}
	on, err := strconv.ParseBool(raw)
	if err != nil {
		t.read.Ignored(k, fmt.Sprintf("%q is neither true nor false, and counts as false", raw), "write true or false")
	}
	return err == nil && on
}

// request is the certificate to request for the Ingress; ok is false if it cannot be requested, which is reported.
func (t *translation) request() (c intent.Certificate, ok bool) {
	_, source, _ := t.read.Raw(annotation.CreateCertificate)
	names := t.hosts()
	if len(names) == 0 {
		t.read.Invalid(annotation.CreateCertificate, fmt.Sprintf("ingress %s/%s has create-acm-cert enabled but no "+
			"hostnames defined in "+
			"spec.rules[].host or spec.tls[].hosts — cannot create a certificate without at least one hostname",
			t.ingress.Namespace, t.ingress.Name),
			"give the rules hosts, or list hosts in spec.tls")
		return intent.Certificate{}, false
	}
	if len(names) > mostNames {
		t.read.Invalid(annotation.CreateCertificate, fmt.Sprintf("the rules and spec.tls have %d hosts, and ACM issues "+
			"certificates for at most %d names", len(names), mostNames),
			"use wildcards, or several Ingresses")
		return intent.Certificate{}, false
	}
	authority := t.config.DefaultAuthority
	if own := t.read.String(annotation.CertificateAuthority); own.Value != "" {
		if !authorityARN.MatchString(own.Value) {
			t.read.Invalid(annotation.CertificateAuthority, fmt.Sprintf("%q is not the ARN of a private certificate authority",
				own.Value), "")
			return intent.Certificate{}, false
		}
		authority = own.Value
	}
	return intent.Certificate{
		ID:     naming.CertificateID(authority != "", names[0], t.ingress.Namespace, t.ingress.Name),
		Source: source, Names: names, Authority: authority,
	}, true
}

// secureListeners sets the certificates of the HTTPS listeners, and returns those that the stack is to own.
func (t *translation) secureListeners(listeners []intent.Listener, c certificates,
	policy intent.Field[string]) []intent.Certificate {
	var ids []string
	for _, o := range c.owned {
		ids = append(ids, o.ID)
	}
	var toCover []string
	if c.arns.Set {
		toCover = t.hosts()
	}
	for i := range listeners {
		l := &listeners[i]
		if l.Protocol == protocolHTTPS {
			l.Certificates, l.SSLPolicy, l.Owned, l.DiscoverHosts, l.ToCover = c.arns, policy, ids, c.discover, toCover
		}
	}
	if t.secure {
		return c.owned
	}
	if !t.plain {
		return nil
	}
	for _, o := range c.owned {
		t.findings.Add(diag.New(Object(t.ingress), o.Source.Path(), diag.IgnoredSetting,
			"no certificate is requested or imported: the Ingress has no HTTPS listener",
			"add one to listen-ports, or remove the setting").In(diag.Certificate))
	}
	return nil
}

// hosts are the host names for certificates, sorted: those of rules and of spec.tls, unless it is too large.
func (t *translation) hosts() []string {
	var out []string
	for _, r := range t.ingress.Spec.Rules {
		out = append(out, r.Host)
	}
	if _, _, huge := t.hugeTLS(); !huge {
		for _, tls := range t.ingress.Spec.TLS {
			out = append(out, tls.Hosts...)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(h string) bool { return h == "" })
}
