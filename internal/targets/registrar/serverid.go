package registrar

import (
	"context"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

// IsQUIC reports whether targets of a protocol have server ids.
func IsQUIC(protocol string) bool { return strings.HasSuffix(protocol, "QUIC") }

// WithServerIDs returns the endpoints of a QUIC target group with the server ids of their pods, which are in an
// environment variable. missing are endpoints without an id. repeated are endpoints with the id of an earlier
// address, because AWS allows an id only once. Neither can be registered.
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

// addresses are the addresses (Target.Address) of targets that are registered, or will be, with another server id
// than the request wants. AWS ignores the registration of a registered address and keeps its server id. So the new
// target waits until the old one is deregistered.
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
