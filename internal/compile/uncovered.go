package compile

import (
	"fmt"
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

// lackingOfRoutes tells apart the hosts without a certificate that the Gateway, member i, has on a port.
func (b *build) lackingOfRoutes(p *port, i int, hosts []string) (out uncovered) {
	if !b.e.FixedPorts || b.members[i].Authority == intent.RoutesOnly || len(hosts) == 0 {
		return uncovered{own: hosts}
	}
	found := map[string]bool{}
	for _, j := range p.members {
		m := &b.members[j]
		if m.Authority != intent.RoutesOnly {
			continue
		}
		if of := servedHosts(&m.Member, p.number, hosts); len(of) > 0 {
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
	attached := map[string]facts.Certificate{}
	for _, own := range b.f.Own {
		if own.Issued() && slices.Contains(c.arns, own.ARN) {
			attached[own.ARN] = facts.Certificate{Domains: own.Names}
		}
	}
	index := facts.IndexCertificates(attached)
	return slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return len(index.Covering(h)) > 0 })
}

// servedHosts returns the hosts that a member serves on a port.
func servedHosts(m *intent.Member, port int32, among []string) (out []string) {
	for i := range m.Listeners {
		if l := &m.Listeners[i]; l.Port == port {
			for _, h := range l.Hosts {
				if slices.Contains(among, h) && !slices.Contains(out, h) {
					out = append(out, h)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// report tells the routes which of their hosts have no certificate, and the Gateway that some have none.
func (u *uncovered) report(b *build, c *gathered, p *port, gateway int) {
	if len(u.ofRoutes) == 0 {
		return
	}
	consequence := fmt.Sprintf("; clients of the %s listener on port %d get the certificate of another host", p.protocol,
		p.number)
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
		"no certificate covers hosts of routes: "+strings.Join(whose, "; ")+consequence,
		"nothing to do here: the owners of the routes request a certificate, or you name one for the listener"))
}

// tellRoutes tells the routes of a port what is wrong with the certificates that the Gateway names for it, in the same
// words as there.
func (b *build) tellRoutes(p *port, gateway *intent.Member, owned []string) {
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
