package naming

import "strings"

// Descriptions of the security groups that we create; AWS does not let them be changed later.
const (
	ManagedSecurityGroupDescription = "[k8s] Managed SecurityGroup for LoadBalancer"
	BackendSecurityGroupDescription = "[k8s] Shared Backend SecurityGroup for LoadBalancer"
)

// BackendSecurityGroup is the GroupName of the cluster-wide backend security group:
// k8s-traffic-<first 232 of the cleaned cluster name>-<hash of the cluster name>. EC2 admits 255 characters.
func BackendSecurityGroup(cluster string) string {
	return "k8s-traffic-" + short(cluster, 232) + "-" + hash10(cluster)
}

// RoleSession is the session name under which roles are assumed: AWS-LBC-<cluster>, without characters that STS refuses.
// It is cut at the 64 characters that STS admits, so that a long cluster name does not make every AssumeRole fail.
func RoleSession(cluster string) string {
	legal := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', strings.ContainsRune("=,.@_-", r):
			return r
		}
		return -1
	}, cluster)
	name := "AWS-LBC-" + legal
	if len(name) > 64 {
		name = name[:64]
	}
	return name
}
