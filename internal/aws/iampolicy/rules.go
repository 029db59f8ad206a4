package iampolicy

import (
	"maps"
	"slices"
	"strings"
)

// rule is where and when actions are needed. Rules of one Sid have the same resources and the same condition.
type rule struct {
	sid     string
	feature Feature // empty: whatever the controller serves
	actions []string
	// action of the call on whose way AWS checks them; empty: the controller calls them itself
	within string
	on     func(Options) []string // resources below the partition; nil = all
	when   func(Options) Condition
	unless func(Options) bool // another rule allows as much; nil = never
}

// rules are those of all actions. Services that know neither resources nor tags in their conditions have rules without.
var rules = slices.Concat(balancingRules, computeRules, certificateRules, trustStoreRules, []rule{
	{sid: "AddOns", feature: WAFv2, actions: []string{"wafv2:AssociateWebACL", "wafv2:DisassociateWebACL",
		"wafv2:GetWebACLForResource", "wafv2:ListWebACLs"}},
	{sid: "AddOns", feature: WAFv2, actions: []string{"elasticloadbalancing:SetWebAcl", "wafv2:GetWebACL"},
		within: "wafv2:AssociateWebACL"},
	{sid: "AddOns", feature: Shield, actions: []string{"shield:GetSubscriptionState", "shield:DescribeProtection",
		"shield:CreateProtection", "shield:DeleteProtection"}},
	{sid: "AddOns", feature: Cognito, actions: []string{"cognito-idp:DescribeUserPoolClient"}},
	{sid: "Read", feature: TaggingAPI, actions: []string{"tag:GetResources"}},
	{sid: "AssumeRoles", feature: AssumedRoles, actions: []string{"sts:AssumeRole"}, on: roles},
},
	foreignRules,
	acceleratorRules,
)

var balancingRules = []rule{
	{sid: "Read", actions: elb("DescribeListenerAttributes", "DescribeListenerCertificates", "DescribeListeners",
		"DescribeLoadBalancerAttributes", "DescribeLoadBalancers",
		"DescribeRules", "DescribeSSLPolicies", "DescribeTags", "DescribeTargetGroupAttributes", "DescribeTargetGroups",
		"DescribeTargetHealth")},
	{sid: "Read", feature: AccountLimits, actions: elb("DescribeAccountLimits")},
	{sid: "Read", feature: Capacity, actions: elb("DescribeCapacityReservation")},
	{sid: "Read", feature: TrustStores, actions: elb("DescribeTrustStores")},

	{sid: "Create", actions: elb("CreateLoadBalancer", "CreateTargetGroup"), when: givesTag},
	{sid: "TagCreated", actions: elb("AddTags"), when: created("elasticloadbalancing", "CreateListener",
		"CreateLoadBalancer", "CreateRule", "CreateTargetGroup", "CreateTrustStore")},
	{sid: "TagOwn", actions: elb("AddTags", "RemoveTags"), when: keepsTag},
	{sid: "ChangeOwn", actions: elb("CreateListener", "DeleteLoadBalancer", "DeleteTargetGroup", "DeregisterTargets",
		"ModifyLoadBalancerAttributes", "ModifyTargetGroup",
		"ModifyTargetGroupAttributes", "RegisterTargets", "SetIpAddressType", "SetSecurityGroups", "SetSubnets"),
		when: owned},
	{sid: "ChangeOwn", actions: listening, when: owned},
	{sid: "ChangeOwn", feature: Capacity, actions: elb("ModifyCapacityReservation"), when: owned},
	{sid: "ChangeOwn", feature: IPAM, actions: elb("ModifyIpPools"), when: owned},
	{
		sid: "ServiceLinkedRole", actions: []string{"iam:CreateServiceLinkedRole"},
		within: "elasticloadbalancing:CreateLoadBalancer",
		when: func(Options) Condition {
			return Condition{"StringEquals": {"iam:AWSServiceName": {"elasticloadbalancing.amazonaws.com"}}}
		},
	},
}

var computeRules = []rule{
	{sid: "Read", actions: ec2("DescribeAddresses", "DescribeAvailabilityZones", "DescribeInstances",
		"DescribeNetworkInterfaces", "DescribeRouteTables", "DescribeSecurityGroups",
		"DescribeSubnets", "DescribeVpcs")},
	{sid: "Read", feature: AccountLimits, actions: ec2("DescribeManagedPrefixLists")},
	{sid: "Read", actions: ec2("DescribeAccountAttributes", "DescribeInternetGateways", "DescribeTags",
		"DescribeVpcPeeringConnections", "GetSecurityGroupsForVpc"),
		within: "elasticloadbalancing:CreateLoadBalancer"},
	{sid: "Read", feature: Outposts, actions: ec2("DescribeCoipPools", "GetCoipPoolUsage"),
		within: "elasticloadbalancing:CreateLoadBalancer"},
	{sid: "Read", feature: IPAM, actions: ec2("DescribeIpamPools"), within: "elasticloadbalancing:CreateLoadBalancer"},

	// A security group is authorised with its tags, and its VPC without.
	{sid: "Create", actions: ec2("CreateSecurityGroup"), when: givesTag},
	{sid: "CreateInVPC", actions: ec2("CreateSecurityGroup"), on: vpc},
	{sid: "TagCreatedSecurityGroup", actions: ec2("CreateTags"), when: created("ec2", "CreateSecurityGroup")},
	{sid: "TagOwn", actions: ec2("CreateTags", "DeleteTags"), when: keepsTag},
	{sid: "ChangeOwn", actions: ec2("AuthorizeSecurityGroupIngress", "DeleteSecurityGroup", "RevokeSecurityGroupIngress"),
		when: owned},
	// The security groups of nodes and pods belong to others, who tag them for the cluster.
	{sid: "NodeSecurityGroups", actions: ec2("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"),
		on: fixed(securityGroups...), when: ofNodes, unless: opensAll},
}

