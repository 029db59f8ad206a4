package check

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// Key names an endpoint: EndpointID/ID, or TYPE/NAMESPACE/NAME, where the namespace is by default that of the object.
func Key(e *agav1beta1.Endpoint, namespace string) string {
	if e.Type == agav1beta1.EndpointID {
		return string(e.Type) + "/" + ptr.Deref(e.EndpointID, "")
	}
	return fmt.Sprintf("%s/%s/%s", e.Type, cmp.Or(ptr.Deref(e.Namespace, ""), namespace), ptr.Deref(e.Name, ""))
}

// endpoints reports endpoints of a group that name nothing, that are there twice, or that cannot be in the region of
// the group.
func (c *checking) endpoints(i, j int) {
	g := &c.spec.Listeners[i].EndpointGroups[j]
	if n := len(g.Endpoints); n > accelerator.MaxEndpoints {
		c.add(Limits, c.groupPath(i, j)+".endpoints", fmt.Sprintf("the endpoint group has %d endpoints, and AWS allows %d", n,
			accelerator.MaxEndpoints), "remove endpoints")
	}
	group := cmp.Or(ptr.Deref(g.Region, ""), c.region)
	seen := map[string]bool{}
	for k := range g.Endpoints {
		e, path := &g.Endpoints[k], fmt.Sprintf("%s.endpoints[%d]", c.groupPath(i, j), k)
		key := Key(e, c.namespace)
		switch id := ptr.Deref(e.EndpointID, ""); {
		case e.Type == agav1beta1.EndpointID && id == "":
			c.add(Endpoints, fieldOf(path, "endpointID", e.EndpointID), "EndpointID is required for EndpointID type",
				"write the ARN of a load balancer, the allocation id of an Elastic IP address or the id of an instance")
		case e.Type == agav1beta1.EndpointID && !names(id):
			c.add(Endpoints, path+".endpointID", fmt.Sprintf("%q is not the id of an endpoint", id),
				"write the ARN of an application or network load balancer, the allocation id of an Elastic IP address or the id "+
					"of an instance")
		case e.Type == agav1beta1.EndpointID && IsLoadBalancer(id) && group != "" && RegionOf(id) != group:
			c.add(Endpoints, path+".endpointID", fmt.Sprintf("the load balancer %s is in region %s, and the "+
				"endpoint group in %s", id, RegionOf(id), group), "move the endpoint to an endpoint group with region: "+
				RegionOf(id))
		case e.Type != agav1beta1.EndpointID && ptr.Deref(e.Name, "") == "":
			c.add(Endpoints, fieldOf(path, "name", e.Name), fmt.Sprintf("the endpoint has no name of the %s", e.Type),
				"write name")
		case e.Type != agav1beta1.EndpointID && ptr.Deref(g.Region, "") != "" && c.region != "" && group != c.region:
			c.warn(Endpoints, path, fmt.Sprintf("the endpoint group is in region %s, and load balancers of the "+
				"cluster are in %s", group, c.region), "name a load balancer of "+group+
				" by its ARN, with type EndpointID, or correct the region of the group")
		}
		if e.Type == agav1beta1.EndpointID && ptr.Deref(e.Namespace, "") != "" {
			c.warn(Endpoints, path+".namespace", fmt.Sprintf("namespace %s has no effect: an endpoint of type EndpointID is "+
				"found by endpointID alone", *e.Namespace),
				"remove namespace, or name a Service, Ingress or Gateway")
		}
		if seen[key] {
			c.add(DuplicateEndpoints, path, fmt.Sprintf("duplicate endpoint detected in listener[%d].endpointGroups[%d]: %s",
				c.at(i), j, key), "remove one of them")
		}
		seen[key] = true
	}
}

// fieldOf is the path of a field, or, if it is absent, of what lacks it, which the rules of the definition name as
// well.
func fieldOf(path, name string, field *string) string {
	if field == nil {
		return path
	}
	return path + "." + name
}

// names reports whether an id has the form of that of an endpoint.
func names(id string) bool {
	if IsLoadBalancer(id) {
		name := id[strings.Index(id, ":loadbalancer/")+len(":loadbalancer/"):]
		return strings.HasPrefix(name, "app/") || strings.HasPrefix(name, "net/")
	}
	return strings.HasPrefix(id, "eipalloc-") || strings.HasPrefix(id, "i-")
}

// IsLoadBalancer reports whether the id of an endpoint is the ARN of a load balancer:
// arn:PARTITION:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/...
func IsLoadBalancer(id string) bool {
	parts := strings.SplitN(id, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "elasticloadbalancing" &&
		strings.HasPrefix(parts[5], "loadbalancer/")
}

// RegionOf returns the region of the ARN of a load balancer.
func RegionOf(arn string) string { return strings.SplitN(arn, ":", 6)[3] }
