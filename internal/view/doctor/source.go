package doctor

import "github.com/k8s-lbc/lbc/internal/model/diag"

// Source is a part of the facts that is read by itself: it may fail, or take too long, without the others.
type Source string

// The sources.
const (
	APIServer       Source = "api-server"
	Controller      Source = "controller"
	Objects         Source = "objects"
	Definitions     Source = "definitions"
	Rights          Source = "rights"
	Webhooks        Source = "webhooks"
	Admission       Source = "admission"
	Nodes           Source = "nodes"
	Heartbeats      Source = "heartbeats"
	Workloads       Source = "workloads"
	Events          Source = "events"
	Account         Source = "account"
	Network         Source = "network"
	Instances       Source = "instances"
	LoadBalancers   Source = "load-balancers"
	Listeners       Source = "listeners"
	TargetHealth    Source = "target-health"
	Certificates    Source = "certificates"
	Limits          Source = "limits"
	RolePolicies    Source = "role-policies"
	SecurityGroups  Source = "security-groups"
	CertificateList Source = "certificate-list"
)

// SourceInfo describes a source.
type SourceInfo struct {
	Name     Source
	About    string   // what it holds; begins a sentence
	Severity Severity // of the finding that it could not be read
	Remedy   string
	Through  []Source // by which it is reached: it cannot be read if one of them cannot
	Uses     []Source // that it is read after, if they can be read
}

const (
	grantReading = "give the user of the kubeconfig the right to read these objects, or use --skip for the checks that " +
		"need this source"
	grantAction = "allow your AWS credentials the denied action (docs/permissions.md), or use --skip for the checks " +
		"that need this source"
)

// Sources are all sources, each after those by which it is reached.
var Sources = []SourceInfo{
	{APIServer, "the API server", Error, "check --kubeconfig and --context, the network to the API server, and the " +
		"validity of your credentials", nil, nil},
	{Controller, "the controller's Deployments, pods, service account and Leases", Warning, grantReading,
		[]Source{APIServer}, nil},
	{Objects, "Ingresses, Services, TargetGroupBindings, Gateways and their classes", Warning, grantReading,
		[]Source{APIServer}, []Source{Controller}},
	{Definitions, "CustomResourceDefinitions", Warning, grantReading, []Source{APIServer}, nil},
	{Rights, "the rights of the controller's service account", Warning,
		"use a kubeconfig whose user may create SubjectAccessReviews, or use --skip for the check that needs this source",
		[]Source{APIServer}, []Source{Controller}},
	{Webhooks, "webhook configurations with their Services, endpoints and certificates", Warning, grantReading,
		[]Source{APIServer}, []Source{Controller}},
	{Admission, "the API server's answer to the creation of a Service, of TargetGroupBindings and of LoadBalancer " +
		"objects as a dry run", Warning, "use a kubeconfig whose user may create these objects (as a dry run, so the API " +
		"server stores nothing), or use --skip for the checks that need this source",
		[]Source{APIServer}, []Source{Controller, Objects}},
	{Nodes, "nodes", Warning, grantReading, []Source{APIServer}, nil},
	{Heartbeats, "the Leases of nodes", Warning, grantReading, []Source{APIServer}, nil},
	{Workloads, "EndpointSlices, and the pods in namespaces with TargetGroupBindings", Warning, grantReading,
		[]Source{APIServer, Objects}, nil},
	{Events, "events", Warning, grantReading, []Source{APIServer}, nil},
	{Account, "the AWS account", Error, "check the AWS credentials (aws sts get-caller-identity), --aws-region and " +
		"--aws-vpc-id; with --offline, lbc doctor does not call AWS", nil, []Source{Controller, Nodes}},
	{Network, "the VPC, its subnets, routes and security groups", Warning, grantAction, []Source{Account}, nil},
	{SecurityGroups, "the rules of the VPC's security groups", Warning, grantAction, []Source{Account}, nil},
	{Instances, "the instances of the nodes", Warning, grantAction, []Source{Account, Nodes},
		[]Source{Network, SecurityGroups}},
	{LoadBalancers, "load balancers and target groups with their tags", Warning, grantAction, []Source{Account},
		[]Source{Objects}},
	{Listeners, "listeners, rules and certificates of the cluster's load balancers", Warning, grantAction,
		[]Source{LoadBalancers}, nil},
	{TargetHealth, "the health of targets", Warning, grantAction, []Source{LoadBalancers},
		[]Source{Objects, Network, Instances, Listeners}},
	{Certificates, "the ACM certificates of listeners", Warning, grantAction, []Source{Listeners}, nil},
	{Limits, "the account's limits of Elastic Load Balancing", Warning, grantAction, []Source{Account}, nil},
	{
		RolePolicies, "the actions that the policies of the controller's role allow", Note,
		"allow your credentials iam:SimulatePrincipalPolicy on the role, or run lbc doctor with the controller's own " +
			"credentials; until then, events on objects name the actions that AWS denies",
		[]Source{Account}, []Source{Controller, Network, Instances},
	},
	{CertificateList, "the list of all ACM certificates of the account", Warning, grantAction, []Source{Account}, nil},
}

// Unread is why a source could not be read.
type Unread struct {
	Reason   string
	Remedy   string // empty = that of the source
	Because  Source // the source by which it is reached and that could not be read either
	Unwanted bool   // it was not to be read
}

// Evidence lists words in lines of evidence, a dozen at most.
func Evidence(before string, words []string) []string {
	const most = 12
	if len(words) == 0 {
		return nil
	}
	return []string{before + diag.First(words, most, ", ")}
}
