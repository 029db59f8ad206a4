package iam

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// balancingMappings are Elastic Load Balancing's. Service Authorization Reference, "Actions, resources, and condition
// keys for AWS Elastic Load Balancing V2".
var balancingMappings = map[string]mapping{
	"CreateLoadBalancer": on(createLoadBalancer),
	"CreateTargetGroup": on(func(a *account.Account, in *elb.CreateTargetGroupInput) []check {
		arn := a.BalancingARN("targetgroup/" + aws.ToString(in.Name) + "/*")
		return creation("CreateTargetGroup", arn, arn, policy.Context{}, balancingTags(in.Tags))
	}),
	"CreateTrustStore": on(func(a *account.Account, in *elb.CreateTrustStoreInput) []check {
		arn := a.BalancingARN("truststore/" + aws.ToString(in.Name) + "/*")
		list := creation("CreateTrustStore", arn, arn, policy.Context{}, balancingTags(in.Tags))
		return append(list, object(a, "s3:GetObject", in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key)...)
	}),
	"CreateListener": on(func(_ *account.Account, in *elb.CreateListenerInput) []check {
		parent := aws.ToString(in.LoadBalancerArn)
		list := creation("CreateListener", parent, below(parent, "loadbalancer", "listener"),
			listenerKeys(in.Protocol, in.SslPolicy), balancingTags(in.Tags))
		return append(list, served(in.DefaultActions, in.Certificates)...)
	}),
	"CreateRule": on(func(_ *account.Account, in *elb.CreateRuleInput) []check {
		parent := aws.ToString(in.ListenerArn)
		list := creation("CreateRule", parent, below(parent, "listener", "listener-rule"), policy.Context{},
			balancingTags(in.Tags))
		return append(list, served(in.Actions, nil)...)
	}),

	"AddTags": on(func(_ *account.Account, in *elb.AddTagsInput) []check {
		return each(in.ResourceArns, requestTags(balancingTags(in.Tags)))
	}),
	"RemoveTags": on(func(_ *account.Account, in *elb.RemoveTagsInput) []check {
		keys := policy.Context{}
		keys.Set("aws:TagKeys", in.TagKeys...)
		return each(in.ResourceArns, keys)
	}),

	"ModifyListener": on(func(_ *account.Account, in *elb.ModifyListenerInput) []check {
		list := []check{{resource: aws.ToString(in.ListenerArn), keys: listenerKeys(in.Protocol, in.SslPolicy)}}
		return append(list, served(in.DefaultActions, in.Certificates)...)
	}),
	"DeleteListener":           target(func(in *elb.DeleteListenerInput) *string { return in.ListenerArn }),
	"ModifyListenerAttributes": target(func(in *elb.ModifyListenerAttributesInput) *string { return in.ListenerArn }),
	"AddListenerCertificates": on(func(_ *account.Account, in *elb.AddListenerCertificatesInput) []check {
		return append(one(in.ListenerArn), served(nil, in.Certificates)...)
	}),
	"RemoveListenerCertificates": target(func(in *elb.RemoveListenerCertificatesInput) *string { return in.ListenerArn }),

	"ModifyRule": on(func(_ *account.Account, in *elb.ModifyRuleInput) []check {
		return append(one(in.RuleArn), served(in.Actions, nil)...)
	}),
	"DeleteRule": target(func(in *elb.DeleteRuleInput) *string { return in.RuleArn }),
	"SetRulePriorities": on(func(_ *account.Account, in *elb.SetRulePrioritiesInput) []check {
		var arns []string
		for _, p := range in.RulePriorities {
			arns = append(arns, aws.ToString(p.RuleArn))
		}
		return each(arns, nil)
	}),

	"ModifyTargetGroup": target(func(in *elb.ModifyTargetGroupInput) *string { return in.TargetGroupArn }),
	"ModifyTargetGroupAttributes": target(func(in *elb.ModifyTargetGroupAttributesInput) *string {
		return in.TargetGroupArn
	}),
	"DeleteTargetGroup": target(func(in *elb.DeleteTargetGroupInput) *string { return in.TargetGroupArn }),
	"RegisterTargets":   target(func(in *elb.RegisterTargetsInput) *string { return in.TargetGroupArn }),
	"DeregisterTargets": target(func(in *elb.DeregisterTargetsInput) *string { return in.TargetGroupArn }),

	"ModifyLoadBalancerAttributes": target(func(in *elb.ModifyLoadBalancerAttributesInput) *string {
		return in.LoadBalancerArn
	}),
	"DeleteLoadBalancer": target(func(in *elb.DeleteLoadBalancerInput) *string { return in.LoadBalancerArn }),
	"SetIpAddressType":   target(func(in *elb.SetIpAddressTypeInput) *string { return in.LoadBalancerArn }),
	"ModifyCapacityReservation": target(func(in *elb.ModifyCapacityReservationInput) *string {
		return in.LoadBalancerArn
	}),
	"ModifyIpPools": on(func(_ *account.Account, in *elb.ModifyIpPoolsInput) []check {
		list := one(in.LoadBalancerArn)
		if in.IpamPools != nil {
			list = append(list, also("ec2:DescribeIpamPools")...)
		}
		return list
	}),
	"SetSubnets": on(func(_ *account.Account, in *elb.SetSubnetsInput) []check {
		keys := policy.Context{}
		keys.Set("elasticloadbalancing:Subnet", subnets(in.Subnets, in.SubnetMappings)...)
		list := []check{{resource: aws.ToString(in.LoadBalancerArn), keys: keys}}
		return append(list, network(in.SubnetMappings)...)
	}),
	"SetSecurityGroups": on(func(a *account.Account, in *elb.SetSecurityGroupsInput) []check {
		keys := policy.Context{}
		keys.Set("elasticloadbalancing:SecurityGroup", in.SecurityGroups...)
		list := []check{{resource: aws.ToString(in.LoadBalancerArn), keys: keys}}
		return append(list, groups(a, in.SecurityGroups)...)
	}),

	"ModifyTrustStore": on(func(a *account.Account, in *elb.ModifyTrustStoreInput) []check {
		return append(one(in.TrustStoreArn), object(a, "s3:GetObject", in.CaCertificatesBundleS3Bucket,
			in.CaCertificatesBundleS3Key)...)
	}),
	"DeleteTrustStore": target(func(in *elb.DeleteTrustStoreInput) *string { return in.TrustStoreArn }),
	"AddTrustStoreRevocations": target(func(in *elb.AddTrustStoreRevocationsInput) *string {
		return in.TrustStoreArn
	}),
	"RemoveTrustStoreRevocations": target(func(in *elb.RemoveTrustStoreRevocationsInput) *string {
		return in.TrustStoreArn
	}),
	"DeleteSharedTrustStoreAssociation": target(func(in *elb.DeleteSharedTrustStoreAssociationInput) *string {
		return in.TrustStoreArn
	}),
	"GetResourcePolicy": target(func(in *elb.GetResourcePolicyInput) *string { return in.ResourceArn }),
	"GetTrustStoreCaCertificatesBundle": target(func(in *elb.GetTrustStoreCaCertificatesBundleInput) *string {
		return in.TrustStoreArn
	}),
	"GetTrustStoreRevocationContent": target(func(in *elb.GetTrustStoreRevocationContentInput) *string {
		return in.TrustStoreArn
	}),
}

