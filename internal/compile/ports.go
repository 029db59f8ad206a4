package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// port is one listener as merged over members.
type port struct {
	number      int32
	protocol    string
	members     []int             // on this port, in group order; left-out ones included
	wishes      []intent.Listener // of the members; the zero value for shunned ones
	sslPolicy   owned[string]
	alpn        owned[string]
	mutual      owned[stack.MutualAuthentication] // trust stores by ARN, as far as known
	cidrs       owned[[]string]
	prefixLists owned[[]string]
	icmp        bool
	transports  []string
	attributes  map[string]string
	attrSource  map[string]intent.Source
}

// secure reports whether the listener ends TLS.
func (p *port) secure() bool { return p.protocol == "HTTPS" || p.protocol == "TLS" }

func (p *port) wish(i int) intent.Listener {
	if at := slices.Index(p.members, i); at >= 0 {
		return p.wishes[at]
	}
	return intent.Listener{}
}

// mergePorts makes one port per number; a member whose protocol loses is not on the port.
func (b *build) mergePorts() {
	claims := map[int32][]claim[intent.Listener]{}
	var numbers []int32
	for i := range b.members {
		m := &b.members[i]
		if m.standing == shunned {
			continue
		}
		seen := map[int32]bool{}
		for _, l := range m.Listeners {
			if seen[l.Port] {
				b.note(i, diag.New(m.Object, "", diag.IgnoredSetting, fmt.Sprintf("port %d is wanted twice; the first entry holds", l.Port),
					"give each listener a port of its own"))
				continue
			}
			seen[l.Port] = true
			if len(claims[l.Port]) == 0 {
				numbers = append(numbers, l.Port)
			}
			claims[l.Port] = append(claims[l.Port], claim[intent.Listener]{i, intent.Of(l, intent.Source{Object: m.Object, Path: l.Source.Path})})
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		b.ports = append(b.ports, b.mergePort(n, claims[n]))
	}
	b.noteClosed()
	b.admitShunned()
}

func (b *build) mergePort(number int32, claims []claim[intent.Listener]) *port {
	winner, _ := settle(b, claims, settling[intent.Listener]{
		setting: fmt.Sprintf("protocol@%d", number), what: fmt.Sprintf("protocol of port %d", number), among: membersOf(claims),
		text: func(l intent.Listener) string { return l.Protocol }, show: func(l intent.Listener) string { return l.Protocol },
	})
	p := &port{number: number, protocol: winner.field.Value.Protocol}
	for _, c := range claims {
		if c.field.Value.Protocol == p.protocol {
			p.members = append(p.members, c.member)
			p.wishes = append(p.wishes, c.field.Value)
		}
	}
	on := fmt.Sprintf(" of port %d", number)
	p.sslPolicy = merged(b, p, b.policyOf(p, on), func(l *intent.Listener) intent.Field[string] { return l.SSLPolicy })
	alpn := settling[string]{setting: "alpn-policy", what: "ALPN policy" + on, text: asIs, show: quoted}
	p.alpn = merged(b, p, alpn, func(l *intent.Listener) intent.Field[string] { return l.ALPN })
	p.mutual = b.mergeMutual(p, on)
	b.mergeSources(p, on)
	p.attributes, p.attrSource = keyed(b, fmt.Sprintf("listener-attribute@%d", number), "listener attribute"+on, true, p.members, nil, func(i int) map[string]intent.Field[string] {
		return p.wish(i).Attributes
	})
	for i := range p.wishes {
		p.icmp = p.icmp || p.wishes[i].ICMP.Value == "on"
		for _, t := range p.wishes[i].TransportProtocols {
			if t = strings.ToLower(t); !slices.Contains(p.transports, t) {
				p.transports = append(p.transports, t)
			}
		}
	}
	return p
}

// merged settles one setting of a port.
func merged[T any](b *build, p *port, s settling[T], get func(*intent.Listener) intent.Field[T]) owned[T] {
	var claims []claim[T]
	s.setting, s.among = fmt.Sprintf("%s@%d", s.setting, p.number), p.members
	for at, i := range p.members {
		if f := get(&p.wishes[at]); f.Set {
			claims = append(claims, claim[T]{i, f})
		}
	}
	c, _ := settle(b, claims, s)
	return hold(c.field, c.member)
}

// membersOf lists the members of claims.
func membersOf[T any](claims []claim[T]) []int {
	out := make([]int, len(claims))
	for i, c := range claims {
		out[i] = c.member
	}
	return out
}

// admitShunned puts left-out newcomers on the listeners that others have and they would share; on all if theirs are not
// known. Their rules must stand there, or their requests would be answered by somebody's broader rule.
func (b *build) admitShunned() {
	for i := range b.members {
		m := &b.members[i]
		if m.standing != shunned {
			continue
		}
		for _, p := range b.ports {
			wants := func(l intent.Listener) bool { return l.Port == p.number }
			if len(m.Listeners) > 0 && !slices.ContainsFunc(m.Listeners, wants) {
				continue
			}
			at, _ := slices.BinarySearch(p.members, i)
			p.members = slices.Insert(p.members, at, i)
			p.wishes = slices.Insert(p.wishes, at, intent.Listener{})
		}
	}
}
