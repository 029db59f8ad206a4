package doctor

import (
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/renewal"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// CertificateChecks are the checks of the account that the leader makes.
var CertificateChecks = []Check{{
	Name: "certificate-expiring", Severity: Warning, Needs: []Source{Certificates},
	About: "A certificate of a listener expires within thirty days, and ACM has not renewed the certificate. The " +
		"severity is error if the certificate expires within seven days or has expired. For a certificate with a short " +
		"lifetime, the two periods are at most the last quarter and the last eighth of the lifetime.",
	Remedy: "import the new certificate under the same ARN; for a certificate that Amazon issued, restore the DNS " +
		"record or mail address that proves that you own the domain",
	Find: expiringCertificates,
}, {
	Name: "certificate-not-covering", Severity: Warning,
	Needs: []Source{Certificates, Objects},
	About: "No certificate of the listeners covers a host of an Ingress: browsers refuse the connection.",
	Remedy: "add the ARN of a certificate for the host to alb.ingress.kubernetes.io/certificate-arn, or remove the " +
		"annotation, so that the controller finds a certificate by host",
	Find: uncoveredHosts,
}}

const (
	soon   = 30 * 24 * time.Hour
	urgent = 7 * 24 * time.Hour
)

// usersOf are the names of the load balancers with a certificate.
func usersOf(f *Facts, certificate string) (names []string) {
	for _, lb := range f.LoadBalancers {
		if slices.Contains(lb.Certificates, certificate) {
			names = append(names, lb.Name)
		}
	}
	return names
}

func expiringCertificates(f *Facts) (out []Finding) {
	for _, c := range f.Certificates {
		left := c.Expires.Sub(f.Now)
		if c.Expires.IsZero() || !f.Now.After(renewal.Late(c.Begins, c.Expires, renewal.Share, soon)) {
			continue
		}
		x := Finding{Object: c.ARN, Text: "expires in " + Age(left), Evidence: []string{
			"for " + strings.Join(c.Domains, ", "), "of " + strings.Join(usersOf(f, c.ARN), ", ")}}
		if left <= 0 {
			x.Text = "has expired " + Age(-left) + " ago"
		}
		if f.Now.After(renewal.Late(c.Begins, c.Expires, 2*renewal.Share, urgent)) {
			x.Severity = Error
		}
		out = append(out, x)
	}
	return out
}

func uncoveredHosts(f *Facts) (out []Finding) {
	certified := f.certified()
	for _, i := range f.Ingresses() {
		names, known := certified(i)
		if !known {
			continue
		}
		covered := facts.Names{}
		covered.Add(names...)
		var bare []string
		for _, host := range hosts(i) {
			if !covered.Cover(host) {
				covered.Add(host) // once
				bare = append(bare, host)
			}
		}
		if len(bare) > 0 {
			out = append(out, Finding{Object: NameOf(i), Text: "no certificate of its load balancer covers " +
				diag.Some(bare), Evidence: Evidence("the certificates are for ", names)})
		}
	}
	return out
}

// certified returns what finds the names that the certificates of an Ingress's load balancers are for: those whose
// stack its name or a finalizer shows. known is false if there are no certificates, or the names of one are not known.
func (f *Facts) certified() func(i *networkingv1.Ingress) (names []string, known bool) {
	domains := make(map[string][]string, len(f.Certificates))
	for _, c := range f.Certificates {
		domains[c.ARN] = c.Domains
	}
	balancers := map[string][]LoadBalancer{} // by finalizer of a group, or by stack
	for _, lb := range f.LoadBalancers {
		if lb.Key.Owner != stack.Ingress {
			continue
		}
		by := lb.Key.String()
		if lb.Key.ID.Namespace == "" {
			by = naming.Finalizer(lb.Key)
		}
		balancers[by] = append(balancers[by], lb)
	}
	return func(i *networkingv1.Ingress) (names []string, known bool) {
		own := stack.Key{Owner: stack.Ingress, ID: naming.StackID(i.Namespace, i.Name)}
		for _, by := range append([]string{own.String()}, i.Finalizers...) {
			for _, lb := range balancers[by] {
				for _, arn := range lb.Certificates {
					if known = len(domains[arn]) > 0; !known {
						return nil, false
					}
					names = append(names, domains[arn]...)
				}
			}
		}
		return names, known
	}
}

// hosts are those that an Ingress serves.
func hosts(i *networkingv1.Ingress) (out []string) {
	for _, t := range i.Spec.TLS {
		out = append(out, t.Hosts...)
	}
	for _, r := range i.Spec.Rules {
		if r.Host != "" {
			out = append(out, strings.ToLower(r.Host))
		}
	}
	return out
}
