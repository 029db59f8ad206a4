package service

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	tcp    = "TCP"
	udp    = "UDP"
	tls    = "TLS"
	tcpUDP = "TCP_UDP"
)

// quicOf are the protocols that ports become for which QUIC is declared.
var quicOf = map[string]string{udp: "QUIC", tcpUDP: "TCP_QUIC"}

// listener is a desired listener, made of the Service ports of one number. The first of them takes precedence.
type listener struct {
	corev1.ServicePort
	index      int
	transports []string
	protocol   string // of the listener
	target     string // protocol of the target group
}

func (t *translation) listeners(s intent.Settings) []intent.Listener {
	certificates := t.read.NonEmptyList(annotation.ServiceCertificates)
	cidrs := t.sourceRanges(s)
	prefixLists := t.read.List(annotation.ServicePrefixLists)
	if empty := prefixLists.Set && len(prefixLists.Value) == 0; empty && !cidrs.Set && !s.SecurityGroups.Set &&
		!s.NoSecurityGroups.Value {
		t.report(diag.Listener, annotation.ServicePrefixLists.Path(), diag.NoClientAdmitted,
			fmt.Sprintf("annotation %s is empty, so the security group of the load balancer admits no client",
				annotation.ServicePrefixLists),
			"name prefix lists, or remove the annotation to admit every address")
	}
	for _, id := range prefixLists.Value {
		if !strings.HasPrefix(id, "pl-") {
			t.read.Invalid(annotation.ServicePrefixLists, fmt.Sprintf("%q is not the id of a prefix list", id),
				"write ids such as pl-0123456789abcdef0")
		}
	}
	policy, alpn := t.read.String(annotation.ServiceSSLPolicy), t.read.String(annotation.ServiceALPN)
	icmp := t.read.String(annotation.ServiceICMP)
	if icmp.Value != "on" {
		icmp = intent.Field[string]{}
	}
	var out []intent.Listener
	used := map[annotation.Key]bool{}
	for _, l := range t.protocols(len(certificates.Value) > 0) {
		one := intent.Listener{
			Port: l.Port, Protocol: l.protocol, InboundCIDRs: cidrs, PrefixLists: prefixLists, ICMP: icmp,
			TransportProtocols: l.transports,
			DefaultSource:      t.here(l.at()),
		}
		suffix := fmt.Sprintf("%s-%d", l.protocol, l.Port) // of the keys of annotations for a listener
		actions := annotation.ServiceActions.For(suffix)
		used[actions] = true
		if l.protocol == tls {
			one.Certificates, one.SSLPolicy, one.ALPN = certificates, policy, alpn
		} else {
			k := annotation.ServiceListenerAttributes.For(suffix)
			used[k] = true
			one.Attributes = intent.Entries(t.read.Attributes(k))
		}
		one.Default = t.forward(l, actions)
		out = append(out, one)
	}
	t.noteUnused(out, used, len(certificates.Value) > 0)
	return out
}

// named reports whether a list of port numbers and names has the listener's port.
func (l listener) named(ports []string) bool {
	return l.Name != "" && slices.Contains(ports, l.Name) || slices.Contains(ports, strconv.Itoa(int(l.Port)))
}

func (l listener) at() string { return fmt.Sprintf("spec.ports[%d]", l.index) }

