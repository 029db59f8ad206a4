package naming

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Tag keys.
const (
	ClusterTag = "elbv2.k8s.aws/cluster"
	// BackendResourceTag is the resource tag of the shared backend security group, which belongs to no stack.
	BackendResourceTag = "elbv2.k8s.aws/resource"
	// ReplacesTag is of a target group that got a declared name, which does not follow from that of the group whose place
	// it takes: the value is that name. It goes with the other group.
	ReplacesTag = "elbv2.k8s.aws/replaces"
	// SharedWithTag is the tag by which a load balancer of others consents to be shared or taken over, DeletableByTag that
	// by which one that was taken over consents to be deleted. Each names clusters, or namespaces of clusters (package
	// consent). The controller reads and never writes them.
	SharedWithTag  = "elbv2.k8s.aws/shared-with"
	DeletableByTag = "elbv2.k8s.aws/deletable-by"
	// AdoptedTag marks a load balancer that was taken over, from then on.
	AdoptedTag = "elbv2.k8s.aws/adopted"
	// RoleELBTag and RoleInternalELBTag mark the subnets of internet-facing and internal load balancers; value "" or "1".
	RoleELBTag         = "kubernetes.io/role/elb"
	RoleInternalELBTag = "kubernetes.io/role/internal-elb"
	// SubnetClusterTagPrefix + cluster name marks what belongs to a cluster; value "owned" or "shared".
	SubnetClusterTagPrefix = "kubernetes.io/cluster/"
)

// StackTag returns the key of the tag whose value is the stack ID string.
func StackTag(o stack.Owner) string { return keysOf(o)[0] }

// ResourceTag returns the key of the tag whose value is the resource identity.
func ResourceTag(o stack.Owner) string { return keysOf(o)[1] }

// keysOf are the keys of both tags. Those of stacks are constants, because a start asks for them dozens of times for
// each resource of AWS.
func keysOf(o stack.Owner) [2]string {
	const toStack, toResource = "/stack", "/resource"
	switch o {
	case stack.Ingress:
		return [2]string{string(stack.Ingress) + toStack, string(stack.Ingress) + toResource}
	case stack.Service:
		return [2]string{string(stack.Service) + toStack, string(stack.Service) + toResource}
	case stack.GatewayALB:
		return [2]string{string(stack.GatewayALB) + toStack, string(stack.GatewayALB) + toResource}
	case stack.GatewayNLB:
		return [2]string{string(stack.GatewayNLB) + toStack, string(stack.GatewayNLB) + toResource}
	}
	return [2]string{string(o) + toStack, string(o) + toResource}
}

// Tracking returns the set of tags that identify a resource. stackID is the string form of the stack's ID.
func Tracking(owner stack.Owner, cluster, stackID, resourceID string) map[string]string {
	out := make(map[string]string, 3)
	Track(out, owner, cluster, stackID, resourceID)
	return out
}

// Track adds the tags of Tracking to others.
func Track(tags map[string]string, owner stack.Owner, cluster, stackID, resourceID string) {
	tags[ClusterTag], tags[StackTag(owner)], tags[ResourceTag(owner)] = cluster, stackID, resourceID
}

// OwnTags returns the keys of all tags that say to whom a resource belongs, in a fixed order: without them it belongs
// to none.
func OwnTags(owner stack.Owner) []string {
	return []string{ClusterTag, LegacyClusterTag, StackTag(owner), ResourceTag(owner), ReplacesTag,
		RetainedTag, AdoptedTag}
}

// ConsentTags returns the keys of the tags with which owners of resources consent.
func ConsentTags() []string { return []string{SharedWithTag, DeletableByTag} }

