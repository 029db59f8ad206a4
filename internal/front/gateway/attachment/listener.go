// Package attachment decides which listeners of a Gateway and of its ListenerSets are valid, and which routes attach
// to which of them with which hostnames. It is pure: objects and labels of namespaces in, decisions out. It knows
// nothing of the content of routes, of certificates and of AWS.
package attachment

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Family is the kind of load balancer that serves a Gateway.
type Family string

// The families. Auto is decided by the first listener whose protocol belongs to one of the others.
const (
	Application Family = "application"
	Network     Family = "network"
	Auto        Family = ""
)

// protocol is what a listener of a protocol can be used for.
type protocol struct {
	family Family
	kinds  []gatewayv1.Kind // of routes, without allowedRoutes.kinds
}

// protocols has every protocol of a listener that a load balancer of AWS can have.
var protocols = map[gatewayv1.ProtocolType]protocol{
	gatewayv1.HTTPProtocolType:  {Application, []gatewayv1.Kind{"HTTPRoute"}},
	gatewayv1.HTTPSProtocolType: {Application, []gatewayv1.Kind{"HTTPRoute", "GRPCRoute"}},
	gatewayv1.TCPProtocolType:   {Network, []gatewayv1.Kind{"TCPRoute"}},
	gatewayv1.UDPProtocolType:   {Network, []gatewayv1.Kind{"UDPRoute"}},
	gatewayv1.TLSProtocolType:   {Network, []gatewayv1.Kind{"TLSRoute", "TCPRoute"}},
}

// ProtocolsOf returns the protocols whose listeners admit routes of a kind without being told to.
func ProtocolsOf(kind gatewayv1.Kind) (out []string) {
	for p, of := range protocols {
		if slices.Contains(of.kinds, kind) {
			out = append(out, string(p))
		}
	}
	slices.Sort(out)
	return out
}

// routeKinds are the kinds of routes of a family.
var routeKinds = map[Family][]gatewayv1.Kind{
	Application: {"HTTPRoute", "GRPCRoute"},
	Network:     {"TCPRoute", "UDPRoute", "TLSRoute"},
}

// Problem is why a listener or the parentRef of a route is not accepted.
type Problem struct {
	Reason  string // of the condition
	Message string
	Partial bool // what it is about serves nevertheless
}

// Parent names a Gateway or a ListenerSet.
type Parent struct {
	Kind            gatewayv1.Kind
	Namespace, Name string
}

// Listener is a listener of a Gateway or of one of its ListenerSets, and what is decided about it.
type Listener struct {
	Parent Parent
	Index  int // in the parent's listeners
	gatewayv1.Listener

	SupportedKinds []gatewayv1.RouteGroupKind
	Problem        *Problem // nil = valid
	// Declared is the listener as it is declared, with what is wrong with it. Its last valid version, which this is,
	// serves instead. Nil = this is the listener as it is declared.
	Declared *Listener
	// Routes is the number of routes that are attached, also if the listener is not valid.
	Routes int32
	// Lost are texts that say which hostnames of a valid listener others have (Contest).
	Lost []string
}

// Passthrough reports whether a TLS listener does not terminate TLS. Listeners of other protocols have no mode.
func (l *Listener) Passthrough() bool { return l.Protocol == gatewayv1.TLSProtocolType && l.passes() }

// passes reports whether the mode of TLS is Passthrough, whatever the protocol is.
func (l *Listener) passes() bool {
	return l.TLS != nil && l.TLS.Mode != nil && *l.TLS.Mode == gatewayv1.TLSModePassthrough
}

func (l *Listener) hostname() string {
	if l.Hostname == nil {
		return ""
	}
	return string(*l.Hostname)
}

// Namespaces are the labels of a namespace with some keys; ok is false if it does not exist.
type Namespaces func(name string, keys ...string) (set labels.Set, ok bool)

// Listeners are the listeners of a Gateway.
type Listeners struct {
	Family Family // as given, or what Auto is decided to be; Auto if no listener decides it
	// All has the Gateway's listeners in their order, then those of the ListenerSets that it admits, by age and name.
	All []Listener
	// Rejected are the ListenerSets that the Gateway does not admit, sorted by namespace and name.
	Rejected []*gatewayv1.ListenerSet
	// Admitted are the others, in the order of All.
	Admitted []*gatewayv1.ListenerSet
	// Claims are the hostnames that listeners of ListenerSets lose to routes of others (Contest).
	Claims []Claim

	contest    *contest
	parents    []Parent         // the Gateway and the admitted ListenerSets
	of         map[Parent][]int // indexes of All, also of parents without listeners
	refused    map[Parent]bool  // the ListenerSets of Rejected
	namespaces Namespaces
}

