package awsclient

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Operation is an AWS call that the controller makes.
type Operation struct {
	Service    string // SDK service id
	Permission string // IAM action
	Purpose    string // for the documentation of permissions
}

// Operations lists every AWS call of the controller by name, and the calls for which AWS demands permission
// indirectly.
var Operations = withAddOns(map[string]Operation{
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
		"read the account's limits, if a load balancer would exceed AWS's defaults or AWS refused one. Without the "+
			"permission, the event quotes AWS's refusal"),
	"DescribeCapacityReservation":    elbv2Operation("DescribeCapacityReservation", "compare reserved capacity"),
	"DescribeListenerAttributes":     elbv2Operation("DescribeListenerAttributes", "compare listener attributes"),
	"DescribeListenerCertificates":   elbv2Operation("DescribeListenerCertificates", "compare certificates"),
	"DescribeListeners":              elbv2Operation("DescribeListeners", "find the listeners of the controller"),
	"DescribeLoadBalancerAttributes": elbv2Operation("DescribeLoadBalancerAttributes", "compare load balancer attributes"),
	"DescribeLoadBalancers":          elbv2Operation("DescribeLoadBalancers", "find the load balancers of the controller"),
	"DescribeRules":                  elbv2Operation("DescribeRules", "find the rules of the controller"),
	"DescribeTags":                   elbv2Operation("DescribeTags", "find the resources of the controller"),
	"DescribeTargetGroupAttributes":  elbv2Operation("DescribeTargetGroupAttributes", "compare target group attributes"),
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
	"RemoveTags":                 elbv2Operation("RemoveTags", "remove unneeded tags"),
	"SetIpAddressType":           elbv2Operation("SetIpAddressType", "change the address family of a load balancer"),
	"SetRulePriorities":          elbv2Operation("SetRulePriorities", "reorder rules"),
	"SetSecurityGroups":          elbv2Operation("SetSecurityGroups", "change the security groups of a load balancer"),
	"SetSubnets":                 elbv2Operation("SetSubnets", "change the subnets of a load balancer"),

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
		"know how many rules a prefix list counts for, only where an object names one; without it each counts as one, and "+
			"AWS's refusals show what does not fit"),
	"DescribeNetworkInterfaces":  ec2Operation("DescribeNetworkInterfaces", "find the security groups of pods"),
	"DescribeRouteTables":        ec2Operation("DescribeRouteTables", "distinguish public subnets from private ones"),
	"DescribeSecurityGroups":     ec2Operation("DescribeSecurityGroups", "find security groups and their rules"),
	"DescribeSubnets":            ec2Operation("DescribeSubnets", "find subnets"),
	"DescribeVpcs":               ec2Operation("DescribeVpcs", "find the VPC and its address ranges"),
	"RevokeSecurityGroupIngress": ec2Operation("RevokeSecurityGroupIngress", "revoke unneeded rules"),

	"DescribeCertificate": {ServiceACM, "acm:DescribeCertificate",
		"read the names of a certificate that its summary leaves out"},
	"ListCertificates": {ServiceACM, "acm:ListCertificates", "find a certificate by host name"},

	"AddTagsToCertificate": {ServiceACM, "acm:AddTagsToCertificate", "tag certificates that were requested or imported"},
	"DeleteCertificate": {ServiceACM, "acm:DeleteCertificate",
		"delete the controller's certificates that no object declares any longer"},
	"ImportCertificate": {ServiceACM, "acm:ImportCertificate",
		"import TLS Secrets, only with --enable-tls-secret-import"},
	"ListTagsForCertificate": {ServiceACM, "acm:ListTagsForCertificate",
		"find the controller's certificates, only with gate EnableCertificateManagement or --enable-tls-secret-import"},
	"RequestCertificate": {ServiceACM, "acm:RequestCertificate",
		"request certificates, only with gate EnableCertificateManagement"},

	"PutObject": {ServiceS3, "s3:PutObject", "upload the authorities that Gateways name, from which AWS makes trust " +
		"stores, only with --trust-store-bucket"},
	"GetObject": {ServiceS3, "s3:GetObject", "let AWS read the authorities when it is given a trust store, only with " +
		"--trust-store-bucket"},
	"DeleteObject": {ServiceS3, "s3:DeleteObject", "delete what was uploaded for a trust store, only with " +
		"--trust-store-bucket"},

	"ChangeResourceRecordSets": {ServiceRoute53, "route53:ChangeResourceRecordSets",
		"prove to ACM who owns a name, only with gate EnableCertificateManagement"},
	"ListHostedZones": {ServiceRoute53, "route53:ListHostedZones",
		"find the zone of a name, only with gate EnableCertificateManagement"},

	"DescribeUserPoolClient": {"Cognito Identity Provider", "cognito-idp:DescribeUserPoolClient",
		"sign users in with Cognito: AWS requires it for such a rule or listener"},

	"AssumeRole": {ServiceSTS, "sts:AssumeRole", "reach target groups of other accounts, only where a " +
		"TargetGroupBinding names a role"},

	"GetResources": {ServiceTagging, "tag:GetResources",
		"find the resources of the controller by few calls, only with gate EnableRGTAPI"},

	"GetCallerIdentity": {ServiceSTS, "sts:GetCallerIdentity", "read the account's id (always allowed)"},
}, func(s addOnService) map[string]Operation { return s.operations })

func elbv2Operation(name, purpose string) Operation {
	return Operation{ServiceELBV2, "elasticloadbalancing:" + name, purpose}
}

func ec2Operation(name, purpose string) Operation {
	return Operation{ServiceEC2, "ec2:" + name, purpose}
}

// addOnService is a service that is called only if an object asks for an add-on of it.
type addOnService struct {
	id         string
	operations map[string]Operation
	codes      map[string]diag.Class // of errors that no other service has
	// connect adds the client; endpoint is nil where none is given.
	connect func(c *Clients, cfg aws.Config, endpoint *string)
	// family is the token bucket of an operation; nil = one of the usual size for each.
	family func(operation string) apiFamily
}

// addOnServices are the services of add-ons.
var addOnServices = []addOnService{
	wafv2Service,
	shieldService,
	acceleratorService,
}

// withAddOns completes a table by the rows of the services of add-ons.
func withAddOns[V any](table map[string]V, rows func(addOnService) map[string]V) map[string]V {
	for _, s := range addOnServices {
		maps.Copy(table, rows(s))
	}
	return table
}
