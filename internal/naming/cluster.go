package naming

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
