package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/certificates"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// uncovered are the hosts of a Gateway's listener that no certificate covers. Its author can mend those of its
// listeners; the hosts of routes are their authors'.
type uncovered struct {
	own      []string // of no route
	ofRoutes []routeHosts
}

// routeHosts are hosts of the route of a member.
type routeHosts struct {
	member int
	hosts  []string
}

// lackingOfRoutes separates the hosts without a certificate that the Gateway, member i, has on a port.
func (b *build) lackingOfRoutes(p *port, i int, hosts []string) (out uncovered) {
	if !b.e.FixedPorts || b.members[i].Authority == intent.RoutesOnly || len(hosts) == 0 {
		return uncovered{own: hosts}
	}
	among, found := facts.Names{}, map[string]bool{}
	among.Add(hosts...)
	for _, j := range p.members {
		m := &b.members[j]
		if m.Authority != intent.RoutesOnly {
			continue
		}
		if of := servedHosts(&m.Member, p.number, among); len(of) > 0 {
			out.ofRoutes = append(out.ofRoutes, routeHosts{j, of})
			for _, h := range of {
				found[h] = true
			}
		}
	}
	for _, h := range hosts {
		if !found[h] {
			out.own = append(out.own, h)
		}
	}
	return out
}

// withoutOwned drops the hosts that an attached certificate of the stack covers, whichever member declares it:
// cert-manager's Ingress for a challenge names the host of another one, whose Secret is imported.
func (b *build) withoutOwned(c *gathered, hosts []string) []string {
	if len(hosts) == 0 {
		return nil
	}
	attached := facts.Names{}
	for _, arn := range c.arns {
		if own := b.finder.OwnARN(arn); own != nil && own.Issued() {
			attached.Add(own.Names...)
		}
	}
	return slices.DeleteFunc(slices.Clone(hosts), attached.Cover)
}

