package lab

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// protected follows the name of a load balancer that Shield Advanced protects. Of one that is gone, nothing precedes it.
const protected = " is protected"

// guards adds web ACLs, protections and trust stores of listeners to the parts of the account.
func (l *Lab) guards(r simclient.Resources, out map[string]bool) {
	names := map[string]string{}
	for _, lb := range r.LoadBalancers {
		names[lb.ARN] = lb.Name
	}
	for _, acl := range r.WebACLs {
		for _, arn := range acl.LoadBalancers {
			out[names[arn]+" has web ACL "+acl.Name] = true
		}
	}
	for _, p := range r.Protections {
		out[names[p.Resource]+protected] = true
	}
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	for _, x := range l.Sim.Account.ListenersInOrder() {
		if store := x.MutualTLS.TrustStore; store != "" { // the name of one for a ConfigMap depends on its content
			out[fmt.Sprintf("%s:%d verifies clients, by a store of the account: %t", x.LoadBalancer.Name, x.Port,
				strings.Contains(store, GuardStore))] = true
		}
	}
}
