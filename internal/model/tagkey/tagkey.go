// Package tagkey says which tag keys only the controller may set. Flags, admission, the compiler and the reading of
// tags use it.
package tagkey

import (
	"slices"
	"strings"
)

// reservedDomains are the domains of the keys that the controller writes and reads back, as in elbv2.k8s.aws/cluster. A
// key may also be of a subdomain that follows the name, as gateway.k8s.aws.alb/stack.
var reservedDomains = []string{"elbv2.k8s.aws", "ingress.k8s.aws", "service.k8s.aws", "gateway.k8s.aws", "aga.k8s.aws"}

// clusters begins the keys of tags that say to which clusters subnets and security groups of nodes belong.
const clusters = "kubernetes.io/cluster/"

// Migrated is the key that tells from which Ingress an object was translated. lbc migrate writes it into the specs of
// users, and it says nothing about whose a resource is.
const Migrated = "gateway.k8s.aws/migrated-from"

// Reserved reports whether users may not set a tag with that key: it says whose a resource is, or steers the
// controller. Case and surrounding blanks do not count, so that no tag of a user looks like one of the controller's.
func Reserved(key string) bool {
	if key == Migrated {
		return false
	}
	key = strings.ToLower(strings.TrimSpace(key))
	return Controller(key) || strings.HasPrefix(key, clusters)
}

// Controller reports whether a key is of those that controllers of this family write themselves.
func Controller(key string) bool {
	key = strings.ToLower(strings.TrimSpace(key))
	return slices.ContainsFunc(reservedDomains, func(domain string) bool {
		rest, ok := strings.CutPrefix(key, domain)
		return ok && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ".") && strings.Contains(rest, "/"))
	})
}

// ReservedOf are the reserved keys of tags, sorted.
func ReservedOf[V any](tags map[string]V) (out []string) {
	for k := range tags {
		if Reserved(k) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// WithoutReserved are the tags that users may set: the same map if it has no others.
func WithoutReserved[V any](tags map[string]V) map[string]V {
	if len(ReservedOf(tags)) == 0 {
		return tags
	}
	out := make(map[string]V, len(tags))
	for k, v := range tags {
		if !Reserved(k) {
			out[k] = v
		}
	}
	return out
}

// Sentences about a reserved tag, of the same words for every kind of object.
const (
	ReservedText   = "tag key %s is reserved: the controller finds its own resources by tags of that kind"
	ReservedRemedy = "remove the key from the tags"
)