// ManagedBy names the cluster, stack or controller, of any cluster and version, that manages a load balancer
// according to its tags; empty = none. A managed load balancer is never shared or adopted.
func ManagedBy(cluster string, tags map[string]string) string {
	if key, _, ours := StackOf(cluster, "", tags); ours {
		return key.String()
	}
	for _, k := range []string{ClusterTag, LegacyClusterTag, "eks:eks-cluster-name"} {
		if v, tagged := tags[k]; tagged {
			return "cluster " + v
		}
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if k == "kubernetes.io/service-name" || strings.HasSuffix(k, "/stack") && (strings.Contains(k, ".k8s.aws") ||
			strings.Contains(k, ".eks.amazonaws.com")) {
			return fmt.Sprintf("%s (tag %s)", tags[k], k)
		}
	}
	return ""
}

// BackendTracking returns the set of tags that identify the cluster's shared backend security group.
func BackendTracking(cluster string) map[string]string {
	return map[string]string{ClusterTag: cluster, BackendResourceTag: stack.BackendSecurityGroup}
}

// LegacyTags are keys of tags that earlier controllers wrote. They are never removed from load balancers, target groups
// and security groups.
func LegacyTags(cluster string) []string {
	return []string{
		SubnetClusterTagPrefix + cluster, "kubernetes.io/cluster-name", "kubernetes.io/namespace",
		"kubernetes.io/ingress-name",
		"kubernetes.io/service-name", "kubernetes.io/service-port", LegacyClusterTag,
	}
}

// LegacyClusterTag is the cluster tag that the first ALB ingress controller wrote (value: cluster name).
const LegacyClusterTag = "ingress.k8s.aws/cluster"

// RetainedTag is the tag of a load balancer that a deletion policy keeps after its objects are deleted.
const RetainedTag = "elbv2.k8s.aws/retained"

// Labels returns the labels of the TargetGroupBindings of a stack, and the selector that finds them. An explicit
// Ingress group: <owner>/stack=<group>; anything else: <owner>/stack-namespace and <owner>/stack-name, shortened if it
// is too long.
func Labels(k stack.Key) map[string]string {
	if k.ID.Namespace == "" {
		return map[string]string{string(k.Owner) + "/stack": k.ID.Name}
	}
	return map[string]string{
		string(k.Owner) + "/stack-namespace": k.ID.Namespace,
		string(k.Owner) + "/stack-name":      shorten(k.ID.Name, maxLabelValue),
	}
}

// ClaimsConfigMap returns the name of the ConfigMap, in the namespace of a TargetGroupBinding, that lists the targets
// which this cluster registered in a target group shared among clusters.
func ClaimsConfigMap(binding string) string { return "aws-lbc-targets-" + binding }

// Descriptions of managed security groups; AWS does not permit to change them later.
const (
	ManagedSecurityGroupDescription = "[k8s] Managed SecurityGroup for LoadBalancer"
	BackendSecurityGroupDescription = "[k8s] Shared Backend SecurityGroup for LoadBalancer"
)

// BackendSecurityGroup returns the GroupName of the cluster-wide backend security group:
// k8s-traffic-<first 232 of the cleaned cluster name>-<hash of the cluster name>. EC2 admits 255 characters.
func BackendSecurityGroup(cluster string) string {
	return "k8s-traffic-" + short(cluster, 232) + "-" + hash10(cluster)
}

// BindingFinalizer is the finalizer of TargetGroupBindings.
const BindingFinalizer = "elbv2.k8s.aws/resources"

// OriginalBinding is an annotation of a TargetGroupBinding outside of the namespace of its stack whose target group is
// about to be deleted: NAMESPACE/NAME of the object itself.
const OriginalBinding = "elbv2.k8s.aws/original"

// IsFinalizer reports whether a finalizer is the controller's, of whatever kind of object and version.
func IsFinalizer(name string) bool {
	domain, _, _ := strings.Cut(name, "/")
	return strings.HasSuffix(domain, ".k8s.aws")
}

// DeletionCause is the annotation that says why an object under deletion still exists.
const DeletionCause = "elbv2.k8s.aws/deletion-waits-for"

// AllowDeregistration is the annotation of a TargetGroupBinding that allows the deregistrations which
// --deregistration-brake keeps.
const AllowDeregistration = string(annotation.AllowDeregistration)