// sourceRanges are the ranges of the spec or, if it has none, of the annotation.
func (t *translation) sourceRanges(s intent.Settings) intent.Field[[]string] {
	const path = "spec.loadBalancerSourceRanges"
	cidrs := t.read.NonEmptyList(annotation.ServiceSourceRanges)
	// guarded is the code of a finding that a restriction has no effect
	guarded := func(guards bool) diag.Code {
		if guards {
			return diag.GuardNotApplied
		}
		return diag.IgnoredSetting
	}
	if len(t.service.Spec.LoadBalancerSourceRanges) > 0 {
		trimmed := make([]string, 0, len(t.service.Spec.LoadBalancerSourceRanges))
		for _, c := range t.service.Spec.LoadBalancerSourceRanges {
			trimmed = append(trimmed, strings.TrimSpace(c))
		}
		t.read.Note(annotation.ServiceSourceRanges, guarded(overlap.Admits(trimmed, cidrs.Value)), fmt.Sprintf(
			"annotation %s has no effect together with %s", annotation.ServiceSourceRanges, path), "remove one of them")
		cidrs = intent.Of(trimmed, t.here(path))
	}
	if s.SecurityGroups.Set {
		guards := !overlap.AdmitsAll(cidrs.Value)
		if cidrs.Set && cidrs.Source.Path() == path {
			t.report("", path, guarded(guards), fmt.Sprintf("%s has no effect together with annotation %s", path,
				annotation.ServiceSecurityGroups), "put the rules into the security groups that are named, or remove "+
				string(annotation.ServiceSecurityGroups))
		}
		for _, k := range []annotation.Key{annotation.ServiceSourceRanges, annotation.ServicePrefixLists,
			annotation.ServiceICMP} {
			t.read.Note(k, guarded(guards && k != annotation.ServiceICMP), fmt.Sprintf("annotation %s has no effect together "+
				"with %s", k, annotation.ServiceSecurityGroups),
				"put the rules into the security groups that are named, or remove "+string(annotation.ServiceSecurityGroups))
		}
	}
	for _, c := range cidrs.Value {
		problem, remedy := annotation.RangeProblem(c)
		switch {
		case problem != "":
			t.report(diag.Listener, cidrs.Source.Path(), diag.InvalidAnnotation, "source range "+problem, remedy)
		case strings.Contains(c, ":") && s.IPAddressType.Or(stack.IPv4) == stack.IPv4 && !s.SecurityGroups.Set &&
			!s.NoSecurityGroups.Value:
			t.report(diag.Listener, cidrs.Source.Path(), diag.InvalidAnnotation,
				fmt.Sprintf("unsupported v6 cidr %s when lb is not dualstack", c),
				"remove it, or set "+string(annotation.ServiceIPAddressType)+": dualstack")
		}
	}
	return cidrs
}

// protocols returns the listeners of the Service's ports with their protocols, in the order of the ports.
func (t *translation) protocols(certificates bool) []listener {
	sslPorts := t.read.List(annotation.ServiceSSLPorts).Value
	t.checkSSLPorts(sslPorts)
	quicPorts := t.read.List(annotation.ServiceQUICPorts).Value
	t.noteUnusedQUIC(quicPorts)
	toTargets := ""
	if p := t.read.String(annotation.ServiceBackendProtocol); p.Value == "ssl" {
		toTargets = tls
	}
	var out []listener
	for _, l := range t.merged() {
		if !slices.Contains([]string{tcp, udp, tcpUDP}, l.protocol) {
			t.report(diag.Listener, l.at()+".protocol", diag.InvalidRule,
				fmt.Sprintf("a network load balancer has no listeners of protocol %s", l.protocol), "use TCP or UDP")
			continue
		}
		l.target = l.protocol
		secure := len(sslPorts) == 0 || l.named(sslPorts)
		if l.protocol == tcp && certificates && secure {
			l.protocol = tls
			if toTargets != "" {
				l.target = toTargets
			}
		}
		if l.named(quicPorts) {
			final, ok := quicOf[l.protocol]
			if !ok {
				t.read.Invalid(annotation.ServiceQUICPorts, fmt.Sprintf("Unsupported QUIC upgrade for protocol %s (port %d)",
					l.protocol, l.Port),
					"name UDP ports; where TCP has the same number, set "+string(annotation.ServiceTCPUDPListener)+": \"true\"")
				continue
			}
			l.protocol, l.target = final, final
		}
		out = append(out, l)
	}
	return out
}

