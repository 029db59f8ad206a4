// Package impairment has the conditions under which the controller runs with less than it needs, and that may heal
// while it runs: each is one sentence with a remedy. It records which conditions hold, and reports changes. It does
// not detect them, and writes no log, event or metric.
package impairment

import (
	"slices"
	"sync"
)

// Reason names a condition in metrics, logs and events.
type Reason string

// The reasons.
const (
	Region              Reason = "region"
	VPC                 Reason = "vpc"
	Credentials         Reason = "credentials"
	Permissions         Reason = "permissions"
	Unanswered          Reason = "aws"
	Throttled           Reason = "throttled"
	APIServer           Reason = "api-server"
	Definitions         Reason = "definitions"
	DefinitionsOutdated Reason = "definitions-outdated"
	Rights              Reason = "rights"
	WebhookCertificate  Reason = "webhook-certificate"
	Webhooks            Reason = "webhooks"
	ClusterName         Reason = "cluster-name"
	Place               Reason = "place"
	SharedClusterName   Reason = "shared-cluster-name"
	SecondController    Reason = "second-controller"
)

// Info is the row of a reason.
type Info struct {
	Reason Reason
	Check  string // of /readyz that shows it
}

// Reasons are all reasons.
var Reasons = []Info{
	// The controller cannot find the region: neither --aws-region, AWS_DEFAULT_REGION or AWS_REGION nor the instance
	// metadata service names it.
	{Region, "aws"},
	// The controller cannot find the VPC: --aws-vpc-id and --aws-vpc-tags do not name it, and neither the instance
	// metadata service nor the EC2 instance of the node in variable NODENAME shows it.
	{VPC, "aws"},
	// There are no credentials for AWS, or AWS does not accept them.
	{Credentials, "aws"},
	// AWS denies the controller an action. The condition ends when the action has succeeded and AWS has not denied it
	// again for 30 seconds, or a minute after no object needs the action any longer, at the latest 20 minutes after the
	// last denial.
	{Permissions, "aws"},
	// A service of AWS, or one operation of a service, has not answered the controller for 25 seconds.
	{Unanswered, "aws"},
	// AWS has refused most calls of a kind because of their rate for two minutes.
	{Throttled, "aws"},
	// The API server does not answer, or does not accept the controller's credentials.
	{APIServer, "api-server"},
	// The load balancers of this cluster were created under another name than --cluster-name. The process changes
	// nothing, because it would create all of them again.
	{ClusterName, "cluster-name"},
	// The load balancers of this cluster are in another Region, VPC or account than the one in which the controller works.
	// The process changes nothing, because it would create all of them again.
	{Place, "aws"},
	// The controller of another cluster has the same --cluster-name, as its resources or actions in the account show.
	// The controller keeps every resource that no object of this cluster claims.
	{SharedClusterName, "cluster-name"},
	// A second controller works in this cluster: it writes the same LoadBalancer objects, or it holds a Lease of the
	// same name in another namespace.
	{SecondController, "leader"},
	// The API server does not serve TargetGroupBindings or IngressClassParams.
	{Definitions, "definitions"},
	// A CRD lacks fields or versions of this version of the controller. The API server drops such fields from objects
	// without an error.
	{DefinitionsOutdated, "definitions"},
	// The controller lacks an RBAC permission to read or write objects, or to hold its Lease.
	{Rights, "rights"},
	// The webhooks have no serving certificate yet.
	{WebhookCertificate, "webhook-certificate"},
	// The API server does not reach the webhooks: two dry runs of the leader in a row, a minute apart, did not arrive. The
	// API server stores objects that the webhooks would refuse or complete.
	{Webhooks, "webhooks"},
}

// Condition is something that the controller lacks. It is also the error of everything that cannot succeed because
// of it.
type Condition struct {
	Reason Reason
	Text   string // what is wrong
	Remedy string
	Blocks bool // the controllers do not start before it has healed
}

// Error returns the sentence.
func (c Condition) Error() string { return c.Text + "; " + c.Remedy }

// Change is a condition that begins to hold, has another text, or has healed.
type Change struct {
	Condition
	Healed bool
}

// Conditions has the conditions that hold. The zero value is usable.
type Conditions struct {
	// OnChange, if it is set, is called with each change, in their order. It must not wait, and not use the Conditions.
	OnChange func(Change)

	mu sync.Mutex
	of map[Reason]Condition
}

// Set has a condition hold, in place of another one of its reason.
func (s *Conditions) Set(c Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[c.Reason] == c {
		return
	}
	if s.of == nil {
		s.of = map[Reason]Condition{}
	}
	s.of[c.Reason] = c
	s.report(Change{Condition: c})
}

// Heal ends the condition of a reason, if it holds.
func (s *Conditions) Heal(r Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.of[r]; ok {
		delete(s.of, r)
		s.report(Change{Condition: c, Healed: true})
	}
}

func (s *Conditions) report(c Change) {
	if s.OnChange != nil {
		s.OnChange(c)
	}
}

// Has reports whether there is a condition of a reason.
func (s *Conditions) Has(r Reason) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.of[r]
	return ok
}

// All returns the conditions that hold, in the order of Reasons.
func (s *Conditions) All() []Condition { return s.Of("") }

// Of returns the conditions that a check of /readyz shows; "" = all.
func (s *Conditions) Of(check string) (out []Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range Reasons {
		if c, ok := s.of[i.Reason]; ok && (check == "" || check == i.Check) {
			out = append(out, c)
		}
	}
	return out
}

// Checks returns the names of the checks of /readyz.
func Checks() (out []string) {
	for _, i := range Reasons {
		out = append(out, i.Check)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Remedies that several conditions, or findings of lbc doctor, have.
const (
	ApplyDefinitions = "apply the CRDs of this version (kubectl apply --server-side --force-conflicts -f " +
		"config/crd, or -k crds in the directory of the chart); helm upgrade does not upgrade CRDs"
	GrantRights = "apply the ClusterRole, Role, ClusterRoleBinding and RoleBinding of this version of the chart or " +
		"manifests"

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
		"new name, and delete its former load balancers with lbc cleanup --cluster-name FORMER --stack STACK " +
		"--ignore-controller --ignore-objects"
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
