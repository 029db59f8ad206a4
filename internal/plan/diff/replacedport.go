package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// An edit may move an object from one port to another, such as from HTTP 80 to HTTPS 443. If AWS refuses the new
// listener, for example because of its certificate, the former one keeps serving: its deletion, and that of the
// security group rules of its port, wait for the new one. In a group nobody waits for a listener of others.

// replacesPorts reports whether the listeners that are not wanted wait for the new ones. At AWS's default limit, which
// is one for both types of load balancers, they make room instead.
func (d *differ) replacesPorts() bool {
	if d.want.Key.ID.Namespace == "" {
		return false
	}
	stays := len(d.obs.Listeners)
	for _, w := range d.want.Listeners {
		if !slices.ContainsFunc(d.obs.Listeners, func(l awsop.Listener) bool { return l.Port == w.Port }) {
			stays++
		}
	}
	return stays > len(d.obs.Listeners) && stays <= quota.ListenersOfNetworkLoadBalancer.Default()
}

// ofReplacedPorts divides rules by whether they are for ports of listeners that are not wanted, and wait for new ones.
func (d *differ) ofReplacedPorts(rules []stack.Permission) (waiting, rest []stack.Permission) {
	if !d.replacesPorts() {
		return nil, rules
	}
	unwanted := func(l awsop.Listener) bool {
		return !slices.ContainsFunc(d.want.Listeners, func(w stack.Listener) bool { return w.Port == l.Port })
	}
	for _, p := range rules {
		if slices.ContainsFunc(d.obs.Listeners, func(l awsop.Listener) bool {
			return unwanted(l) && len(onPorts([]stack.Permission{p}, []int32{l.Port})) > 0
		}) {
			waiting = append(waiting, p)
		} else {
			rest = append(rest, p)
		}
	}
	return waiting, rest
}
