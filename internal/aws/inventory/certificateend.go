package inventory

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
)

// FirstCertificateEnd returns when the first ACM certificate of the stacks' listeners expires, according to the last
// list of certificates; zero = it is not known. It reads nothing.
func (i *Inventory) FirstCertificateEnd() (first time.Time) {
	for _, u := range i.CertificateUses() {
		if first.IsZero() || u.NotAfter.Before(first) {
			first = u.NotAfter
		}
	}
	return first
}

// CertificateUse is an ACM certificate that listeners of stacks use.
type CertificateUse struct {
	certificate.End

	Stacks []string // sorted
}

// CertificateUses returns the certificates that listeners of stacks use and whose end is known from the last list of
// certificates, sorted by ARN. It reads nothing.
func (i *Inventory) CertificateUses() (out []CertificateUse) {
	of := map[string][]string{}
	i.mu.Lock()
	for key, e := range i.stacks {
		for n := range e.obs.Listeners {
			l := &e.obs.Listeners[n]
			for _, arn := range slices.Concat(l.Certificates, l.SNI) {
				if name := key.String(); !slices.Contains(of[arn], name) {
					of[arn] = append(of[arn], name)
				}
			}
		}
	}
	i.mu.Unlock()
	for _, end := range i.certificates.Ends(slices.Sorted(maps.Keys(of))) {
		slices.Sort(of[end.ARN])
		out = append(out, CertificateUse{end, of[end.ARN]})
	}
	return out
}