// balancingKinds are the types of load balancers as ARNs have them.
var balancingKinds = map[types.LoadBalancerTypeEnum]string{
	"": "app", types.LoadBalancerTypeEnumApplication: "app", types.LoadBalancerTypeEnumNetwork: "net",
	types.LoadBalancerTypeEnumGateway: "gwy",
}

func createLoadBalancer(a *account.Account, in *elb.CreateLoadBalancerInput) []check {
	arn := a.BalancingARN("loadbalancer/" + balancingKinds[in.Type] + "/" + aws.ToString(in.Name) + "/*")
	keys := policy.Context{}
	scheme := in.Scheme
	if scheme == "" {
		scheme = types.LoadBalancerSchemeEnumInternetFacing
	}
	keys.Set("elasticloadbalancing:Scheme", string(scheme))
	if ids := subnets(in.Subnets, in.SubnetMappings); len(ids) > 0 {
		keys.Set("elasticloadbalancing:Subnet", ids...)
	}
	if len(in.SecurityGroups) > 0 {
		keys.Set("elasticloadbalancing:SecurityGroup", in.SecurityGroups...)
	}
	list := creation("CreateLoadBalancer", arn, arn, keys, balancingTags(in.Tags))
	list = append(list, network(in.SubnetMappings)...)
	list = append(list, groups(a, in.SecurityGroups)...)
	if in.CustomerOwnedIpv4Pool != nil {
		list = append(list, also("ec2:DescribeCoipPools", "ec2:GetCoipPoolUsage")...)
	}
	if in.IpamPools != nil {
		list = append(list, also("ec2:DescribeIpamPools")...)
	}
	return list
}

