package naming

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// claim is a stack that the tags of a resource name, with the identity of the resource in it.
type claim struct {
	key stack.Key
	id  string
}

// claims returns the stacks of a cluster that tags name. There is at most one for each kind of owner, because tag
// keys are unique.
func claims(cluster string, tags map[string]string) (out []claim) {
	if !ofCluster(cluster, tags) {
		return nil
	}
	for _, k := range owner.Kinds {
		name, tagged := tags[StackTag(k.Owner)]
		if !tagged {
			continue
		}
		if id := tags[ResourceTag(k.Owner)]; id != "" {
			out = append(out, claim{stack.Key{Owner: k.Owner, ID: stack.ParseID(name)}, id})
		}
	}
	return out
}

// ofCluster reports whether tags belong to a cluster. The key of the first ALB ingress controller counts only without
// the present key: users of another cluster may have added it.
func ofCluster(cluster string, tags map[string]string) bool {
	if of, ok := tags[ClusterTag]; ok {
		return of == cluster
	}
	return tags[LegacyClusterTag] == cluster
}

// Ambiguous reports whether the tags of a resource name stacks of several kinds: users of a controller that allows
// any tag have added some.
func Ambiguous(cluster string, tags map[string]string) bool { return len(claims(cluster, tags)) > 1 }

