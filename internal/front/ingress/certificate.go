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
	switch {
	case c.arns.Set:
		c.secure = true
		if wanted {
			t.read.Ignored(annotation.CreateCertificate,
				fmt.Sprintf("no certificate is requested, because %s names certificates", c.arns.Source.Place()),
				"remove one of the two")
		}
	case wanted:
		c.secure = true
		if request, ok := t.request(); ok {
			c.owned = []intent.Certificate{request}
		}
	default:
		var imported []string
		if importing {
			c.owned, imported = t.imported()
			c.secure = len(c.owned) > 0
		}
		c.discover = slices.DeleteFunc(t.hosts(), func(h string) bool {
			return slices.ContainsFunc(imported, func(name string) bool { return facts.Covers(name, h) })
		})
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
	for i := range listeners {
		l := &listeners[i]
		if l.Protocol == protocolHTTPS {
			l.Certificates, l.SSLPolicy, l.Owned, l.DiscoverHosts = c.arns, policy, ids, c.discover
			if c.arns.Set {
				l.ToCover = t.hosts()
			}
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

// hosts are the host names for certificates, sorted: those of rules and of spec.tls.
func (t *translation) hosts() []string {
	var out []string
	for _, r := range t.ingress.Spec.Rules {
		out = append(out, r.Host)
	}
	for _, tls := range t.ingress.Spec.TLS {
		out = append(out, tls.Hosts...)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(h string) bool { return h == "" })
}