// creation is what a call needs that makes something, on parent, which it tags: AddTags is authorised besides, on what
// is made, which has no id and no tags yet.
func creation(action, parent, made string, keys policy.Context, tags map[string]string) []check {
	addRequestTags(keys, tags)
	list := []check{{resource: parent, keys: keys}}
	if len(tags) > 0 {
		adding := requestTags(tags)
		adding.Set("elasticloadbalancing:CreateAction", action)
		list = append(list, check{action: "elasticloadbalancing:AddTags", resource: made, keys: adding})
	}
	return list
}

// below is the ARN of a resource yet without id that belongs to the parent, such as a rule to a listener.
func below(parent, kind, of string) string {
	return strings.Replace(parent, ":"+kind+"/", ":"+of+"/", 1) + "/*"
}

func each(arns []string, keys policy.Context) []check {
	list := make([]check, 0, len(arns))
	for _, arn := range arns {
		list = append(list, check{resource: arn, keys: keys})
	}
	if len(list) == 0 {
		return []check{{resource: "*", keys: keys}}
	}
	return list
}

// also are actions of other services that the service does in the caller's name.
func also(actions ...string) []check {
	list := make([]check, len(actions))
	for i, action := range actions {
		list[i] = check{action: action, resource: "*"}
	}
	return list
}

func listenerKeys(protocol types.ProtocolEnum, sslPolicy *string) policy.Context {
	keys := policy.Context{}
	if protocol != "" {
		keys.Set("elasticloadbalancing:ListenerProtocol", string(protocol))
	}
	if sslPolicy != nil {
		keys.Set("elasticloadbalancing:SecurityPolicy", *sslPolicy)
	}
	return keys
}

// served is what a listener's or rule's actions and certificates need of other services.
func served(actions []types.Action, certificates []types.Certificate) []check {
	var list []check
	for _, action := range actions {
		if c := action.AuthenticateCognitoConfig; c != nil {
			list = append(list, check{action: "cognito-idp:DescribeUserPoolClient", resource: aws.ToString(c.UserPoolArn)})
		}
	}
	for _, c := range certificates {
		if arn := aws.ToString(c.CertificateArn); strings.Contains(arn, ":server-certificate/") {
			list = append(list, check{action: "iam:GetServerCertificate", resource: arn})
		}
	}
	return list
}

func subnets(ids []string, mapped []types.SubnetMapping) []string {
	all := append([]string{}, ids...)
	for _, m := range mapped {
		all = append(all, aws.ToString(m.SubnetId))
	}
	return all
}

// network is what placing a load balancer needs of EC2.
func network(mapped []types.SubnetMapping) []check {
	list := also("ec2:DescribeAccountAttributes", "ec2:DescribeInternetGateways", "ec2:DescribeSubnets",
		"ec2:DescribeVpcs")
	for _, m := range mapped {
		if m.AllocationId != nil {
			return append(list, also("ec2:DescribeAddresses")...)
		}
	}
	return list
}

// groups is what giving a load balancer security groups needs of EC2; those that another account shares need more.
func groups(a *account.Account, ids []string) []check {
	if len(ids) == 0 {
		return nil
	}
	list := also("ec2:DescribeSecurityGroups")
	for _, id := range ids {
		if g, ok := a.SecurityGroup(id); ok && g.Owner != a.ID {
			return append(list, also("ec2:GetSecurityGroupsForVpc")...)
		}
	}
	return list
}

func balancingTags(tags []types.Tag) map[string]string {
	return tagMap(tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}
