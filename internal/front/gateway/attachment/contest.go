package attachment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Terms are what a contest of listeners for hostnames depends on.
type Terms struct {
	// Decides reports whether the Gateway's owner lets ListenerSets of a namespace take hostnames of others.
	Decides func(namespace string) bool
	// Isolated reports that the most specific listener of a port has all requests for its hostname.
	Isolated bool
	// Remedy is what the author of a listener that loses a hostname can do, given the namespace of the listener.
	Remedy func(namespace string) string
	// Held are the hostnames that namespaces had when the last pass ended.
	Held Held
}

// Contender is a route that serves hostnames at listeners.
type Contender struct {
	Route
	Created   time.Time
	Decisions []Decision
	// Edited: since it was created, the route may have got hostnames that nobody saw it serve.
	Edited bool
}

// Claim is a hostname that a route serves by name, and that listeners of ListenerSets of other namespaces do not take
// from it.
type Claim struct {
	Hostname string
	Listener int    // in Listeners.All: where the route serves the hostname
	Route    Parent // the route, not its parent
	Losers   []int  // in Listeners.All, ascending; those whose hostname is a part of Hostname have a Problem
}

// contest decides which listeners take which hostnames. A guest is a listener of a ListenerSet whose namespace does not
// decide.
type contest struct {
	*Listeners
	Terms
	routes  []Contender
	served  [][]serving // by listener
	sets    map[Parent]*gatewayv1.ListenerSet
	settled []bool // by listener
	// names are the hostnames of listeners, by port.
	names map[gatewayv1.PortNumber]Names
	// yields are hostnames that routes name, and that a guest of another namespace keeps.
	yields map[wanted]bool
	// ungranted: what ListenerSets take because the Gateway's owner lets them is left out of account.
	ungranted bool
	// certified are the names for which certificates of guests are accepted.
	certified map[wanted]bool
	// bearers are the hostnames that certificates may be for, by what bearing returns; nil before the first look.
	bearers map[string]map[bearing][]bearer
}

// wanted is a name that a namespace wants on a port.
type wanted struct {
	port            gatewayv1.PortNumber
	namespace, name string
}

// serving are the hostnames that a route serves at a listener; none = any.
type serving struct {
	*Contender
	hosts []Hostname
}

// Contest finds the claims. A guest does not take a hostname from a route of another namespace that serves it by name
// at a listener of the Gateway, or of an older ListenerSet of another namespace, unless the guest and a route of it
// served the hostname before. A hostname that a guest loses is in Claims; a guest that loses all of its hostname gets a
// Problem.
func (ls *Listeners) Contest(routes []Contender, terms Terms) {
	c := ls.contestOf(routes, terms)
	ls.contest = c
	if !slices.ContainsFunc(ls.All, func(l Listener) bool { return c.guest(&l) }) {
		return
	}
	for guest := range ls.All {
		for other := 0; other < len(ls.All) && ls.All[guest].Problem == nil; other++ {
			if c.rivals(other, guest) && (other < guest || c.guest(&ls.All[other])) {
				c.between(other, guest)
			}
		}
		ls.All[guest].Lost = c.lostBy(guest)
	}
}

// contestOf is a contest of which nothing is decided.
func (ls *Listeners) contestOf(routes []Contender, terms Terms) *contest {
	c := &contest{Listeners: ls, Terms: terms, routes: routes, sets: ls.sets(),
		served: make([][]serving, len(ls.All)), settled: make([]bool, len(ls.All)),
		names: map[gatewayv1.PortNumber]Names{}, yields: map[wanted]bool{}, certified: map[wanted]bool{}}
	for i := range ls.All {
		l := &ls.All[i]
		set := c.sets[l.Parent]
		c.settled[i] = set == nil || settled(set, l.Name)
		if c.names[l.Port] == nil {
			c.names[l.Port] = Names{}
		}
		c.names[l.Port][l.hostname()] = true
	}
	for i := range routes {
		for _, d := range routes[i].Decisions {
			for _, a := range d.Attached {
				c.served[a.Listener] = append(c.served[a.Listener], serving{&routes[i], a.Hostnames})
			}
		}
	}
	return c
}

// created is when the ListenerSet of a guest was created.
func (c *contest) created(l *Listener) time.Time { return c.sets[l.Parent].CreationTimestamp.Time }

func (c *contest) guest(l *Listener) bool {
	return l.Problem == nil && l.Parent.Kind == "ListenerSet" && !c.decides(l.Parent.Namespace)
}

// decides reports whether ListenerSets of a namespace take what the Gateway's own listeners would.
func (c *contest) decides(namespace string) bool {
	return namespace == c.parents[0].Namespace || c.Decides(namespace)
}