// noteUnusedQUIC notes entries that match no port of the Service, and therefore have no effect.
func (t *translation) noteUnusedQUIC(entries []string) {
	var names []string
	for _, p := range t.service.Spec.Ports {
		names = append(names, strconv.Itoa(int(p.Port)))
		if p.Name != "" {
			names = append(names, p.Name)
		}
	}
	t.read.CheckEntries(annotation.ServiceQUICPorts, names)
	if unused := t.unmatched(entries); len(unused) > 0 {
		t.read.Ignored(annotation.ServiceQUICPorts, fmt.Sprintf("no port of the Service is %s", strings.Join(unused, " or ")),
			"name ports of the Service, by number or name")
	}
}

// unmatched are the entries of a list of ports that match no port of the Service.
func (t *translation) unmatched(entries []string) []string {
	return slices.DeleteFunc(slices.Clone(entries), func(e string) bool {
		return slices.ContainsFunc(t.service.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Name == e ||
				strconv.Itoa(int(p.Port)) == e
		})
	})
}

// checkSSLPorts reports entries that match no port of the Service.
func (t *translation) checkSSLPorts(entries []string) {
	if unused := t.unmatched(entries); len(unused) > 0 {
		t.read.Invalid(annotation.ServiceSSLPorts, fmt.Sprintf("ssl-ports names ports that the Service lacks: %s",
			diag.Some(unused)),
			"name ports of the Service, by number or name")
	}
}

// merged groups the ports of one number, for which a load balancer has one listener. With merging, TCP and UDP become
// TCP_UDP. Without, the listener is that of the first port, and the security group admits both protocols nevertheless.
func (t *translation) merged() []listener {
	merge, places := t.mergesTCPAndUDP(), map[int32]int{} // by port, in out
	var out []listener
	for i, p := range t.service.Spec.Ports {
		if p.Protocol == "" {
			p.Protocol = corev1.ProtocolTCP
		}
		transport := strings.ToLower(string(p.Protocol))
		at, taken := places[p.Port]
		if !taken {
			places[p.Port] = len(out)
			out = append(out, listener{ServicePort: p, index: i, transports: []string{transport}, protocol: string(p.Protocol)})
			continue
		}
		first := &out[at]
		path := fmt.Sprintf("spec.ports[%d]", i)
		switch {
		case !merge:
			remedy := "use another number"
			if p.Protocol != first.Protocol {
				remedy = "set " + string(annotation.ServiceTCPUDPListener) + ": \"true\", or " + remedy
			}
			t.report(diag.Listener, path, diag.IgnoredSetting,
				fmt.Sprintf("port %d/%s has no listener: port %d/%s comes first, and a load balancer has one listener per number",
					p.Port, p.Protocol, p.Port, first.Protocol),
				remedy)
		case len(first.transports) > 1:
			t.report(diag.Listener, path, diag.InvalidRule, fmt.Sprintf("can only merge two ports, not more (port %d)", p.Port),
				"use another number")
		case p.Protocol == first.Protocol:
			t.report(diag.Listener, path, diag.InvalidRule, fmt.Sprintf("protocols can't match for merging: %s (port %d)",
				p.Protocol, p.Port), "use another number")
		case !mergeable(string(p.Protocol)):
			t.report(diag.Listener, path, diag.InvalidRule, fmt.Sprintf("unsupported protocol for merging: %s", p.Protocol),
				"use TCP or UDP")
		case !mergeable(first.protocol): // which is reported for itself
		default:
			first.protocol = tcpUDP
			if p.TargetPort != first.TargetPort || p.NodePort != first.NodePort {
				t.report(diag.Listener, path, diag.IgnoredSetting,
					fmt.Sprintf("targetPort and nodePort of port %d/%s have no effect: both protocols use those of %d/%s", p.Port,
						p.Protocol, first.Port, first.Protocol),
					"give both ports the same targetPort and nodePort")
			}
		}
		if carried := transport == "tcp" || transport == "udp"; carried && !slices.Contains(first.transports, transport) {
			first.transports = append(first.transports, transport)
		}
	}
	if merge && len(out) == len(t.service.Spec.Ports) {
		t.read.Ignored(annotation.ServiceTCPUDPListener,
			fmt.Sprintf("annotation %s has no effect: no number has a port of TCP and one of UDP",
				annotation.ServiceTCPUDPListener),
			"give both ports the same number, or remove the annotation")
	}
	return out
}

