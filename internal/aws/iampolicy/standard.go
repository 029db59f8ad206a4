package iampolicy

import (
	"slices"
	"strings"
)

// Partition is a set of AWS's Regions with ARNs of their own.
type Partition struct {
	Name string // in ARNs
	File string // suffix of the name of the published policy
}

// Partitions are the partitions for which policies are published.
var Partitions = []Partition{
	{"aws", ""},
	{"aws-cn", "_cn"},
	{"aws-us-gov", "_us-gov"},
	{"aws-eusc", "_eusc"},
	{"aws-iso", "_iso"},
	{"aws-iso-b", "_isob"},
	{"aws-iso-e", "_isoe"},
	{"aws-iso-f", "_isof"},
}

// isolated are the actions that the partitions aws-iso… do not have.
var isolated = []string{
	"elasticloadbalancing:DescribeTrustStores", "elasticloadbalancing:DescribeListenerAttributes",
	"elasticloadbalancing:DescribeCapacityReservation",
	"elasticloadbalancing:ModifyListenerAttributes", "elasticloadbalancing:ModifyCapacityReservation",
}

// lacks reports whether a partition does not have an action.
func lacks(partition, action string) bool {
	return strings.HasPrefix(partition, "aws-iso") && slices.Contains(isolated, action)
}

// Missing returns the actions that a partition does not have, of those that the controller calls elsewhere.
func Missing(partition string) (out []string) {
	for _, a := range isolated {
		if lacks(partition, a) {
			out = append(out, a)
		}
	}
	return out
}

const clusterTag = "elbv2.k8s.aws/cluster"

// What operator Null compares with: a key that is there is not null.
const (
	present = "false"
	absent  = "true"
)

// null is the condition that a call gives a tag and that its resource has it, each present or absent, or empty for no
// condition.
func null(request, resource, tag string) Condition {
	keys := map[string]Values{}
	if request != "" {
		keys["aws:RequestTag/"+tag] = Values{request}
	}
	if resource != "" {
		keys["aws:ResourceTag/"+tag] = Values{resource}
	}
	return Condition{"Null": keys}
}

var (
	securityGroups = []string{"ec2:*:*:security-group/*"}
	balancing      = []string{"elasticloadbalancing:*:*:targetgroup/*/*", "elasticloadbalancing:*:*:loadbalancer/net/*/*",
		"elasticloadbalancing:*:*:loadbalancer/app/*/*"}
	listenersRules = []string{
		"elasticloadbalancing:*:*:listener/net/*/*/*", "elasticloadbalancing:*:*:listener/app/*/*/*",
		"elasticloadbalancing:*:*:listener-rule/net/*/*/*", "elasticloadbalancing:*:*:listener-rule/app/*/*/*",
	}
)

// elb and ec2 name actions of a service.
func elb(names ...string) []string { return prefixed("elasticloadbalancing:", names) }
func ec2(names ...string) []string { return prefixed("ec2:", names) }

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}

// addOns are the actions of what load balancers can also have. No call needs those of WAF Classic, which stay as they
// were published.
var addOns = []string{
	"cognito-idp:DescribeUserPoolClient", "acm:ListCertificates", "acm:DescribeCertificate",
	"iam:ListServerCertificates", "iam:GetServerCertificate",
	"waf-regional:GetWebACL", "waf-regional:GetWebACLForResource", "waf-regional:AssociateWebACL",
	"waf-regional:DisassociateWebACL",
	"wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL",
	"shield:GetSubscriptionState", "shield:DescribeProtection", "shield:CreateProtection", "shield:DeleteProtection",
}

// creating is the condition of a tag that is set while one of these actions creates its resource.
func creating(key string, actions ...string) Condition {
	c := null(present, "", clusterTag)
	c["StringEquals"] = map[string]Values{key: actions}
	return c
}

