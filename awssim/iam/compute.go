package iam

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// computeMappings are EC2's. Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".
var computeMappings = map[string]mapping{
	"CreateSecurityGroup": on(createSecurityGroup),
	"DeleteSecurityGroup": on(func(a *account.Account, in *ec2.DeleteSecurityGroupInput) []check {
		return group(a, in.GroupId, in.GroupName)
	}),
	"AuthorizeSecurityGroupIngress": on(func(a *account.Account, in *ec2.AuthorizeSecurityGroupIngressInput) []check {
		return append(group(a, in.GroupId, in.GroupName), newRules(a, "AuthorizeSecurityGroupIngress",
			in.TagSpecifications)...)
	}),
	"AuthorizeSecurityGroupEgress": on(func(a *account.Account, in *ec2.AuthorizeSecurityGroupEgressInput) []check {
		return append(group(a, in.GroupId, nil), newRules(a, "AuthorizeSecurityGroupEgress", in.TagSpecifications)...)
	}),
	"RevokeSecurityGroupIngress": on(func(a *account.Account, in *ec2.RevokeSecurityGroupIngressInput) []check {
		return group(a, in.GroupId, in.GroupName)
	}),
	"RevokeSecurityGroupEgress": on(func(a *account.Account, in *ec2.RevokeSecurityGroupEgressInput) []check {
		return group(a, in.GroupId, nil)
	}),
	"ModifySecurityGroupRules": on(func(a *account.Account, in *ec2.ModifySecurityGroupRulesInput) []check {
		return group(a, in.GroupId, nil)
	}),
	"UpdateSecurityGroupRuleDescriptionsIngress": on(
		func(a *account.Account, in *ec2.UpdateSecurityGroupRuleDescriptionsIngressInput) []check {
			return group(a, in.GroupId, in.GroupName)
		}),
	"UpdateSecurityGroupRuleDescriptionsEgress": on(
		func(a *account.Account, in *ec2.UpdateSecurityGroupRuleDescriptionsEgressInput) []check {
			return group(a, in.GroupId, in.GroupName)
		}),
	"GetSecurityGroupsForVpc": on(func(a *account.Account, in *ec2.GetSecurityGroupsForVpcInput) []check {
		return []check{vpcCheck(a, aws.ToString(in.VpcId))}
	}),

	"CreateTags": on(func(a *account.Account, in *ec2.CreateTagsInput) []check {
		return tagged(a, in.Resources, requestTags(computeTags(in.Tags)))
	}),
	"DeleteTags": on(deleteTags),

	"StartInstances": on(func(a *account.Account, in *ec2.StartInstancesInput) []check {
		return tagged(a, in.InstanceIds, nil)
	}),
	"StopInstances": on(func(a *account.Account, in *ec2.StopInstancesInput) []check {
		return tagged(a, in.InstanceIds, nil)
	}),
	"TerminateInstances": on(func(a *account.Account, in *ec2.TerminateInstancesInput) []check {
		return tagged(a, in.InstanceIds, nil)
	}),

	"CreateNetworkInterface": on(createNetworkInterface),
	"DeleteNetworkInterface": on(func(a *account.Account, in *ec2.DeleteNetworkInterfaceInput) []check {
		return tagged(a, []string{aws.ToString(in.NetworkInterfaceId)}, nil)
	}),
	"ModifyNetworkInterfaceAttribute": on(func(a *account.Account, in *ec2.ModifyNetworkInterfaceAttributeInput) []check {
		return tagged(a, append([]string{aws.ToString(in.NetworkInterfaceId)}, in.Groups...), nil)
	}),
	"AssignPrivateIpAddresses": on(func(a *account.Account, in *ec2.AssignPrivateIpAddressesInput) []check {
		return tagged(a, []string{aws.ToString(in.NetworkInterfaceId)}, nil)
	}),
	"UnassignPrivateIpAddresses": on(func(a *account.Account, in *ec2.UnassignPrivateIpAddressesInput) []check {
		return tagged(a, []string{aws.ToString(in.NetworkInterfaceId)}, nil)
	}),
}

func computeARN(a *account.Account, path string) string {
	return fmt.Sprintf("arn:%s:ec2:%s:%s:%s", a.Partition, a.Region, a.ID, path)
}

// computeKinds are the types of resources as ARNs have them, by the prefix of ids.
var computeKinds = map[string]string{
	"vpc": "vpc", "subnet": "subnet", "rtb": "route-table", "igw": "internet-gateway", "sg": "security-group",
	"sgr": "security-group-rule", "eni": "network-interface", "i": "instance", "pl": "prefix-list",
	"eipalloc": "elastic-ip",
	"nat":      "natgateway", "pcx": "vpc-peering-connection",
}

