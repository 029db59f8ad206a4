package naming

import "github.com/k8s-lbc/lbc/internal/stack"

// Tag keys.
const (
	ClusterTag = "elbv2.k8s.aws/cluster"
	// BackendResourceTag is the resource tag of the shared backend security group, which belongs to no stack.
	BackendResourceTag = "elbv2.k8s.aws/resource"
	// RoleELBTag and RoleInternalELBTag mark the subnets of internet-facing and internal load balancers; value "" or "1".
	RoleELBTag         = "kubernetes.io/role/elb"
	RoleInternalELBTag = "kubernetes.io/role/internal-elb"
	// SubnetClusterTagPrefix + cluster name marks what belongs to a cluster; value "owned" or "shared".
	SubnetClusterTagPrefix = "kubernetes.io/cluster/"
)

// StackTag is the key of the tag whose value is the stack ID string.
func StackTag(o stack.Owner) string { return string(o) + "/stack" }

// ResourceTag is the key of the tag whose value is the resource identity.
func ResourceTag(o stack.Owner) string { return string(o) + "/resource" }

// Tracking is the set of tags by which a resource is found again. stackID is the string form of the stack's ID.
func Tracking(owner stack.Owner, cluster, stackID, resourceID string) map[string]string {
	return map[string]string{
		ClusterTag:         cluster,
		StackTag(owner):    stackID,
		ResourceTag(owner): resourceID,
	}
}

// BackendTracking is the set of tags by which the cluster's shared backend security group is found.
func BackendTracking(cluster string) map[string]string {
	return map[string]string{ClusterTag: cluster, BackendResourceTag: stack.BackendSecurityGroup}
}

// LegacyTags are keys that resources adopted from earlier controllers may carry; they are never removed from load balancers,
// target groups and security groups.
func LegacyTags(cluster string) []string {
	return []string{
		SubnetClusterTagPrefix + cluster, "kubernetes.io/cluster-name", "kubernetes.io/namespace", "kubernetes.io/ingress-name",
		"kubernetes.io/service-name", "kubernetes.io/service-port", LegacyClusterTag,
	}
}

// LegacyClusterTag is the cluster tag that the first ALB ingress controller wrote (value: cluster name).
const LegacyClusterTag = "ingress.k8s.aws/cluster"

// Labels are the labels of the TargetGroupBindings of a stack, and the selector that finds them.
// An explicit Ingress group: <owner>/stack=<group>; anything else: <owner>/stack-namespace and <owner>/stack-name.
func Labels(k stack.Key) map[string]string {
	if k.ID.Namespace == "" {
		return map[string]string{string(k.Owner) + "/stack": k.ID.Name}
	}
	return map[string]string{
		string(k.Owner) + "/stack-namespace": k.ID.Namespace,
		string(k.Owner) + "/stack-name":      k.ID.Name,
	}
}
