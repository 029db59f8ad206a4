// Package permission lists the calls of AWS that the controller makes, with the IAM action that allows each. Pages,
// tests and lbc read it.
package permission

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// Operation is an AWS call that the controller makes.
type Operation struct {
	Service    string // SDK service id
	Permission string // IAM action
	Purpose    string // for the documentation of permissions
}

// Operations lists every AWS call of the controller by name, and the calls for which AWS demands permission
// indirectly.
var Operations = withAccelerators(map[string]Operation{
	"AddListenerCertificates": elbv2Operation("AddListenerCertificates",
		"attach certificates that clients choose by server name"),
	"AddTags": elbv2Operation("AddTags",
		"tag load balancers, target groups, listeners, rules and trust stores"),
	"CreateListener":     elbv2Operation("CreateListener", "open a port of a load balancer"),
	"CreateLoadBalancer": elbv2Operation("CreateLoadBalancer", "create a load balancer"),
	"CreateRule": elbv2Operation("CreateRule",
		"route requests by host, path, header, method, query or source"),
	"CreateTargetGroup":  elbv2Operation("CreateTargetGroup", "create a target group"),
	"DeleteListener":     elbv2Operation("DeleteListener", "close a port"),
	"DeleteLoadBalancer": elbv2Operation("DeleteLoadBalancer", "delete a load balancer that the controller owns"),
	"DeleteRule":         elbv2Operation("DeleteRule", "delete a rule that the controller created"),
	"DeleteTargetGroup":  elbv2Operation("DeleteTargetGroup", "delete a target group that the controller created"),
	"DeregisterTargets": elbv2Operation("DeregisterTargets",
		"take pods, nodes or the ALB behind a network load balancer out of service"),
	"DescribeAccountLimits": elbv2Operation("DescribeAccountLimits",
		"read the account's limits, if a load balancer would exceed AWS's default limits, or AWS refused a call at a "+
			"limit. Without the permission, AWS refuses what exceeds a limit, and an event contains AWS's message"),
	"DescribeCapacityReservation":    elbv2Operation("DescribeCapacityReservation", "compare reserved capacity"),
	"DescribeListenerAttributes":     elbv2Operation("DescribeListenerAttributes", "compare listener attributes"),
	"DescribeListenerCertificates":   elbv2Operation("DescribeListenerCertificates", "compare certificates"),
	"DescribeListeners":              elbv2Operation("DescribeListeners", "find the listeners of the controller"),
	"DescribeLoadBalancerAttributes": elbv2Operation("DescribeLoadBalancerAttributes", "compare load balancer attributes"),
	"DescribeLoadBalancers":          elbv2Operation("DescribeLoadBalancers", "find the load balancers of the controller"),
	"DescribeRules":                  elbv2Operation("DescribeRules", "find the rules of the controller"),
	"DescribeSSLPolicies": elbv2Operation("DescribeSSLPolicies",
		"find out whether a declared TLS policy exists, if this version of the controller does not know the policy"),
	"DescribeTags":                  elbv2Operation("DescribeTags", "find the resources of the controller"),
	"DescribeTargetGroupAttributes": elbv2Operation("DescribeTargetGroupAttributes", "compare target group attributes"),
	"DescribeTargetGroups": elbv2Operation("DescribeTargetGroups",
		"find target groups of the controller and of users"),
	"DescribeTargetHealth":      elbv2Operation("DescribeTargetHealth", "read registered targets and their health"),
	"ModifyCapacityReservation": elbv2Operation("ModifyCapacityReservation", "reserve capacity"),
	"ModifyIpPools":             elbv2Operation("ModifyIpPools", "change the pool of public addresses"),
	"DescribeTrustStores":       elbv2Operation("DescribeTrustStores", "find trust stores of users and of the controller"),
	"CreateTrustStore": elbv2Operation("CreateTrustStore",
		"create trust stores from CA certificates that Gateways name, only with --trust-store-bucket"),
	"DeleteTrustStore": elbv2Operation("DeleteTrustStore",
		"delete a trust store that the controller created, only with --trust-store-bucket"),
	"ModifyTrustStore": elbv2Operation("ModifyTrustStore",
		"replace the CA certificates of a trust store that the controller created, only with --trust-store-bucket"),
	"ModifyListener":               elbv2Operation("ModifyListener", "change a listener"),
	"ModifyListenerAttributes":     elbv2Operation("ModifyListenerAttributes", "change listener attributes"),
	"ModifyLoadBalancerAttributes": elbv2Operation("ModifyLoadBalancerAttributes", "change load balancer attributes"),
	"ModifyRule":                   elbv2Operation("ModifyRule", "change a rule"),
	"ModifyTargetGroup":            elbv2Operation("ModifyTargetGroup", "change a health check"),
	"ModifyTargetGroupAttributes":  elbv2Operation("ModifyTargetGroupAttributes", "change target group attributes"),
	"RegisterTargets": elbv2Operation("RegisterTargets",
		"bring pods, nodes or the ALB behind a network load balancer into service"),
	"RemoveListenerCertificates": elbv2Operation("RemoveListenerCertificates", "detach certificates"),
	"RemoveTags": elbv2Operation("RemoveTags",
		"remove tags that are no longer declared, and tags that users added in AWS, except keys of "+
			"--external-managed-tags"),
	"SetIpAddressType":  elbv2Operation("SetIpAddressType", "change the address family of a load balancer"),
	"SetRulePriorities": elbv2Operation("SetRulePriorities", "reorder rules"),
	"SetSecurityGroups": elbv2Operation("SetSecurityGroups", "change the security groups of a load balancer"),
	"SetSubnets":        elbv2Operation("SetSubnets", "change the subnets of a load balancer"),

	"AuthorizeSecurityGroupIngress": ec2Operation("AuthorizeSecurityGroupIngress",
		"admit clients to load balancers, and load balancers to targets"),
	"CreateSecurityGroup": ec2Operation("CreateSecurityGroup",
		"create the managed and the shared backend security group"),
	"CreateTags":          ec2Operation("CreateTags", "tag the security groups of the controller"),
	"DeleteSecurityGroup": ec2Operation("DeleteSecurityGroup", "delete security groups that the controller created"),
	"DeleteTags":          ec2Operation("DeleteTags", "remove tags from the security groups of the controller"),
	"DescribeAddresses": ec2Operation("DescribeAddresses",
		"find the Elastic IP addresses that Gateways ask for"),
	"DescribeAvailabilityZones": ec2Operation("DescribeAvailabilityZones",
		"distinguish local and wavelength zones from others"),
	"DescribeInstances": ec2Operation("DescribeInstances", "find the network interfaces of nodes"),
	"DescribeManagedPrefixLists": ec2Operation("DescribeManagedPrefixLists",
		"find out as how many rules AWS counts a prefix list, only if an object names a prefix list. Without the "+
			"permission, each prefix list counts as one rule, and AWS's refusals show which rules do not fit"),
	"DescribeNetworkInterfaces":  ec2Operation("DescribeNetworkInterfaces", "find the security groups of pods"),
	"DescribeRouteTables":        ec2Operation("DescribeRouteTables", "distinguish public subnets from private ones"),
	"DescribeSecurityGroups":     ec2Operation("DescribeSecurityGroups", "find security groups and their rules"),
	"DescribeSubnets":            ec2Operation("DescribeSubnets", "find subnets"),
	"DescribeVpcs":               ec2Operation("DescribeVpcs", "find the VPC and its address ranges"),
	"RevokeSecurityGroupIngress": ec2Operation("RevokeSecurityGroupIngress", "revoke unneeded rules"),

	"DescribeCertificate": {awsclient.ServiceACM, "acm:DescribeCertificate",
		"read the names of a certificate that its summary leaves out"},
	"ListCertificates": {awsclient.ServiceACM, "acm:ListCertificates",
		"find a certificate by host name; find out when certificates of listeners expire"},

	"AddTagsToCertificate": {awsclient.ServiceACM, "acm:AddTagsToCertificate",
		"tag certificates that were requested or imported"},
	"DeleteCertificate": {awsclient.ServiceACM, "acm:DeleteCertificate",
		"delete the controller's certificates that no object declares any longer"},
	"ImportCertificate": {awsclient.ServiceACM, "acm:ImportCertificate",
		"import TLS Secrets, only with --enable-tls-secret-import"},
	"ListTagsForCertificate": {awsclient.ServiceACM, "acm:ListTagsForCertificate",
		"find the controller's certificates, only with gate EnableCertificateManagement or --enable-tls-secret-import"},
	"RequestCertificate": {awsclient.ServiceACM, "acm:RequestCertificate",
		"request certificates, only with gate EnableCertificateManagement"},

	"PutObject": {awsclient.ServiceS3, "s3:PutObject",
		"upload the CA certificates that Gateways name, from which AWS creates trust stores, only with --trust-store-bucket"},
	"GetObject": {awsclient.ServiceS3, "s3:GetObject",
		"let AWS read the uploaded CA certificates when the controller creates or changes a trust store, only with " +
			"--trust-store-bucket"},
	"DeleteObject": {awsclient.ServiceS3, "s3:DeleteObject", "delete the file that the controller uploaded for a trust " +
		"store, only with --trust-store-bucket"},

	"ChangeResourceRecordSets": {awsclient.ServiceRoute53, "route53:ChangeResourceRecordSets",
		"prove to ACM who owns a name, only with gate EnableCertificateManagement"},
	"ListHostedZones": {awsclient.ServiceRoute53, "route53:ListHostedZones",
		"find the zone of a name, only with gate EnableCertificateManagement"},

	"DescribeUserPoolClient": {"Cognito Identity Provider", "cognito-idp:DescribeUserPoolClient",
		"sign users in with Cognito: AWS requires it for such a rule or listener"},

	"AssumeRole": {awsclient.ServiceSTS, "sts:AssumeRole", "reach target groups of other accounts, only if a " +
		"TargetGroupBinding names a role"},

	"GetResources": {awsclient.ServiceTagging, "tag:GetResources",
		"find the resources of the controller with few calls, only with gate EnableRGTAPI"},

	"GetCallerIdentity": {awsclient.ServiceSTS, "sts:GetCallerIdentity", "read the account's id (always allowed)"},

	"AssociateWebACL": {awsclient.ServiceWAFv2, "wafv2:AssociateWebACL", "associate a web ACL with a load balancer"},
	"DisassociateWebACL": {awsclient.ServiceWAFv2, "wafv2:DisassociateWebACL",
		"disassociate a web ACL that no object declares any more"},
	"GetWebACLForResource": {awsclient.ServiceWAFv2, "wafv2:GetWebACLForResource",
		"read the web ACL of a load balancer, if an annotation names a web ACL for this load balancer"},
	"ListWebACLs": {awsclient.ServiceWAFv2, "wafv2:ListWebACLs", "find a web ACL by name"},

	"CreateProtection": {awsclient.ServiceShield, "shield:CreateProtection",
		"protect a load balancer with Shield Advanced"},
	"DeleteProtection": {awsclient.ServiceShield, "shield:DeleteProtection",
		"end a protection that no object declares any more"},
	"DescribeProtection": {awsclient.ServiceShield, "shield:DescribeProtection",
		"read whether a load balancer is protected, if an annotation asks for it"},
	"GetSubscriptionState": {awsclient.ServiceShield, "shield:GetSubscriptionState",
		"find out whether the account subscribes to Shield Advanced"},
}, map[string]string{
	"AddEndpoints":        "add endpoints to an endpoint group",
	"CreateAccelerator":   "create an accelerator",
	"CreateEndpointGroup": "create an endpoint group",
	"CreateListener":      "open ports of an accelerator",
	"DeleteAccelerator":   "delete an accelerator that the controller created",
	"DeleteEndpointGroup": "delete an endpoint group that the controller created",
	"DeleteListener":      "close ports of an accelerator",
	"DescribeAccelerator": "find out whether AWS has deployed a change",
	"ListAccelerators":    "find the controller's accelerators",
	"ListEndpointGroups":  "compare endpoint groups and endpoints",
	"ListListeners":       "compare listeners of accelerators",
	"ListTagsForResource": "find out who owns an accelerator",
	"RemoveEndpoints":     "remove endpoints from an endpoint group",
	"TagResource":         "tag accelerators",
	"UntagResource":       "remove tags that are no longer declared",
	"UpdateAccelerator":   "change an accelerator, and disable it before it is deleted",
	"UpdateEndpointGroup": "change traffic dial, port overrides and endpoints of an endpoint group",
	"UpdateListener":      "change a listener of an accelerator",
})

func elbv2Operation(name, purpose string) Operation {
	return Operation{awsclient.ServiceELBV2, "elasticloadbalancing:" + name, purpose}
}

func ec2Operation(name, purpose string) Operation {
	return Operation{awsclient.ServiceEC2, "ec2:" + name, purpose}
}

// withAccelerators adds the operations of Global Accelerator, by name and purpose. Some have the names of actions of
// Elastic Load Balancing, so their keys begin with the name of the service.
func withAccelerators(out map[string]Operation, purposes map[string]string) map[string]Operation {
	for name, purpose := range purposes {
		out[awsclient.ServiceGlobalAccelerator+" "+name] = Operation{awsclient.ServiceGlobalAccelerator,
			"globalaccelerator:" + name, purpose + ", only with gate GlobalAcceleratorController"}
	}
	return out
}

// Actions returns the IAM actions of all operations, sorted.
func Actions() []string {
	var out []string
	for _, o := range Operations {
		out = append(out, o.Permission)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