// resource is the check on a resource by its id.
func resource(a *account.Account, id string) check {
	prefix, _, _ := strings.Cut(id, "-")
	kind, ok := computeKinds[prefix]
	if !ok {
		return check{resource: "*"}
	}
	switch c := (check{resource: computeARN(a, kind+"/"+id), keys: policy.Context{}}); kind {
	case "vpc":
		return vpcCheck(a, id)
	case "security-group":
		c.keys.Set("ec2:SecurityGroupID", id)
		if g, ok := a.SecurityGroup(id); ok {
			c.keys.Set("ec2:Vpc", computeARN(a, "vpc/"+g.VPC))
		}
		return c
	case "subnet":
		if s, ok := a.Subnet(id); ok {
			c.keys.Set("ec2:Vpc", computeARN(a, "vpc/"+s.VPC))
		}
		return c
	case "network-interface":
		if n, ok := a.Interface(id); ok {
			c.keys.Set("ec2:Vpc", computeARN(a, "vpc/"+n.VPC))
		}
		return c
	default:
		return c
	}
}

func vpcCheck(a *account.Account, id string) check {
	arn := computeARN(a, "vpc/"+id)
	keys := policy.Context{}
	keys.Set("ec2:Vpc", arn)
	keys.Set("ec2:VpcID", id)
	return check{resource: arn, keys: keys}
}

// tagged are the checks on resources by their ids, with the keys of the request.
func tagged(a *account.Account, ids []string, keys policy.Context) []check {
	list := make([]check, 0, len(ids))
	for _, id := range ids {
		c := resource(a, id)
		if c.keys == nil {
			c.keys = policy.Context{}
		}
		for k, v := range keys {
			c.keys.Set(k, v...)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return []check{{resource: "*", keys: keys}}
	}
	return list
}

// group is the check on a security group by its id, or by its name in the default VPC.
func group(a *account.Account, id, name *string) []check {
	if id != nil {
		return []check{resource(a, *id)}
	}
	for _, v := range slices.Sorted(maps.Keys(a.VPCs)) {
		if g, ok := a.GroupNamed(v, aws.ToString(name)); ok {
			return []check{resource(a, g.ID)}
		}
	}
	return []check{{resource: computeARN(a, "security-group/*")}}
}

// made is the check on something that the call makes, and CreateTags on it if the call tags it.
func made(a *account.Account, action, kind string, specifications []types.TagSpecification) []check {
	tags := specified(specifications, kind)
	arn := computeARN(a, kind+"/*")
	list := []check{{resource: arn, keys: requestTags(tags)}}
	if len(tags) > 0 {
		keys := requestTags(tags)
		keys.Set("ec2:CreateAction", action)
		list = append(list, check{action: "ec2:CreateTags", resource: arn, keys: keys})
	}
	return list
}

func createSecurityGroup(a *account.Account, in *ec2.CreateSecurityGroupInput) []check {
	list := made(a, "CreateSecurityGroup", "security-group", in.TagSpecifications)
	if in.VpcId != nil {
		list = append(list, vpcCheck(a, *in.VpcId))
	}
	return list
}

// newRules is what making rules of a security group needs that are to be tagged.
func newRules(a *account.Account, action string, specifications []types.TagSpecification) []check {
	if len(specified(specifications, "security-group-rule")) == 0 {
		return nil
	}
	return made(a, action, "security-group-rule", specifications)
}

func createNetworkInterface(a *account.Account, in *ec2.CreateNetworkInterfaceInput) []check {
	list := made(a, "CreateNetworkInterface", "network-interface", in.TagSpecifications)
	return append(list, tagged(a, append([]string{aws.ToString(in.SubnetId)}, in.Groups...), nil)...)
}

// deleteTags has the keys that go in aws:TagKeys, and in aws:RequestTag only those that are given with a value.
func deleteTags(a *account.Account, in *ec2.DeleteTagsInput) []check {
	keys := policy.Context{}
	var names []string
	for _, t := range in.Tags {
		names = append(names, aws.ToString(t.Key))
		if t.Value != nil {
			keys.Set("aws:RequestTag/"+aws.ToString(t.Key), *t.Value)
		}
	}
	if len(names) > 0 {
		keys.Set("aws:TagKeys", names...)
	}
	return tagged(a, in.Resources, keys)
}

func specified(specifications []types.TagSpecification, kind string) map[string]string {
	tags := map[string]string{}
	for _, s := range specifications {
		if string(s.ResourceType) == kind {
			for k, v := range computeTags(s.Tags) {
				tags[k] = v
			}
		}
	}
	return tags
}

func computeTags(tags []types.Tag) map[string]string {
	return tagMap(tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}
