package iam

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	firewalltypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// firewallMappings are WAFv2's. Associations are authorised on both ends, and for load balancers with Elastic Load
// Balancing's permission-only SetWebAcl. Service Authorization Reference, "Actions, resources, and condition keys for
// AWS WAF V2".
var firewallMappings = map[string]mapping{
	"AssociateWebACL": on(func(_ *account.Account, in *wafv2.AssociateWebACLInput) []check {
		list := append(one(in.WebACLArn), check{resource: aws.ToString(in.ResourceArn)},
			check{action: "wafv2:GetWebACL", resource: aws.ToString(in.WebACLArn)})
		return append(list, setWebACL(in.ResourceArn)...)
	}),
	"DisassociateWebACL": on(func(a *account.Account, in *wafv2.DisassociateWebACLInput) []check {
		list := append(one(in.ResourceArn), setWebACL(in.ResourceArn)...)
		if acl := a.WebACLOf(aws.ToString(in.ResourceArn)); acl != nil {
			list = append(list, check{resource: acl.ARN})
		}
		return list
	}),
	"GetWebACLForResource": target(func(in *wafv2.GetWebACLForResourceInput) *string { return in.ResourceArn }),
	"GetWebACL": on(func(a *account.Account, in *wafv2.GetWebACLInput) []check {
		if in.ARN != nil {
			return one(in.ARN)
		}
		return webACL(a, in.Scope, in.Name, in.Id)
	}),
	"CreateWebACL": on(func(a *account.Account, in *wafv2.CreateWebACLInput) []check {
		list := webACL(a, in.Scope, in.Name, aws.String("*"))
		list[0].keys = requestTags(firewallTags(in.Tags))
		return list
	}),
	"UpdateWebACL": on(func(a *account.Account, in *wafv2.UpdateWebACLInput) []check {
		return webACL(a, in.Scope, in.Name, in.Id)
	}),
	"DeleteWebACL": on(func(a *account.Account, in *wafv2.DeleteWebACLInput) []check {
		return webACL(a, in.Scope, in.Name, in.Id)
	}),
	"CreateIPSet": on(func(a *account.Account, in *wafv2.CreateIPSetInput) []check {
		list := firewall(a, "ipset", in.Scope, in.Name, aws.String("*"))
		list[0].keys = requestTags(firewallTags(in.Tags))
		return list
	}),
	"GetIPSet": on(func(a *account.Account, in *wafv2.GetIPSetInput) []check {
		return firewall(a, "ipset", in.Scope, in.Name, in.Id)
	}),
	"UpdateIPSet": on(func(a *account.Account, in *wafv2.UpdateIPSetInput) []check {
		return firewall(a, "ipset", in.Scope, in.Name, in.Id)
	}),
	"DeleteIPSet": on(func(a *account.Account, in *wafv2.DeleteIPSetInput) []check {
		return firewall(a, "ipset", in.Scope, in.Name, in.Id)
	}),
	"TagResource": on(func(_ *account.Account, in *wafv2.TagResourceInput) []check {
		return []check{{resource: aws.ToString(in.ResourceARN), keys: requestTags(firewallTags(in.Tags))}}
	}),
	"UntagResource": on(func(_ *account.Account, in *wafv2.UntagResourceInput) []check {
		return untagging(in.ResourceARN, in.TagKeys)
	}),
	"ListTagsForResource":    target(func(in *wafv2.ListTagsForResourceInput) *string { return in.ResourceARN }),
	"ListResourcesForWebACL": target(func(in *wafv2.ListResourcesForWebACLInput) *string { return in.WebACLArn }),
}

// shieldMappings are Shield's. Protections have no region.
var shieldMappings = map[string]mapping{
	"CreateProtection": on(func(a *account.Account, in *shield.CreateProtectionInput) []check {
		return []check{{resource: protection(a, nil), keys: requestTags(shieldTags(in.Tags))}}
	}),
	"DescribeProtection": on(func(a *account.Account, in *shield.DescribeProtectionInput) []check {
		return []check{{resource: protection(a, in.ProtectionId)}}
	}),
	"DeleteProtection": on(func(a *account.Account, in *shield.DeleteProtectionInput) []check {
		return []check{{resource: protection(a, in.ProtectionId)}}
	}),
	"TagResource": on(func(_ *account.Account, in *shield.TagResourceInput) []check {
		return []check{{resource: aws.ToString(in.ResourceARN), keys: requestTags(shieldTags(in.Tags))}}
	}),
	"UntagResource": on(func(_ *account.Account, in *shield.UntagResourceInput) []check {
		return untagging(in.ResourceARN, in.TagKeys)
	}),
	"ListTagsForResource": target(func(in *shield.ListTagsForResourceInput) *string { return in.ResourceARN }),
}

// setWebACL is what giving a resource a web ACL, or taking it, needs if it is a load balancer.
func setWebACL(arn *string) []check {
	if !strings.Contains(aws.ToString(arn), ":loadbalancer/") {
		return nil
	}
	return also("elasticloadbalancing:SetWebAcl")
}

func webACL(a *account.Account, scope firewalltypes.Scope, name, id *string) []check {
	return firewall(a, "webacl", scope, name, id)
}

// firewall is the check on a resource of WAFv2 by its kind, name and id.
func firewall(a *account.Account, kind string, scope firewalltypes.Scope, name, id *string) []check {
	region, path := a.Region, "regional"
	if scope == firewalltypes.ScopeCloudfront {
		region, path = "us-east-1", "global"
	}
	return []check{{resource: fmt.Sprintf("arn:%s:wafv2:%s:%s:%s/%s/%s/%s", a.Partition, region, a.ID, path, kind,
		aws.ToString(name), aws.ToString(id))}}
}

// protection is the ARN of a protection by its id, or of any.
func protection(a *account.Account, id *string) string {
	path := "*"
	if id != nil {
		path = *id
	}
	return fmt.Sprintf("arn:%s:shield::%s:protection/%s", a.Partition, a.ID, path)
}

func untagging(arn *string, names []string) []check {
	keys := policy.Context{}
	keys.Set("aws:TagKeys", names...)
	return []check{{resource: aws.ToString(arn), keys: keys}}
}

func firewallTags(tags []firewalltypes.Tag) map[string]string {
	return tagMap(tags, func(t firewalltypes.Tag) (key, value *string) { return t.Key, t.Value })
}

func shieldTags(tags []shieldtypes.Tag) map[string]string {
	return tagMap(tags, func(t shieldtypes.Tag) (key, value *string) { return t.Key, t.Value })
}
