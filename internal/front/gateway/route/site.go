package route

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Protocols of listeners.
const (
	protocolHTTP  = "HTTP"
	protocolHTTPS = "HTTPS"
	protocolTCP   = "TCP"
	protocolUDP   = "UDP"
	protocolBoth  = "TCP_UDP"
	protocolTLS   = "TLS"
)

// quicOf are the protocols that listeners become for which QUIC is declared.
var quicOf = map[string]string{protocolUDP: "QUIC", protocolBoth: "TCP_QUIC"}

// QUICOf returns the protocol that a listener of a protocol becomes where QUIC is declared; ok is false if there is
// none.
func QUICOf(protocol string) (quic string, ok bool) {
	quic, ok = quicOf[protocol]
	return quic, ok
}

// site is a port of the load balancer with the valid listeners of the Gateway that are on it.
type site struct {
	port      int32
	protocol  string
	quic      bool  // QUIC is declared
	listeners []int // in Listeners.All
	all       []attachment.Listener
	claims    []attachment.Claim // of hostnames that listeners of the port lose and that are a part of theirs
	names     attachment.Names   // hostnames
}

// sitesOf are the ports, in ascending order; quic are those for which QUIC is declared.
func sitesOf(ls *attachment.Listeners, quic map[int32]bool) []site {
	var out []site
	places := map[int32]int{} // by port, in out
	for i := range ls.All {
		l := &ls.All[i]
		if l.Problem != nil {
			continue
		}
		at, known := places[l.Port]
		if !known {
			at = len(out)
			places[l.Port] = at
			out = append(out, site{port: l.Port, all: ls.All})
		}
		out[at].listeners = append(out[at].listeners, i)
	}
	for i := range out {
		s := &out[i]
		s.claims = claimsAt(ls, s)
		s.names = attachment.NamesOf(s.hostnames())
		s.protocol = Protocol(ls, s.port)
		if final, ok := QUICOf(s.protocol); ok && quic[s.port] {
			s.protocol, s.quic = final, true
		}
	}
	slices.SortFunc(out, func(a, b site) int { return cmp.Compare(a.port, b.port) })
	return out
}

// Protocol returns the protocol of the load balancer's listener on a port: TLS that is not terminated is TCP, and TCP
// in addition to UDP is TCP_UDP. Empty = no valid listener has the port.
func Protocol(ls *attachment.Listeners, port int32) string {
	out := ""
	for i := range ls.All {
		l := &ls.All[i]
		if l.Problem != nil || l.Port != port {
			continue
		}
		p := string(l.Protocol)
		if l.Passthrough() {
			p = protocolTCP
		}
		switch {
		case out == "":
			out = p
		case out != p && (p == protocolUDP || out == protocolUDP):
			out = protocolBoth
		}
	}
	return out
}

func hostnameOf(l *attachment.Listener) string {
	if l.Hostname == nil {
		return ""
	}
	return string(*l.Hostname)
}

// claimsAt are the claims on a port that listeners of the port lose and that go on serving other hostnames.
func claimsAt(ls *attachment.Listeners, s *site) (out []attachment.Claim) {
	var lost []int
	for _, i := range s.listeners {
		lost = append(lost, ls.Losses(i)...)
	}
	slices.Sort(lost)
	for _, i := range slices.Compact(lost) {
		out = append(out, ls.Claims[i])
	}
	return out
}

// hostnames returns the hostnames with isolated requests on the port: hostnames of listeners, and claimed ones.
func (s *site) hostnames() (out []string) {
	for _, i := range s.listeners {
		out = append(out, hostnameOf(&s.all[i]))
	}
	for _, c := range s.claims {
		out = append(out, c.Hostname)
	}
	return out
}

// owned reports whether another hostname of the port, inside that of a listener or claim, has all requests of a
// hostname.
func (s *site) owned(own, host string) bool {
	return host != "" && slices.ContainsFunc(s.names.Covering(host), func(h string) bool {
		return h != own && h != "" && attachment.Covers(own, h)
	})
}

// isolation are the rules of Isolation.
func (in *Input) isolation(sites []site) (out []intent.Route) {
	c, gateway := in.Construction, ObjectOf(in.Gateway, "Gateway")
	for i := range sites {
		s := &sites[i]
		hosts, done := s.hostnames(), map[string]bool{}
		if c != rule.Standard {
			hosts = hosts[len(s.listeners):] // listeners of a port are one
		}
		for _, h := range hosts {
			if h == "" || done[h] || !slices.ContainsFunc(s.names.Covering(h), func(o string) bool { return o != h }) {
				continue
			}
			done[h] = true
			p := rule.Position{Listener: h, Host: attachment.Hostname{Name: h}, Last: true}
			out = append(out, intent.Route{
				Source: intent.At(gateway, fmt.Sprintf("hostname %s of listeners", h)), Ports: []int32{s.port},
				Precedence: c.Precedence(p), Conditions: []stack.Condition{in.host(s, h)}, Actions: fixed("404"),
			})
		}
	}
	return out
}

