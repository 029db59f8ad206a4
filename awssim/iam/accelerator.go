package iam

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// acceleratorMappings are Global Accelerator's. Service Authorization Reference, "Actions, resources, and condition
// keys for AWS Global Accelerator".
var acceleratorMappings = map[string]mapping{
	"CreateAccelerator": on(func(a *account.Account, in *ga.CreateAcceleratorInput) []check {
		tags := acceleratorTags(in.Tags)
		arn := fmt.Sprintf("arn:%s:globalaccelerator::%s:accelerator/*", a.Partition, a.ID)
		list := []check{{resource: "*", keys: requestTags(tags)}}
		if len(tags) > 0 {
			list = append(list, check{action: "globalaccelerator:TagResource", resource: arn, keys: requestTags(tags)})
		}
		return list
	}),
	"UpdateAccelerator":   target(func(in *ga.UpdateAcceleratorInput) *string { return in.AcceleratorArn }),
	"DeleteAccelerator":   target(func(in *ga.DeleteAcceleratorInput) *string { return in.AcceleratorArn }),
	"DescribeAccelerator": target(func(in *ga.DescribeAcceleratorInput) *string { return in.AcceleratorArn }),
	"DescribeAcceleratorAttributes": target(func(in *ga.DescribeAcceleratorAttributesInput) *string {
		return in.AcceleratorArn
	}),
	"UpdateAcceleratorAttributes": target(func(in *ga.UpdateAcceleratorAttributesInput) *string {
		return in.AcceleratorArn
	}),

	"CreateListener":   target(func(in *ga.CreateListenerInput) *string { return in.AcceleratorArn }),
	"UpdateListener":   target(func(in *ga.UpdateListenerInput) *string { return in.ListenerArn }),
	"DeleteListener":   target(func(in *ga.DeleteListenerInput) *string { return in.ListenerArn }),
	"DescribeListener": target(func(in *ga.DescribeListenerInput) *string { return in.ListenerArn }),
	"ListListeners":    target(func(in *ga.ListListenersInput) *string { return in.AcceleratorArn }),

	"CreateEndpointGroup": on(func(_ *account.Account, in *ga.CreateEndpointGroupInput) []check {
		return endpoints(in.ListenerArn, len(in.EndpointConfigurations))
	}),
	"UpdateEndpointGroup": on(func(_ *account.Account, in *ga.UpdateEndpointGroupInput) []check {
		return endpoints(in.EndpointGroupArn, len(in.EndpointConfigurations))
	}),
	"AddEndpoints": on(func(_ *account.Account, in *ga.AddEndpointsInput) []check {
		return endpoints(in.EndpointGroupArn, len(in.EndpointConfigurations))
	}),
	"RemoveEndpoints":       target(func(in *ga.RemoveEndpointsInput) *string { return in.EndpointGroupArn }),
	"DeleteEndpointGroup":   target(func(in *ga.DeleteEndpointGroupInput) *string { return in.EndpointGroupArn }),
	"DescribeEndpointGroup": target(func(in *ga.DescribeEndpointGroupInput) *string { return in.EndpointGroupArn }),
	"ListEndpointGroups":    target(func(in *ga.ListEndpointGroupsInput) *string { return in.ListenerArn }),

	"TagResource": on(func(_ *account.Account, in *ga.TagResourceInput) []check {
		return []check{{resource: aws.ToString(in.ResourceArn), keys: requestTags(acceleratorTags(in.Tags))}}
	}),
	"UntagResource": on(func(_ *account.Account, in *ga.UntagResourceInput) []check {
		return untagging(in.ResourceArn, in.TagKeys)
	}),
	"ListTagsForResource": target(func(in *ga.ListTagsForResourceInput) *string { return in.ResourceArn }),
}

// endpoints is what changing the endpoints of a group needs: the load balancers among them are looked up in the
// caller's name.
func endpoints(arn *string, given int) []check {
	list := one(arn)
	if given > 0 {
		list = append(list, also("elasticloadbalancing:DescribeLoadBalancers")...)
	}
	return list
}

func acceleratorTags(tags []types.Tag) map[string]string {
	return tagMap(tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}