// granted reports whether a listener takes what the Gateway's own would because the Gateway's owner lets its namespace.
func (c *contest) granted(l *Listener) bool {
	of := l.Parent.Namespace
	return l.Parent.Kind == "ListenerSet" && of != c.parents[0].Namespace && c.Decides(of)
}

// rivals reports whether a listener shares its port with a guest of another namespace.
func (c *contest) rivals(other, guest int) bool {
	a, b := &c.All[other], &c.All[guest]
	return a.Port == b.Port && a.Problem == nil && a.Parent.Namespace != b.Parent.Namespace && c.guest(b)
}

// between has a guest lose what routes at another listener claim, and the port if it would change the protocol of that.
func (c *contest) between(other, guest int) {
	a, b := &c.All[other], &c.All[guest]
	if other < guest && a.Protocol != b.Protocol {
		b.Problem = &Problem{Reason: string(gatewayv1.ListenerReasonProtocolConflict), Message: fmt.Sprintf(
			"port %d has %s, of protocol %s; with another protocol the port would become another listener for all; %s", b.Port,
			a.text(), a.Protocol, c.Remedy(b.Parent.Namespace))}
		return
	}
	if _, common := narrower(a.hostname(), b.hostname()); !common { // as of almost all pairs, where there are thousands
		return
	}
	for _, s := range c.served[other] {
		for _, h := range s.hosts {
			if b.Problem == nil && c.loses(guest, other, s, h) && !c.elsewhere(other, s, h) {
				c.claim(guest, other, s, h.Name)
			}
		}
	}
}

// loses reports whether a guest loses a hostname to a route that serves it at a listener.
func (c *contest) loses(guest, other int, s serving, h Hostname) bool {
	a, b := &c.All[other], &c.All[guest]
	apart := c.Isolated && Covers(b.hostname(), a.hostname()) // the guest does not have requests of the other in any case
	if h.Name == "" || apart || s.Namespace == b.Parent.Namespace || !c.rivals(other, guest) || !c.byName(a, b, h) {
		return false
	}
	if _, common := narrower(b.hostname(), h.Name); !common {
		return false
	}
	if c.before(guest, other, s, h.Name) {
		c.yields[wanted{b.Port, s.Namespace, h.Name}] = true
		return false
	}
	return true
}

// byName reports whether a hostname is claimed, rather than a part of what a route without hostnames catches. All of a
// listener that is more specific than the guest is claimed.
func (c *contest) byName(other, guest *Listener, h Hostname) bool {
	return h.Own != "" || !strings.HasPrefix(h.Name, "*") || other.Parent.Namespace != c.parents[0].Namespace ||
		Covers(guest.hostname(), other.hostname())
}

// before reports whether a guest has some of a hostname rather than a route of another namespace at a listener: the one
// that had it when the last pass ended, by the more specific hostname. If both had it, or that is not known, the guest
// has it if its ListenerSet is older, and so is a route of it. What an edit may have brought did not come that early.
func (c *contest) before(guest, other int, s serving, name string) bool {
	l := &c.All[guest]
	theirs := func(part string) int { return c.Held.closeness(Holder{Port: l.Port, Namespace: s.Namespace}, part) }
	later, older, met := other > guest, false, false
	for _, own := range c.served[guest] {
		hosts := own.hosts
		if len(hosts) == 0 {
			hosts = []Hostname{{Name: name}}
		}
		for _, h := range hosts {
			part, common := narrower(h.Name, name)
			if !common {
				continue
			}
			met = true
			had := c.Held.closeness(Holder{Port: l.Port, Namespace: own.Namespace, Set: l.Parent.Namespace}, part)
			if had == 0 && theirs(part) == 0 { // what only the guest had, it may bring from another listener
				had = c.Held.closeness(Holder{Port: l.Port, Namespace: own.Namespace}, part)
			}
			settled := !own.Edited && c.settled[guest]
			known := !c.guest(&c.All[other]) || !s.Edited && c.settled[other]
			switch n := cmp.Compare(had, theirs(part)); {
			case n != 0:
				return n > 0
			case had == 0 && settled != known:
				return settled
			case had == 0 && !settled && !later:
				return false
			}
			older = older || c.created(l).Before(s.Created) && own.Created.Before(s.Created)
		}
	}
	if part, common := narrower(l.hostname(), name); later && !met && common {
		return theirs(part) == 0
	}
	return older || later
}

