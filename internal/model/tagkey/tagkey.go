// Package tagkey says which tag keys only the controller or only administrators may set. Flags, admission, the compiler
// and the reading of tags use it.
package tagkey

import (
	"maps"
	"slices"
	"strings"
)

// reservedDomains are the domains of the keys that the controller writes and reads back, as in elbv2.k8s.aws/cluster. A
// key may also be of a subdomain that follows the name, as gateway.k8s.aws.alb/stack.
var reservedDomains = []string{"elbv2.k8s.aws", "ingress.k8s.aws", "service.k8s.aws", "gateway.k8s.aws", "aga.k8s.aws"}

// clusters begins the keys of tags that say to which clusters subnets and security groups of nodes belong.
const clusters = "kubernetes.io/cluster/"

// selectors begin the keys by which other controllers choose security groups and subnets, or know what is theirs:
// Karpenter, the cluster autoscaler, the AWS cloud provider, the VPC CNI, EKS, Cluster API and kOps. A slash or a colon
// follows.
var selectors = []string{"karpenter.sh", "karpenter.k8s.aws", "k8s.io/cluster-autoscaler", "kubernetes.io/role", "eks",
	"sigs.k8s.io/cluster-api-provider-aws", "kops.k8s.io", "k8s.io/role"}

// legacyCluster is the key by which the AWS cloud provider and kOps know the resources of a cluster, besides clusters.
const legacyCluster = "kubernetescluster"

// Migrated is the key that shows from which Ingress an object was translated. lbc migrate writes it into the specs of
// users, and it says nothing about whose a resource is.
const Migrated = "gateway.k8s.aws/migrated-from"

// Reserved reports whether nobody but the controller may set a tag with that key: it says whose a resource is, or
// steers the controller. Case and surrounding blanks do not count, so that no tag of a user looks like one of the
// controller's.
func Reserved(key string) bool {
	if key == Migrated {
		return false
	}
	key = strings.ToLower(strings.TrimSpace(key))
	return Controller(key) || strings.HasPrefix(key, clusters)
}

// Selects reports whether only administrators may set a tag with that key, because other controllers select resources
// by it. Case and surrounding blanks do not count.
func Selects(key string) bool {
	key = strings.ToLower(strings.TrimSpace(key))
	return key == legacyCluster || slices.ContainsFunc(selectors, func(prefix string) bool {
		rest, ok := strings.CutPrefix(key, prefix)
		return ok && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ":"))
	})
}

// Controller reports whether a key is of those that controllers of this family write themselves.
func Controller(key string) bool {
	key = strings.ToLower(strings.TrimSpace(key))
	return slices.ContainsFunc(reservedDomains, func(domain string) bool {
		rest, ok := strings.CutPrefix(key, domain)
		return ok && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ".") && strings.Contains(rest, "/"))
	})
}

// Refused returns the keys of tags that may not be set, sorted. administered reports whether an administrator sets a
// tag; nil = none does.
func Refused[V any](tags map[string]V, administered func(V) bool) (out []string) {
	for k, v := range tags {
		if Reserved(k) || Selects(k) && (administered == nil || !administered(v)) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// Without are tags without those that are refused: the same map if none is.
func Without[V any](tags map[string]V, administered func(V) bool) map[string]V {
	refused := Refused(tags, administered)
	if len(refused) == 0 {
		return tags
	}
	out := maps.Clone(tags)
	for _, k := range refused {
		delete(out, k)
	}
	return out
}

// Administered is for tags that an administrator sets.
func Administered[V any](V) bool { return true }

// Refusal says why a key is refused, and what to do, in the same words for every kind of object.
func Refusal(key string) (text, remedy string) {
	text, remedy = "tag key "+key+" is reserved", "remove the key from the tags"
	switch {
	case Selects(key):
		return text + " for administrators: other controllers select security groups and subnets by tags of that kind",
			remedy + "; an administrator can set it in the parameters of the class, or by --default-tags"
	case Controller(key):
		prefix := key[:strings.LastIndex(key, "/")+1]
		return text + ": the controller finds its own resources by tags that begin with " + prefix, remedy
	}
	return text + ": tags of that kind say to which clusters subnets and security groups belong", remedy
}

// ReservedLabel reports whether a key of a label is in a domain of the controller's, which finds its objects by such
// labels, or of the Gateway API's.
func ReservedLabel(key string) bool {
	domain, _, found := strings.Cut(strings.ToLower(key), "/")
	for _, own := range []string{"k8s.aws", "gateway.k8s.aws.alb", "gateway.k8s.aws.nlb", "gateway.networking.k8s.io"} {
		if found && (domain == own || strings.HasSuffix(domain, "."+own)) {
			return true
		}
	}
	return false
}
