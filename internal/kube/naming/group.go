package naming

import (
	"regexp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// groupPattern is the pattern of the name part of a finalizer and of a label value.
var groupPattern = regexp.MustCompile(`^([a-z0-9][-a-z0-9.]*)?[a-z0-9]$`)

// GroupNameProblem returns what is wrong with the name of a group of Ingresses or Services; empty if nothing is.
func GroupNameProblem(name string) string {
	switch {
	case !groupPattern.MatchString(name):
		return "use lower-case letters, digits, \"-\" and \".\", with a letter or digit at both ends"
	case len(name) > 63:
		return "use at most 63 characters"
	}
	return ""
}

// ServiceGroupLoadBalancer returns the name of the NLB of a group of Services that sets none. The hash covers cluster,
// key of the stack and scheme. The key has the prefix of the tags of Services and a colon, which is in no name of a
// group: no Ingress group has the same text in its hash.
func ServiceGroupLoadBalancer(cluster string, group stack.ID, scheme string) string {
	return groupName(group, hash10(cluster, serviceGroup(group), scheme))
}

// ServiceGroupSecurityGroup returns the GroupName of the managed security group of a group of Services. The hash covers
// cluster and key of the stack.
func ServiceGroupSecurityGroup(cluster string, group stack.ID) string {
	return groupName(group, hash10(cluster, serviceGroup(group)))
}

func serviceGroup(id stack.ID) string { return stack.Key{Owner: stack.Service, ID: id}.String() }

// ServiceForwardTargetGroupID returns the identity of a target group by which a member of a group forwards to another
// Service, which may be a member with a target group of its own, or one to which several members forward.
func ServiceForwardTargetGroupID(namespace, member, name string, port int32) string {
	return ServiceTargetGroupID(namespace, member+":"+name, port)
}
