package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/certificates"
	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// gathered are the certificates of a port.
type gathered struct {
	arns     []string
	source   intent.Source // of the default one
	lapsed   []string      // expired ones that the listener has, not as its default; AWS makes none the default
	unread   bool          // a look-up failed
	asked    bool          // a member that counts is on the port
	defaults []merge.Owned[string]
	wrong    map[int]diag.List // by member
	lacking  map[int][]string  // hosts that no certificate covers, by member
	sources  map[string]intent.Source
}

// certificates is the ordered union of the members' certificates on a port. The first is the listener's default one,
// for clients that name no host, or a host that no certificate covers. A member whose certificates are not known has
// its last valid ones. Without any certificate the listener cannot be created. If a look-up failed, unread is true: the
// listener may have more certificates.
func (b *build) certificates(p *port) (_ []string, _ intent.Source, unread bool) {
	c := gathered{wrong: map[int]diag.List{}, lacking: map[int][]string{}, sources: map[string]intent.Source{}}
	before := len(b.needs)
	for n, i := range p.members {
		if b.members[i].State != quarantine.Rejected {
			b.addCertificates(&c, p, n)
		}
	}
	// The listener's default is the one in effect. Other certificates are no conflict, because all are attached.
	setting := fmt.Sprintf("default-certificate@%d", p.number)
	if c.unread { // it may be that of a member whose certificates are not known
		b.group.Carry(setting)
	} else if i := merge.First(&b.group, c.defaults, setting, p.members, b.existsDefault(p)); i > 0 {
		c.arns, c.source = append([]string{c.defaults[i].Value}, c.arns...), c.defaults[i].Source
	}
	if len(c.arns) > 0 {
		c.arns = append(c.arns, c.lapsed...)
	}
	c.arns = certificates.Unique(c.arns)
	if len(b.needs) > before {
		return nil, c.source, c.unread
	}
	b.regathered(&c, p)
	b.noteNotCovered(&c, p)
	if len(c.defaults) > 1 {
		each := make(map[string]intent.Source, len(c.sources))
		for arn, s := range c.sources {
			each["Certificates["+arn+"]"] = s
		}
		b.trace(stack.KindListener, naming.ListenerID(p.number), nil, each)
	}
	if len(c.arns) == 0 && len(c.wrong) == 0 && c.asked {
		b.noteUncertified(p)
	}
	return c.arns, c.source, c.unread
}

// existsDefault reports whether a certificate is the default one of the listener that exists.
func (b *build) existsDefault(p *port) func(arn string) bool {
	return func(arn string) bool {
		return b.existsOnListener(p, func(l stack.Listener) bool {
			return len(l.Certificates) > 0 && l.Certificates[0] == arn
		})
	}
}

// addCertificates adds those of the member at a place of the port.
func (b *build) addCertificates(c *gathered, p *port, at int) {
	i, l := p.members[at], p.listeners[at]
	c.asked = true
	found := b.findCertificates(i, &b.members[i].Member, l)
	for _, d := range found.Notes {
		b.note(i, d)
	}
	arns, lapsed := found.ARNs, found.Lapsed
	c.unread = c.unread || found.Unread
	if l.NoneUsable && (len(l.DiscoverFirst) == 0 || len(arns) == 0) {
		found.Problems = append(found.Problems, diag.New(b.members[i].Object, l.Source.Place(), diag.InvalidSecret,
			"tls.certificateRefs names no certificate that can be used",
			"correct it, or "+certificates.Naming(b.e.Key.Owner)).In(diag.Certificate))
	}
	if len(found.Problems) > 0 {
		c.wrong[i], c.lacking[i] = found.Problems, found.Uncovered
		if was, last, ok := b.lastCertificates(i, p); ok && found.Problems.HasErrors() && !onlyNew(&found, &l, &was) {
			arns, lapsed = last.ARNs, last.Lapsed
			b.certified[memberPort{i, p.number}] = was
			if l.NoneUsable {
				c.wrong[i][len(c.wrong[i])-1].Text += fmt.Sprintf("; port %d keeps the certificates that it had", p.number)
			}
		}
	}
	if at := slices.IndexFunc(lapsed, b.existsDefault(p)); at >= 0 && len(arns) == 0 {
		arns, lapsed = []string{lapsed[at]}, slices.Delete(slices.Clone(lapsed), at, at+1)
	}
	s := l.Certificates.Source
	if len(arns) > 0 {
		if len(c.defaults) == 0 {
			c.source = s
		}
		c.defaults = append(c.defaults, merge.Of(i, intent.Of(arns[0], s)))
	}
	c.arns, c.lapsed = append(c.arns, arns...), append(c.lapsed, lapsed...)
	if s == (intent.Source{}) {
		s = intent.At(b.members[i].Object, "") // found for its hosts
	}
	for _, arn := range slices.Concat(arns, lapsed) {
		brought := portCertificate{p.number, arn}
		if _, known := b.certificateOf[brought]; !known {
			b.certificateOf[brought] = i
		}
		if _, known := c.sources[arn]; !known {
			c.sources[arn] = s
		}
		b.broughtBy[brought] = appendOnce(b.broughtBy[brought], b.members[i].Object.Namespace)
	}
}