// Finalizer returns the finalizer of the objects that declare a stack: that of their kind, such as
// ingress.k8s.aws/resources; for an explicit group group.ingress.k8s.aws/<group>. Kubernetes limits the part after the
// slash to 63 characters.
func Finalizer(k stack.Key) string {
	kind := owner.Of(k.Owner)
	if k.ID.Namespace == "" {
		return kind.GroupFinalizer + k.ID.Name
	}
	return kind.Finalizer
}

// StacksOfFinalizers returns the stacks of a kind of owner whose finalizers an object carries, in their order.
func StacksOfFinalizers(o stack.Owner, object metav1.Object) (out []stack.ID) {
	kind := owner.Of(o)
	for _, f := range object.GetFinalizers() {
		group, grouped := strings.CutPrefix(f, kind.GroupFinalizer)
		switch {
		case f == kind.Finalizer:
			out = append(out, StackID(object.GetNamespace(), object.GetName()))
		case kind.GroupFinalizer != "" && grouped && group != "":
			out = append(out, stack.ID{Name: group})
		}
	}
	return out
}

// ProtectionName is the name of the Shield Advanced protections that the controller creates; it is not unique.
const ProtectionName = "managed by aws-load-balancer-controller"

// legacyProtectionName is the name that the first generation of the controller used.
const legacyProtectionName = "managed by aws-alb-ingress-controller"

// OurProtection reports whether a controller created a protection of that name.
func OurProtection(name string) bool { return name == ProtectionName || name == legacyProtectionName }

// ObjectLabels are labels that users put on the objects which the controller creates.
type ObjectLabels struct {
	Fixed  map[string]string
	Copied []string // keys of labels that are taken from the object that an object is created for
}

// Of returns the labels of an object that is created for others, of which the first that has a label decides. The
// result may be nil.
func (l ObjectLabels) Of(owners ...map[string]string) map[string]string {
	out := maps.Clone(l.Fixed)
	for _, key := range l.Copied {
		for _, labels := range owners {
			value, ok := labels[key]
			if !ok {
				continue
			}
			if out == nil {
				out = map[string]string{}
			}
			out[key] = value
			break
		}
	}
	return out
}

// Untracked returns a stack as the existing controller plans it: without the tags and labels that identify
// resources, which it adds when it deploys. Plans of an Ingress and of an equivalent Gateway then differ only in
// what the objects declare.
func Untracked(s *stack.Stack) *stack.Stack {
	tags := append(slices.Collect(maps.Keys(Tracking(s.Key.Owner, "", "", ""))), BackendResourceTag)
	labels := slices.Collect(maps.Keys(Labels(s.Key)))
	out := *s
	out.SecurityGroups = eachOf(s.SecurityGroups, func(g *stack.SecurityGroup) { g.Tags = without(g.Tags, tags) })
	out.TargetGroups = eachOf(s.TargetGroups, func(g *stack.TargetGroup) { g.Tags = without(g.Tags, tags) })
	out.LoadBalancers = eachOf(s.LoadBalancers, func(lb *stack.LoadBalancer) { lb.Tags = without(lb.Tags, tags) })
	out.Listeners = eachOf(s.Listeners, func(l *stack.Listener) { l.Tags = without(l.Tags, tags) })
	out.Rules = eachOf(s.Rules, func(r *stack.Rule) { r.Tags = without(r.Tags, tags) })
	out.Bindings = eachOf(s.Bindings, func(b *stack.Binding) { b.Labels = without(b.Labels, labels) })
	out.Certificates = eachOf(s.Certificates, func(c *stack.Certificate) { c.Tags = without(c.Tags, tags) })
	out.TrustStores = eachOf(s.TrustStores, func(t *stack.TrustStore) { t.Tags = without(t.Tags, tags) })
	return &out
}

// eachOf is a copy of resources with an edit of each.
func eachOf[T any](of []T, edit func(*T)) []T {
	out := slices.Clone(of)
	for i := range out {
		edit(&out[i])
	}
	return out
}

// without is a copy of tags or labels without some keys; nil stays nil.
func without(of map[string]string, keys []string) map[string]string {
	out := maps.Clone(of)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}