// Standard returns the policy that installations of the existing controller have, statement by statement and in its
// order. Its actions and conditions are copied by many, so that they do not change with the controller.
func Standard(partition string) Document {
	at := func(resources []string) Values { return arns(partition, resources...) }
	d := document(
		Statement{
			Action: []string{"iam:CreateServiceLinkedRole"}, Resource: at(nil),
			Condition: Condition{"StringEquals": {"iam:AWSServiceName": {"elasticloadbalancing.amazonaws.com"}}},
		},
		Statement{Resource: at(nil), Action: slices.Concat(
			ec2("DescribeAccountAttributes", "DescribeAddresses", "DescribeAvailabilityZones", "DescribeInternetGateways",
				"DescribeVpcs", "DescribeVpcPeeringConnections",
				"DescribeSubnets", "DescribeSecurityGroups", "DescribeInstances", "DescribeNetworkInterfaces", "DescribeTags",
				"GetCoipPoolUsage", "DescribeCoipPools",
				"GetSecurityGroupsForVpc", "DescribeIpamPools", "DescribeRouteTables"),
			elb("DescribeLoadBalancers", "DescribeLoadBalancerAttributes", "DescribeListeners", "DescribeListenerCertificates",
				"DescribeSSLPolicies", "DescribeRules",
				"DescribeTargetGroups", "DescribeTargetGroupAttributes", "DescribeTargetHealth", "DescribeTags",
				"DescribeTrustStores", "DescribeListenerAttributes",
				"DescribeCapacityReservation"),
		)},
		Statement{Resource: at(nil), Action: slices.Clone(addOns)},
		Statement{Resource: at(nil), Action: ec2("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress")},
		Statement{Resource: at(nil), Action: ec2("CreateSecurityGroup")},
		Statement{Resource: at(securityGroups), Action: ec2("CreateTags"), Condition: creating("ec2:CreateAction",
			"CreateSecurityGroup")},
		Statement{Resource: at(securityGroups), Action: ec2("CreateTags", "DeleteTags"), Condition: null(absent, present,
			clusterTag)},
		Statement{
			Resource: at(nil), Action: ec2("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress", "DeleteSecurityGroup"),
			Condition: null("", present, clusterTag),
		},
		Statement{Resource: at(nil), Action: elb("CreateLoadBalancer", "CreateTargetGroup"),
			Condition: null(present, "", clusterTag)},
		Statement{Resource: at(nil), Action: elb("CreateListener", "DeleteListener", "CreateRule", "DeleteRule")},
		Statement{Resource: at(balancing), Action: elb("AddTags", "RemoveTags"), Condition: null(absent, present,
			clusterTag)},
		Statement{Resource: at(listenersRules), Action: elb("AddTags", "RemoveTags")},
		Statement{
			Resource: at(nil), Condition: null("", present, clusterTag),
			Action: elb("ModifyLoadBalancerAttributes", "SetIpAddressType", "SetSecurityGroups", "SetSubnets",
				"DeleteLoadBalancer", "ModifyTargetGroup",
				"ModifyTargetGroupAttributes", "DeleteTargetGroup", "ModifyListenerAttributes", "ModifyCapacityReservation",
				"ModifyIpPools"),
		},
		Statement{
			Resource: at(balancing), Action: elb("AddTags"),
			Condition: creating("elasticloadbalancing:CreateAction", "CreateTargetGroup", "CreateLoadBalancer"),
		},
		Statement{Resource: at(balancing[:1]), Action: elb("RegisterTargets", "DeregisterTargets")},
		Statement{Resource: at(nil), Action: elb("SetWebAcl", "ModifyListener", "AddListenerCertificates",
			"RemoveListenerCertificates", "ModifyRule", "SetRulePriorities")},
	)
	for i := range d.Statement {
		d.Statement[i].Action = slices.DeleteFunc(d.Statement[i].Action, func(a string) bool { return lacks(partition, a) })
	}
	return d
}

// Published returns the policies of docs/install by the names of their files: the standard one of each partition, and
// additions to it.
func Published() map[string]Document {
	out := map[string]Document{
		"iam_policy_v1_to_v2_additional.json": Migration("aws"),
		"iam_policy_certificates.json":        Certificates("aws"),
		"iam_policy_globalaccelerator.json":   Accelerators("aws"),
		"iam_policy_targetgroupbindings.json": Bindings("aws"),
	}
	for _, p := range Partitions {
		out["iam_policy"+p.File+".json"] = Standard(p.Name)
	}
	return out
}

// Migration is needed, besides the standard policy, where version 1 of the existing controller left load balancers.
func Migration(partition string) Document {
	own := null("", present, "ingress.k8s.aws/cluster")
	return document(
		Statement{Action: ec2("CreateTags", "DeleteTags"), Resource: arns(partition, securityGroups...), Condition: own},
		Statement{Action: elb("AddTags", "RemoveTags", "DeleteTargetGroup"), Resource: arns(partition, balancing...),
			Condition: own},
	)
}

// Certificates is needed, besides the standard policy, with gate EnableCertificateManagement.
func Certificates(partition string) Document {
	return document(
		Statement{Resource: arns(partition), Action: []string{
			"acm:ListTagsForCertificate", "acm:AddTagsToCertificate", "route53:ListHostedZones", "route53:ListHostedZonesByName",
			"route53:ChangeResourceRecordSets",
		}},
		Statement{Resource: arns(partition), Action: []string{"acm:RequestCertificate"},
			Condition: null(present, "", clusterTag)},
		Statement{Resource: arns(partition), Action: []string{"acm:DeleteCertificate"},
			Condition: null("", present, clusterTag)},
		Statement{Resource: arns(partition), Action: []string{"acm-pca:IssueCertificate", "acm-pca:GetCertificate",
			"acm-pca:ListPermissions"}},
	)
}

// Bindings suffices for TargetGroupBindings to target groups of users if no rules of security groups are managed.
func Bindings(partition string) Document {
	return document(Statement{Resource: arns(partition), Action: slices.Concat(
		ec2("DescribeVpcs", "DescribeSecurityGroups", "DescribeInstances"),
		elb("DescribeTargetGroups", "DescribeTargetHealth", "ModifyTargetGroup", "ModifyTargetGroupAttributes",
			"RegisterTargets", "DeregisterTargets"),
	)})
}
