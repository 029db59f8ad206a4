package cleanup

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Tag returns the tag that names the stack.
func Tag(key stack.Key) string {
	if key == orphan.Backend {
		return naming.BackendResourceTag + "=" + stack.BackendSecurityGroup
	}
	return naming.StackTag(key.Owner) + "=" + key.ID.String()
}

// Keep returns the commands after which the resources of an orphan are no longer the controller's, which neither
// manages them nor deletes them. The cluster's tag decides.
func Keep(o orphan.Orphan) (commands []string) {
	keys := []string{naming.ClusterTag}
	if o.Key.Owner == stack.Ingress {
		keys = append(keys, naming.LegacyClusterTag)
	}
	var balancing, groups []string
	for _, r := range o.Resources {
		switch r.Kind {
		case stack.KindLoadBalancer, stack.KindTargetGroup, stack.KindTrustStore:
			balancing = append(balancing, r.ID)
		case stack.KindSecurityGroup:
			groups = append(groups, r.ID)
		default: // below
		}
	}
	if len(balancing) > 0 {
		commands = append(commands, "aws elbv2 remove-tags --resource-arns "+strings.Join(balancing, " ")+" --tag-keys "+
			strings.Join(keys, " "))
	}
	tags := "Key=" + strings.Join(keys, " Key=")
	if len(groups) > 0 {
		commands = append(commands, "aws ec2 delete-tags --resources "+strings.Join(groups, " ")+" --tags "+tags)
	}
	for _, r := range o.Resources {
		if r.Kind == stack.KindCertificate {
			commands = append(commands, "aws acm remove-tags-from-certificate --certificate-arn "+r.ID+" --tags "+tags)
		}
	}
	for _, r := range o.Resources {
		if namespace, name, _ := strings.Cut(r.ID, "/"); r.Kind == stack.KindBinding {
			var labels []string
			for _, k := range labelKeys(o.Key) {
				labels = append(labels, k+"-")
			}
			commands = append(commands, "kubectl label targetgroupbinding -n "+namespace+" "+name+" "+strings.Join(labels, " "))
		}
	}
	return commands
}

func labelKeys(key stack.Key) []string {
	if key.ID.Namespace == "" {
		return []string{string(key.Owner) + "/stack"}
	}
	return []string{string(key.Owner) + "/stack-namespace", string(key.Owner) + "/stack-name"}
}
