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
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// implied are calls that a service makes in the caller's name: those that only read, and the role of the service, once per account.
var implied = []string{"ec2:Describe", "wafv2:GetWebACL", "iam:CreateServiceLinkedRole", "elasticloadbalancing:Describe", "waf-regional:GetWebACL"}

// A row is a call and what it is authorised on: "ACTION RESOURCE keys", the resource without the head of its ARN, the keys those
// that the call adds to what every call and resource has.
func TestEveryCallIsAuthorisedOnItsResourcesWithItsKeys(t *testing.T) {
	t.Parallel()
	a := world(t)
	name, tags := aws.String("n"), pair("team", "web")
	lb, tg, l, r, sg := aws.String(balancer), aws.String(targets), aws.String(listener), aws.String(rule), aws.String("sg-00000001")
	certificate := aws.String("arn:aws:acm:us-west-2:123456789012:certificate/1")
	acceleratorListener := aws.String(ours + "/listener/0123abcd")
	const app, elbARN, ec2ARN = "loadbalancer/app/ours/0000000000000001", "arn:aws:elasticloadbalancing:us-west-2:123456789012:", "arn:aws:ec2:us-west-2:123456789012:"
	const onListener, onRule, onGroup = "listener/app/ours/0000000000000001/0000000000000003", "listener-rule/app/ours/0000000000000001/0000000000000003/0000000000000005", "targetgroup/ours/0000000000000001"
	for _, tt := range []struct {
		row  string // service and action
		in   any
		want []string // elbARN and ec2ARN cut off
	}{
		{"elasticloadbalancing CreateLoadBalancer", &elb.CreateLoadBalancerInput{Name: name, Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}, Tags: tags}, []string{
			"elasticloadbalancing:CreateLoadBalancer loadbalancer/app/n/* aws:RequestTag/team aws:TagKeys elasticloadbalancing:Scheme elasticloadbalancing:SecurityGroup elasticloadbalancing:Subnet",
			"elasticloadbalancing:AddTags loadbalancer/app/n/* aws:RequestTag/team aws:TagKeys elasticloadbalancing:CreateAction"}},
		{"elasticloadbalancing CreateTargetGroup", &elb.CreateTargetGroupInput{Name: name, Tags: tags}, []string{
			"elasticloadbalancing:CreateTargetGroup targetgroup/n/* aws:RequestTag/team aws:TagKeys", "elasticloadbalancing:AddTags targetgroup/n/* aws:RequestTag/team aws:TagKeys elasticloadbalancing:CreateAction"}},
		{"elasticloadbalancing CreateListener", &elb.CreateListenerInput{LoadBalancerArn: lb, Protocol: "HTTPS", SslPolicy: name}, []string{
			"elasticloadbalancing:CreateListener " + app + " elasticloadbalancing:ListenerProtocol elasticloadbalancing:SecurityPolicy"}},
		{"elasticloadbalancing CreateRule", &elb.CreateRuleInput{ListenerArn: l}, []string{"elasticloadbalancing:CreateRule " + onListener}},
		{"elasticloadbalancing CreateTrustStore", &elb.CreateTrustStoreInput{Name: name}, []string{"elasticloadbalancing:CreateTrustStore truststore/n/*"}},
		{"elasticloadbalancing AddTags", &elb.AddTagsInput{ResourceArns: []string{balancer, targets, listener, rule}, Tags: tags}, []string{
			"elasticloadbalancing:AddTags " + app + " aws:RequestTag/team aws:TagKeys", "elasticloadbalancing:AddTags " + onGroup + " aws:RequestTag/team aws:TagKeys",
			"elasticloadbalancing:AddTags " + onListener + " aws:RequestTag/team aws:TagKeys", "elasticloadbalancing:AddTags " + onRule + " aws:RequestTag/team aws:TagKeys"}},
		{"elasticloadbalancing RemoveTags", &elb.RemoveTagsInput{ResourceArns: []string{balancer}, TagKeys: []string{"team"}}, []string{"elasticloadbalancing:RemoveTags " + app + " aws:TagKeys"}},
		{"elasticloadbalancing ModifyListener", &elb.ModifyListenerInput{ListenerArn: l, Protocol: "TLS", SslPolicy: name}, []string{
			"elasticloadbalancing:ModifyListener " + onListener + " elasticloadbalancing:ListenerProtocol elasticloadbalancing:SecurityPolicy"}},
		{"elasticloadbalancing DeleteListener", &elb.DeleteListenerInput{ListenerArn: l}, []string{"elasticloadbalancing:DeleteListener " + onListener}},
		{"elasticloadbalancing ModifyListenerAttributes", &elb.ModifyListenerAttributesInput{ListenerArn: l}, []string{"elasticloadbalancing:ModifyListenerAttributes " + onListener}},
		{"elasticloadbalancing AddListenerCertificates", &elb.AddListenerCertificatesInput{ListenerArn: l}, []string{"elasticloadbalancing:AddListenerCertificates " + onListener}},
		{"elasticloadbalancing RemoveListenerCertificates", &elb.RemoveListenerCertificatesInput{ListenerArn: l}, []string{"elasticloadbalancing:RemoveListenerCertificates " + onListener}},
		{"elasticloadbalancing ModifyRule", &elb.ModifyRuleInput{RuleArn: r}, []string{"elasticloadbalancing:ModifyRule " + onRule}},
		{"elasticloadbalancing DeleteRule", &elb.DeleteRuleInput{RuleArn: r}, []string{"elasticloadbalancing:DeleteRule " + onRule}},
		{"elasticloadbalancing SetRulePriorities", &elb.SetRulePrioritiesInput{RulePriorities: []elbtypes.RulePriorityPair{{RuleArn: r}}}, []string{"elasticloadbalancing:SetRulePriorities " + onRule}},
		{"elasticloadbalancing ModifyTargetGroup", &elb.ModifyTargetGroupInput{TargetGroupArn: tg}, []string{"elasticloadbalancing:ModifyTargetGroup " + onGroup}},
		{"elasticloadbalancing ModifyTargetGroupAttributes", &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: tg}, []string{"elasticloadbalancing:ModifyTargetGroupAttributes " + onGroup}},
		{"elasticloadbalancing DeleteTargetGroup", &elb.DeleteTargetGroupInput{TargetGroupArn: tg}, []string{"elasticloadbalancing:DeleteTargetGroup " + onGroup}},
		{"elasticloadbalancing RegisterTargets", &elb.RegisterTargetsInput{TargetGroupArn: tg}, []string{"elasticloadbalancing:RegisterTargets " + onGroup}},
		{"elasticloadbalancing DeregisterTargets", &elb.DeregisterTargetsInput{TargetGroupArn: tg}, []string{"elasticloadbalancing:DeregisterTargets " + onGroup}},
		{"elasticloadbalancing ModifyLoadBalancerAttributes", &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: lb}, []string{"elasticloadbalancing:ModifyLoadBalancerAttributes " + app}},
		{"elasticloadbalancing DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb}, []string{"elasticloadbalancing:DeleteLoadBalancer " + app}},
		{"elasticloadbalancing SetIpAddressType", &elb.SetIpAddressTypeInput{LoadBalancerArn: lb}, []string{"elasticloadbalancing:SetIpAddressType " + app}},
		{"elasticloadbalancing ModifyCapacityReservation", &elb.ModifyCapacityReservationInput{LoadBalancerArn: lb}, []string{"elasticloadbalancing:ModifyCapacityReservation " + app}},
		{"elasticloadbalancing SetSubnets", &elb.SetSubnetsInput{LoadBalancerArn: lb, Subnets: []string{"subnet-1"}}, []string{"elasticloadbalancing:SetSubnets " + app + " elasticloadbalancing:Subnet"}},
		{"elasticloadbalancing SetSecurityGroups", &elb.SetSecurityGroupsInput{LoadBalancerArn: lb, SecurityGroups: []string{"sg-1"}}, []string{"elasticloadbalancing:SetSecurityGroups " + app + " elasticloadbalancing:SecurityGroup"}},
		{"elasticloadbalancing ModifyIpPools", &elb.ModifyIpPoolsInput{LoadBalancerArn: lb}, []string{"elasticloadbalancing:ModifyIpPools " + app}},
		{"elasticloadbalancing DescribeLoadBalancers", &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{balancer}}, []string{"elasticloadbalancing:DescribeLoadBalancers *"}},

		{"ec2 DescribeSecurityGroups", &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-00000001"}}, []string{"ec2:DescribeSecurityGroups *"}},
		{"ec2 GetSecurityGroupsForVpc", &ec2.GetSecurityGroupsForVpcInput{VpcId: aws.String("vpc-00000001")}, []string{"ec2:GetSecurityGroupsForVpc vpc/vpc-00000001 ec2:Vpc ec2:VpcID"}},
		{"ec2 CreateSecurityGroup", &ec2.CreateSecurityGroupInput{GroupName: name, VpcId: aws.String("vpc-00000001"), TagSpecifications: groupTags(cluster)}, []string{
			"ec2:CreateSecurityGroup security-group/* aws:RequestTag/" + cluster + " aws:TagKeys", "ec2:CreateSecurityGroup vpc/vpc-00000001 ec2:Vpc ec2:VpcID",
			"ec2:CreateTags security-group/* aws:RequestTag/" + cluster + " aws:TagKeys ec2:CreateAction"}},
		{"ec2 CreateTags", &ec2.CreateTagsInput{Resources: []string{"sg-00000001"}, Tags: []ec2types.Tag{{Key: name, Value: name}}}, []string{"ec2:CreateTags security-group/sg-00000001 aws:RequestTag/n aws:TagKeys ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 DeleteTags", &ec2.DeleteTagsInput{Resources: []string{"sg-00000001"}, Tags: []ec2types.Tag{{Key: name, Value: name}}}, []string{"ec2:DeleteTags security-group/sg-00000001 aws:RequestTag/n aws:TagKeys ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 AuthorizeSecurityGroupIngress", &ec2.AuthorizeSecurityGroupIngressInput{GroupId: sg}, []string{"ec2:AuthorizeSecurityGroupIngress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{GroupId: sg}, []string{"ec2:RevokeSecurityGroupIngress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 AuthorizeSecurityGroupEgress", &ec2.AuthorizeSecurityGroupEgressInput{GroupId: sg}, []string{"ec2:AuthorizeSecurityGroupEgress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 RevokeSecurityGroupEgress", &ec2.RevokeSecurityGroupEgressInput{GroupId: sg}, []string{"ec2:RevokeSecurityGroupEgress security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},
		{"ec2 DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: sg}, []string{"ec2:DeleteSecurityGroup security-group/sg-00000001 ec2:SecurityGroupID ec2:Vpc"}},

		{"acm ListCertificates", &acm.ListCertificatesInput{}, []string{"acm:ListCertificates *"}},
		{"acm RequestCertificate", &acm.RequestCertificateInput{DomainName: name, ValidationMethod: "DNS", Tags: []acmtypes.Tag{{Key: name, Value: name}}}, []string{
			"acm:RequestCertificate * acm:DomainNames acm:KeyAlgorithm acm:ValidationMethod aws:RequestTag/n aws:TagKeys", "acm:AddTagsToCertificate arn:aws:acm:us-west-2:123456789012:certificate/* aws:RequestTag/n aws:TagKeys"}},
		{"acm DescribeCertificate", &acm.DescribeCertificateInput{CertificateArn: certificate}, []string{"acm:DescribeCertificate " + *certificate}},
		{"acm ListTagsForCertificate", &acm.ListTagsForCertificateInput{CertificateArn: certificate}, []string{"acm:ListTagsForCertificate " + *certificate}},
		{"acm DeleteCertificate", &acm.DeleteCertificateInput{CertificateArn: certificate}, []string{"acm:DeleteCertificate " + *certificate}},
		{"wafv2 AssociateWebACL", &wafv2.AssociateWebACLInput{WebACLArn: aws.String(webACLARN), ResourceArn: lb}, []string{
			"wafv2:AssociateWebACL " + webACLARN, "wafv2:AssociateWebACL " + app, "elasticloadbalancing:SetWebAcl *"}},
		{"wafv2 DisassociateWebACL", &wafv2.DisassociateWebACLInput{ResourceArn: lb}, []string{"wafv2:DisassociateWebACL " + app, "elasticloadbalancing:SetWebAcl *"}},
		{"wafv2 GetWebACLForResource", &wafv2.GetWebACLForResourceInput{ResourceArn: lb}, []string{"wafv2:GetWebACLForResource " + app}},
		{"wafv2 ListWebACLs", &wafv2.ListWebACLsInput{}, []string{"wafv2:ListWebACLs *"}},
		{"waf-regional AssociateWebACL", &wafregional.AssociateWebACLInput{WebACLId: aws.String("1"), ResourceArn: lb}, []string{
			"waf-regional:AssociateWebACL arn:aws:waf-regional:us-west-2:123456789012:webacl/1", "waf-regional:AssociateWebACL " + app, "elasticloadbalancing:SetWebAcl *"}},
		{"shield GetSubscriptionState", &shield.GetSubscriptionStateInput{}, []string{"shield:GetSubscriptionState *"}},
		{"shield CreateProtection", &shield.CreateProtectionInput{Name: name, ResourceArn: lb}, []string{"shield:CreateProtection arn:aws:shield::123456789012:protection/*"}},
		{"shield DeleteProtection", &shield.DeleteProtectionInput{ProtectionId: aws.String("1")}, []string{"shield:DeleteProtection arn:aws:shield::123456789012:protection/1"}},
		{"tagging GetResources", &resourcegroupstaggingapi.GetResourcesInput{}, []string{"tag:GetResources *"}},
		{"globalaccelerator CreateAccelerator", &ga.CreateAcceleratorInput{Name: name, Tags: []gatypes.Tag{{Key: name, Value: name}}}, []string{
			"globalaccelerator:CreateAccelerator * aws:RequestTag/n aws:TagKeys",
			"globalaccelerator:TagResource arn:aws:globalaccelerator::123456789012:accelerator/* aws:RequestTag/n aws:TagKeys"}},
		{"globalaccelerator UpdateAccelerator", &ga.UpdateAcceleratorInput{AcceleratorArn: aws.String(ours)}, []string{"globalaccelerator:UpdateAccelerator " + ours}},
		{"globalaccelerator UpdateListener", &ga.UpdateListenerInput{ListenerArn: acceleratorListener}, []string{"globalaccelerator:UpdateListener " + *acceleratorListener}},
		{"route53 ListHostedZones", &route53.ListHostedZonesInput{}, []string{"route53:ListHostedZones *"}},
		{"route53 GetChange", &route53.GetChangeInput{Id: aws.String("C1")}, []string{"route53:GetChange arn:aws:route53:::change/C1"}},
	} {
		service, action, _ := strings.Cut(tt.row, " ")
		var got []string
		for _, c := range checksOf(a, service, action, tt.in) {
			if slices.ContainsFunc(implied, func(head string) bool { return strings.HasPrefix(c.action, head) }) && c.action != service+":"+action {
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

func TestNobodyIsDeniedToAskWhoTheyAre(t *testing.T) {
	t.Parallel()
	a := world(t)
	d, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`))
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