// elsewhere reports whether a route does not serve a hostname at a listener, because another listener has the requests
// for it.
func (c *contest) elsewhere(at int, s serving, h Hostname) bool {
	if slices.ContainsFunc(c.Claims, func(o Claim) bool {
		return slices.Contains(o.Losers, at) && Covers(o.Hostname, h.Name)
	}) {
		return true
	}
	own := c.All[at].hostname()
	if !c.Isolated || !slices.ContainsFunc(c.names[c.All[at].Port].Covering(h.Name), func(name string) bool {
		return name != own && Covers(own, name)
	}) {
		return false
	}
	for i := range c.All {
		l := &c.All[i]
		name := l.hostname()
		if l.Problem == nil && l.Port == c.All[at].Port && name != own && Covers(own, name) &&
			Covers(name, h.Name) && !c.loses(i, at, s, h) && (!c.ungranted || !c.granted(l)) {
			return true
		}
	}
	return false
}

// claim records that a guest loses a hostname.
func (c *contest) claim(guest, other int, s serving, name string) {
	at := slices.IndexFunc(c.Claims, func(o Claim) bool { return o.Hostname == name && o.Listener == other })
	if at < 0 {
		at = len(c.Claims)
		c.Claims = append(c.Claims, Claim{Hostname: name, Listener: other, Route: Parent{s.Kind, s.Namespace, s.Name}})
	}
	if claim := &c.Claims[at]; !slices.Contains(claim.Losers, guest) {
		claim.Losers = append(claim.Losers, guest)
	}
	if l := &c.All[guest]; Covers(name, l.hostname()) {
		l.Problem = &Problem{Reason: string(gatewayv1.ListenerReasonHostnameConflict),
			Message: fmt.Sprintf("%s; %s", c.Text(&c.Claims[at]), c.Remedy(l.Parent.Namespace))}
	}
}

// lostBy words what a guest that serves loses.
func (c *contest) lostBy(guest int) (out []string) {
	for i := range c.Claims {
		if c.All[guest].Problem == nil && slices.Contains(c.Claims[i].Losers, guest) {
			out = append(out, c.Text(&c.Claims[i]))
		}
	}
	return out
}

// Text says who has the hostname of a claim, as a sentence without a period.
func (ls *Listeners) Text(c *Claim) string {
	l := &ls.All[c.Listener]
	return fmt.Sprintf("requests for hostname %s on port %d"+BelongTo+"%s %s/%s, at %s", c.Hostname, l.Port, c.Route.Kind,
		c.Route.Namespace, c.Route.Name, l.text())
}

// BelongTo is in the message of each route and listener that lost a hostname.
const BelongTo = " belong to "

func (l *Listener) text() string {
	return fmt.Sprintf("listener %s of %s %s/%s", l.Name, l.Parent.Kind, l.Parent.Namespace, l.Parent.Name)
}

// Since is when the ListenerSet of a guest was created; guest is false for a listener of the Gateway, or of a namespace
// that decides.
func (ls *Listeners) Since(listener int) (created time.Time, guest bool) {
	if c := ls.contest; c != nil && c.guest(&ls.All[listener]) {
		return c.created(&ls.All[listener]), true
	}
	return time.Time{}, false
}

// Foreign says whose hostname a certificate with a name would be served for, if a listener had it; ok is false if the
// certificate is for nobody else's.
func (ls *Listeners) Foreign(listener int, name string) (whose string, ok bool) {
	c, l := ls.contest, &ls.All[listener]
	if c == nil || !c.guest(l) {
		return "", false
	}
	has := wanted{l.Port, l.Parent.Namespace, name}
	if c.Held[Holder{Port: l.Port, Set: l.Parent.Namespace, Certificates: true}][name] {
		c.certified[has] = true
		return "", false
	}
	if of := c.bearer(listener, name); of != nil {
		return c.whose(of), true
	}
	c.certified[has] = true
	return "", false
}

// Covers reports whether all names of hostname b are names of hostname a. An empty hostname has all names.
func Covers(a, b string) bool {
	if a == "" || a == b {
		return true
	}
	suffix, wildcard := strings.CutPrefix(a, "*")
	return wildcard && strings.HasSuffix(b, suffix)
}

// Names are hostnames that are found by a hostname within them, however many there are.
type Names map[string]bool

// NamesOf makes Names of a list.
func NamesOf(list []string) Names {
	out := make(Names, len(list))
	for _, name := range list {
		out[name] = true
	}
	return out
}

// Covering are the names that cover a hostname, itself included if it is one of them.
func (n Names) Covering(host string) (out []string) {
	add := func(name string) {
		if n[name] {
			out = append(out, name)
		}
	}
	add("")
	if host != "" {
		add(host)
	}
	for i := range len(host) + 1 {
		if wide := "*" + host[i:]; (i == 0 || i == len(host) || host[i] == '.') && wide != host {
			add(wide)
		}
	}
	return out
}
