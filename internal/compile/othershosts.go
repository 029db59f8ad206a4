package compile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/certificates"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// A load balancer chooses among all certificates of a listener by the name that a client asks for, and prefers those of
// stronger keys. So a certificate of one member may take the place of another member's for the same host. ACM and
// public authorities prove who has a name. A Secret and a private authority prove nothing.

// withoutHostsOfOthers is a version of member i without the certificates that nobody has proved and that name hosts of
// members of other namespaces which joined before. What was imported before from a Secret stays in use.
func (b *build) withoutHostsOfOthers(i int, m *intent.Member) (*intent.Member, diag.List) {
	if !b.guardsHosts(i) {
		return m, nil
	}
	var found diag.List
	out := *m
	out.Certificates = slices.Clone(m.Certificates)
	for n := range out.Certificates {
		c := &out.Certificates[n]
		if c.Broken || c.Import == nil && c.Authority == "" {
			continue
		}
		if d := b.takesHost(i, c.Names, b.issuedNames(c.ID), c.Source); d != nil {
			c.Broken = true
			found = append(found, *d)
		}
	}
	return &out, found
}

// withoutImportsOfOthers leaves out of certificates that member i names by ARN those that a stack owns and that name
// hosts of others, as above.
func (b *build) withoutImportsOfOthers(i int, f *certificates.Found, source intent.Source) {
	if !b.cfg.OwnCertificates || !b.guardsHosts(i) || len(f.ARNs) == 0 {
		return
	}
	if b.f.Certificates == nil {
		// without the list, the ARN counts as one that ACM proves
		needs, _ := b.f.Request(facts.Need{Kind: facts.NeedCertificates})
		f.Needs = append(f.Needs, needs...)
		return
	}
	f.ARNs = slices.DeleteFunc(f.ARNs, func(arn string) bool {
		c := b.f.Certificates[arn]
		if !c.Owned {
			return false
		}
		d := b.takesHost(i, c.Domains, nil, source)
		if d != nil {
			f.Problems = append(f.Problems, *d)
		}
		return d != nil
	})
}

// withoutLapsedOfOthers leaves out of certificates that stay on a listener those that no tag shows to be of the stack
// and that name hosts of others, as above: they may be former ones of others.
func (b *build) withoutLapsedOfOthers(i int, f *certificates.Found) {
	if len(f.Lapsed) == 0 || !b.guardsHosts(i) {
		return
	}
	f.Lapsed = slices.DeleteFunc(f.Lapsed, func(arn string) bool {
		return !slices.ContainsFunc(b.f.Own, func(o facts.OwnCertificate) bool { return o.ARN == arn }) &&
			b.takesHost(i, b.f.Listed[arn].Domains, nil, intent.Source{}) != nil
	})
}

// guardsHosts reports whether others may have hosts that certificates of member i must not name.
func (b *build) guardsHosts(i int) bool {
	return b.e.Key.Owner == stack.Ingress && b.group.Joinable && !b.deciders.Decides(b.members[i].Object.Namespace)
}

// issuedNames are the names of the certificate with an identity that serves already.
func (b *build) issuedNames(id string) []string {
	for _, o := range b.f.Own {
		if o.ID == id && o.Issued() {
			return o.Names
		}
	}
	return nil
}

// takesHost is the finding that clients of a host of others would get a certificate with some names; those that serve
// already are left out.
func (b *build) takesHost(i int, names, serving []string, source intent.Source) *diag.Diagnostic {
	for j := range b.members {
		other := &b.members[j]
		if other.Object.Namespace == b.members[i].Object.Namespace || other.State == quarantine.Rejected ||
			!b.group.Senior(j, i) {
			continue
		}
		for _, r := range other.Routes {
			for _, name := range names {
				if slices.Contains(serving, name) || !certifies(name, r.Conditions) {
					continue
				}
				d := diag.New(b.members[i].Object, source.Place(), diag.CertificateRefused,
					fmt.Sprintf("the certificate covers %s, so clients of %s would get it", name, other.Object),
					"use a certificate that covers only hosts of this object, or one that ACM issued, or move the object to "+
						"its own group").In(diag.Certificate)
				return &d
			}
		}
	}
	return nil
}

// certifies reports whether a client of some host of conditions may take a certificate with a name. A wildcard of a
// certificate is one label.
func certifies(name string, conditions []stack.Condition) bool {
	name = strings.ToLower(name)
	of := []stack.Condition{{Field: stack.HostHeader, Values: []string{name}}}
	for _, c := range conditions {
		if c.Field != stack.HostHeader {
			continue
		}
		for _, v := range c.Values {
			host := strings.ToLower(v)
			if !strings.ContainsAny(host, "*?") {
				if facts.Covers(name, host) {
					return true
				}
			} else if !overlap.Disjoint(of, []stack.Condition{{Field: stack.HostHeader, Values: []string{host}}}) {
				return true
			}
		}
		for _, expression := range c.Regex {
			if re, err := regexp.Compile(expression); err != nil || re.MatchString(strings.Replace(name, "*", "any", 1)) {
				return true
			}
		}
	}
	return false
}
