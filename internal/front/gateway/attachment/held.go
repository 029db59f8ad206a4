package attachment

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Held are the hostnames that namespaces had when the last pass ended. The age of an object does not show it: an edit
// gives an old object a new hostname. Nil = not known.
type Held map[Holder]Names

// Holder is a namespace whose routes have hostnames on a port.
type Holder struct {
	Port      gatewayv1.PortNumber
	Namespace string
	// Set is the namespace of the ListenerSets by which the routes have them; empty = however they have them.
	Set string
	// Certificates: the names are those of certificates, and Namespace is empty.
	Certificates bool
}

// add adds a hostname; "*" stands for any.
func (h Held) add(of Holder, name string) {
	if h[of] == nil {
		h[of] = Names{}
	}
	if name == "" {
		name = "*"
	}
	h[of][name] = true
}

// closeness is how specific the hostname is by which a namespace had another one; 0 = it did not have it.
func (h Held) closeness(of Holder, name string) (n int) {
	for _, wide := range h[of].Covering(name) {
		n = max(n, 1+len(strings.TrimPrefix(wide, "*")))
	}
	return n
}

// AcceptedInPart begins the message of a listener that others keep hostnames from.
const AcceptedInPart = "Listener is accepted in part: "

// settled reports whether a listener of a ListenerSet has had its hostname for as long as the ListenerSet exists, or
// had it when its status was written. The API server counts edits in the generation, which nobody can forge. Where the
// status shows a conflict, others had the hostname.
func settled(set *gatewayv1.ListenerSet, name gatewayv1.SectionName) bool {
	at := slices.IndexFunc(set.Status.Listeners, func(l gatewayv1.ListenerEntryStatus) bool { return l.Name == name })
	if at < 0 {
		return set.Generation <= 1
	}
	shown := set.Status.Listeners[at].Conditions
	if c := meta.FindStatusCondition(shown, string(gatewayv1.ListenerConditionConflicted)); c != nil &&
		(c.Reason == string(gatewayv1.ListenerReasonHostnameConflict) ||
			c.Reason == string(gatewayv1.ListenerReasonProtocolConflict)) {
		return false
	}
	c := meta.FindStatusCondition(shown, string(gatewayv1.ListenerConditionAccepted))
	return set.Generation <= 1 || c != nil && c.Status == metav1.ConditionTrue &&
		c.ObservedGeneration == set.Generation && !strings.HasPrefix(c.Message, AcceptedInPart)
}

// Holds returns the hostnames that namespaces have now, for the next pass. What a ListenerSet takes because the
// Gateway's owner lets it is not among them: it goes back to who had it once the owner does not.
func (ls *Listeners) Holds() Held {
	c, out := ls.contest, Held{}
	if c == nil {
		return out
	}
	c.ungranted = true
	for i := range ls.All {
		l := &ls.All[i]
		if l.Problem != nil {
			continue
		}
		for _, s := range c.served[i].all {
			if s.host.Name != "" || c.guest(l) {
				c.hold(out, i, s)
			}
		}
	}
	for of := range c.certified {
		out.add(Holder{Port: of.port, Set: of.namespace, Certificates: true}, of.name)
	}
	return out
}

// hold adds a hostname that a route has at a listener, unless another listener has its requests.
func (c *contest) hold(out Held, at int, s serving) {
	l, name := &c.All[at], s.host.Name
	if c.granted(l) || c.yields[wanted{l.Port, s.Namespace, name}] || c.otherServes(at, s) {
		return
	}
	if c.guest(l) {
		out.add(Holder{Port: l.Port, Namespace: s.Namespace, Set: l.Parent.Namespace}, name)
	}
	out.add(Holder{Port: l.Port, Namespace: s.Namespace}, name)
}
