package route

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/sorting"
	"github.com/k8s-lbc/lbc/internal/stack"
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

// QUICOf is the protocol that a listener of a protocol becomes where QUIC is declared; ok is false if there is none.
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
}

// sitesOf are the ports, in ascending order; quic are those for which QUIC is declared.
func sitesOf(ls *attachment.Listeners, quic map[int32]bool) []site {
	var out []site
	for i := range ls.All {
		l := &ls.All[i]
		if l.Problem != nil {
			continue
		}
		at := slices.IndexFunc(out, func(s site) bool { return s.port == l.Port })
		if at < 0 {
			at = len(out)
			out = append(out, site{port: l.Port, all: ls.All})
		}
		out[at].listeners = append(out[at].listeners, i)
	}
	for i := range out {
		s := &out[i]
		s.protocol = Protocol(ls, s.port)
		if final, ok := QUICOf(s.protocol); ok && quic[s.port] {
			s.protocol, s.quic = final, true
		}
	}
	sorting.By(out, func(a, b site) int { return cmp.Compare(a.port, b.port) })
	return out
}

// Protocol is the protocol of the load balancer's listener on a port: TLS that is not terminated is TCP, and TCP beside UDP is TCP_UDP.
// Empty = no valid listener has the port.
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

// covers reports whether all names of hostname b are names of hostname a. An empty hostname has all names.
func covers(a, b string) bool {
	if a == "" || a == b {
		return true
	}
	suffix, wildcard := strings.CutPrefix(a, "*")
	return wildcard && strings.HasSuffix(b, suffix)
}

// owned reports whether another listener of the port, with a hostname inside that of listener i, has all requests of a hostname.
func (s *site) owned(i int, host string) bool {
	own := hostnameOf(&s.all[i])
	return host != "" && slices.ContainsFunc(s.listeners, func(j int) bool {
		h := hostnameOf(&s.all[j])
		return h != own && h != "" && covers(own, h) && covers(h, host)
	})
}

// isolation are the rules of Isolation.
func isolation(sites []site, gateway diag.Object) (out []intent.Route) {
	for i := range sites {
		s := &sites[i]
		done := map[string]bool{}
		for _, j := range s.listeners {
			h := hostnameOf(&s.all[j])
			wider := slices.ContainsFunc(s.listeners, func(k int) bool { o := hostnameOf(&s.all[k]); return o != h && covers(o, h) })
			if h == "" || !wider || done[h] {
				continue
			}
			done[h] = true
			p := rule.Position{Listener: h, Host: attachment.Hostname{Name: h}, Last: true}
			out = append(out, intent.Route{
				Source: intent.At(gateway, fmt.Sprintf("hostname %s of listeners", h)), Ports: []int32{s.port},
				Precedence: rule.Standard.Precedence(p), Conditions: []stack.Condition{rule.Standard.Host(h)}, Actions: fixed("404"),
			})
		}
	}
	return out
}

// fixed answers with a status and no body.
func fixed(status string) []intent.Action {
	return []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: status, ContentType: "text/plain"}}}
}

// place is a route at a port with the hostnames that it serves there, each at a listener of the port.
type place struct {
	*site
	hosts []placedHost
}

type placedHost struct {
	attachment.Hostname
	listener string // hostname of the listener
}

// places are the ports that a route is attached to. In the standard construction each hostname is served at each listener that has it; in
// the compatible one the listeners of a port are one, where hostnames that a listener restricts leave no others.
func (t *translation) places(sites []site) (out []place) {
	c := t.in.Construction
	for i := range sites {
		p := place{site: &sites[i]}
		on, restricted := false, false
		for _, d := range t.route.Decisions {
			for _, a := range d.Attached {
				if !slices.Contains(p.listeners, a.Listener) {
					continue
				}
				on = true
				hosts := a.Hostnames
				if len(hosts) == 0 {
					hosts = []attachment.Hostname{{}}
				}
				if c == rule.Compatible {
					if r := hostnameOf(&p.all[a.Listener]) != ""; r && !restricted {
						p.hosts, restricted = nil, true
					} else if !r && restricted {
						continue
					}
				}
				for _, h := range hosts {
					placed := placedHost{Hostname: h}
					if c == rule.Standard {
						placed.listener = hostnameOf(&p.all[a.Listener])
						if p.owned(a.Listener, h.Name) {
							continue
						}
					}
					same := func(o placedHost) bool { return o.Name == h.Name && o.listener == placed.listener }
					if !slices.ContainsFunc(p.hosts, same) {
						p.hosts = append(p.hosts, placed)
					}
				}
			}
		}
		if on {
			out = append(out, p)
		}
	}
	return out
}
