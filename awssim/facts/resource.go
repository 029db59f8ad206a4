package facts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// TagKey is the key of the tag that everything of a run has. Its value is the run's id.
const TagKey = "awssim-facts"

// Resource is something that a run created in AWS.
type Resource struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// kind is how resources of a kind are created, found by tag and deleted.
type kind struct {
	name   string
	create string // call
	id     string // path of the id in the answer
	tags   string // resource type in EC2's TagSpecifications; "" for a list of tags
	remove string // call
	param  string // the parameter of remove

	list, items, itemID string // call that lists all, path of the list, field of the id; "" goes with its load balancer
}

// kinds are in the order of deletion.
var kinds = []kind{
	{name: "rule", create: "elbv2.CreateRule", id: "Rules[0].RuleArn", remove: "elbv2.DeleteRule", param: "RuleArn"},
	{name: "listener", create: "elbv2.CreateListener", id: "Listeners[0].ListenerArn", remove: "elbv2.DeleteListener",
		param: "ListenerArn"},
	{
		name: "load balancer", create: "elbv2.CreateLoadBalancer", id: "LoadBalancers[0].LoadBalancerArn",
		remove: "elbv2.DeleteLoadBalancer",
		param:  "LoadBalancerArn", list: "elbv2.DescribeLoadBalancers", items: "LoadBalancers", itemID: "LoadBalancerArn",
	},
	{
		name: "target group", create: "elbv2.CreateTargetGroup", id: "TargetGroups[0].TargetGroupArn",
		remove: "elbv2.DeleteTargetGroup",
		param:  "TargetGroupArn", list: "elbv2.DescribeTargetGroups", items: "TargetGroups", itemID: "TargetGroupArn",
	},
	{
		name: "certificate", create: "acm.ImportCertificate", id: "CertificateArn", remove: "acm.DeleteCertificate",
		param: "CertificateArn", list: "acm.ListCertificates", items: "CertificateSummaryList", itemID: "CertificateArn",
	},
	{
		name: "security group", create: "ec2.CreateSecurityGroup", id: "GroupId", tags: "security-group",
		remove: "ec2.DeleteSecurityGroup",
		param:  "GroupId", list: "ec2.DescribeSecurityGroups", items: "SecurityGroups", itemID: "GroupId",
	},
	{
		name: "subnet", create: "ec2.CreateSubnet", id: "Subnet.SubnetId", tags: "subnet", remove: "ec2.DeleteSubnet",
		param: "SubnetId", list: "ec2.DescribeSubnets", items: "Subnets", itemID: "SubnetId",
	},
	{
		name: "internet gateway", create: "ec2.CreateInternetGateway", id: "InternetGateway.InternetGatewayId",
		tags:   "internet-gateway",
		remove: "ec2.DeleteInternetGateway", param: "InternetGatewayId", list: "ec2.DescribeInternetGateways",
		items:  "InternetGateways",
		itemID: "InternetGatewayId",
	},
	{
		name: "VPC", create: "ec2.CreateVpc", id: "Vpc.VpcId", tags: "vpc", remove: "ec2.DeleteVpc", param: "VpcId",
		list:  "ec2.DescribeVpcs",
		items: "Vpcs", itemID: "VpcId",
	},
}

func kindByCreate(call string) *kind {
	for i := range kinds {
		if kinds[i].create == call {
			return &kinds[i]
		}
	}
	return nil
}

func kindIndex(name string) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
}

// tagged adds the run's tag to the parameters of a creating call.
func tagged(call, run string, with map[string]any) map[string]any {
	k := kindByCreate(call)
	if k == nil {
		return with
	}
	all := maps.Clone(with)
	if all == nil {
		all = map[string]any{}
	}
	tag := map[string]any{"Key": TagKey, "Value": run}
	if k.tags != "" {
		all["TagSpecifications"] = []any{map[string]any{"ResourceType": k.tags, "Tags": []any{tag}}}
		return all
	}
	own, _ := all["Tags"].([]any)
	all["Tags"] = append([]any{tag}, own...)
	return all
}