// Claimants returns, if the tags of a resource name several stacks, the namespaces of these stacks, sorted: those of
// their objects, and those that the identities of target groups may mean.
func Claimants(cluster string, tags map[string]string) (out []string) {
	all := claims(cluster, tags)
	if len(all) < 2 {
		return nil
	}
	for _, c := range all {
		out = append(out, c.key.ID.Namespace, NamespaceOfTargetGroup(c.id))
		for _, b := range TargetGroupBackends(c.key.Owner, c.id) {
			out = append(out, b.Namespace)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

// StackOf returns the stack of a cluster that a resource belongs to, and the identity of the resource in it. resource
// is its ARN, or the name of a security group; empty = not known. ok is false if the resource belongs to no stack of
// the cluster. If tags name several stacks, the resource belongs to one of them only if its type and name fit exactly
// one.
func StackOf(cluster, resource string, tags map[string]string) (key stack.Key, id string, ok bool) {
	all := claims(cluster, tags)
	for _, fits := range []func(claim) bool{
		func(c claim) bool { return c.hasType(resource) },
		func(c claim) bool { return c.hasName(cluster, resource) },
	} {
		if len(all) < 2 {
			break
		}
		all = slices.DeleteFunc(all, func(c claim) bool { return !fits(c) })
	}
	if len(all) != 1 {
		return stack.Key{}, "", false
	}
	return all[0].key, all[0].id, true
}

// hasType reports whether stacks of the kind may have a resource of the type of an ARN, and whether the identity fits
// this type.
func (c claim) hasType(arn string) bool {
	kind, frontend := owner.Of(c.key.Owner), c.ofFrontend()
	switch {
	case strings.Contains(arn, ":loadbalancer/") && c.id != stack.LoadBalancerIdentity && !frontend:
		return false
	case strings.Contains(arn, ":targetgroup/"):
		return frontend || NamespaceOfTargetGroup(c.id) != "" && strings.Contains(c.id, ":")
	case ofBalancer(arn, "app"):
		return c.key.Owner == stack.GatewayALB || c.key.Owner == stack.Ingress && !frontend
	case ofBalancer(arn, "net"):
		return c.key.Owner == stack.GatewayNLB || c.key.Owner == stack.Service || c.key.Owner == stack.Ingress && frontend
	case strings.Contains(arn, ":truststore/"):
		return kind.OwnsTrustStores
	case strings.Contains(arn, ":certificate/"):
		return kind.OwnsCertificates
	case arn != "" && !strings.HasPrefix(arn, "arn:"): // the name of a security group
		return stack.IsManagedSecurityGroup(c.id)
	}
	return true
}

// ofFrontend reports whether the identity is that of a frontend (the network load balancer in front of an ALB) or of
// one of its parts.
func (c claim) ofFrontend() bool {
	return c.key.Owner == stack.Ingress && strings.HasPrefix(c.id, stack.FrontendIdentity)
}

// ofBalancer reports whether an ARN is that of a load balancer of a type, or of one of its parts.
func ofBalancer(arn, of string) bool {
	for _, kind := range []string{":loadbalancer/", ":listener/", ":listener-rule/"} {
		if strings.Contains(arn, kind+of+"/") {
			return true
		}
	}
	return false
}

// hasName reports whether a resource has the name that the stack gives to a resource with the identity, as far as the
// name follows from both.
func (c claim) hasName(cluster, resource string) bool {
	name := resource
	if strings.HasPrefix(resource, "arn:") {
		var rest string
		_, rest, _ = strings.Cut(resource, "/")
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "app/"), "net/")
		name, _, _ = strings.Cut(rest, "/")
	}
	switch {
	case strings.Contains(resource, ":certificate/"): // which has no name
		return false
	case strings.Contains(resource, ":truststore/"):
		return name == TrustStore(cluster, c.key, c.id)
	case strings.Contains(resource, ":targetgroup/"):
		return c.namesTargetGroup(name)
	}
	return c.namesOwn(cluster, name)
}

// namesTargetGroup reports whether a target group of the stack may have a name: k8s-<8 of a namespace>-<8 of a
// name>-<hash>.
func (c claim) namesTargetGroup(name string) bool {
	parts := strings.Split(name, "-")
	if len(parts) < 3 || parts[0] != "k8s" {
		return false
	}
	if c.ofFrontend() {
		return strings.HasPrefix(name, groupName(c.key.ID, ""))
	}
	if len(parts) != 4 {
		return false
	}
	namespace, of := parts[1], parts[2]
	ids := strings.Split(c.id, ":") // ending in a port
	switch {
	case len(ids) < 2:
		return false
	case c.key.Owner.OfGateway(): // of a route, whose namespace and name are joined
		return strings.HasPrefix(clean(ids[1]), namespace) && strings.Contains(clean(ids[1]), of)
	case namespace != short(NamespaceOfTargetGroup(c.id), 8):
		return false
	case c.key.Owner == stack.Ingress: // its name and that of the Service are joined
		return strings.Contains(clean(ids[0]), of)
	}
	_, service, _ := strings.Cut(c.id, "/")
	if len(ids) > 2 {
		service = ids[len(ids)-2]
	}
	service, _, _ = strings.Cut(service, ":")
	return of == short(service, 8)
}

// namesOwn reports whether a name fits a load balancer or security group of the stack for which the user declared no
// name.
func (c claim) namesOwn(cluster, name string) bool {
	is := func(formula string) bool {
		// a further security group
		return name == formula || name == FrontendLoadBalancer(formula) || strings.HasPrefix(name, formula+"-")
	}
	id := c.key.ID
	schemes := []string{stack.Internal, stack.InternetFacing}
	switch {
	case c.key.Owner == stack.Ingress:
		return is(IngressSecurityGroup(cluster, id)) ||
			slices.ContainsFunc(schemes, func(s string) bool { return is(IngressLoadBalancer(cluster, id, s)) })
	case id.Namespace == "":
		return is(ServiceGroupSecurityGroup(cluster, id)) ||
			slices.ContainsFunc(schemes, func(s string) bool { return is(ServiceGroupLoadBalancer(cluster, id, s)) })
	}
	return strings.HasPrefix(name, readable(id.Namespace, id.Name, "")) // the hash depends on the UID of the object
}

// IsBackendGroup reports whether a security group is the shared backend security group of a cluster: by its tags, none
// of which names a stack, and by its name or its description, which no user can give to a group of the controller.
func IsBackendGroup(cluster, name, description string, tags map[string]string) bool {
	if tags[ClusterTag] != cluster || tags[BackendResourceTag] != stack.BackendSecurityGroup {
		return false
	}
	for k := range tags {
		if tagkey.Controller(k) && (strings.HasSuffix(k, "/stack") || strings.HasSuffix(k, "/resource") &&
			k != BackendResourceTag) {
			return false
		}
	}
	return name == BackendSecurityGroup(cluster) || description == BackendSecurityGroupDescription
}
