package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Protocols of a load balancer's listeners.
const (
	tcp    = "TCP"
	udp    = "UDP"
	tcpUDP = "TCP_UDP"
	tls    = "TLS"
	https  = "HTTPS"
)

// effective is the protocol of a load balancer's listener for a Gateway's listener: TLS that is passed through is TCP.
func effective(l *attachment.Listener) string {
	if l.Passthrough() {
		return tcp
	}
	return string(l.Protocol)
}

// port is a port of the load balancer with the listeners that share it, by their indexes.
type port struct {
	number    int32
	protocol  string
	listeners []int
}

func (p *port) secure() bool { return p.protocol == https || p.protocol == tls }

// byPort groups the valid listeners, ascending. Served ones only, where served is set.
func (t *translation) byPort(served bool) []port {
	ports := map[int32]*port{}
	for i := range t.listeners.All {
		l := &t.listeners.All[i]
		if l.Problem != nil || served && t.unserved[i] {
			continue
		}
		p := ports[l.Port]
		if p == nil {
			p = &port{number: l.Port, protocol: effective(l)}
			ports[l.Port] = p
		}
		if p.protocol != effective(l) { // of TCP and UDP; attachment admits no others
			p.protocol = tcpUDP
		}
		p.listeners = append(p.listeners, i)
	}
	out := make([]port, 0, len(ports))
	for _, n := range slices.Sorted(maps.Keys(ports)) {
		out = append(out, *ports[n])
	}
	return out
}

// protocolPort is the key of the port's listener configuration.
func (p *port) protocolPort() configv1.ProtocolPort {
	return configv1.ProtocolPort(fmt.Sprintf("%s:%d", p.protocol, p.number))
}

// ports are the listeners of the load balancer: one for each port of the valid listeners that can be served.
func (t *translation) ports() []intent.Listener {
	configured := t.listenerConfigurations()
	t.stickiness, t.quic = map[int32]*stack.Stickiness{}, map[int32]bool{}
	all := t.byPort(false)
	t.checkCertificates(all, configured)
	t.noteUnmatched(configured, all)
	ranges, lists, icmp := t.sources()
	var out []intent.Listener
	for _, p := range t.byPort(true) {
		first := &t.listeners.All[p.listeners[0]]
		l := intent.Listener{Source: t.source(first, ""), Port: p.number, Protocol: p.protocol, InboundCIDRs: ranges,
			PrefixLists: lists, ICMP: icmp, NoRanges: ranges.Set && len(ranges.Value) == 0}
		switch p.protocol {
		case udp:
			l.TransportProtocols = []string{"udp"}
		case tcpUDP:
			l.TransportProtocols = []string{"tcp", "udp"}
		}
		c, ok := configured[p.protocolPort()]
		if ok {
			t.configureListener(&l, c)
		}
		if p.secure() {
			l.ToCover, l.OfSets = t.hostnames(p), t.ofSets(p)
		}
		if p.secure() && l.Certificates.Set {
			t.noteNamed(&l, p)
		} else if p.secure() {
			t.ownOrDiscover(&l, p)
		}
		if v := t.clients[p.number]; !l.Mutual.Set && v.mutual.Set {
			l.Mutual = v.mutual
		}
		out = append(out, l)
	}
	return out
}

// ofSets are the listeners of ListenerSets on a port.
func (t *translation) ofSets(p port) (out []intent.SetListener) {
	for _, i := range p.listeners {
		if l := &t.listeners.All[i]; l.Parent.Kind != kindGateway {
			at := intent.At(t.parent(l), fmt.Sprintf("spec.listeners[%d]", l.Index))
			out = append(out, intent.SetListener{Source: at, Host: string(ptr.Deref(l.Hostname, ""))})
		}
	}
	return out
}

type listenerLayer = configuration.Layer[configv1.ListenerConfiguration]

// listenerConfigurations are the listener configurations by protocolPort in upper case.
func (l *Loaded) listenerConfigurations() map[configv1.ProtocolPort]listenerLayer {
	configured := map[configv1.ProtocolPort]listenerLayer{}
	for k, c := range configuration.Listeners(l.configuration) {
		configured[configv1.ProtocolPort(strings.ToUpper(string(k)))] = c
	}
	return configured
}

