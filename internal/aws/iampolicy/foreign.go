package iampolicy

import (
	"slices"
	"strings"
)

// Most of what the controller writes to has the tag of its cluster, and ChangeOwn asks for the tag. The rules of this
// file are for the rest: security groups of nodes, and what belongs to others and is allowed by a feature only.

// listening are the actions on listeners and rules.
var listening = elb("AddListenerCertificates", "CreateRule", "DeleteListener", "DeleteRule", "ModifyListener",
	"ModifyListenerAttributes", "ModifyRule", "RemoveListenerCertificates", "SetRulePriorities")

var foreignRules = []rule{
	{sid: "TagUntagged", feature: ExistingBalancers, actions: elb("AddTags"), on: untagged, when: takesTag},
	{sid: "TagUntagged", feature: UntaggedListeners, actions: elb("AddTags"), on: untagged, when: takesTag},
	{sid: "ChangeUntagged", feature: ExistingBalancers, actions: elb("CreateListener"), on: untagged, when: unowned},
	{sid: "ChangeUntagged", feature: ExistingBalancers, actions: listening, on: untagged, when: unowned},
	// goes before AddTags: tags are limited
	{sid: "ChangeUntagged", feature: UntaggedListeners, actions: elb("RemoveTags"), on: untagged, when: unowned},
	{sid: "ChangeUntagged", feature: UntaggedListeners, actions: listening, on: untagged, when: unowned},
	// Target groups of other clusters are among them: clusters may share one.
	{sid: "ForeignTargetGroups", feature: ForeignTargetGroups, actions: elb("DeregisterTargets", "RegisterTargets"),
		on: targetGroups},
	{sid: "ForeignSecurityGroups", feature: ForeignSecurityGroups, actions: ec2("AuthorizeSecurityGroupIngress",
		"RevokeSecurityGroupIngress"), on: namedSecurityGroups, when: inVPC},
}

// unowned is the condition that what a call is about has the tag of no cluster.
func unowned(Options) Condition { return null("", absent, clusterTag) }

// untagged are the load balancers of others that may be shared or taken over with their listeners and rules, and the
// listeners and rules of any load balancer, as the features have it. As policies are short of characters, l* stands for
// the kinds loadbalancer, listener and listener-rule; no other kind begins so.
func untagged(o Options) (out []string) {
	if slices.Contains(o.Features, UntaggedListeners) {
		out = append(out, "elasticloadbalancing:*:*:listener*")
	}
	if slices.Contains(o.Features, ExistingBalancers) {
		for _, pattern := range orAny(o.Existing) {
			head, name, ok := strings.Cut(resourceOf(pattern, "loadbalancer/*/"), ":loadbalancer/")
			switch {
			case !ok: // of a pattern that ends before the kind
				out = append(out, head)
			case name == "*":
				out = append(out, head+":l*")
			default:
				out = append(out, head+":l*/"+strings.TrimSuffix(name, "*")+"*")
			}
		}
	}
	return out
}

// targetGroups are those without the tag of the cluster that bindings may name.
func targetGroups(o Options) []string {
	out := make([]string, len(o.TargetGroups)) // none = all
	for i, pattern := range o.TargetGroups {
		out[i] = resourceOf(pattern, "targetgroup/")
	}
	return out
}

// orAny are patterns, or one for all names if there are none.
func orAny(patterns []string) []string {
	if len(patterns) == 0 {
		return []string{"*"}
	}
	return patterns
}

// resourceOf is the resource below the partition that a pattern of names or of ARNs means. IAM takes ARNs of six parts,
// the service without wildcards.
func resourceOf(pattern, kind string) string {
	if strings.HasPrefix(pattern, "arn:") {
		parts := strings.SplitN(pattern, ":", 6)
		for len(parts) < 6 {
			parts = append(parts, "*")
		}
		parts[2] = "elasticloadbalancing"
		return strings.Join(parts[2:], ":")
	}
	if pattern == "*" {
		return "elasticloadbalancing:*:*:" + strings.TrimSuffix(kind, "*/") + "*"
	}
	return "elasticloadbalancing:*:*:" + kind + pattern + "/*"
}

// opensAll reports whether the rules of all security groups of the VPC may be changed, whatever their tags.
func opensAll(o Options) bool {
	return slices.Contains(o.Features, ForeignSecurityGroups) && len(o.SecurityGroups) == 0
}

// namedSecurityGroups are those without tag of the cluster whose rules may be changed.
func namedSecurityGroups(o Options) []string {
	if len(o.SecurityGroups) == 0 {
		return securityGroups
	}
	out := make([]string, len(o.SecurityGroups))
	for i, id := range o.SecurityGroups {
		out[i] = "ec2:*:*:security-group/" + id
	}
	return out
}

func inVPC(o Options) Condition {
	if o.VPC == "" {
		return nil
	}
	return Condition{"ArnLike": {"ec2:Vpc": {"arn:" + o.Partition + ":ec2:*:*:vpc/" + o.VPC}}}
}

const (
	nodesTag = "aws:ResourceTag/kubernetes.io/cluster/" // and the name of the cluster
	eksTag   = "aws:ResourceTag/aws:eks:cluster-name"   // EKS gives it to the security group of each cluster
)

// ofNodes is the condition that a security group has the tag of those of the cluster's nodes. Its key has the name of
// the cluster, and keys of conditions take neither wildcards nor variables: where the name is not known, it is the tag
// that EKS gives, whose value is the name.
func ofNodes(o Options) Condition {
	switch {
	case o.Cluster == "":
		return joined(inVPC(o), Condition{"Null": {eksTag: {present}}})
	case strings.Contains(o.Cluster, "${"):
		return joined(inVPC(o), Condition{"StringEquals": {eksTag: {o.Cluster}}})
	}
	return joined(inVPC(o), Condition{"Null": {nodesTag + o.Cluster: {present}}})
}
