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

// guardedVersion is the present version of a member, or its last valid one.
type guardedVersion struct {
	member int
	last   bool
}

// guardedMember is a version of a member without the certificates that it may not have, and why.
type guardedMember struct {
	*intent.Member
	refused diag.List
}

// withoutRefused is a version of member i without the certificates for which there is no room, and without those that
// nobody has proved and that name hosts of members of other namespaces which joined before. What was imported before
// from a Secret stays in use.
func (b *build) withoutRefused(i int, m *intent.Member) guardedMember {
	version := guardedVersion{i, m != &b.members[i].Member}
	if known, ok := b.guarded[version]; ok {
		return known
	}
	out := guardedMember{Member: m}
	guards := b.guardsHosts(i)
	if len(m.Certificates) > 0 && (guards || len(b.refusedCertificates) > 0) {
		with := *m
		with.Certificates = slices.DeleteFunc(slices.Clone(m.Certificates), func(c intent.Certificate) bool {
			return b.refusedCertificates[c.ID]
		})
		for n := range with.Certificates {
			c := &with.Certificates[n]
			if !guards || c.Broken || c.Import == nil && c.Authority == "" {
				continue
			}
			if d := b.takesHost(i, c.Names, b.issuedNames(c.ID), c.Source); d != nil {
				c.Broken = true
				out.refused = append(out.refused, *d)
			}
		}
		out.Member = &with
	}
	b.guarded[version] = out
	return out
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
		return b.finder.OwnARN(arn) == nil && b.takesHost(i, b.f.Listed[arn].Domains, nil, intent.Source{}) != nil
	})
}

// guardsHosts reports whether others may have hosts that certificates of member i must not name.
func (b *build) guardsHosts(i int) bool {
	return b.e.Key.Owner == stack.Ingress && b.group.Joinable && !b.deciders.Decides(b.members[i].Object.Namespace)
}

// issuedNames are the names of the certificate with an identity that serves already.
func (b *build) issuedNames(id string) []string {
	for _, o := range b.finder.Own(id) {
		if o.ID == id && o.Issued() {
			return o.Names
		}
	}
	return nil
}

// takesHost is the finding that clients of a host of others would get a certificate with some names; those that serve
// already are left out.
func (b *build) takesHost(i int, names, serving []string, source intent.Source) *diag.Diagnostic {
	if b.hosts == nil {
		b.hosts = b.indexHosts()
	}
	serves := facts.Names{}
	serves.Add(serving...)
	for _, name := range names {
		if serves[name] {
			continue
		}
		j := b.hosts.find(strings.ToLower(name), func(j int) bool {
			return b.members[j].Object.Namespace != b.members[i].Object.Namespace && b.group.Senior(j, i)
		})
		if j < 0 {
			continue
		}
		d := diag.New(b.members[i].Object, source.Place(), diag.CertificateRefused,
			fmt.Sprintf("the certificate covers %s, so clients of %s would get it", name, b.members[j].Object),
			"use a certificate that covers only hosts of this object, or one that ACM issued, or move the object to "+
				"its own group").In(diag.Certificate)
		return &d
	}
	return nil
}

// hostIndex finds the members that serve a host whose clients may take a certificate with a name. Of the members of a
// namespace that serve a host, it has the one that joined first.
type hostIndex struct {
	names    map[string][]int // by the names of certificates for hosts without wildcards: the host, or its wildcard
	patterns []hostPattern
}

// hostPattern is a host with wildcards, or a regular expression.
type hostPattern struct {
	text       string
	head, tail string // what is in front of the first wildcard, and behind the last one
	regex      bool
	expression *regexp.Regexp // nil = it is malformed, and may match anything
	members    []int
}

// indexHosts makes the index of the hosts that all members serve.
func (b *build) indexHosts() *hostIndex {
	x := &hostIndex{names: map[string][]int{}}
	places := map[string]int{} // in patterns
	pattern := func(j int, key string, make func() hostPattern) {
		at, known := places[key]
		if !known {
			at = len(x.patterns)
			places[key], x.patterns = at, append(x.patterns, make())
		}
		x.patterns[at].members = b.withSenior(x.patterns[at].members, j)
	}
	for j := range b.members {
		if b.members[j].State == quarantine.Rejected {
			continue
		}
		for _, r := range b.members[j].Routes {
			for _, c := range r.Conditions {
				if c.Field != stack.HostHeader {
					continue
				}
				for _, v := range c.Values {
					host := strings.ToLower(v)
					if strings.ContainsAny(host, "*?") {
						pattern(j, host, func() hostPattern { return wildHost(host) })
						continue
					}
					x.names[host] = b.withSenior(x.names[host], j)
					if wild, ok := facts.Wildcard(host); ok {
						x.names[wild] = b.withSenior(x.names[wild], j)
					}
				}
				for _, e := range c.Regex {
					pattern(j, "regex "+e, func() hostPattern { return hostExpression(e) })
				}
			}
		}
	}
	return x
}

// withSenior adds a member to a list that has one of each namespace: the one that joined first.
func (b *build) withSenior(members []int, j int) []int {
	at := slices.IndexFunc(members, func(o int) bool {
		return b.members[o].Object.Namespace == b.members[j].Object.Namespace
	})
	switch {
	case at < 0:
		return append(members, j)
	case members[at] != j && b.group.Senior(j, members[at]):
		members[at] = j
	}
	return members
}

func wildHost(host string) hostPattern {
	return hostPattern{text: host, head: host[:strings.IndexAny(host, "*?")],
		tail: host[strings.LastIndexAny(host, "*?")+1:]}
}

func hostExpression(expression string) hostPattern {
	re, err := regexp.Compile(expression)
	if err != nil {
		re = nil
	}
	return hostPattern{regex: true, expression: re}
}

// find returns a member that serves a host whose clients may take a certificate with a name, in lower case; -1 = none.
func (x *hostIndex) find(name string, counts func(member int) bool) int {
	among := func(members []int) int {
		if at := slices.IndexFunc(members, counts); at >= 0 {
			return members[at]
		}
		return -1
	}
	if j := among(x.names[name]); j >= 0 {
		return j
	}
	for n := range x.patterns {
		p := &x.patterns[n]
		if !p.mayMeet(name) {
			continue
		}
		if j := among(p.members); j >= 0 && p.meets(name) {
			return j
		}
	}
	return -1
}

// mayMeet reports cheaply that a pattern may meet a name, as few of thousands do.
func (p *hostPattern) mayMeet(name string) bool {
	if p.regex {
		return true
	}
	if parent, wild := strings.CutPrefix(name, "*"); wild {
		return strings.HasSuffix(parent, p.tail) || strings.HasSuffix(p.tail, parent)
	}
	return strings.HasPrefix(name, p.head) && strings.HasSuffix(name, p.tail)
}

// meets reports whether a client of some host of a pattern may take a certificate with a name. Unlike in a certificate,
// a wildcard of a host may be several labels.
func (p *hostPattern) meets(name string) bool {
	if p.regex {
		return p.expression == nil || p.expression.MatchString(strings.Replace(name, "*", "any", 1))
	}
	host := func(value string) []stack.Condition {
		return []stack.Condition{{Field: stack.HostHeader, Values: []string{value}}}
	}
	return !overlap.Disjoint(host(name), host(p.text))
}