// configureListener sets what a listener configuration declares.
func (t *translation) configureListener(l *intent.Listener, c configuration.Layer[configv1.ListenerConfiguration]) {
	secure := l.Protocol == https || l.Protocol == tls
	l.Mutual = t.mutual(c, l.Protocol)
	l.Attributes = listenerAttributes(c)
	if l.Protocol == tls && len(l.Attributes) > 0 {
		t.ignored(within(c, "listenerAttributes"), "TLS listeners have no attributes", "remove listenerAttributes")
		l.Attributes = nil
	}
	if policy := ptr.Deref(c.Spec.SSLPolicy, ""); policy != "" && secure {
		l.SSLPolicy = intent.Of(policy, within(c, "sslPolicy"))
	} else if policy != "" {
		t.ignored(within(c, "sslPolicy"), "only HTTPS and TLS listeners have a security policy", "remove sslPolicy")
	}
	if c.Spec.ALPNPolicy != nil && l.Protocol == tls {
		l.ALPN = intent.Of(string(*c.Spec.ALPNPolicy), within(c, "alpnPolicy"))
	} else if c.Spec.ALPNPolicy != nil && *c.Spec.ALPNPolicy != "None" {
		t.ignored(within(c, "alpnPolicy"), "only TLS listeners have an ALPN policy", "remove alpnPolicy")
	}
	field := "defaultCertificate"
	if ptr.Deref(c.Spec.DefaultCertificate, "") == "" {
		field = "certificates"
	}
	if arns := explicit(c); len(arns) > 0 && secure {
		l.Certificates = intent.Of(arns, within(c, field))
	} else if len(arns) > 0 {
		t.ignored(within(c, field), "only HTTPS and TLS listeners have certificates",
			"remove defaultCertificate and certificates")
	}
	if c.Spec.QUICEnabled != nil && *c.Spec.QUICEnabled {
		if final, ok := route.QUICOf(l.Protocol); ok {
			l.Protocol, t.quic[l.Port] = final, true
		} else {
			t.report(within(c, "quicEnabled"), diag.InvalidConfiguration, "QUIC protocol upgrade not supported for protocol "+
				l.Protocol, "remove quicEnabled, or use UDP")
		}
	}
	switch sticky := c.Spec.TargetGroupStickiness; {
	case sticky == nil:
	case t.Family == attachment.Network:
		t.stickiness[l.Port] = &stack.Stickiness{Enabled: *sticky}
	default:
		t.ignored(within(c, "targetGroupStickiness"), "only Network Load Balancers have target group stickiness here",
			"use the forwardConfig of a ListenerRuleConfiguration")
	}
}

// explicit are the ARNs that a listener configuration names, the default one first.
func explicit(c configuration.Layer[configv1.ListenerConfiguration]) []string {
	var out []string
	for _, arn := range append([]string{ptr.Deref(c.Spec.DefaultCertificate, "")}, c.Spec.Certificates...) {
		if arn != "" && !slices.Contains(out, arn) {
			out = append(out, arn)
		}
	}
	return out
}

// noteUnmatched notes listener configurations that no listener has.
func (t *translation) noteUnmatched(
	configured map[configv1.ProtocolPort]configuration.Layer[configv1.ListenerConfiguration], ports []port) {
	var keys []configv1.ProtocolPort
	var names []string
	of := map[string]bool{}
	for i := range ports {
		key := ports[i].protocolPort()
		keys, names = append(keys, key), append(names, string(key))
		_, of[entryOf("listenerConfigurations", string(key))] = configured[key]
	}
	lacking := t.nameEntries(of)
	for _, k := range configuration.Unmatched(configured, keys) {
		c := configured[k]
		remedy := "write the protocol and port of a listener: " + diag.First(names, 10, ", ")
		if len(names) == 0 {
			remedy = "correct the listeners"
		}
		text := fmt.Sprintf("no listener has protocolPort %s", k)
		t.ignoredGuard(verifies(c.Spec.MutualAuthentication), intent.At(c.Object, c.Path), text, remedy)
		t.misspell(entryOf("listenerConfigurations", string(k)), intent.At(c.Object, c.Path), text, lacking,
			verifies(c.Spec.MutualAuthentication) && t.ofOwn(c.Object) && lacksVerification(lacking))
	}
}

// entryOf describes an entry of a list by the listener that it names.
func entryOf(list, listener string) string { return list + "[" + listener + "]" }

// nameEntries records the entries that name listeners, and returns those that are not written. of has the entries that
// could be written, and whether each is.
func (t *translation) nameEntries(of map[string]bool) (lacking []string) {
	for _, entry := range slices.Sorted(maps.Keys(of)) {
		if of[entry] {
			t.names = append(t.names, entry)
		} else {
			lacking = append(lacking, entry)
		}
	}
	return lacking
}

// ofOwn reports whether an object is the configuration that the Gateway itself names: that of its class may be for the
// ports of other Gateways.
func (t *translation) ofOwn(o diag.Object) bool {
	return t.configurations[0] != nil && configuration.Object(t.configurations[0]) == o
}

// lacksVerification reports whether an HTTPS listener is among those without an entry.
func lacksVerification(lacking []string) bool {
	return slices.ContainsFunc(lacking, func(entry string) bool {
		return strings.HasPrefix(entry, "listenerConfigurations["+https+":")
	})
}

// misspell records an entry that names no listener. If one of the lacking entries was in effect, the entry counts as
// misspelt: its settings, such as the authentication of clients, must not end by a mistake. If it guards, a new load
// balancer is not created.
func (t *translation) misspell(entry string, at intent.Source, text string, lacking []string, guards bool) {
	if len(lacking) > 0 {
		t.misspelt = append(t.misspelt, intent.Misspelling{Setting: entry, Key: entry, Meant: entry, Source: at, Text: text,
			Lacks: lacking, Guards: guards})
	}
}