// regathered reports what is wrong with certificates of a port, and what it costs.
func (b *build) regathered(c *gathered, p *port) {
	consequence, without := "", int32(0)
	if c.unread && len(c.arns) > 0 {
		consequence = fmt.Sprintf("; %s listener %d keeps its current certificates until the look-up succeeds",
			p.protocol, p.number)
	}
	if len(c.arns) == 0 {
		consequence, without = untilThen(p), p.number
	}
	for n, i := range p.members {
		hosts := b.withoutOwned(c, c.lacking[i])
		b.reportToSets(p, n, hosts, func(host string) diag.Diagnostic {
			return diag.New(diag.Object{}, "", diag.CertificateNotFound, certificates.NotFound([]string{host})+consequence,
				"request or import a certificate for the host in ACM, in the load balancer's region, or "+
					certificates.Naming(b.e.Key.Owner))
		})
		lacking := b.lackingOfRoutes(p, i, hosts)
		lacking.report(b, c, p, i)
		for _, d := range c.wrong[i] {
			if d.Code == diag.CertificateNotFound && len(c.arns) > 0 &&
				(len(lacking.ofRoutes) > 0 || len(hosts) < len(c.lacking[i])) {
				if len(lacking.own) == 0 {
					continue
				}
				d.Text = certificates.NotFound(lacking.own)
			}
			d.Text += consequence
			d.Port = without
			b.note(i, d)
		}
	}
}

// untilThen says what happens to a secure port while it has no certificate.
func untilThen(p *port) string {
	return unfixed + fmt.Sprintf("the controller does not create or change the %s listener on port %d",
		p.protocol, p.number)
}

// noteUncertified reports that a port has no certificate although nothing is wrong with any.
func (b *build) noteUncertified(p *port) {
	consequence := untilThen(p)
	for n, i := range p.members {
		m := &b.members[i]
		if len(p.listeners[n].Owned) > 0 { // why none of these can be used is among the member's findings
			b.reportToRoutes(p, &m.Member, p.listeners[n].Owned)
			continue
		}
		if b.e.FixedPorts && m.Authority == intent.RoutesOnly { // the certificates are the Gateway's
			continue
		}
		d := diag.New(m.Object, "", diag.CertificateNotFound,
			fmt.Sprintf("%s port %d has no certificate: none is named and there are no hosts to find one for%s", p.protocol,
				p.number, consequence),
			certificates.Naming(b.e.Key.Owner)+", or give "+certificates.Hosts(b.e.Key.Owner)+
				" that an issued certificate covers")
		d.Port = p.number
		b.note(i, d)
		for _, l := range p.listeners[n].OfSets {
			d.Object, d.Path = l.Source.Object(), l.Source.Path()
			b.note(i, d)
		}
	}
}

// reportToSets reports to the ListenerSets which hostnames of a member's listeners on a port lack a certificate.
// said returns the finding about one hostname.
func (b *build) reportToSets(p *port, at int, hosts []string, said func(host string) diag.Diagnostic) {
	if len(p.listeners[at].OfSets) == 0 {
		return
	}
	lacking := slices.Sorted(slices.Values(hosts))
	for _, l := range p.listeners[at].OfSets {
		if _, is := slices.BinarySearch(lacking, l.Host); is {
			d := said(l.Host)
			d.Object, d.Path = l.Source.Object(), l.Source.Path()+".hostname"
			b.note(p.members[at], d)
		}
	}
}

// lastCertificates are the certificates of the last valid version of a member on the port, and its listener.
func (b *build) lastCertificates(i int, p *port) (was intent.Listener, found certificates.Found, ok bool) {
	last, ok := b.past.Good[b.members[i].Object]
	if !ok || b.members[i].State != quarantine.Current {
		return was, found, false
	}
	for _, l := range last.Listeners {
		if l.Port == p.number && l.Protocol == p.protocol {
			found := b.findCertificates(i, last, l)
			return l, found, len(found.ARNs)+len(found.Lapsed) > 0 && onlyUncovered(found.Problems)
		}
	}
	return was, found, false
}

