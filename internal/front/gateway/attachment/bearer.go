package attachment

import (
	"fmt"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// bearer is a hostname for which clients may take a certificate: of a listener, or of a route that it serves.
type bearer struct {
	order    int
	listener int
	route    *Contender // nil = the hostname is the listener's own
	host     Hostname
}

// bearing are the hostnames of a namespace on a port.
type bearing struct {
	port      gatewayv1.PortNumber
	namespace string
}

// bearer finds the first hostname of others for which clients would take a certificate with a name, if a guest had it.
// Thousands of hostnames and of certificates meet here, so that it looks only at those that are near the name.
func (c *contest) bearer(guest int, name string) (first *bearer) {
	if c.bearers == nil {
		c.findBearers()
	}
	l := &c.All[guest]
	for _, near := range nearName(strings.ToLower(name)) {
		for of, all := range c.bearers[near] {
			if of.port != l.Port || of.namespace == l.Parent.Namespace {
				continue
			}
			for i := range all {
				if first != nil && first.order <= all[i].order {
					break
				}
				if c.bears(&all[i], guest, name) {
					first = &all[i]
					break
				}
			}
		}
	}
	return first
}

// findBearers enters all hostnames under what is near them, in the order of listeners.
func (c *contest) findBearers() {
	c.bearers = map[string]map[bearing][]bearer{}
	order := 0
	add := func(namespace string, b bearer) {
		b.order = order
		order++
		for _, near := range nearHost(b.host.Name) {
			if c.bearers[near] == nil {
				c.bearers[near] = map[bearing][]bearer{}
			}
			of := bearing{c.All[b.listener].Port, namespace}
			c.bearers[near][of] = append(c.bearers[near][of], b)
		}
	}
	for i := range c.All {
		l := &c.All[i]
		add(l.Parent.Namespace, bearer{listener: i, host: Hostname{Name: l.hostname()}})
		for _, s := range c.served[i] {
			for _, h := range s.hosts {
				add(s.Namespace, bearer{listener: i, route: s.Contender, host: h})
			}
		}
	}
}

// bears reports whether a hostname is another one's than a guest's, and clients of it would take the guest's certificate
// with a name.
func (c *contest) bears(b *bearer, guest int, name string) bool {
	l, host := &c.All[guest], b.host.Name
	switch {
	case b.listener >= guest || !c.rivals(b.listener, guest) || host == "" || !certifies(name, host) ||
		Covers(host, l.hostname()) && Covers(l.hostname(), name):
		return false
	case b.route == nil || !c.created(l).Before(b.route.Created):
		return true
	}
	return c.Held.closeness(Holder{Port: l.Port, Namespace: b.route.Namespace}, host) > 0
}

// whose says whose a hostname is.
func (c *contest) whose(b *bearer) string {
	if b.route == nil {
		return fmt.Sprintf("hostname %s of %s", b.host.Name, c.All[b.listener].text())
	}
	return fmt.Sprintf("hostname %s of %s %s/%s", b.host.Name, b.route.Kind, b.route.Namespace, b.route.Name)
}

// nearHost are the keys under which a hostname is found: itself; a name by its parent, as "^parent"; a wildcard by each
// wider one, as "~parent".
func nearHost(host string) []string {
	first, parent, _ := strings.Cut(host, ".")
	out := []string{host}
	if first != "*" {
		return append(out, "^"+parent)
	}
	for _, wider, more := strings.Cut(parent, "."); more; _, wider, more = strings.Cut(wider, ".") {
		out = append(out, "~"+wider)
	}
	return out
}

// nearName are the keys of all hostnames for which clients take a certificate with a name. Of a wildcard that is only a
// part of a label, they are none: no client takes it.
func nearName(name string) []string {
	out := []string{name}
	first, parent, more := strings.Cut(name, ".")
	if first == "*" {
		out = append(out, "^"+parent, "~"+parent)
		_, parent, more = strings.Cut(parent, ".")
	}
	for ; more; _, parent, more = strings.Cut(parent, ".") {
		out = append(out, "*."+parent)
	}
	return out
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