// servedHosts returns the hosts that a member serves on a port.
func servedHosts(m *intent.Member, port int32, among facts.Names) (out []string) {
	for i := range m.Listeners {
		if l := &m.Listeners[i]; l.Port == port {
			for _, h := range l.Hosts {
				if among[h] {
					out = append(out, h)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// report reports to the routes which of their hosts have no certificate, and the Gateway that some have none.
func (u *uncovered) report(b *build, c *gathered, p *port, gateway int) {
	if len(u.ofRoutes) == 0 {
		return
	}
	consequence := fmt.Sprintf("; at the %s listener on port %d, clients of a host without certificate get the "+
		"certificate of another host", p.protocol, p.number)
	if len(c.arns) == 0 {
		consequence = untilThen(p)
	}
	var whose []string
	for _, r := range u.ofRoutes {
		o := b.members[r.member].Object
		b.note(r.member, diag.New(o, "spec.hostnames", diag.CertificateNotFound, certificates.NotFound(r.hosts)+consequence,
			"request or import a certificate for this host in ACM, in the region of the load balancer, or name one "+
				"on the Gateway"))
		whose = append(whose, fmt.Sprintf("%s of %s", strings.Join(r.hosts, ", "), o))
	}
	if len(c.arns) == 0 { // the Gateway's own finding says it
		return
	}
	o := b.members[gateway].Object
	b.note(gateway, diag.New(o, "spec.listeners", diag.HostWithoutCertificate,
		"no certificate covers these hosts of routes: "+strings.Join(whose, "; ")+consequence,
		"request or import a certificate for the host in ACM, in the region of the load balancer (the owner of the route "+
			"can do this, too), or "+certificates.Naming(b.e.Key.Owner)))
}

// reportToRoutes copies the findings about certificates that the Gateway names for a port to the routes of the port.
func (b *build) reportToRoutes(p *port, gateway *intent.Member, owned []string) {
	for _, c := range gateway.Certificates {
		if !slices.Contains(owned, c.ID) {
			continue
		}
		for _, d := range gateway.Diagnostics {
			if d.Path != c.Source.Place() {
				continue
			}
			for _, i := range p.members {
				if m := &b.members[i]; m.Authority == intent.RoutesOnly {
					d.Object, d.Path = m.Object, fmt.Sprintf("%s of %s", c.Source.Path(), gateway.Object)
					b.note(i, d)
				}
			}
		}
	}
}

// noteNotCovered notes on each member its hosts that the named certificates of a port do not cover. It notes nothing
// about a port of which it does not know the names of each certificate.
func (b *build) noteNotCovered(c *gathered, p *port) {
	covered, listed, ok := b.namesOf(c, p)
	if !ok {
		return
	}
	told := map[string]bool{} // nothing was found for them, or another member has a certificate
	for _, hosts := range c.lacking {
		for _, h := range hosts {
			told[h] = true
		}
	}
	consequence := fmt.Sprintf("; at the %s listener on port %d, clients of a host without certificate get the "+
		"certificate of another host. Certificates of the listener: %s", p.protocol, p.number, listed)
	var ofRoutes []string
	for n, i := range p.members {
		m := &b.members[i]
		if m.State.LeftOut() {
			continue
		}
		bare := slices.DeleteFunc(slices.Concat(p.listeners[n].Hosts, p.listeners[n].ToCover), func(h string) bool {
			return h == "" || told[h] || covered.Cover(strings.ToLower(h))
		})
		if len(bare) == 0 {
			continue
		}
		slices.Sort(bare)
		text := "no certificate covers " + diag.Some(bare)
		path, remedy := "spec.rules", fmt.Sprintf("add a certificate that covers the host to %s, or remove that setting: "+
			"the controller then finds certificates in ACM", p.listeners[n].Certificates.Source.Place())
		if b.e.Key.Owner.OfGateway() {
			path, remedy = "spec.listeners", "correct the hostname, or "+certificates.Naming(b.e.Key.Owner)
		}
		if m.Authority == intent.RoutesOnly {
			path, remedy = "spec.hostnames", "correct the hostname, or ask the owner of the Gateway to name a certificate "+
				"that covers it"
			ofRoutes = append(ofRoutes, fmt.Sprintf("%s of %s", diag.Some(bare), m.Object))
		}
		b.note(i, diag.New(m.Object, path, diag.HostNotCovered, text+consequence, remedy))
		b.reportToSets(p, n, bare, func(host string) diag.Diagnostic {
			return diag.New(diag.Object{}, "", diag.HostNotCovered, "no certificate covers "+host+consequence, remedy)
		})
	}
	for _, i := range p.members {
		if m := &b.members[i]; len(ofRoutes) > 0 && m.Authority != intent.RoutesOnly && !m.State.LeftOut() {
			b.note(i, diag.New(m.Object, "spec.listeners", diag.HostNotCovered, "no certificate covers these hosts of routes: "+
				diag.Some(ofRoutes)+consequence, certificates.Naming(b.e.Key.Owner)))
		}
	}
}

// namesOf returns the names of the certificates that a port has or is about to get, and a list of these certificates
// for users. ok is false if some names are not known.
func (b *build) namesOf(c *gathered, p *port) (covered facts.Names, listed string, ok bool) {
	names, own := map[string][]string{}, map[string]bool{} // by what identifies a certificate
	for n, i := range p.members {
		declared := make(map[string]*intent.Certificate, len(b.members[i].Certificates))
		for at := range b.members[i].Certificates {
			declared[b.members[i].Certificates[at].ID] = &b.members[i].Certificates[at]
		}
		for _, id := range p.listeners[n].Owned {
			if declared[id] == nil || declared[id].Broken || b.refusedCertificates[id] {
				return nil, "", false
			}
			names[id], own[id] = declared[id].Names, true
		}
	}
	for _, arn := range c.arns {
		o := b.finder.OwnARN(arn)
		switch {
		case o != nil && own[o.ID]:
		case o != nil:
			names[arn] = o.Names
		case len(b.f.Certificates[arn].Domains) > 0:
			names[arn] = b.f.Certificates[arn].Domains
		case len(b.f.Listed[arn].Domains) > 0:
			names[arn] = b.f.Listed[arn].Domains
		default:
			return nil, "", false
		}
	}
	covered = facts.Names{}
	var each []string
	for _, of := range slices.Sorted(maps.Keys(names)) {
		for _, name := range names[of] {
			covered.Add(strings.ToLower(name))
		}
		each = append(each, fmt.Sprintf("%s (%s)", of, strings.ToLower(diag.Some(names[of]))))
	}
	return covered, diag.Some(each), len(each) > 0 && !c.unread
}