// onlyNew reports whether nothing is wrong with the certificates of a listener but that hosts lack one, and it declares
// them as the last valid version did. Other hosts, perhaps of others, then have theirs.
func onlyNew(found *certificates.Found, now, was *intent.Listener) bool {
	return len(found.ARNs) > 0 && onlyUncovered(found.Problems) && !was.Certificates.Set &&
		!slices.ContainsFunc(was.Owned, func(id string) bool { return !slices.Contains(now.Owned, id) })
}

// onlyUncovered reports whether findings say nothing but that hosts lack a certificate.
func onlyUncovered(found diag.List) bool {
	return !slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return d.Class != diag.Note && d.Code != diag.CertificateNotFound
	})
}

// remembered is the version of member i to remember instead of its last good one. Where certificates are wrong, it has
// those that serve: what else the version declares is served, and a later edit must not end it. ok is false if a
// certificate is refused, which must not seem to have been in use later.
func (b *build) remembered(i int, version, last intent.Member) (_ intent.Member, ok bool) {
	if !version.Diagnostics.HasErrors() {
		return version, true
	}
	if slices.ContainsFunc(version.Diagnostics, func(d diag.Diagnostic) bool {
		return slices.Contains([]diag.Code{diag.CertificateRefused, diag.SecretRefused, diag.InvalidCACertificate}, d.Code)
	}) {
		return last, false
	}
	had := make(map[string]intent.Certificate, len(last.Certificates))
	for _, c := range last.Certificates {
		had[c.ID] = c
	}
	version.Listeners, version.Certificates = slices.Clone(version.Listeners), slices.Clone(version.Certificates)
	for n, c := range version.Certificates {
		if was, known := had[c.ID]; known && c.Broken {
			version.Certificates[n] = was
		}
		delete(had, c.ID)
	}
	for n := range version.Listeners {
		l := &version.Listeners[n]
		was, wrong := b.certified[memberPort{i, l.Port}]
		if !wrong {
			continue
		}
		l.Certificates, l.Owned, l.DiscoverFirst, l.DiscoverHosts = was.Certificates, was.Owned, was.DiscoverFirst,
			was.DiscoverHosts
		for _, id := range l.Owned {
			if c, gone := had[id]; gone {
				version.Certificates = append(version.Certificates, c)
				delete(had, id)
			}
		}
	}
	return version, true
}

// findCertificates finds the certificates of a listener of a version of member i, and adds those that the stack owns to
// it.
func (b *build) findCertificates(i int, m *intent.Member, l intent.Listener) certificates.Found {
	version := b.withoutRefused(i, m)
	found := b.finder.Find(version.Member, l)
	if found.Problems = append(found.Problems, version.refused...); l.Certificates.Set {
		b.withoutImportsOfOthers(i, &found, l.Certificates.Source)
	}
	b.withoutLapsedOfOthers(i, &found)
	b.require(found.Needs...)
	if found.OwnUnknown {
		b.keepAll(stack.KindCertificate)
	}
	for _, c := range found.Own {
		b.ownCertificate(i, c)
	}
	return found
}

// ownCertificate adds a certificate to the stack, once.
func (b *build) ownCertificate(i int, c intent.Certificate) {
	if !b.ownedIDs[c.ID] {
		b.ownedIDs[c.ID] = true
		user, sources := keyed(b, merge.Setting[string]{Name: "certificate-tag", What: "tag", Among: []int{i}},
			nil, b.userTags)
		w := stack.Certificate{ID: c.ID, Domain: c.Names[0], Names: c.Names, Authority: c.Authority, Import: c.Import,
			Tags: b.tags(user, c.ID), Namespace: b.members[i].Object.Namespace}
		if c.Import != nil {
			w.Tags[naming.ContentTag] = c.Import.Hash
		}
		b.certificatesOwned = append(b.certificatesOwned, w)
		b.traceKeys(stack.KindCertificate, c.ID, "Tags", sources)
	}
	b.trace(stack.KindCertificate, c.ID, []int{i}, map[string]intent.Source{"Certificates": c.Source})
}

// keepAll keeps all resources of a kind that the stack owns, because it is not known which of them are wanted.
func (b *build) keepAll(kind stack.Kind) {
	b.keep.Resources = appendOnce(b.keep.Resources, stack.Ref{Kind: kind})
}

// keepOfLeftOut keeps the certificates and trust stores while a member is left out: some may be its own. Routes have
// none.
func (b *build) keepOfLeftOut() {
	for i := range b.members {
		m := &b.members[i]
		if b.cfg.OwnCertificates && m.State.LeftOut() {
			b.keepAll(stack.KindCertificate)
		}
		if owner := b.e.Key.Owner; owner == stack.GatewayALB && m.State.LeftOut() && m.Authority != intent.RoutesOnly {
			b.keepAll(stack.KindTrustStore)
		}
	}
}