// Judge decides which listeners are valid. Sets are ListenerSets in any order; those of other Gateways are left out. Of
// listeners that conflict, the Gateway's come first, then those of older ListenerSets: the first one stays valid. Of
// listeners of one parent, those come first that were valid on the same port before, as far as last knows. Where a
// listener is not valid, its last valid version serves, if it is known and does not conflict.
func Judge(gateway *gatewayv1.Gateway, sets []*gatewayv1.ListenerSet, family Family, namespaces Namespaces,
	last Last) *Listeners {
	own := Parent{"Gateway", gateway.Namespace, gateway.Name}
	ls := &Listeners{Family: family, parents: []Parent{own}, of: map[Parent][]int{own: nil}, refused: map[Parent]bool{},
		namespaces: namespaces}
	for i, l := range gateway.Spec.Listeners {
		ls.All = append(ls.All, Listener{Parent: own, Index: i, Listener: l})
	}
	for _, set := range byAge(sets) {
		if !names(set.Spec.ParentRef, set.Namespace, own) {
			continue
		}
		if !admits(gateway, set, namespaces) && (InvalidAdmission(gateway) == "" || !last.admitted(set)) {
			ls.Rejected = append(ls.Rejected, set)
			ls.refused[Parent{"ListenerSet", set.Namespace, set.Name}] = true
			continue
		}
		parent := Parent{"ListenerSet", set.Namespace, set.Name}
		ls.Admitted, ls.parents, ls.of[parent] = append(ls.Admitted, set), append(ls.parents, parent), nil
		for i, e := range set.Spec.Listeners {
			ls.All = append(ls.All, Listener{Parent: parent, Index: i, Listener: gatewayv1.Listener(e)})
		}
	}
	for i := range ls.All {
		ls.of[ls.All[i].Parent] = append(ls.of[ls.All[i].Parent], i)
	}
	slices.SortFunc(ls.Rejected, func(a, b *gatewayv1.ListenerSet) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if ls.Family == Auto {
		for i := range ls.All {
			if p, ok := protocols[ls.All[i].Protocol]; ok {
				ls.Family = p.family
				break
			}
		}
	}
	taken, mixed := ports{}, ls.mixed()
	for _, i := range ls.order(last) {
		l := &ls.All[i]
		l.judge(ls.Family, taken, mixed[parentPort{l.Parent, l.Port}] && !last.has(l))
		if l.Problem != nil && last.has(l) && !slices.Contains([]string{string(gatewayv1.ListenerReasonProtocolConflict),
			string(gatewayv1.ListenerReasonHostnameConflict), string(gatewayv1.ListenerReasonUnsupportedProtocol)},
			l.Problem.Reason) {
			taken[l.Port].add(l) // its last valid version serves on the port
		}
	}
	ls.restore(last)
	return ls
}

// parentPort is a port of one parent's listeners.
type parentPort struct {
	parent Parent
	port   gatewayv1.PortNumber
}

// mixed are the ports on which TLS listeners of one parent differ in their mode: neither of them comes first. A second
// listener of a hostname does not count, as it conflicts with the first one.
func (ls *Listeners) mixed() map[parentPort]bool {
	type named struct {
		parentPort
		key string
	}
	seen, modes, out := map[named]bool{}, map[parentPort]string{}, map[parentPort]bool{}
	for i := range ls.All {
		l := &ls.All[i]
		at := parentPort{l.Parent, l.Port}
		if l.mode() == "" || seen[named{at, key(l)}] {
			continue
		}
		seen[named{at, key(l)}] = true
		if first := modes[at]; first != "" && first != l.mode() {
			out[at] = true
		}
		modes[at] = l.mode()
	}
	return out
}

// mode is how a TLS listener treats TLS; empty for other listeners.
func (l *Listener) mode() string {
	switch {
	case l.Protocol != gatewayv1.TLSProtocolType:
		return ""
	case l.Passthrough():
		return string(gatewayv1.TLSModePassthrough)
	}
	return string(gatewayv1.TLSModeTerminate)
}

// ports has what earlier listeners use of a port.
type ports map[gatewayv1.PortNumber]*port

type port struct {
	protocols []gatewayv1.ProtocolType
	mode      string // of the first TLS listener
	hostnames map[string]bool
}

// unsupportedValue says what of the listener no load balancer can do; empty = nothing.
func (l *Listener) unsupportedValue() string {
	if addr, err := netip.ParseAddr(strings.TrimPrefix(l.hostname(), "*.")); err == nil {
		return fmt.Sprintf("hostname %s is an IP address; use a DNS name", addr)
	}
	if l.Protocol == gatewayv1.HTTPSProtocolType && l.passes() {
		return "a listener of protocol HTTPS terminates TLS; use mode Terminate, or protocol TLS"
	}
	if a := l.AllowedRoutes; a != nil && a.Namespaces != nil && a.Namespaces.From != nil {
		if wrong := invalidNamespaces(*a.Namespaces.From, a.Namespaces.Selector); wrong != "" {
			return "allowedRoutes.namespaces: " + wrong
		}
	}
	if l.Filters != nil && len(l.Filters.Requests) > 0 { // one of them may admit users only
		return "a load balancer runs no filters before it chooses a rule; remove the listener's filters, and authenticate " +
			"in rules"
	}
	return ""
}

// judge decides about a listener, by the first of the checks that fails. Whatever fails but the port's range, the
// hostname is taken. A protocol that conflicts with that of the port is a conflict even if the family does not have it.
// mixed is true if TLS listeners of the parent on the port differ in their mode.
func (l *Listener) judge(family Family, taken ports, mixed bool) {
	known := protocols[l.Protocol]
	fail := func(reason gatewayv1.ListenerConditionReason, format string, args ...any) {
		if l.Problem == nil {
			l.Problem = &Problem{Reason: string(reason), Message: fmt.Sprintf(format, args...)}
		}
	}
	l.supportedKinds(family, known, fail)
	if l.Port < 1 || l.Port > 65535 {
		fail(gatewayv1.ListenerReasonPortUnavailable, "port %d is not available; use one of 1 to 65535", l.Port)
		return
	}
	foreign := known.family == "" || known.family != family
	if foreign && (known.family == "" || !taken.conflict(l)) {
		fail(gatewayv1.ListenerReasonUnsupportedProtocol, "%s", unsupported(l.Protocol, known.family, family))
	}
	if unsupported := l.unsupportedValue(); unsupported != "" {
		fail(gatewayv1.ListenerReasonUnsupportedValue, "%s", unsupported)
	}
	p := taken[l.Port]
	if p == nil {
		p = &port{hostnames: map[string]bool{}}
		taken[l.Port] = p
	}
	mode := l.mode()
	switch first, differs := p.conflict(l.Protocol); {
	case p.hostnames[key(l)] && (l.hostname() != "" || !differs): // a hostname decides, whatever the protocols are
		if l.Problem == nil || l.Problem.Reason == string(gatewayv1.ListenerReasonProtocolConflict) {
			l.Problem = &Problem{Reason: string(gatewayv1.ListenerReasonHostnameConflict), Message: hostnameText(l)}
		}
	case differs:
		fail(gatewayv1.ListenerReasonProtocolConflict, "port %d has a listener of protocol %s already; a port of a load "+
			"balancer has one protocol", l.Port, first)
	case mode != "" && p.mode != "" && mode != p.mode:
		fail(gatewayv1.ListenerReasonProtocolConflict, "port %d has a TLS listener of mode %s already; a port of a load "+
			"balancer has one mode", l.Port, p.mode)
	case p.mode == "" && mixed && mode != "":
		fail(gatewayv1.ListenerReasonProtocolConflict, "port %d has TLS listeners of modes Terminate and Passthrough; a "+
			"port of a load balancer has one mode", l.Port)
		l.SupportedKinds = []gatewayv1.RouteGroupKind{} // the port serves none
	}
	p.hostnames[key(l)] = true
	if l.Problem == nil {
		p.add(l)
	}
}

// add notes the protocol and mode of a listener that serves on the port.
func (p *port) add(l *Listener) {
	if !slices.Contains(p.protocols, l.Protocol) { // else each of many listeners would look at all before it
		p.protocols = append(p.protocols, l.Protocol)
	}
	p.mode = cmp.Or(p.mode, l.mode())
}

// key is what may stand on a port once: a hostname, or a protocol without hostname.
func key(l *Listener) string { return cmp.Or(l.hostname(), "protocol "+string(l.Protocol)) }

// conflict reports whether the port of a listener has another protocol, with which that of the listener cannot share
// it.
func (t ports) conflict(l *Listener) bool {
	p := t[l.Port]
	if p == nil {
		return false
	}
	_, differs := p.conflict(l.Protocol)
	return differs
}

// conflict finds a protocol of the port with which another one cannot share it. TCP and UDP can.
func (p *port) conflict(with gatewayv1.ProtocolType) (first gatewayv1.ProtocolType, differs bool) {
	shares := func(p gatewayv1.ProtocolType) bool {
		return p == gatewayv1.TCPProtocolType || p == gatewayv1.UDPProtocolType
	}
	for _, q := range p.protocols {
		if q != with && (!shares(q) || !shares(with)) {
			return q, true
		}
	}
	return "", false
}

func hostnameText(l *Listener) string {
	if h := l.hostname(); h != "" {
		return fmt.Sprintf("port %d has a listener with hostname %s already", l.Port, h)
	}
	return fmt.Sprintf("port %d has a listener of protocol %s without hostname already", l.Port, l.Protocol)
}

func unsupported(p gatewayv1.ProtocolType, of, family Family) string {
	want := map[Family]string{Application: "HTTP or HTTPS", Network: "TCP, UDP or TLS"}[family]
	switch {
	case want == "":
		return fmt.Sprintf("no load balancer has listeners of protocol %s; use HTTP, HTTPS, TCP, UDP or TLS", p)
	case of == "":
		return fmt.Sprintf("no load balancer has listeners of protocol %s; use %s", p, want)
	}
	return fmt.Sprintf("protocol %s needs another load balancer than the %s load balancer of this Gateway; use %s, or "+
		"another Gateway", p, family, want)
}

// supportedKinds are those that the listener asks for, as far as the family has them, else those of its protocol.
func (l *Listener) supportedKinds(family Family, known protocol, fail func(gatewayv1.ListenerConditionReason,
	string, ...any)) {
	l.SupportedKinds = []gatewayv1.RouteGroupKind{}
	group := gatewayv1.Group(gatewayv1.GroupName)
	add := func(k gatewayv1.Kind) {
		kind := gatewayv1.RouteGroupKind{Group: &group, Kind: k}
		if !slices.ContainsFunc(l.SupportedKinds, func(o gatewayv1.RouteGroupKind) bool { return o.Kind == k }) {
			l.SupportedKinds = append(l.SupportedKinds, kind)
		}
	}
	if l.AllowedRoutes == nil || len(l.AllowedRoutes.Kinds) == 0 {
		for _, k := range known.kinds {
			if known.family == family {
				add(k)
			}
		}
		return
	}
	for _, k := range l.AllowedRoutes.Kinds {
		if foreign := k.Group != nil && *k.Group != group; foreign || !l.admits(k.Kind, family, known) {
			name := string(k.Kind)
			if foreign {
				name = string(*k.Group) + "/" + name
			}
			fail(gatewayv1.ListenerReasonInvalidRouteKinds,
				"allowedRoutes.kinds contains %s, which cannot attach to a listener of protocol %s of this Gateway", name,
				l.Protocol)
			continue
		}
		add(k.Kind)
	}
}

// admits reports whether a listener can have routes of a kind: one of the Gateway's family, and of that of the
// listener's protocol. TLS that passes through is for TLSRoutes, and for TCPRoutes unless allowedRoutes names both: a
// port has one route, and the Gateway API's is the TLSRoute.
func (l *Listener) admits(kind gatewayv1.Kind, family Family, known protocol) bool {
	if !slices.Contains(routeKinds[family], kind) || known.family != "" &&
		!slices.Contains(routeKinds[known.family], kind) {
		return false
	}
	switch {
	case l.mode() != string(gatewayv1.TLSModePassthrough), kind == "TLSRoute":
		return true
	case kind == "TCPRoute":
		return !slices.ContainsFunc(l.AllowedRoutes.Kinds, func(k gatewayv1.RouteGroupKind) bool {
			return k.Kind == "TLSRoute"
		})
	}
	return false
}