// fixed answers with a status and no body.
func fixed(status string) []intent.Action {
	return []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: status,
		ContentType: "text/plain"}}}
}

// place is a route at a port with the hostnames that it serves there, each at a listener of the port.
type place struct {
	*site
	hosts []placedHost
}

type placedHost struct {
	attachment.Hostname
	listener string // hostname of the listener, or of a claim
	wide     string // in the compatible construction, the hostname that the rules at a claim are for otherwise
}

// noteHosts records the hosts that the route serves on a secure port, for which certificates are found.
func (t *translation) noteHosts(l *intent.Listener) {
	if l.Protocol != protocolHTTPS && l.Protocol != protocolTLS {
		return
	}
	for _, d := range t.route.Decisions {
		for _, a := range d.Attached {
			if t.in.Listeners.All[a.Listener].Port != l.Port {
				continue
			}
			for _, h := range a.Hostnames {
				if !slices.Contains(l.Hosts, h.Name) {
					l.Hosts = append(l.Hosts, h.Name)
				}
			}
		}
	}
}

// places are the ports that a route is attached to. In the standard construction each hostname is served at each
// listener that has it; in the compatible one the listeners of a port are one, where hostnames that a listener
// restricts leave no others.
func (t *translation) places(sites []site) (out []place) {
	for i := range sites {
		p := place{site: &sites[i]}
		on, restricted := false, false
		for _, d := range t.route.Decisions {
			for _, a := range d.Attached {
				if !slices.Contains(p.listeners, a.Listener) {
					continue
				}
				on = true
				if t.in.Construction == rule.Compatible {
					if r := hostnameOf(&p.all[a.Listener]) != ""; r && !restricted {
						p.hosts, restricted = nil, true
					} else if !r && restricted {
						continue
					}
				}
				hosts := a.Hostnames
				if len(hosts) == 0 {
					hosts = []attachment.Hostname{{}}
				}
				for _, h := range hosts {
					p.place(t.in.Construction, a.Listener, h)
				}
			}
		}
		if on {
			out = append(out, p)
		}
	}
	return out
}

// place has a hostname of a route served at a listener, and at the claims that are a part of the hostname.
func (p *place) place(c rule.Construction, listener int, h attachment.Hostname) {
	if c == rule.Compatible {
		p.placeCompatible(listener, h)
		return
	}
	if own := hostnameOf(&p.all[listener]); !p.owned(own, h.Name) {
		p.add(placedHost{Hostname: h, listener: own})
	}
	for _, claim := range p.claims {
		part, common := attachment.Narrower(h.Name, claim.Hostname)
		if claim.Listener == listener && common && !p.owned(claim.Hostname, part) {
			p.add(placedHost{Hostname: attachment.Hostname{Name: part, Own: h.Own}, listener: claim.Hostname})
		}
	}
}

// placeCompatible is place in the compatible construction: only the listeners that lose a claim are apart from the
// others of the port.
func (p *place) placeCompatible(listener int, h attachment.Hostname) {
	lost := func(c attachment.Claim) bool { return slices.Contains(c.Losers, listener) }
	if !slices.ContainsFunc(p.claims, func(c attachment.Claim) bool {
		return lost(c) && attachment.Covers(c.Hostname, h.Name)
	}) {
		p.add(placedHost{Hostname: h})
	}
	for _, c := range p.claims {
		if c.Hostname != h.Name && attachment.Covers(h.Name, c.Hostname) && !lost(c) {
			p.add(placedHost{Hostname: attachment.Hostname{Name: c.Hostname, Own: h.Own}, listener: c.Hostname, wide: h.Name})
		}
	}
}

// add adds a hostname once for each listener, by the most specific hostname of the route.
func (p *place) add(h placedHost) {
	at := slices.IndexFunc(p.hosts, func(o placedHost) bool {
		return o.Name == h.Name && o.listener == h.listener && o.wide == h.wide
	})
	switch {
	case at < 0:
		p.hosts = append(p.hosts, h)
	case len(p.hosts[at].Own) < len(h.Own):
		p.hosts[at] = h
	}
}
