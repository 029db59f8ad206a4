package compile

import (
	"fmt"
	"regexp"
	"regexp/syntax"
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
// nobody has proved and that name hosts which members of other namespaces had before. What was imported before from a
// Secret stays in use.
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
		var had map[string]bool
		if guards {
			had = b.lastNames(i)
		}
		for n := range with.Certificates {
			c := &with.Certificates[n]
			if !guards || c.Broken || c.Import == nil && c.Authority == "" {
				continue
			}
			serving := facts.Names{}
			serving.Add(b.issuedNames(c.ID)...)
			names := slices.DeleteFunc(slices.Clone(c.Names), func(name string) bool { return had[name] || serving[name] })
			if d := b.takesHost(i, names, b.edited(i), c.Source); d != nil {
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
		return b.finder.OwnARN(arn) == nil && b.takesHost(i, b.f.Listed[arn].Domains, false, intent.Source{}) != nil
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

// lastAccepted is the last valid version of member i, if its certificates were used.
func (b *build) lastAccepted(i int) (last intent.Member, ok bool) {
	last, ok = b.past.Good.Of(b.members[i].Object)
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
	if b.hosts == nil {
		b.hosts = b.indexHosts()
	}
	other := func(j int) bool { return b.members[j].Object.Namespace != b.members[i].Object.Namespace }
	senior := func(j int) bool { return other(j) && b.group.Senior(j, i) }
	served := map[string]bool{}
	newer := func(host string) func(j int) bool {
		return func(j int) bool { return other(j) && !b.served(i, host, served) }
	}
	for _, name := range names {
		j := b.hosts.find(strings.ToLower(name), senior)
		if j < 0 && edited {
			j = b.hosts.findEach(strings.ToLower(name), newer)
		}
		if j < 0 {
			continue
		}
		d := diag.New(b.members[i].Object, source.Place(), diag.CertificateRefused,
			fmt.Sprintf("the certificate also covers %s, a host of %s on the same load balancer; the controller does not use "+
				"this certificate, because clients of that host would get it", name, b.members[j].Object),
			"use a certificate that covers only hosts of this object, or a certificate that ACM issued, or move the object to "+
				"its own group").In(diag.Certificate)
		return &d
	}
	return nil
}

// served reports whether the last version of member i served a host, or exactly the hosts of a pattern. known has what
// was found before, by host.
func (b *build) served(i int, host string, known map[string]bool) bool {
	if served, met := known[host]; met {
		return served
	}
	last, _ := b.past.Good.Of(b.members[i].Object)
	known[host] = slices.ContainsFunc(last.Routes, func(r intent.Route) bool {
		return slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool { return b.servesHost(c, host) })
	})
	return known[host]
}

// servesHost reports whether a condition admits a host, or names exactly a pattern of hosts.
func (b *build) servesHost(c stack.Condition, host string) bool {
	if c.Field != stack.HostHeader {
		return false
	}
	pattern := strings.ContainsAny(host, overlap.Wildcards)
	return slices.ContainsFunc(c.Values, func(v string) bool {
		v = strings.ToLower(v)
		if pattern || !strings.ContainsAny(v, overlap.Wildcards) {
			return v == host
		}
		p := wildHost(v)
		return p.mayMeet(host) && p.meets(host)
	}) || !pattern && slices.ContainsFunc(c.Regex, func(e string) bool {
		p := b.hostExpression(e)
		return p.expression != nil && p.meets(host)
	})
}

// hostIndex finds the members that serve a host whose clients may take a certificate with a name. Of the members of a
// namespace that serve a host, it has the one that joined first.
type hostIndex struct {
	names    map[string][]int    // by the names of certificates for hosts without wildcards: the host, or its wildcard
	under    map[string][]string // hosts without wildcards, by their wildcard
	patterns []hostPattern
}

// hostPattern is a host with wildcards, or a regular expression.
type hostPattern struct {
	text       string
	head, tail string // what is in front of the first wildcard, and behind the last one
	regex      bool
	expression *regexp.Regexp // nil = it is malformed, or not compiled, and may match anything
	end        string         // of an expression: the literal text with which all its hosts end
	whole      bool           // they have no other text
	members    []int
}

// indexHosts makes the index of the hosts that all members serve.
func (b *build) indexHosts() *hostIndex {
	x := &hostIndex{names: map[string][]int{}, under: map[string][]string{}}
	places := map[string]int{} // in patterns
	pattern := func(j int, key string, create func() hostPattern) {
		at, known := places[key]
		if !known {
			at = len(x.patterns)
			places[key], x.patterns = at, append(x.patterns, create())
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
					if strings.ContainsAny(host, overlap.Wildcards) {
						pattern(j, host, func() hostPattern { return wildHost(host) })
						continue
					}
					wild, ok := facts.Wildcard(host)
					if ok && len(x.names[host]) == 0 {
						x.under[wild] = append(x.under[wild], host)
					}
					if ok {
						x.names[wild] = b.withSenior(x.names[wild], j)
					}
					x.names[host] = b.withSenior(x.names[host], j)
				}
				for _, e := range c.Regex {
					pattern(j, "regex "+e, func() hostPattern { return b.hostExpression(e) })
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
	return hostPattern{text: host, head: host[:strings.IndexAny(host, overlap.Wildcards)],
		tail: host[strings.LastIndexAny(host, overlap.Wildcards)+1:]}
}

// Regular expressions of hosts that are compiled: more of them, and larger ones, take long to compare with the names of
// certificates. AWS allows 100 rules by default.
const (
	mostExpressions = 100
	largeExpression = 500 // about as many steps
)

// hostExpression is the pattern of a regular expression.
func (b *build) hostExpression(expression string) hostPattern {
	if p, known := b.expressions[expression]; known {
		return p
	}
	p := hostPattern{regex: true}
	parsed, err := overlap.Parse(strings.Replace(expression, "(:[0-9]+)?$", "$", 1))
	if err == nil && parsed != nil {
		p.end, p.whole = literalEnd(parsed)
		if len(b.expressions) < mostExpressions && overlap.Steps(parsed) <= largeExpression {
			p.expression, _ = regexp.Compile(expression) // nil if it is malformed
		}
	}
	if b.expressions == nil {
		b.expressions = map[string]hostPattern{}
	}
	b.expressions[expression] = p
	return p
}

// literalEnd is the literal text with which all hosts of an expression end; whole: they have no other.
func literalEnd(re *syntax.Regexp) (end string, whole bool) {
	n := len(re.Sub)
	if re.Op != syntax.OpConcat || n < 2 || re.Sub[n-1].Op != syntax.OpEndText || re.Sub[n-2].Op != syntax.OpLiteral {
		return "", false
	}
	return strings.ToLower(string(re.Sub[n-2].Rune)), n == 3 && re.Sub[0].Op == syntax.OpBeginText
}

// find returns a member that serves a host whose clients may take a certificate with a name, in lower case; -1 = none.
func (x *hostIndex) find(name string, counts func(member int) bool) int {
	if j := firstOf(x.names[name], counts); j >= 0 {
		return j
	}
	return x.findPattern(name, counts)
}

// findEach is find where the host decides which members count: of hosts with wildcards, the name stands for the host.
func (x *hostIndex) findEach(name string, counting func(host string) func(member int) bool) int {
	hosts := x.under[name]
	if !strings.HasPrefix(name, "*") {
		hosts = []string{name}
	}
	for _, host := range hosts {
		if j := firstOf(x.names[host], counting(host)); j >= 0 {
			return j
		}
	}
	return x.findPattern(name, counting(name))
}

// findPattern is find among hosts with wildcards and regular expressions.
func (x *hostIndex) findPattern(name string, counts func(member int) bool) int {
	for n := range x.patterns {
		p := &x.patterns[n]
		if !p.mayMeet(name) {
			continue
		}
		if j := firstOf(p.members, counts); j >= 0 && p.meets(name) {
			return j
		}
	}
	return -1
}

// firstOf is the first of members that counts; -1 = none.
func firstOf(members []int, counts func(member int) bool) int {
	if at := slices.IndexFunc(members, counts); at >= 0 {
		return members[at]
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
	parent, wild := strings.CutPrefix(name, "*")
	switch {
	case p.regex && wild:
		label, under := strings.CutSuffix(p.end, parent)
		return under && label != "" && !strings.Contains(label, ".") || !p.whole && strings.HasSuffix(parent, p.end)
	case p.regex && p.whole:
		return name == p.end
	case p.regex:
		return p.expression == nil || p.expression.MatchString(name)
	}
	host := func(value string) []stack.Condition {
		return []stack.Condition{{Field: stack.HostHeader, Values: []string{value}}}
	}
	return !overlap.Disjoint(host(name), host(p.text))
}
