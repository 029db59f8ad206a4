package annotation

import "github.com/k8s-lbc/lbc/internal/diag"

// gatewayEntries are the annotations with prefix gateway.k8s.aws/.
func gatewayEntries() []Entry {
	return []Entry{
		{Key: GatewayAllowDeletion, Syntax: Bool, NotBuilt: true, Scope: OnGateway, Costs: diag.AddOn, Default: "false", Example: "true",
			Doc: "Whether the load balancer may be deleted, once the object no longer declares it, although --deletion-brake holds its deletion."},
		{Key: GatewayDeleteDuplicates, Syntax: List, NotBuilt: true, Scope: OnGateway, Costs: diag.AddOn, Example: "sg-0123456789abcdef0",
			Doc: "ARNs of load balancers and target groups, and ids of security groups, that carry the tags of this load balancer, do not serve, and may be deleted."},
	}
}
