package iam

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// implied are calls that a service makes in the caller's name: those that only read, and the role of the service, once
// per account.
var implied = []string{"ec2:Describe", "wafv2:GetWebACL", "iam:CreateServiceLinkedRole",
	"elasticloadbalancing:Describe"}

// authorised is a call and what it is authorised on: "ACTION RESOURCE keys", the resource without elbARN or ec2ARN, the
// keys those that the call adds to what every call and resource has.
type authorised struct {
	row  string // service and action
	in   any
	want []string
}

// The heads of ARNs, and resources without them.
const (
	elbARN     = "arn:aws:elasticloadbalancing:us-west-2:123456789012:"
	ec2ARN     = "arn:aws:ec2:us-west-2:123456789012:"
	app        = "loadbalancer/app/ours/0000000000000001"
	onListener = "listener/app/ours/0000000000000001/0000000000000003"
	onRule     = "listener-rule/app/ours/0000000000000001/0000000000000003/0000000000000005"
	onGroup    = "targetgroup/ours/0000000000000001"
)

// arguments are what the calls have in common.
type arguments struct {
	name, lb, tg, l, r, sg, certificate, acceleratorListener *string
	tags                                                     []elbtypes.Tag
}

func TestEveryCallIsAuthorisedOnItsResourcesWithItsKeys(t *testing.T) {
	t.Parallel()
	a := world(t)
	a.AddWebACL(&account.WebACL{ARN: webACLARN})
	a.AssociateWebACL(foreign, webACLARN)
	args := arguments{name: aws.String("n"), lb: aws.String(balancer), tg: aws.String(targets), l: aws.String(listener),
		r: aws.String(rule), sg: aws.String("sg-00000001"), tags: pair("team", "web"),
		certificate:         aws.String("arn:aws:acm:us-west-2:123456789012:certificate/1"),
		acceleratorListener: aws.String(ours + "/listener/0123abcd")}
	for _, tt := range slices.Concat(newBalancingRows(args), listenerRows(args), balancingRows(args),
		securityGroupRows(args), networkRows(args), certificateRows(args), addOnRows(args), acceleratorRows(args),
		otherRows()) {
		service, action, _ := strings.Cut(tt.row, " ")
		var got []string
		for _, c := range checksOf(a, service, action, tt.in) {
			if slices.ContainsFunc(implied, func(head string) bool { return strings.HasPrefix(c.action, head) }) &&
				c.action != service+":"+action {
				continue
			}
			var keys []string
			for k := range c.keys {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			resource := strings.TrimPrefix(strings.TrimPrefix(c.resource, elbARN), ec2ARN)
			got = append(got, strings.Join(append([]string{c.action, resource}, keys...), " "))
		}
		for i, w := range tt.want { // keys are kept in lower case, as case does not matter
			words := strings.Fields(w)
			for j := range words[2:] {
				words[2+j] = strings.ToLower(words[2+j])
			}
			tt.want[i] = strings.Join(words, " ")
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.row, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

// newBalancingRows are calls that create load balancers, listeners, rules, target groups and trust stores.
func newBalancingRows(args arguments) []authorised {
	return []authorised{
		{"elasticloadbalancing CreateLoadBalancer", &elb.CreateLoadBalancerInput{Name: args.name, Subnets: []string{"subnet-1"},
			SecurityGroups: []string{"sg-1"}, Tags: args.tags}, []string{
			"elasticloadbalancing:CreateLoadBalancer loadbalancer/app/n/* aws:RequestTag/team aws:TagKeys " +
				"elasticloadbalancing:Scheme elasticloadbalancing:SecurityGroup elasticloadbalancing:Subnet",
			"elasticloadbalancing:AddTags loadbalancer/app/n/* aws:RequestTag/team aws:TagKeys " +
				"elasticloadbalancing:CreateAction"}},
		{"elasticloadbalancing CreateTargetGroup", &elb.CreateTargetGroupInput{Name: args.name, Tags: args.tags}, []string{
			"elasticloadbalancing:CreateTargetGroup targetgroup/n/* aws:RequestTag/team aws:TagKeys",
			"elasticloadbalancing:AddTags targetgroup/n/* aws:RequestTag/team aws:TagKeys elasticloadbalancing:CreateAction"}},
		{"elasticloadbalancing CreateListener", &elb.CreateListenerInput{LoadBalancerArn: args.lb, Protocol: "HTTPS",
			SslPolicy: args.name}, []string{
			"elasticloadbalancing:CreateListener " + app + " elasticloadbalancing:ListenerProtocol " +
				"elasticloadbalancing:SecurityPolicy"}},
		{"elasticloadbalancing CreateRule", &elb.CreateRuleInput{ListenerArn: args.l},
			[]string{"elasticloadbalancing:CreateRule " + onListener}},
		{"elasticloadbalancing CreateTrustStore", &elb.CreateTrustStoreInput{
			Name: args.name, CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("ca")}, []string{
			"elasticloadbalancing:CreateTrustStore truststore/n/*", "s3:GetObject arn:aws:s3:::pki/ca"}},
		{"elasticloadbalancing CreateListener", &elb.CreateListenerInput{LoadBalancerArn: args.lb, Tags: args.tags,
			DefaultActions: []elbtypes.Action{{AuthenticateCognitoConfig: &elbtypes.AuthenticateCognitoActionConfig{
				UserPoolArn: aws.String(pool)}}},
			Certificates: []elbtypes.Certificate{{CertificateArn: args.certificate},
				{CertificateArn: aws.String("arn:aws:iam::123456789012:server-certificate/x")}}}, []string{
			"elasticloadbalancing:CreateListener " + app + " aws:RequestTag/team aws:TagKeys",
			"cognito-idp:DescribeUserPoolClient " + pool,
			"iam:GetServerCertificate arn:aws:iam::123456789012:server-certificate/x",
			"elasticloadbalancing:AddTags listener/app/ours/0000000000000001/* aws:RequestTag/team aws:TagKeys " +
				"elasticloadbalancing:CreateAction"}},
		{"elasticloadbalancing CreateRule", &elb.CreateRuleInput{ListenerArn: args.l, Tags: args.tags},
			[]string{"elasticloadbalancing:CreateRule " + onListener + " aws:RequestTag/team aws:TagKeys",
				"elasticloadbalancing:AddTags listener-rule/app/ours/0000000000000001/0000000000000003/* aws:RequestTag/team " +
					"aws:TagKeys elasticloadbalancing:CreateAction"}},
		{"elasticloadbalancing CreateTrustStore", &elb.CreateTrustStoreInput{Name: args.name, Tags: args.tags,
			CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("ca")}, []string{
			"elasticloadbalancing:CreateTrustStore truststore/n/* aws:RequestTag/team aws:TagKeys",
			"elasticloadbalancing:AddTags truststore/n/* aws:RequestTag/team aws:TagKeys elasticloadbalancing:CreateAction",
			"s3:GetObject arn:aws:s3:::pki/ca"}},
		{"elasticloadbalancing CreateLoadBalancer", &elb.CreateLoadBalancerInput{Name: args.name, Type: "network",
			CustomerOwnedIpv4Pool: args.name}, []string{
			"elasticloadbalancing:CreateLoadBalancer loadbalancer/net/n/* elasticloadbalancing:Scheme",
			"ec2:GetCoipPoolUsage *"}},
	}
}

// listenerRows are other calls about listeners and rules.
func listenerRows(args arguments) []authorised {
	return []authorised{
		{"elasticloadbalancing ModifyListener", &elb.ModifyListenerInput{ListenerArn: args.l, Protocol: "TLS",
			SslPolicy: args.name},
			[]string{
				"elasticloadbalancing:ModifyListener " + onListener + " elasticloadbalancing:ListenerProtocol " +
					"elasticloadbalancing:SecurityPolicy"}},
		{"elasticloadbalancing DeleteListener", &elb.DeleteListenerInput{ListenerArn: args.l},
			[]string{"elasticloadbalancing:DeleteListener " + onListener}},
		{"elasticloadbalancing ModifyListenerAttributes", &elb.ModifyListenerAttributesInput{ListenerArn: args.l},
			[]string{"elasticloadbalancing:ModifyListenerAttributes " + onListener}},
		{"elasticloadbalancing AddListenerCertificates", &elb.AddListenerCertificatesInput{ListenerArn: args.l},
			[]string{"elasticloadbalancing:AddListenerCertificates " + onListener}},
		{"elasticloadbalancing RemoveListenerCertificates", &elb.RemoveListenerCertificatesInput{ListenerArn: args.l},
			[]string{"elasticloadbalancing:RemoveListenerCertificates " + onListener}},
		{"elasticloadbalancing ModifyRule", &elb.ModifyRuleInput{RuleArn: args.r},
			[]string{"elasticloadbalancing:ModifyRule " + onRule}},
		{"elasticloadbalancing DeleteRule", &elb.DeleteRuleInput{RuleArn: args.r},
			[]string{"elasticloadbalancing:DeleteRule " + onRule}},
		{"elasticloadbalancing SetRulePriorities", &elb.SetRulePrioritiesInput{RulePriorities: []elbtypes.RulePriorityPair{
			{RuleArn: args.r}}}, []string{"elasticloadbalancing:SetRulePriorities " + onRule}},
	}
}

// balancingRows are other calls about load balancers, target groups, trust stores and tags.
func balancingRows(args arguments) []authorised {
	return []authorised{
		{"elasticloadbalancing ModifyTrustStore", &elb.ModifyTrustStoreInput{TrustStoreArn: args.name,
			CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("ca")}, []string{
			"elasticloadbalancing:ModifyTrustStore n", "s3:GetObject arn:aws:s3:::pki/ca"}},
		{"elasticloadbalancing AddTags", &elb.AddTagsInput{ResourceArns: []string{balancer, targets, listener, rule},
			Tags: args.tags}, []string{
			"elasticloadbalancing:AddTags " + app + " aws:RequestTag/team aws:TagKeys", "elasticloadbalancing:AddTags " +
				onGroup + " aws:RequestTag/team aws:TagKeys",
			"elasticloadbalancing:AddTags " + onListener + " aws:RequestTag/team aws:TagKeys", "elasticloadbalancing:AddTags " +
				onRule + " aws:RequestTag/team aws:TagKeys"}},
		{"elasticloadbalancing RemoveTags", &elb.RemoveTagsInput{ResourceArns: []string{balancer}, TagKeys: []string{"team"}},
			[]string{"elasticloadbalancing:RemoveTags " + app + " aws:TagKeys"}},
		{"elasticloadbalancing ModifyTargetGroup", &elb.ModifyTargetGroupInput{TargetGroupArn: args.tg},
			[]string{"elasticloadbalancing:ModifyTargetGroup " + onGroup}},
		{"elasticloadbalancing ModifyTargetGroupAttributes", &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: args.tg},
			[]string{"elasticloadbalancing:ModifyTargetGroupAttributes " + onGroup}},
		{"elasticloadbalancing DeleteTargetGroup", &elb.DeleteTargetGroupInput{TargetGroupArn: args.tg},
			[]string{"elasticloadbalancing:DeleteTargetGroup " + onGroup}},
		{"elasticloadbalancing RegisterTargets", &elb.RegisterTargetsInput{TargetGroupArn: args.tg},
			[]string{"elasticloadbalancing:RegisterTargets " + onGroup}},
		{"elasticloadbalancing DeregisterTargets", &elb.DeregisterTargetsInput{TargetGroupArn: args.tg},
			[]string{"elasticloadbalancing:DeregisterTargets " + onGroup}},
		{"elasticloadbalancing ModifyLoadBalancerAttributes", &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: args.lb},
			[]string{"elasticloadbalancing:ModifyLoadBalancerAttributes " + app}},
		{"elasticloadbalancing DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerArn: args.lb},
			[]string{"elasticloadbalancing:DeleteLoadBalancer " + app}},
		{"elasticloadbalancing SetIpAddressType", &elb.SetIpAddressTypeInput{LoadBalancerArn: args.lb},
			[]string{"elasticloadbalancing:SetIpAddressType " + app}},
		{"elasticloadbalancing ModifyCapacityReservation", &elb.ModifyCapacityReservationInput{LoadBalancerArn: args.lb},
			[]string{"elasticloadbalancing:ModifyCapacityReservation " + app}},
		{"elasticloadbalancing SetSubnets", &elb.SetSubnetsInput{LoadBalancerArn: args.lb, Subnets: []string{"subnet-1"}},
			[]string{"elasticloadbalancing:SetSubnets " + app + " elasticloadbalancing:Subnet"}},
		{"elasticloadbalancing SetSecurityGroups", &elb.SetSecurityGroupsInput{LoadBalancerArn: args.lb,
			SecurityGroups: []string{"sg-1"}},
			[]string{"elasticloadbalancing:SetSecurityGroups " + app + " elasticloadbalancing:SecurityGroup"}},
		{"elasticloadbalancing ModifyIpPools", &elb.ModifyIpPoolsInput{LoadBalancerArn: args.lb},
			[]string{"elasticloadbalancing:ModifyIpPools " + app}},
		{"elasticloadbalancing DescribeLoadBalancers", &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{balancer}},
			[]string{"elasticloadbalancing:DescribeLoadBalancers *"}},
		{"elasticloadbalancing GetResourcePolicy", &elb.GetResourcePolicyInput{ResourceArn: args.name},
			[]string{"elasticloadbalancing:GetResourcePolicy n"}},
		{"elasticloadbalancing GetTrustStoreCaCertificatesBundle", &elb.GetTrustStoreCaCertificatesBundleInput{
			TrustStoreArn: args.name}, []string{"elasticloadbalancing:GetTrustStoreCaCertificatesBundle n"}},
		{"elasticloadbalancing GetTrustStoreRevocationContent", &elb.GetTrustStoreRevocationContentInput{
			TrustStoreArn: args.name},
			[]string{"elasticloadbalancing:GetTrustStoreRevocationContent n"}},
	}
}

// securityGroupRows are calls about security groups.
func securityGroupRows(args arguments) []authorised {
	ruleTags := []ec2types.TagSpecification{{ResourceType: "security-group-rule", Tags: []ec2types.Tag{{Key: args.name}}}}
	return []authorised{
		{"ec2 DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-00000001"}},
			[]string{"ec2:DescribeSecurityGroups *"}},
		{"ec2 GetSecurityGroupsForVpc", &ec2.GetSecurityGroupsForVpcInput{VpcId: aws.String("vpc-00000001")},
			[]string{"ec2:GetSecurityGroupsForVpc vpc/vpc-00000001 ec2:Vpc ec2:VpcID"}},
		{"ec2 CreateSecurityGroup", &ec2.CreateSecurityGroupInput{GroupName: args.name, VpcId: aws.String("vpc-00000001"),
			TagSpecifications: groupTags(cluster)}, []string{
			"ec2:CreateSecurityGroup security-group/* aws:RequestTag/" + cluster + " aws:TagKeys",
			"ec2:CreateSecurityGroup vpc/vpc-00000001 ec2:Vpc ec2:VpcID",
			"ec2:CreateTags security-group/* aws:RequestTag/" + cluster + " aws:TagKeys ec2:CreateAction"}},
		{"ec2 AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: args.sg},
			[]string{"ec2:AuthorizeSecurityGroupIngress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{GroupId: args.sg},
			[]string{"ec2:RevokeSecurityGroupIngress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 AuthorizeSecurityGroupEgress", &ec2.AuthorizeSecurityGroupEgressInput{GroupId: args.sg},
			[]string{"ec2:AuthorizeSecurityGroupEgress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 RevokeSecurityGroupEgress", &ec2.RevokeSecurityGroupEgressInput{GroupId: args.sg},
			[]string{"ec2:RevokeSecurityGroupEgress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: args.sg},
			[]string{"ec2:DeleteSecurityGroup security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: args.sg, TagSpecifications: ruleTags}, []string{
			"ec2:AuthorizeSecurityGroupIngress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc",
			"ec2:AuthorizeSecurityGroupIngress security-group-rule/* aws:RequestTag/n aws:TagKeys",
			"ec2:CreateTags security-group-rule/* aws:RequestTag/n aws:TagKeys ec2:CreateAction"}},
		{"ec2 AuthorizeSecurityGroupEgress", &ec2.AuthorizeSecurityGroupEgressInput{GroupId: args.sg,
			TagSpecifications: ruleTags},
			[]string{
				"ec2:AuthorizeSecurityGroupEgress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc",
				"ec2:AuthorizeSecurityGroupEgress security-group-rule/* aws:RequestTag/n aws:TagKeys",
				"ec2:CreateTags security-group-rule/* aws:RequestTag/n aws:TagKeys ec2:CreateAction"}},
		{"ec2 DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupName: aws.String("nobody")},
			[]string{"ec2:DeleteSecurityGroup security-group/*"}},
	}
}

// networkRows are other calls of EC2.
func networkRows(args arguments) []authorised {
	return []authorised{
		{"ec2 CreateTags", &ec2.CreateTagsInput{Resources: []string{"sg-00000001"}, Tags: []ec2types.Tag{
			{Key: args.name, Value: args.name}}}, []string{"ec2:CreateTags security-group/sg-00000001 aws:RequestTag/n aws:TagKeys " +
			"ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 DeleteTags", &ec2.DeleteTagsInput{Resources: []string{"sg-00000001"}, Tags: []ec2types.Tag{
			{Key: args.name, Value: args.name}}}, []string{"ec2:DeleteTags security-group/sg-00000001 aws:RequestTag/n aws:TagKeys " +
			"ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 DeleteTags", &ec2.DeleteTagsInput{Resources: []string{"sg-00000001"}},
			[]string{"ec2:DeleteTags security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 CreateTags", &ec2.CreateTagsInput{Resources: []string{"subnet-1", "rtb-1", "igw-1", "sgr-1", "eni-1", "i-1",
			"pl-1", "eipalloc-1", "nat-1", "pcx-1", "vol-1"}}, []string{
			"ec2:CreateTags subnet/subnet-1", "ec2:CreateTags route-table/rtb-1", "ec2:CreateTags internet-gateway/igw-1",
			"ec2:CreateTags security-group-rule/sgr-1", "ec2:CreateTags network-interface/eni-1",
			"ec2:CreateTags instance/i-1", "ec2:CreateTags prefix-list/pl-1", "ec2:CreateTags elastic-ip/eipalloc-1",
			"ec2:CreateTags natgateway/nat-1", "ec2:CreateTags vpc-peering-connection/pcx-1", "ec2:CreateTags *"}},
		{"ec2 CreateNetworkInterface", &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String("subnet-1"), Groups: []string{
			"sg-00000002"}}, []string{
			"ec2:CreateNetworkInterface network-interface/*", "ec2:CreateNetworkInterface subnet/subnet-1",
			"ec2:CreateNetworkInterface security-group/sg-00000002 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 RunInstances", &ec2.RunInstancesInput{SubnetId: aws.String("subnet-1"), SecurityGroupIds: []string{
			"sg-00000002"}}, []string{
			"ec2:RunInstances instance/*", "ec2:RunInstances subnet/subnet-1", "ec2:RunInstances security-group/sg-00000002 " +
				"ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 RunInstances", &ec2.RunInstancesInput{}, []string{"ec2:RunInstances instance/*"}},
		{"ec2 CreateVpc", &ec2.CreateVpcInput{}, []string{"ec2:CreateVpc vpc/*"}},
		{"ec2 CreateNatGateway", &ec2.CreateNatGatewayInput{AllocationId: aws.String("eipalloc-1"),
			SubnetId: aws.String("subnet-1")}, []string{
			"ec2:CreateNatGateway natgateway/*", "ec2:CreateNatGateway elastic-ip/eipalloc-1",
			"ec2:CreateNatGateway subnet/subnet-1"}},
		{"ec2 AssociateAddress", &ec2.AssociateAddressInput{AllocationId: aws.String("eipalloc-1"),
			NetworkInterfaceId: aws.String("eni-1")}, []string{
			"ec2:AssociateAddress elastic-ip/eipalloc-1", "ec2:AssociateAddress network-interface/eni-1"}},
	}
}

// certificateRows are calls about certificates.
func certificateRows(args arguments) []authorised {
	return []authorised{
		{"acm ListCertificates", &acm.ListCertificatesInput{}, []string{"acm:ListCertificates *"}},
		{"acm RequestCertificate", &acm.RequestCertificateInput{DomainName: args.name, ValidationMethod: "DNS",
			Tags: []acmtypes.Tag{{Key: args.name, Value: args.name}}}, []string{
			"acm:RequestCertificate * acm:DomainNames acm:KeyAlgorithm acm:ValidationMethod aws:RequestTag/n aws:TagKeys",
			"acm:AddTagsToCertificate arn:aws:acm:us-west-2:123456789012:certificate/* aws:RequestTag/n aws:TagKeys"}},
		{"acm DescribeCertificate", &acm.DescribeCertificateInput{CertificateArn: args.certificate},
			[]string{"acm:DescribeCertificate " + *args.certificate}},
		{"acm ListTagsForCertificate", &acm.ListTagsForCertificateInput{CertificateArn: args.certificate},
			[]string{"acm:ListTagsForCertificate " + *args.certificate}},
		{"acm DeleteCertificate", &acm.DeleteCertificateInput{CertificateArn: args.certificate},
			[]string{"acm:DeleteCertificate " + *args.certificate}},
		{"acm GetCertificate", &acm.GetCertificateInput{CertificateArn: args.certificate},
			[]string{"acm:GetCertificate " + *args.certificate}},
		{"acm ImportCertificate", &acm.ImportCertificateInput{Tags: []acmtypes.Tag{{Key: args.name}}}, []string{
			"acm:ImportCertificate * aws:RequestTag/n aws:TagKeys", "acm:AddTagsToCertificate " +
				"arn:aws:acm:us-west-2:123456789012:certificate/* aws:RequestTag/n aws:TagKeys"}},
		{"acm ImportCertificate", &acm.ImportCertificateInput{CertificateArn: args.certificate,
			Tags: []acmtypes.Tag{{Key: args.name}}},
			[]string{
				"acm:ImportCertificate " + *args.certificate + " aws:RequestTag/n aws:TagKeys", "acm:AddTagsToCertificate " +
					*args.certificate + " aws:RequestTag/n aws:TagKeys"}},
	}
}

// addOnRows are calls of WAF and Shield.
func addOnRows(args arguments) []authorised {
	return []authorised{
		{"wafv2 AssociateWebACL", &wafv2.AssociateWebACLInput{WebACLArn: aws.String(webACLARN), ResourceArn: args.lb},
			[]string{
				"wafv2:AssociateWebACL " + webACLARN, "wafv2:AssociateWebACL " + app, "elasticloadbalancing:SetWebAcl *"}},
		{"wafv2 DisassociateWebACL", &wafv2.DisassociateWebACLInput{ResourceArn: args.lb},
			[]string{"wafv2:DisassociateWebACL " + app, "elasticloadbalancing:SetWebAcl *"}},
		{"wafv2 GetWebACLForResource", &wafv2.GetWebACLForResourceInput{ResourceArn: args.lb},
			[]string{"wafv2:GetWebACLForResource " + app}},
		{"wafv2 ListWebACLs", &wafv2.ListWebACLsInput{}, []string{"wafv2:ListWebACLs *"}},
		{"shield GetSubscriptionState", &shield.GetSubscriptionStateInput{}, []string{"shield:GetSubscriptionState *"}},
		{"shield CreateProtection", &shield.CreateProtectionInput{Name: args.name, ResourceArn: args.lb},
			[]string{"shield:CreateProtection arn:aws:shield::123456789012:protection/*"}},
		{"shield DeleteProtection", &shield.DeleteProtectionInput{ProtectionId: aws.String("1")},
			[]string{"shield:DeleteProtection arn:aws:shield::123456789012:protection/1"}},
		{"wafv2 DisassociateWebACL", &wafv2.DisassociateWebACLInput{ResourceArn: aws.String(foreign)}, []string{
			"wafv2:DisassociateWebACL loadbalancer/app/foreign/0000000000000002", "elasticloadbalancing:SetWebAcl *",
			"wafv2:DisassociateWebACL " + webACLARN}},
		{"wafv2 CreateWebACL", &wafv2.CreateWebACLInput{Name: args.name, Scope: "REGIONAL",
			Tags: []waftypes.Tag{{Key: args.name}}},
			[]string{
				"wafv2:CreateWebACL arn:aws:wafv2:us-west-2:123456789012:regional/webacl/n/* aws:RequestTag/n aws:TagKeys"}},
		{"wafv2 GetWebACL", &wafv2.GetWebACLInput{ARN: aws.String(webACLARN)}, []string{"wafv2:GetWebACL " + webACLARN}},
		{"wafv2 GetWebACL", &wafv2.GetWebACLInput{Name: args.name, Id: args.name, Scope: "CLOUDFRONT"},
			[]string{"wafv2:GetWebACL arn:aws:wafv2:us-east-1:123456789012:global/webacl/n/n"}},
		{"wafv2 CreateIPSet", &wafv2.CreateIPSetInput{Name: args.name, Scope: "REGIONAL",
			Tags: []waftypes.Tag{{Key: args.name}}},
			[]string{
				"wafv2:CreateIPSet arn:aws:wafv2:us-west-2:123456789012:regional/ipset/n/* aws:RequestTag/n aws:TagKeys"}},
		{"wafv2 GetIPSet", &wafv2.GetIPSetInput{Name: args.name, Id: args.name, Scope: "REGIONAL"},
			[]string{"wafv2:GetIPSet arn:aws:wafv2:us-west-2:123456789012:regional/ipset/n/n"}},
		{"wafv2 UpdateIPSet", &wafv2.UpdateIPSetInput{Name: args.name, Id: args.name, Scope: "REGIONAL"},
			[]string{"wafv2:UpdateIPSet arn:aws:wafv2:us-west-2:123456789012:regional/ipset/n/n"}},
		{"wafv2 DeleteIPSet", &wafv2.DeleteIPSetInput{Name: args.name, Id: args.name, Scope: "REGIONAL"},
			[]string{"wafv2:DeleteIPSet arn:aws:wafv2:us-west-2:123456789012:regional/ipset/n/n"}},
		{"wafv2 UntagResource", &wafv2.UntagResourceInput{ResourceARN: args.name, TagKeys: []string{"k"}},
			[]string{"wafv2:UntagResource n aws:TagKeys"}},
		{"wafv2 ListTagsForResource", &wafv2.ListTagsForResourceInput{ResourceARN: args.name},
			[]string{"wafv2:ListTagsForResource n"}},
		{"wafv2 ListResourcesForWebACL", &wafv2.ListResourcesForWebACLInput{WebACLArn: args.name},
			[]string{"wafv2:ListResourcesForWebACL n"}},
		{"shield DescribeProtection", &shield.DescribeProtectionInput{ProtectionId: aws.String("1")},
			[]string{"shield:DescribeProtection arn:aws:shield::123456789012:protection/1"}},
		{"shield TagResource", &shield.TagResourceInput{ResourceARN: args.name, Tags: []shieldtypes.Tag{{Key: args.name}}},
			[]string{"shield:TagResource n aws:RequestTag/n aws:TagKeys"}},
		{"shield UntagResource", &shield.UntagResourceInput{ResourceARN: args.name, TagKeys: []string{"k"}},
			[]string{"shield:UntagResource n aws:TagKeys"}},
		{"shield ListTagsForResource", &shield.ListTagsForResourceInput{ResourceARN: args.name},
			[]string{"shield:ListTagsForResource n"}},
	}
}

// acceleratorRows are calls of Global Accelerator.
func acceleratorRows(args arguments) []authorised {
	return []authorised{
		{"globalaccelerator CreateAccelerator", &ga.CreateAcceleratorInput{Name: args.name, Tags: []gatypes.Tag{
			{Key: args.name, Value: args.name}}}, []string{
			"globalaccelerator:CreateAccelerator * aws:RequestTag/n aws:TagKeys",
			"globalaccelerator:TagResource arn:aws:globalaccelerator::123456789012:accelerator/* aws:RequestTag/n aws:TagKeys"}},
		{"globalaccelerator UpdateAccelerator", &ga.UpdateAcceleratorInput{AcceleratorArn: aws.String(ours)},
			[]string{"globalaccelerator:UpdateAccelerator " + ours}},
		{"globalaccelerator UpdateListener", &ga.UpdateListenerInput{ListenerArn: args.acceleratorListener},
			[]string{"globalaccelerator:UpdateListener " + *args.acceleratorListener}},
		{"globalaccelerator CreateAccelerator", &ga.CreateAcceleratorInput{Name: args.name},
			[]string{"globalaccelerator:CreateAccelerator *"}},
		{"globalaccelerator DeleteAccelerator", &ga.DeleteAcceleratorInput{AcceleratorArn: args.name},
			[]string{"globalaccelerator:DeleteAccelerator n"}},
		{"globalaccelerator DescribeAccelerator", &ga.DescribeAcceleratorInput{AcceleratorArn: args.name},
			[]string{"globalaccelerator:DescribeAccelerator n"}},
		{"globalaccelerator DescribeAcceleratorAttributes", &ga.DescribeAcceleratorAttributesInput{AcceleratorArn: args.name},
			[]string{"globalaccelerator:DescribeAcceleratorAttributes n"}},
		{"globalaccelerator UpdateAcceleratorAttributes", &ga.UpdateAcceleratorAttributesInput{AcceleratorArn: args.name},
			[]string{"globalaccelerator:UpdateAcceleratorAttributes n"}},
		{"globalaccelerator CreateListener", &ga.CreateListenerInput{AcceleratorArn: args.name},
			[]string{"globalaccelerator:CreateListener n"}},
		{"globalaccelerator DeleteListener", &ga.DeleteListenerInput{ListenerArn: args.name},
			[]string{"globalaccelerator:DeleteListener n"}},
		{"globalaccelerator DescribeListener", &ga.DescribeListenerInput{ListenerArn: args.name},
			[]string{"globalaccelerator:DescribeListener n"}},
		{"globalaccelerator ListListeners", &ga.ListListenersInput{AcceleratorArn: args.name},
			[]string{"globalaccelerator:ListListeners n"}},
		{"globalaccelerator CreateEndpointGroup", &ga.CreateEndpointGroupInput{ListenerArn: args.name},
			[]string{"globalaccelerator:CreateEndpointGroup n"}},
		{"globalaccelerator UpdateEndpointGroup", &ga.UpdateEndpointGroupInput{EndpointGroupArn: args.name},
			[]string{"globalaccelerator:UpdateEndpointGroup n"}},
		{"globalaccelerator AddEndpoints", &ga.AddEndpointsInput{EndpointGroupArn: args.name},
			[]string{"globalaccelerator:AddEndpoints n"}},
		{"globalaccelerator RemoveEndpoints", &ga.RemoveEndpointsInput{EndpointGroupArn: args.name},
			[]string{"globalaccelerator:RemoveEndpoints n"}},
		{"globalaccelerator DeleteEndpointGroup", &ga.DeleteEndpointGroupInput{EndpointGroupArn: args.name},
			[]string{"globalaccelerator:DeleteEndpointGroup n"}},
		{"globalaccelerator DescribeEndpointGroup", &ga.DescribeEndpointGroupInput{EndpointGroupArn: args.name},
			[]string{"globalaccelerator:DescribeEndpointGroup n"}},
		{"globalaccelerator ListEndpointGroups", &ga.ListEndpointGroupsInput{ListenerArn: args.name},
			[]string{"globalaccelerator:ListEndpointGroups n"}},
		{"globalaccelerator TagResource", &ga.TagResourceInput{ResourceArn: args.name,
			Tags: []gatypes.Tag{{Key: args.name}}},
			[]string{"globalaccelerator:TagResource n aws:RequestTag/n aws:TagKeys"}},
		{"globalaccelerator UntagResource", &ga.UntagResourceInput{ResourceArn: args.name, TagKeys: []string{"k"}},
			[]string{"globalaccelerator:UntagResource n aws:TagKeys"}},
		{"globalaccelerator ListTagsForResource", &ga.ListTagsForResourceInput{ResourceArn: args.name},
			[]string{"globalaccelerator:ListTagsForResource n"}},
	}
}

// otherRows are calls of Route 53, S3 and the tagging API.
func otherRows() []authorised {
	return []authorised{
		{"tagging GetResources", &resourcegroupstaggingapi.GetResourcesInput{}, []string{"tag:GetResources *"}},
		{"route53 GetHostedZone", &route53.GetHostedZoneInput{Id: aws.String("/hostedzone/Z1")},
			[]string{"route53:GetHostedZone arn:aws:route53:::hostedzone/Z1"}},
		{"route53 DeleteHostedZone", &route53.DeleteHostedZoneInput{Id: aws.String("Z1")},
			[]string{"route53:DeleteHostedZone arn:aws:route53:::hostedzone/Z1"}},
		{"route53 UpdateHostedZoneComment", &route53.UpdateHostedZoneCommentInput{Id: aws.String("Z1")},
			[]string{"route53:UpdateHostedZoneComment arn:aws:route53:::hostedzone/Z1"}},
		{"route53 AssociateVPCWithHostedZone", &route53.AssociateVPCWithHostedZoneInput{HostedZoneId: aws.String("Z1")},
			[]string{"route53:AssociateVPCWithHostedZone arn:aws:route53:::hostedzone/Z1"}},
		{"route53 DisassociateVPCFromHostedZone", &route53.DisassociateVPCFromHostedZoneInput{HostedZoneId: aws.String("Z1")},
			[]string{"route53:DisassociateVPCFromHostedZone arn:aws:route53:::hostedzone/Z1"}},
		{"route53 ListResourceRecordSets", &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("Z1")},
			[]string{"route53:ListResourceRecordSets arn:aws:route53:::hostedzone/Z1"}},
		{"route53 ListTagsForResource", &route53.ListTagsForResourceInput{ResourceType: "hostedzone",
			ResourceId: aws.String("Z1")}, []string{"route53:ListTagsForResource arn:aws:route53:::hostedzone/Z1"}},
		{"route53 ChangeTagsForResource", &route53.ChangeTagsForResourceInput{ResourceType: "hostedzone",
			ResourceId: aws.String("Z1")}, []string{"route53:ChangeTagsForResource arn:aws:route53:::hostedzone/Z1"}},
		{"route53 ChangeResourceRecordSets", &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1")},
			[]string{"route53:ChangeResourceRecordSets arn:aws:route53:::hostedzone/Z1"}},
		{"route53 ListHostedZones", &route53.ListHostedZonesInput{}, []string{"route53:ListHostedZones *"}},
		{"s3 PutObject", &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k/ca.pem")},
			[]string{"s3:PutObject arn:aws:s3:::b/k/ca.pem"}},
		{"s3 GetObject", &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")},
			[]string{"s3:GetObject arn:aws:s3:::b/k"}},
		{"s3 HeadObject", &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("k")},
			[]string{"s3:GetObject arn:aws:s3:::b/k"}},
		{"s3 DeleteObject", &s3.DeleteObjectInput{Bucket: aws.String("b"), Key: aws.String("k")},
			[]string{"s3:DeleteObject arn:aws:s3:::b/k"}},
		{"route53 GetChange", &route53.GetChangeInput{Id: aws.String("C1")},
			[]string{"route53:GetChange arn:aws:route53:::change/C1"}},
	}
}

func TestGetCallerIdentityIsNeverDenied(t *testing.T) {
	t.Parallel()
	a := world(t)
	d, err := policy.ParseIdentity(
		[]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a.AddPolicy(&account.Policy{Name: "nothing", Document: d})
	a.UserOfKey(key).Attach("nothing")
	if err := Authorizer(a)(t.Context(), "sts", "GetCallerIdentity", key, struct{}{}); err != nil {
		t.Error(err)
	}
	if err := Authorizer(a)(t.Context(), "ec2", "DescribeVpcs", key, &ec2.DescribeVpcsInput{}); err == nil {
		t.Error("the denial has no effect")
	}
}

func TestTaggingOnCreationHasTheCreatingActionAsAConditionKey(t *testing.T) {
	t.Parallel()
	a := world(t)
	tags, name := pair("team", "web"), aws.String("n")
	rules := []ec2types.TagSpecification{{ResourceType: "security-group-rule", Tags: []ec2types.Tag{{Key: name}}}}
	of := func(kind string) []ec2types.TagSpecification {
		return []ec2types.TagSpecification{{ResourceType: ec2types.ResourceType(kind), Tags: []ec2types.Tag{{Key: name}}}}
	}
	for action, in := range map[string]any{
		"elasticloadbalancing CreateLoadBalancer": &elb.CreateLoadBalancerInput{Name: name, Tags: tags},
		"elasticloadbalancing CreateTargetGroup":  &elb.CreateTargetGroupInput{Name: name, Tags: tags},
		"elasticloadbalancing CreateListener":     &elb.CreateListenerInput{LoadBalancerArn: name, Tags: tags},
		"elasticloadbalancing CreateRule":         &elb.CreateRuleInput{ListenerArn: name, Tags: tags},
		"elasticloadbalancing CreateTrustStore":   &elb.CreateTrustStoreInput{Name: name, Tags: tags},
		"ec2 CreateSecurityGroup":                 &ec2.CreateSecurityGroupInput{TagSpecifications: of("security-group")},
		"ec2 AuthorizeSecurityGroupIngress": &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: name, TagSpecifications: rules},
		"ec2 AuthorizeSecurityGroupEgress": &ec2.AuthorizeSecurityGroupEgressInput{
			GroupId: name, TagSpecifications: rules},
		"ec2 CreateNetworkInterface": &ec2.CreateNetworkInterfaceInput{
			TagSpecifications: of("network-interface")},
		"ec2 RunInstances": &ec2.RunInstancesInput{TagSpecifications: of("instance")},
		"ec2 CreateVpc":    &ec2.CreateVpcInput{TagSpecifications: of("vpc")},
	} {
		service, action, _ := strings.Cut(action, " ")
		var got []string
		for _, c := range checksOf(a, service, action, in) {
			if by, ok := c.keys.Get(service + ":CreateAction"); ok {
				got = append(got, c.action+" "+strings.Join(by, ","))
			}
		}
		want := map[string]string{"elasticloadbalancing": "elasticloadbalancing:AddTags ",
			"ec2": "ec2:CreateTags "}[service] + action
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", action, got, want)
		}
	}
}

func TestCallsOfLoadBalancersNeedWhatTheyReadOfTheNetworkAsWell(t *testing.T) {
	t.Parallel()
	a := world(t)
	g, ok := a.SecurityGroup("sg-00000002")
	if !ok {
		t.Fatal("no group")
	}
	g.Owner = "210987654321"
	lb := aws.String(balancer)
	address := []elbtypes.SubnetMapping{{SubnetId: aws.String("subnet-1"), AllocationId: aws.String("eipalloc-1")}}
	const network = "DescribeAccountAttributes DescribeInternetGateways DescribeSubnets DescribeVpcs"
	for name, tt := range map[string]struct {
		action string
		in     any
		want   string // of EC2
	}{
		"a load balancer": {"CreateLoadBalancer", &elb.CreateLoadBalancerInput{}, network},
		"with groups": {"CreateLoadBalancer", &elb.CreateLoadBalancerInput{
			SecurityGroups: []string{"sg-00000001"}}, network + " DescribeSecurityGroups"},
		"with pools": {"CreateLoadBalancer", &elb.CreateLoadBalancerInput{
			IpamPools: &elbtypes.IpamPools{}}, network + " DescribeIpamPools"},
		"with addresses": {"CreateLoadBalancer", &elb.CreateLoadBalancerInput{SubnetMappings: address},
			network + " DescribeAddresses"},
		"subnets": {"SetSubnets", &elb.SetSubnetsInput{LoadBalancerArn: lb}, network},
		"subnets with addresses": {"SetSubnets", &elb.SetSubnetsInput{LoadBalancerArn: lb,
			SubnetMappings: address}, network + " DescribeAddresses"},
		"groups": {"SetSecurityGroups", &elb.SetSecurityGroupsInput{LoadBalancerArn: lb,
			SecurityGroups: []string{"sg-00000001"}}, "DescribeSecurityGroups"},
		"no groups": {"SetSecurityGroups", &elb.SetSecurityGroupsInput{LoadBalancerArn: lb}, ""},
		"groups that another account has": {"SetSecurityGroups", &elb.SetSecurityGroupsInput{LoadBalancerArn: lb,
			SecurityGroups: []string{"sg-00000002"}}, "DescribeSecurityGroups GetSecurityGroupsForVpc"},
		"pools": {"ModifyIpPools", &elb.ModifyIpPoolsInput{LoadBalancerArn: lb,
			IpamPools: &elbtypes.IpamPools{}}, "DescribeIpamPools"},
		"pools that are given up":         {"ModifyIpPools", &elb.ModifyIpPoolsInput{LoadBalancerArn: lb}, ""},
		"what does not touch the network": {"DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb}, ""},
		"a pool of customer-owned addresses": {"CreateLoadBalancer", &elb.CreateLoadBalancerInput{CustomerOwnedIpv4Pool: lb},
			network + " DescribeCoipPools GetCoipPoolUsage"},
	} {
		var got []string
		for _, c := range checksOf(a, "elasticloadbalancing", tt.action, tt.in) {
			if action, ok := strings.CutPrefix(c.action, "ec2:"); ok {
				got = append(got, action)
				if c.resource != "*" {
					t.Errorf("%s: %s is authorised on %s", name, c.action, c.resource)
				}
			}
		}
		slices.Sort(got)
		want := strings.Fields(tt.want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestServiceLinkedRoleIsNeededOnce(t *testing.T) {
	t.Parallel()
	const balancing = "arn:aws:iam::123456789012:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"
	const accelerators = "arn:aws:iam::123456789012:role/aws-service-role/globalaccelerator.amazonaws.com/AWSServiceRoleForGlobalAccelerator"
	used, fresh := world(t), account.New("123456789012", "us-west-2", clock.NewStepped(start), account.Instant())
	made := account.New("123456789012", "us-west-2", clock.NewStepped(start), account.Instant())
	for action, service := range map[string]string{"DescribeLoadBalancers": "elasticloadbalancing",
		"CreateAccelerator": "globalaccelerator"} {
		if err := Authorizer(made)(t.Context(), service, action, "AKIANOBODY", nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name            string
		a               *account.Account
		service, action string
		want            string
	}{
		{"first load balancer", fresh, "elasticloadbalancing", "CreateLoadBalancer", balancing},
		{"first accelerator", fresh, "globalaccelerator", "CreateAccelerator", accelerators},
		{"target group", fresh, "elasticloadbalancing", "CreateTargetGroup", ""},
		{"another load balancer", used, "elasticloadbalancing", "CreateLoadBalancer", ""},
		{"accelerator beside load balancers", used, "globalaccelerator", "CreateAccelerator", accelerators},
		{"another accelerator", made, "globalaccelerator", "CreateAccelerator", ""},
		{"load balancer beside accelerators", made, "elasticloadbalancing", "CreateLoadBalancer", balancing},
	} {
		got := ""
		for _, c := range checksOf(tt.a, tt.service, tt.action, nil) {
			if c.action == "iam:CreateServiceLinkedRole" {
				got = c.resource
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
