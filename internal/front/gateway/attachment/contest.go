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
	served  []servings // by listener
	sets    map[Parent]*gatewayv1.ListenerSet
	settled []bool // by listener
	// ports have what is valid on each port when the contest begins.
	ports map[gatewayv1.PortNumber]*contestedPort
	// claims are indexes of Claims.
	claims map[claimed]int
	// lost are the hostnames that a listener loses.
	lost map[int]Names
	// losses are the claims that a listener loses, as indexes of Claims.
	losses map[int][]int
	// yields are hostnames that routes name, and that a guest of another namespace keeps.
	yields map[wanted]bool
	// ungranted: what ListenerSets take because the Gateway's owner lets them is left out of account.
	ungranted bool
	// certified are the names for which certificates of guests are accepted.
	certified map[wanted]bool
}

// wanted is a name that a namespace wants on a port.
type wanted struct {
	port            gatewayv1.PortNumber
	namespace, name string
}

// serving is a hostname that a route serves at a listener; an empty name is any.
type serving struct {
	*Contender
	host Hostname
}

// servings are what routes serve at a listener.
type servings struct {
	all   []serving
	hosts table // indexes of all
}

// addAll adds what a route serves.
func (s *servings) addAll(c *Contender, hosts []Hostname) {
	if len(hosts) == 0 {
		hosts = []Hostname{{}}
	}
	for _, host := range hosts {
		s.hosts.add(host.Name, len(s.all))
		s.all = append(s.all, serving{c, host})
	}
}

// meeting are those whose hostname has names in common with another one.
func (s *servings) meeting(host string) (out []serving) {
	for _, i := range s.hosts.meeting(host) {
		out = append(out, s.all[i])
	}
	return out
}

// contestedPort is a port whose listeners contend.
type contestedPort struct {
	listeners table // by their hostnames
	serving   table // by the hostnames that routes serve at them
	// first are the first listeners of a protocol that are valid after the contest: the first one, and the first one of
	// another namespace.
	first map[gatewayv1.ProtocolType][]int
}

// claimed is a hostname that a route serves at a listener.
type claimed struct {
	hostname string
	listener int
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
		for _, other := range c.others(guest) {
			if c.competitors(other, guest) && (other < guest || c.guest(&ls.All[other])) {
				c.between(other, guest)
			}
		}
		ls.All[guest].Lost = c.lostBy(guest)
		c.noteFirst(guest)
	}
}

// others are the listeners that a guest may lose something to, ascending: those with names in common, and the first one
// with another protocol on the port.
func (c *contest) others(guest int) []int {
	l := &c.All[guest]
	if !c.guest(l) {
		return nil
	}
	p := c.ports[l.Port]
	out, first := p.listeners.meeting(l.hostname()), len(c.All)
	for protocol, all := range p.first {
		for _, i := range all {
			if protocol != l.Protocol && c.All[i].Parent.Namespace != l.Parent.Namespace {
				first = min(first, i)
			}
		}
	}
	if first < len(c.All) {
		out = append(out, first)
		slices.Sort(out)
	}
	return out
}

// noteFirst notes a listener that the contest has decided about.
func (c *contest) noteFirst(listener int) {
	l := &c.All[listener]
	if l.Problem != nil {
		return
	}
	p := c.ports[l.Port]
	all := p.first[l.Protocol]
	if len(all) == 0 || len(all) == 1 && c.All[all[0]].Parent.Namespace != l.Parent.Namespace {
		p.first[l.Protocol] = append(all, listener)
	}
}