// find returns the resources of a kind that have the run's tag.
func (c Clients) find(ctx context.Context, k kind, run string) ([]Resource, error) {
	if k.list == "" {
		return nil, nil
	}
	service, _, _ := strings.Cut(k.list, ".")
	with := map[string]any{}
	next, token := "NextToken", "NextToken"
	switch service {
	case "elbv2":
		next, token = "NextMarker", "Marker"
	case "acm": // lists certificates of RSA only unless asked for others
		with["Includes"] = map[string]any{"KeyTypes": []any{"EC_prime256v1"}}
	case "ec2":
		with["Filters"] = []any{map[string]any{"Name": "tag:" + TagKey, "Values": []any{run}}}
	}
	var ids []string
	for {
		answer, err := c.Call(ctx, k.list, with)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", k.list, describeError(err))
		}
		list, _ := lookup(answer, k.items).([]any)
		for _, x := range list {
			ids = append(ids, text(field(x, k.itemID)))
		}
		more := lookup(answer, next)
		if empty(more) {
			break
		}
		with[token] = more
	}
	ids, err := c.withTag(ctx, service, run, ids)
	if err != nil {
		return nil, err
	}
	found := make([]Resource, len(ids))
	for i, id := range ids {
		found[i] = Resource{Kind: k.name, ID: id}
	}
	return found, nil
}

// withTag keeps the ids of resources that have the run's tag. EC2's lists are filtered already.
func (c Clients) withTag(ctx context.Context, service, run string, ids []string) ([]string, error) {
	var kept []string
	switch service {
	case "elbv2":
		for some := range slices.Chunk(ids, 20) {
			some, err := c.balancingWithTag(ctx, run, some)
			if err != nil {
				return nil, err
			}
			kept = append(kept, some...)
		}
	case "acm":
		for _, id := range ids {
			answer, err := c.Call(ctx, "acm.ListTagsForCertificate", map[string]any{"CertificateArn": id})
			if err == nil && text(lookup(answer, "Tags[Key="+TagKey+"].Value")) == run {
				kept = append(kept, id)
			}
		}
	default:
		return ids, nil
	}
	return kept, nil
}

// balancingWithTag asks for up to 20 resources at once, or for each if one of them is gone.
func (c Clients) balancingWithTag(ctx context.Context, run string, ids []string) ([]string, error) {
	answer, err := c.Call(ctx, "elbv2.DescribeTags", map[string]any{"ResourceArns": ids})
	var kept []string
	if strings.HasSuffix(apierr.CodeOf(err), "NotFound") {
		for _, id := range ids {
			if len(ids) == 1 {
				return nil, nil
			}
			one, err := c.balancingWithTag(ctx, run, []string{id})
			if err != nil {
				return nil, err
			}
			kept = append(kept, one...)
		}
		return kept, nil
	}
	if err != nil {
		return nil, fmt.Errorf("elbv2.DescribeTags: %s", describeError(err))
	}
	list, _ := lookup(answer, "TagDescriptions").([]any)
	for _, x := range list {
		if text(lookup(x, "Tags[Key="+TagKey+"].Value")) == run {
			kept = append(kept, text(field(x, "ResourceArn")))
		}
	}
	return kept, nil
}

// remove deletes a resource. What is not there counts as deleted.
func (c Clients) remove(ctx context.Context, r Resource) error {
	k := kinds[kindIndex(r.Kind)]
	if k.name == "internet gateway" {
		if err := c.detach(ctx, r.ID); err != nil {
			return err
		}
	}
	_, err := c.Call(ctx, k.remove, map[string]any{k.param: r.ID})
	if k.name == "load balancer" && apierr.CodeOf(err) == "OperationNotPermitted" { // a fact left it protected
		unprotected := []any{map[string]any{"Key": "deletion_protection.enabled", "Value": "false"}}
		if _, err := c.Call(ctx, "elbv2.ModifyLoadBalancerAttributes", map[string]any{"LoadBalancerArn": r.ID,
			"Attributes": unprotected}); err != nil {
			return err
		}
		_, err = c.Call(ctx, k.remove, map[string]any{k.param: r.ID})
	}
	if strings.Contains(apierr.CodeOf(err), "NotFound") {
		return nil
	}
	return err
}

// detach takes an internet gateway from its VPC.
func (c Clients) detach(ctx context.Context, gateway string) error {
	answer, err := c.Call(ctx, "ec2.DescribeInternetGateways", map[string]any{"InternetGatewayIds": []any{gateway}})
	if err != nil {
		if strings.Contains(apierr.CodeOf(err), "NotFound") {
			return nil
		}
		return err
	}
	vpc := lookup(answer, "InternetGateways[0].Attachments[0].VpcId")
	if empty(vpc) {
		return nil
	}
	_, err = c.Call(ctx, "ec2.DetachInternetGateway", map[string]any{"InternetGatewayId": gateway, "VpcId": vpc})
	return err
}
