package registrar

import (
	"context"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

// IsQUIC reports whether targets of a protocol have server ids.
func IsQUIC(protocol string) bool { return strings.HasSuffix(protocol, "QUIC") }

// WithServerIDs are the endpoints of a QUIC target group with the server ids of their pods, which are in the
// environment variable of a name. missing are those without an id, and repeated those with the id of another address
// before them, as AWS allows an id once: neither can be registered.
func WithServerIDs(ctx context.Context, c Cluster, all Endpoints, variable string) (identified, missing,
	repeated []Endpoint) {
	holder := map[string]string{} // address by server id
	for _, at := range all.All() {
		e := *at
		if pod, ok := c.Pod(ctx, e.Namespace, e.Pod); ok && e.Pod != "" {
			e.ServerID = serverid.OfPort(pod, variable, e.Port)
		}
		other, taken := holder[e.ServerID]
		switch {
		case e.ServerID == "":
			missing = append(missing, e)
		case taken && other != e.ID:
			repeated = append(repeated, e)
		default:
			holder[e.ServerID] = e.ID
			identified = append(identified, e)
		}
	}
	return identified, missing, repeated
}

// addresses are those of targets that are registered, or about to be, with another server id than the request wants, by
// Target.Address. AWS takes a registration of a registered target as done and keeps its server id, so that the new one
// waits for the end of the old one.
func (g *group) addresses(q *Request) map[string]bool {
	wanted := map[string]string{} // key by address
	for _, e := range q.wants().all() {
		if e.ServerID != "" {
			wanted[e.Address()] = e.Key()
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	out := map[string]bool{}
	note := func(key, address string) {
		if w, ok := wanted[address]; ok && w != key {
			out[address] = true
		}
	}
	for key, m := range g.members {
		note(key, m.Address())
	}
	for _, c := range g.calls {
		for key := range c.keys {
			if at := strings.LastIndex(key, ":0x"); at >= 0 {
				note(key, key[:at])
			} else {
				note(key, key)
			}
		}
	}
	return out
}