var certificateRules = []rule{
	{sid: "Read", feature: Discovery, actions: []string{"acm:DescribeCertificate", "acm:ListCertificates"}},
	{sid: "Read", feature: CertificateRequests, actions: []string{"acm:DescribeCertificate", "acm:ListCertificates",
		"acm:ListTagsForCertificate", "route53:ListHostedZones"}},
	{sid: "Read", feature: SecretImport, actions: []string{"acm:DescribeCertificate", "acm:ListCertificates",
		"acm:ListTagsForCertificate"}},
	{sid: "Read", feature: IAMCertificates, actions: []string{"iam:GetServerCertificate", "iam:ListServerCertificates"},
		within: "elasticloadbalancing:CreateListener"},

	{sid: "Create", feature: CertificateRequests, actions: []string{"acm:RequestCertificate"}, when: givesTag},
	{sid: "Create", feature: SecretImport, actions: []string{"acm:ImportCertificate"}, when: givesTag},
	{sid: "ChangeOwn", feature: CertificateRequests, actions: []string{"acm:DeleteCertificate"}, when: owned},
	{sid: "ChangeOwn", feature: SecretImport, actions: []string{"acm:DeleteCertificate", "acm:ImportCertificate"},
		when: owned},
	{sid: "TagOwn", feature: CertificateRequests, actions: []string{"acm:AddTagsToCertificate"}, when: keepsTag},
	{sid: "TagOwn", feature: SecretImport, actions: []string{"acm:AddTagsToCertificate"}, when: keepsTag},
	// ACM has no condition by which a certificate that is being created differs from one that no cluster owns.
	{sid: "TagCreatedCertificates", feature: CertificateRequests, actions: []string{"acm:AddTagsToCertificate"},
		when: takesTag},
	{sid: "TagCreatedCertificates", feature: SecretImport, actions: []string{"acm:AddTagsToCertificate"}, when: takesTag},
	{sid: "AddOns", feature: CertificateRequests, actions: []string{"acm-pca:GetCertificate", "acm-pca:IssueCertificate",
		"acm-pca:ListPermissions"}, within: "acm:RequestCertificate"},
	{
		sid: "ValidationRecords", feature: CertificateRequests, actions: []string{"route53:ChangeResourceRecordSets"},
		on: fixed("route53:::hostedzone/*"),
		when: func(Options) Condition {
			return Condition{"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": {"CNAME"}}}
		},
	},
}

var trustStoreRules = []rule{
	{sid: "Read", feature: TrustStoreUploads, actions: elb("DescribeTrustStores")},
	{sid: "Create", feature: TrustStoreUploads, actions: elb("CreateTrustStore"), when: givesTag},
	{sid: "ChangeOwn", feature: TrustStoreUploads, actions: elb("DeleteTrustStore", "ModifyTrustStore"), when: owned},
	{sid: "TrustStoreObjects", feature: TrustStoreUploads, actions: []string{"s3:DeleteObject", "s3:GetObject",
		"s3:PutObject"}, on: objects},
}

// fixed are resources that no option changes.
func fixed(resources ...string) func(Options) []string {
	return func(Options) []string { return resources }
}

func vpc(o Options) []string {
	if o.VPC == "" {
		return []string{"ec2:*:*:vpc/*"}
	}
	return []string{"ec2:*:*:vpc/" + o.VPC}
}

// objects are those of the cluster below the prefix, as naming.TrustStoreObject has their keys.
func objects(o Options) []string {
	path := o.Bucket + "/"
	if o.Prefix != "" {
		path += o.Prefix + "/"
	}
	if o.Cluster != "" {
		path += o.Cluster + "/"
	}
	return []string{"s3:::" + path + "*"}
}

// roles are those of other accounts that may be assumed.
func roles(o Options) []string {
	out := make([]string, 0, len(o.Roles))
	for _, arn := range o.Roles {
		if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
			out = append(out, parts[2])
		}
	}
	if len(out) == 0 {
		return []string{"iam::*:role/*"}
	}
	return out
}

// tagged is the condition that the cluster's tag is given to, or is on, what a call is about.
func tagged(o Options, of string) Condition {
	key := "aws:" + of + "/" + clusterTag
	if o.Cluster == "" {
		return Condition{"Null": {key: {present}}}
	}
	return Condition{"StringEquals": {key: {o.Cluster}}}
}

func givesTag(o Options) Condition { return tagged(o, "RequestTag") }
func owned(o Options) Condition    { return tagged(o, "ResourceTag") }

// keepsTag is the condition that a call changes other tags of what is owned.
func keepsTag(o Options) Condition {
	return joined(owned(o), null(absent, "", clusterTag))
}

// takesTag is the condition that a call gives the tag to what no cluster owns.
func takesTag(o Options) Condition {
	return joined(givesTag(o), null("", absent, clusterTag))
}

// created is the condition that a call tags what it makes.
func created(service string, calls ...string) func(Options) Condition {
	return func(o Options) Condition {
		return joined(givesTag(o), Condition{"StringEquals": {service + ":CreateAction": calls}})
	}
}

// joined is a condition of two that do not have a key in common.
func joined(a, b Condition) Condition {
	out := Condition{}
	for _, c := range []Condition{a, b} {
		for operator, keys := range c {
			if out[operator] == nil {
				out[operator] = map[string]Values{}
			}
			maps.Copy(out[operator], keys)
		}
	}
	return out
}
