package impairment

// Remedies that several conditions, or findings of lbc doctor, have.
const (
	ApplyDefinitions = "apply the CRDs of this version (kubectl apply --server-side --force-conflicts -f " +
		"config/crd, or -k crds in the directory of the chart); helm upgrade does not"
	GrantRights = "apply the ClusterRole and the bindings of this version of the chart or manifests"

	reachMetadata = "let pods reach the instance metadata service (a hop limit of 2: aws ec2 " +
		"modify-instance-metadata-options --http-put-response-hop-limit 2)"

	// NameRegion is the remedy of a region that is not known.
	NameRegion = "set --aws-region (region in the chart), or " + reachMetadata
	// NameVPC is the remedy of a VPC that is not known.
	NameVPC = "set --aws-vpc-id (vpcId in the chart) or --aws-vpc-tags, or " + reachMetadata
	// ChooseVPC is the remedy of tags that not one VPC has.
	ChooseVPC = "set --aws-vpc-id (vpcId in the chart), or give --aws-vpc-tags that one VPC of the region has"
	// GiveRole is the remedy where no source has credentials.
	GiveRole = "give the controller's ServiceAccount a role (the annotation eks.amazonaws.com/role-arn, or an EKS Pod " +
		"Identity association) and restart the pods, or give the nodes' instances a role and " + reachMetadata
	// TrustServiceAccount is the remedy where the role does not admit the ServiceAccount.
	TrustServiceAccount = "let the role's trust policy admit the controller's ServiceAccount, and check the role's ARN " +
		"and the token that the controller is given"
	// AssociateRole is the remedy where the agent of EKS Pod Identity gives no credentials.
	AssociateRole = "associate a role with the controller's ServiceAccount (aws eks create-pod-identity-association), " +
		"and see that the EKS Pod Identity agent runs on the node"
	// CheckCredentials is the remedy of credentials that AWS does not accept.
	CheckCredentials = "check the AWS credentials (aws sts get-caller-identity) and the node's clock"
	// ReachAWS is the remedy of services of AWS that do not answer.
	ReachAWS = "see the AWS Health Dashboard of the region, and the network path from the pods to the endpoints of " +
		"these services; load balancers keep serving, and the controller continues when the services answer"
	// SlowDown is the remedy of calls that AWS refuses because of their rate.
	SlowDown = "find what else in the account makes calls (CloudTrail; aws_api_calls_by_cause_total has the " +
		"controller's own); the controller slows down, and registers targets first"
	// KeepClusterName is the remedy of a name that is not that of the cluster's load balancers.
	KeepClusterName = "set --cluster-name (clusterName in the chart) to that name; to create everything again under " +
		"the new one, delete the LoadBalancer objects (kubectl delete loadbalancers.elbv2.k8s.aws -A --all), which deletes " +
		"nothing in AWS"
	// KeepPlace is the remedy of a Region, VPC or account that is not that of the cluster's load balancers.
	KeepPlace = "set --aws-region and --aws-vpc-id (region and vpcId in the chart), and the credentials, to those of " +
		"these load balancers; to create everything again in the new place, delete the LoadBalancer objects (kubectl " +
		"delete loadbalancers.elbv2.k8s.aws -A --all), which deletes nothing in AWS"
	// KeepAccount is the remedy of credentials of another account.
	KeepAccount = "give the controller a role of the account of its load balancers (aws sts get-caller-identity shows " +
		"the present one); until then the controller writes nothing"
	// NameClusters is the remedy of two clusters with one name.
	NameClusters = "give one of the clusters another --cluster-name (clusterName in the chart), in three steps: delete " +
		"its LoadBalancer objects (kubectl delete loadbalancers.elbv2.k8s.aws -A --all), start its controller with the " +
		"new name, and delete its former load balancers with lbc cleanup --stack"
	// KeepOneController is the remedy of two controllers in one cluster.
	KeepOneController = "keep one release of the controller (lbc doctor lists Deployments and Leases), or give all " +
		"their processes the same --leader-election-namespace and --leader-election-id with --enable-leader-election=true"
	// GiveCertificate is the remedy of webhooks without a certificate.
	GiveCertificate = "see that the leader runs and may write the Secret of --webhook-cert-secret, or that " +
		"--webhook-cert-dir has the certificate"
	// ReachWebhooks is the remedy of webhooks that the API server does not call.
	ReachWebhooks = "admit the port of the webhooks (9443) from the control plane to the controller's pods in security " +
		"groups and network policies, and see that the webhook configurations and their Service exist (lbc doctor examines " +
		"them)"
	// ReachServer is the remedy of an API server that does not answer.
	ReachServer = "check --kubeconfig, the network to the API server, and the validity of the controller's credentials"
)
