package naming

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/tagkey"
)

// claim is a stack that the tags of a resource name, with an identity in it.
type claim struct {
	key stack.Key
	id  string
}

// claims are the stacks of a cluster that tags name. There is one for each kind of owner at most, because keys of tags are unique.
func claims(cluster string, tags map[string]string) (out []claim) {
	if !ofCluster(cluster, tags) {
		return nil
	}
	for _, k := range owner.Kinds {
		name, tagged := tags[StackTag(k.Owner)]
		id := tags[ResourceTag(k.Owner)]
		if tagged && id != "" {
			out = append(out, claim{stack.Key{Owner: k.Owner, ID: stack.ParseID(name)}, id})
		}
	}
	return out
}

// ofCluster reports whether tags are of a cluster. The key of the first ALB ingress controller counts only without the key of today: users of
// another cluster may have added it.
func ofCluster(cluster string, tags map[string]string) bool {
	if of, ok := tags[ClusterTag]; ok {
		return of == cluster
	}
	return tags[LegacyClusterTag] == cluster
}

// Contested reports whether the tags of a resource name stacks of several kinds: users of controllers that admit any tag have added some.
func Contested(cluster string, tags map[string]string) bool { return len(claims(cluster, tags)) > 1 }

// StackOf is the stack of a cluster that a resource belongs to by its tags, and the resource's identity in it. ok is false for a resource
// that belongs to no stack of the cluster, or whose tags name several.
func StackOf(cluster string, tags map[string]string) (key stack.Key, id string, ok bool) {
	return StackOfNamed(cluster, "", tags)
}

// StackOfNamed is StackOf of a resource with an ARN, or of a security group with a name. Tags that name several stacks are believed only if the
// type and the name of the resource fit exactly one of them: else the resource belongs to none.
func StackOfNamed(cluster, resource string, tags map[string]string) (key stack.Key, id string, ok bool) {
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

// hasType reports whether stacks of the kind may have a resource of the type that an ARN shows.
func (c claim) hasType(arn string) bool {
	kind, frontend := owner.Of(c.key.Owner), strings.HasPrefix(c.id, stack.FrontendIdentity)
	switch {
	case ofBalancer(arn, "app"):
		return c.key.Owner == stack.GatewayALB || c.key.Owner == stack.Ingress && !frontend
	case ofBalancer(arn, "net"):
		return c.key.Owner == stack.GatewayNLB || c.key.Owner == stack.Service || c.key.Owner == stack.Ingress && frontend
	case strings.Contains(arn, ":truststore/"):
		return kind.OwnsTrustStores
	case strings.Contains(arn, ":certificate/"):
		return kind.OwnsCertificates
	}
	return true
}

// ofBalancer reports whether an ARN is of a load balancer of a type, or of what is on it.
func ofBalancer(arn, of string) bool {
	for _, kind := range []string{":loadbalancer/", ":listener/", ":listener-rule/"} {
		if strings.Contains(arn, kind+of+"/") {
			return true
		}
	}
	return false
}

// hasName reports whether a resource has the name that the stack gives to one with the identity, as far as the name follows from both.
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

// namesTargetGroup reports whether a target group of the stack may have a name, which begins with a namespace.
func (c claim) namesTargetGroup(name string) bool {
	part, _, _ := strings.Cut(strings.TrimPrefix(name, "k8s-"), "-")
	if !strings.HasPrefix(name, "k8s-") || part == "" {
		return false
	}
	namespace := NamespaceOfTargetGroup(c.id)
	switch parts := strings.Split(c.id, ":"); {
	case c.key.Owner.OfGateway():
		return len(parts) > 1 && strings.HasPrefix(clean(parts[1]), part)
	case namespace != "":
		return part == short(namespace, 8)
	case c.key.ID.Namespace != "": // of a frontend
		return part == short(c.key.ID.Namespace, 8)
	}
	return part == short(c.key.ID.Name, 17)
}

// namesOwn reports whether a load balancer or security group of the stack may have a name, if the user gave none.
func (c claim) namesOwn(cluster, name string) bool {
	is := func(formula string) bool {
		return name == formula || name == FrontendLoadBalancer(formula) || strings.HasPrefix(name, formula+"-") // a further security group
	}
	id := c.key.ID
	schemes := []string{stack.Internal, stack.InternetFacing}
	switch {
	case c.key.Owner == stack.Ingress:
		return is(IngressSecurityGroup(cluster, id)) || slices.ContainsFunc(schemes, func(s string) bool { return is(IngressLoadBalancer(cluster, id, s)) })
	case id.Namespace == "":
		return is(ServiceGroupSecurityGroup(cluster, id)) || slices.ContainsFunc(schemes, func(s string) bool { return is(ServiceGroupLoadBalancer(cluster, id, s)) })
	}
	return strings.HasPrefix(name, readable(id.Namespace, id.Name, "")) // the hash depends on the UID of the object
}

// IsBackendGroup reports whether a security group is the shared backend security group of a cluster: by its tags, none of which names a stack,
// and by its name or its description, which no user can give to a group of the controller.
func IsBackendGroup(cluster, name, description string, tags map[string]string) bool {
	if tags[ClusterTag] != cluster || tags[BackendResourceTag] != stack.BackendSecurityGroup {
		return false
	}
	for k := range tags {
		if tagkey.Controller(k) && (strings.HasSuffix(k, "/stack") || strings.HasSuffix(k, "/resource") && k != BackendResourceTag) {
			return false
		}
	}
	return name == BackendSecurityGroup(cluster) || description == BackendSecurityGroupDescription
}