// contestOf is a contest of which nothing is decided.
func (ls *Listeners) contestOf(routes []Contender, terms Terms) *contest {
	c := &contest{Listeners: ls, Terms: terms, routes: routes, sets: ls.sets(),
		served: make([]servings, len(ls.All)), settled: make([]bool, len(ls.All)),
		ports: map[gatewayv1.PortNumber]*contestedPort{}, claims: map[claimed]int{}, lost: map[int]Names{},
		losses: map[int][]int{}, yields: map[wanted]bool{}, certified: map[wanted]bool{}}
	for i := range ls.All {
		l := &ls.All[i]
		set := c.sets[l.Parent]
		c.settled[i] = set == nil || settled(set, l.Name)
		if c.ports[l.Port] == nil {
			c.ports[l.Port] = &contestedPort{first: map[gatewayv1.ProtocolType][]int{}}
		}
		if l.Problem == nil {
			c.ports[l.Port].listeners.add(l.hostname(), i)
		}
	}
	for i := range routes {
		for _, d := range routes[i].Decisions {
			for _, a := range d.Attached {
				c.served[a.Listener].addAll(&routes[i], a.Hostnames)
			}
		}
	}
	for i := range c.served {
		for _, s := range c.served[i].all {
			c.ports[ls.All[i].Port].serving.add(s.host.Name, i)
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

// competitors reports whether a listener shares its port with a guest of another namespace.
func (c *contest) competitors(other, guest int) bool {
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
	if _, common := narrower(a.hostname(), b.hostname()); !common {
		return
	}
	for _, s := range c.served[other].meeting(b.hostname()) {
		if b.Problem == nil && c.loses(guest, other, s) && !c.otherServes(other, s) {
			c.claim(guest, other, s)
		}
	}
}

// loses reports whether a guest loses a hostname to a route that serves it at a listener.
func (c *contest) loses(guest, other int, s serving) bool {
	a, b, h := &c.All[other], &c.All[guest], s.host
	apart := c.Isolated && Covers(b.hostname(), a.hostname()) // the guest does not have requests of the other in any case
	if h.Name == "" || apart || s.Namespace == b.Parent.Namespace || !c.competitors(other, guest) || !c.byName(a, b, h) {
		return false
	}
	if _, common := narrower(b.hostname(), h.Name); !common {
		return false
	}
	if c.before(guest, other, s) {
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
func (c *contest) before(guest, other int, s serving) bool {
	l, name := &c.All[guest], s.host.Name
	theirs := func(part string) int { return c.Held.closeness(Holder{Port: l.Port, Namespace: s.Namespace}, part) }
	later, older, met := other > guest, false, false
	for _, own := range c.served[guest].meeting(name) {
		part, common := narrower(own.host.Name, name)
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
	if part, common := narrower(l.hostname(), name); later && !met && common {
		return theirs(part) == 0
	}
	return older || later
}

// otherServes reports whether a route does not serve a hostname at a listener, because another listener has the
// requests for it.
func (c *contest) otherServes(at int, s serving) bool {
	if c.Loses(at, s.host.Name) {
		return true
	}
	if !c.Isolated {
		return false
	}
	own := c.All[at].hostname()
	return slices.ContainsFunc(c.ports[c.All[at].Port].listeners.covering(s.host.Name), func(i int) bool {
		l := &c.All[i]
		return l.Problem == nil && l.hostname() != own && Covers(own, l.hostname()) && !c.loses(i, at, s) &&
			(!c.ungranted || !c.granted(l))
	})
}

// claim records that a guest loses a hostname.
func (c *contest) claim(guest, other int, s serving) {
	name := s.host.Name
	at, known := c.claims[claimed{name, other}]
	if !known {
		at = len(c.Claims)
		c.claims[claimed{name, other}] = at
		c.Claims = append(c.Claims, Claim{Hostname: name, Listener: other, Route: Parent{s.Kind, s.Namespace, s.Name}})
	}
	if claim := &c.Claims[at]; len(claim.Losers) == 0 || claim.Losers[len(claim.Losers)-1] != guest {
		claim.Losers = append(claim.Losers, guest)
		c.losses[guest] = append(c.losses[guest], at)
		if c.lost[guest] == nil {
			c.lost[guest] = Names{}
		}
		c.lost[guest][name] = true
	}
	if l := &c.All[guest]; Covers(name, l.hostname()) {
		l.Problem = &Problem{Reason: string(gatewayv1.ListenerReasonHostnameConflict),
			Message: fmt.Sprintf("%s; %s", c.Text(&c.Claims[at]), c.Remedy(l.Parent.Namespace))}
	}
}

// Losses returns the claims that a listener loses, as ascending indexes of Claims.
func (ls *Listeners) Losses(listener int) []int {
	if ls.contest == nil {
		return nil
	}
	return slices.Sorted(slices.Values(ls.contest.losses[listener]))
}

// Loses reports whether a listener loses all requests for a hostname.
func (ls *Listeners) Loses(listener int, host string) bool {
	return ls.contest != nil && len(ls.contest.lost[listener].Covering(host)) > 0
}

// Covering returns the listeners on a port whose hostname covers another one, ascending.
func (ls *Listeners) Covering(port gatewayv1.PortNumber, host string) []int {
	if ls.contest == nil || ls.contest.ports[port] == nil {
		return nil
	}
	return ls.contest.ports[port].listeners.covering(host)
}

// lostBy words what a guest that serves loses.
func (c *contest) lostBy(guest int) (out []string) {
	if c.All[guest].Problem != nil {
		return nil
	}
	for _, i := range c.Losses(guest) {
		out = append(out, c.Text(&c.Claims[i]))
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

// Since returns when the ListenerSet of a guest was created. guest is false for a listener of the Gateway, or of a
// namespace that decides.
func (ls *Listeners) Since(listener int) (created time.Time, guest bool) {
	if c := ls.contest; c != nil && c.guest(&ls.All[listener]) {
		return c.created(&ls.All[listener]), true
	}
	return time.Time{}, false
}

// Foreign returns the owner of the hostnames for which a listener would serve a certificate with a name; ok is false
// if nobody else owns them.
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
	foreign := func(host string) bool {
		return host != "" && certifies(name, host) && (!Covers(host, l.hostname()) || !Covers(l.hostname(), name))
	}
	p, of := c.ports[l.Port], strings.ToLower(name)
	if partial(of) {
		if i := c.firstCompetitor(listener); i >= 0 {
			return "hostnames of " + ls.All[i].text(), true
		}
		c.certified[has] = true
		return "", false
	}
	before := slices.AppendSeq(slices.Collect(p.listeners.certified(of)), p.serving.certified(of))
	slices.Sort(before)
	for _, i := range slices.Compact(before) {
		if i >= listener || !c.competitors(i, listener) {
			continue
		}
		if o := &ls.All[i]; foreign(o.hostname()) {
			return fmt.Sprintf("hostname %s of %s", o.hostname(), o.text()), true
		}
		for at := range c.served[i].hosts.certified(of) {
			s := &c.served[i].all[at]
			older := c.created(l).Before(s.Created)
			if s.Namespace != l.Parent.Namespace && foreign(s.host.Name) &&
				(!older || c.Held.closeness(Holder{Port: l.Port, Namespace: s.Namespace}, s.host.Name) > 0) {
				return fmt.Sprintf("hostname %s of %s %s/%s", s.host.Name, s.Kind, s.Namespace, s.Name), true
			}
		}
	}
	c.certified[has] = true
	return "", false
}

// firstCompetitor is a listener that has its port for longer than a guest of another namespace; -1 = there is none.
func (c *contest) firstCompetitor(guest int) int {
	first := -1
	for _, all := range c.ports[c.All[guest].Port].first {
		for _, i := range all {
			if i < guest && (first < 0 || i < first) && c.competitors(i, guest) {
				first = i
			}
		}
	}
	return first
}

// partial reports whether the wildcard of a certificate's name is a part of a label. The Gateway API has no such
// hostnames, and no index finds which ones the name covers.
func partial(name string) bool {
	rest, wild := strings.CutPrefix(name, "*")
	return wild && rest != "" && rest[0] != '.'
}

// certifies reports whether clients of some name of a hostname take a certificate with a name. A wildcard of a
// certificate is one label.
func certifies(name, host string) bool {
	name = strings.ToLower(name)
	if parent, wild := strings.CutPrefix(name, "*."); wild && !strings.HasPrefix(host, "*") {
		_, of, _ := strings.Cut(host, ".")
		return of == parent
	}
	_, common := narrower(name, host)
	return common
}
