package doctor

import (
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// CertificateChecks are those of the account that the leader makes.
var CertificateChecks = []Check{{
	Name: "certificate-expiring", Severity: Warning, Needs: []Source{Certificates},
	About: "A certificate of a listener expires within thirty days, and ACM has not renewed it. It is an error within " +
		"seven days, and if the certificate has expired.",
	Remedy: "import the new certificate under the same ARN; for a certificate of Amazon, restore the DNS record or mail " +
		"address that proves the domain",
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
		if c.Expires.IsZero() || left >= soon {
			continue
		}
		x := Finding{Object: c.ARN, Text: "expires in " + Age(left), Evidence: []string{
			"for " + strings.Join(c.Domains, ", "), "of " + strings.Join(usersOf(f, c.ARN), ", ")}}
		if left <= 0 {
			x.Text = "has expired " + Age(-left) + " ago"
		}
		if left < urgent {
			x.Severity = Error
		}
		out = append(out, x)
	}
	return out
}

func uncoveredHosts(f *Facts) (out []Finding) {
	for _, i := range f.Ingresses() {
		names, known := f.certified(i)
		if !known {
			continue
		}
		var bare []string
		for _, host := range hosts(i) {
			if !slices.ContainsFunc(names, func(n string) bool { return facts.Covers(n, host) }) &&
				!slices.Contains(bare, host) {
				bare = append(bare, host)
			}
		}
		if len(bare) > 0 {
			out = append(out, Finding{Object: NameOf(i), Text: "no certificate of its load balancer covers " +
				strings.Join(bare, ", "), Evidence: Evidence("the certificates are for ", names)})
		}
	}
	return out
}

// certified are the names that the certificates of an Ingress's load balancers are for; known is false if there are no
// certificates, or the names of one are not known.
func (f *Facts) certified(i *networkingv1.Ingress) (names []string, known bool) {
	of := map[string][]string{}
	for _, c := range f.Certificates {
		of[c.ARN] = c.Domains
	}
	for _, lb := range f.LoadBalancers {
		if !declares(i, lb) {
			continue
		}
		for _, arn := range lb.Certificates {
			if known = len(of[arn]) > 0; !known {
				return nil, false
			}
			names = append(names, of[arn]...)
		}
	}
	return names, known
}

// declares reports whether an Ingress is of the stack of a load balancer, by the status that shows its name or the
// finalizer.
func declares(i *networkingv1.Ingress, lb LoadBalancer) bool {
	if lb.Key.Owner != stack.Ingress {
		return false
	}
	if lb.Key.ID.Namespace == "" {
		return slices.Contains(i.Finalizers, naming.Finalizer(lb.Key))
	}
	return lb.Key.ID == naming.StackID(i.Namespace, i.Name)
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