func mergeable(protocol string) bool { return protocol == tcp || protocol == udp }

// mergesTCPAndUDP is the value of the annotation if it is valid, else the feature gate.
func (t *translation) mergesTCPAndUDP() bool {
	raw, _, ok := t.read.Raw(annotation.ServiceTCPUDPListener)
	if !ok {
		return t.config.TCPUDPListener
	}
	b, err := strconv.ParseBool(raw)
	if err != nil {
		t.misspeltValue("tcp-udp-listener", annotation.ServiceTCPUDPListener)
		t.read.Ignored(annotation.ServiceTCPUDPListener,
			fmt.Sprintf("value %q is neither true nor false, so the feature gate EnableTCPUDPListener decides", raw),
			"write true or false")
		return t.config.TCPUDPListener
	}
	return b
}

// noteUnused notes annotations that no listener uses.
func (t *translation) noteUnused(listeners []intent.Listener, used map[annotation.Key]bool, certificates bool) {
	secure := endsTLS(listeners)
	if p := t.read.String(annotation.ServiceBackendProtocol); secure && p.Set && p.Value != "ssl" && p.Value != "tcp" {
		t.read.Ignored(annotation.ServiceBackendProtocol,
			fmt.Sprintf("value %q counts as tcp: the load balancer reaches targets of TLS listeners without TLS", p.Value),
			"write ssl to encrypt connections to targets, otherwise tcp")
	}
	if !secure && len(t.unmatched(t.read.List(annotation.ServiceSSLPorts).Value)) == 0 { // else it is an error
		for _, k := range []annotation.Key{annotation.ServiceBackendProtocol, annotation.ServiceSSLPorts,
			annotation.ServiceSSLPolicy, annotation.ServiceALPN} {
			remedy := "name a certificate in " + string(annotation.ServiceCertificates)
			if certificates {
				remedy = "check " + string(annotation.ServiceSSLPorts)
			}
			t.read.Ignored(k, fmt.Sprintf("annotation %s has no effect: the Service has no TLS listener", k),
				remedy+", or remove annotation "+string(k))
		}
	}
	if _, _, chosen := t.read.Raw(annotation.ServiceSSLPorts); certificates && !secure && !chosen {
		t.read.Ignored(annotation.ServiceCertificates, fmt.Sprintf("annotation %s has no effect: TLS ends at ports of "+
			"protocol TCP only, and the Service has none", annotation.ServiceCertificates), "add a TCP port, or remove it")
	}
	for _, family := range []annotation.Key{annotation.ServiceListenerAttributes, annotation.ServiceActions} {
		var names []string
		for _, k := range slices.Sorted(maps.Keys(used)) {
			if name, ok := strings.CutPrefix(string(k), string(family)); ok {
				names = append(names, name)
			}
		}
		t.read.CheckKeys(family, names)
	}
	for _, k := range slices.Sorted(maps.Keys(t.service.Annotations)) {
		key := annotation.Key(k)
		family := strings.HasPrefix(k, string(annotation.ServiceListenerAttributes)) ||
			strings.HasPrefix(k, string(annotation.ServiceActions))
		if family && !used[key] {
			text, remedy := "the Service has no such listener", "name the protocol of the listener and its port, such as TCP-80"
			if attributes := string(annotation.ServiceListenerAttributes); strings.HasPrefix(k, attributes+"TLS-") {
				text, remedy = "TLS listeners have no attributes", "remove it"
			}
			t.read.Ignored(key, fmt.Sprintf("annotation %s has no effect: %s", k, text), remedy)
		}
	}
}
