package compile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/certificates"
	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// A load balancer chooses among all certificates of a listener by the name that a client asks for, and prefers those of
// stronger keys. So a certificate of one member may take the place of another member's for the same host. ACM and
// public authorities prove who has a name. A Secret and a private authority prove nothing. A host belongs to who had it
// first: what an edit adds is newer than all that others have, however old the member is.

// withoutHostsOfOthers is a version of member i without the certificates that nobody has proved and that name hosts
// which members of other namespaces had before. What was imported before from a Secret stays in use.
func (b *build) withoutHostsOfOthers(i int, m *intent.Member) (*intent.Member, diag.List) {
	if !b.guardsHosts(i) {
		return m, nil
	}
	var found diag.List
	out := *m
	out.Certificates = slices.Clone(m.Certificates)
	had := b.lastNames(i)
	for n := range out.Certificates {
		c := &out.Certificates[n]
		if c.Broken || c.Import == nil && c.Authority == "" {
			continue
		}
		serving := b.issuedNames(c.ID)
		names := slices.DeleteFunc(slices.Clone(c.Names), func(name string) bool {
			return had[name] || slices.Contains(serving, name)
		})
		if d := b.takesHost(i, names, b.edited(i), c.Source); d != nil {
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
		for _, arn := range f.ARNs {
			b.group.Carry(b.acceptedNames(i, arn))
		}
		return
	}
	f.ARNs = slices.DeleteFunc(f.ARNs, func(arn string) bool {
		c := b.f.Certificates[arn]
		if !c.Owned {
			return false
		}
		names, edited := c.Domains, b.edited(i)
		if last, known := b.group.Last(b.acceptedNames(i, arn)); known && last.Value != "" {
			had := strings.Fields(last.Value) // its owner may have imported another one since
			names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(had, name) })
		} else if b.lastNamed(i, arn) {
			edited = false
		}
		d := b.takesHost(i, names, edited, source)
		if d != nil {
			f.Problems = append(f.Problems, *d)
			b.group.Carry(b.acceptedNames(i, arn))
			return true
		}
		b.group.NewEffect[b.acceptedNames(i, arn)] = merge.Effect{Value: setText(c.Domains)}
		return false
	})
}

// acceptedNames is the name in Memory.Effect of the names of a certificate that member i names by its ARN: those that
// the certificate had when it was last used.
func (b *build) acceptedNames(i int, arn string) string {
	return "certificate-names/" + b.members[i].Object.String() + "/" + arn
}

// withoutLapsedOfOthers leaves out of certificates that stay on a listener those that no tag shows to be of the stack
// and that name hosts of others, as above: they may be former ones of others.
func (b *build) withoutLapsedOfOthers(i int, f *certificates.Found) {
	if len(f.Lapsed) == 0 || !b.guardsHosts(i) {
		return
	}
	f.Lapsed = slices.DeleteFunc(f.Lapsed, func(arn string) bool {
		return !slices.ContainsFunc(b.f.Own, func(o facts.OwnCertificate) bool { return o.ARN == arn }) &&
			b.takesHost(i, b.f.Listed[arn].Domains, false, intent.Source{}) != nil
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

// lastAccepted is the last good version of member i, if its certificates were used.
func (b *build) lastAccepted(i int) (last intent.Member, ok bool) {
	last, ok = b.past.Good[b.members[i].Object]
	return last, ok && !slices.ContainsFunc(last.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Code == diag.CertificateRefused
	})
}

// lastNames are the names of certificates that member i brought before and that nobody has proved.
func (b *build) lastNames(i int) map[string]bool {
	last, ok := b.lastAccepted(i)
	names := map[string]bool{}
	for _, c := range last.Certificates {
		for _, name := range c.Names {
			names[name] = names[name] || ok && (c.Import != nil || c.Authority != "")
		}
	}
	return names
}

// lastNamed reports whether member i named a certificate before by its ARN.
func (b *build) lastNamed(i int, arn string) bool {
	last, ok := b.lastAccepted(i)
	return ok && slices.ContainsFunc(last.Listeners, func(l intent.Listener) bool {
		return slices.Contains(l.Certificates.Value, arn)
	})
}

// edited reports whether what member i did not have before comes from an edit. Without memory, it is as old as the
// member.
func (b *build) edited(i int) bool {
	_, known := b.past.Good[b.members[i].Object]
	return known
}

// takesHost is the finding that clients of a host of others would get a certificate of member i for some names. The
// others had the host before: they joined earlier, or an edit adds the names, and member i did not serve the host.
func (b *build) takesHost(i int, names []string, edited bool, source intent.Source) *diag.Diagnostic {
	if len(names) == 0 {
		return nil
	}
	served := map[string]bool{}
	for j := range b.members {
		other := &b.members[j]
		senior := b.group.Senior(j, i)
		if other.Object.Namespace == b.members[i].Object.Namespace || other.State == quarantine.Rejected ||
			!edited && !senior {
			continue
		}
		for _, r := range other.Routes {
			for _, name := range names {
				hosts := coveredHosts(name, r.Conditions)
				if len(hosts) == 0 || !senior && b.servedAll(i, hosts, served) {
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

// servedAll reports whether the last version of member i served hosts. known has what was found before, by host.
func (b *build) servedAll(i int, hosts []string, known map[string]bool) bool {
	return !slices.ContainsFunc(hosts, func(host string) bool {
		if _, met := known[host]; !met {
			known[host] = b.served(i, host)
		}
		return !known[host]
	})
}

// served reports whether the last version of member i served a host, or exactly the hosts of a pattern.
func (b *build) served(i int, host string) bool {
	pattern := strings.ContainsAny(host, overlap.Wildcards)
	return slices.ContainsFunc(b.past.Good[b.members[i].Object].Routes, func(r intent.Route) bool {
		if !pattern {
			return len(coveredHosts(host, r.Conditions)) > 0
		}
		return slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool {
			return c.Field == stack.HostHeader && slices.ContainsFunc(c.Values, func(v string) bool {
				return strings.EqualFold(v, host)
			})
		})
	})
}

// coveredHosts are the hosts of conditions whose clients may take a certificate with a name: for a pattern, the name. A
// wildcard of a certificate is one label.
func coveredHosts(name string, conditions []stack.Condition) (hosts []string) {
	name = strings.ToLower(name)
	of := []stack.Condition{{Field: stack.HostHeader, Values: []string{name}}}
	for _, c := range conditions {
		if c.Field != stack.HostHeader {
			continue
		}
		for _, v := range c.Values {
			host := strings.ToLower(v)
			if !strings.ContainsAny(host, overlap.Wildcards) {
				if facts.Covers(name, host) {
					hosts = append(hosts, host)
				}
			} else if !overlap.Disjoint(of, []stack.Condition{{Field: stack.HostHeader, Values: []string{host}}}) {
				hosts = append(hosts, name)
			}
		}
		for _, expression := range c.Regex {
			if re, err := regexp.Compile(expression); err != nil || re.MatchString(strings.Replace(name, "*", "any", 1)) {
				hosts = append(hosts, name)
			}
		}
	}
	return hosts
}
