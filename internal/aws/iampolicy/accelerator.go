package iampolicy

import "slices"

// GlobalAccelerator is the feature of GlobalAccelerators.
const GlobalAccelerator Feature = "global-accelerator"

// aga names actions of Global Accelerator.
func aga(names ...string) []string { return prefixed("globalaccelerator:", names) }

// accelerators are the resources of Global Accelerator: accelerators, their listeners, and the endpoint groups of
// these.
var accelerators = []string{
	"globalaccelerator::*:accelerator/*", "globalaccelerator::*:accelerator/*/listener/*",
	"globalaccelerator::*:accelerator/*/listener/*/endpoint-group/*",
}

// acceleratorRole is the condition of the role that AWS makes with the first accelerator of an account.
func acceleratorRole(Options) Condition {
	return Condition{"StringEquals": {"iam:AWSServiceName": {"globalaccelerator.amazonaws.com"}}}
}

// acceleratorRules are the rules of its actions. Of listeners and endpoint groups, AWS compares the tags of their
// accelerator.
var acceleratorRules = []rule{
	{sid: "Read", feature: GlobalAccelerator, actions: aga("ListAccelerators", "ListEndpointGroups", "ListListeners",
		"ListTagsForResource")},
	{sid: "Create", feature: GlobalAccelerator, actions: aga("CreateAccelerator"), when: givesTag},
	{sid: "TagCreatedAccelerators", feature: GlobalAccelerator, actions: aga("TagResource"),
		within: "globalaccelerator:CreateAccelerator", on: fixed(accelerators[0]), when: givesTag},
	{sid: "TagOwn", feature: GlobalAccelerator, actions: aga("TagResource", "UntagResource"), when: keepsTag},
	{sid: "ChangeOwn", feature: GlobalAccelerator, actions: aga("AddEndpoints", "CreateEndpointGroup", "CreateListener",
		"DeleteAccelerator", "DeleteEndpointGroup", "DeleteListener",
		"DescribeAccelerator", "RemoveEndpoints", "UpdateAccelerator", "UpdateEndpointGroup", "UpdateListener"), when: owned},
	{sid: "AcceleratorServiceLinkedRole", feature: GlobalAccelerator, actions: []string{"iam:CreateServiceLinkedRole"},
		within: "globalaccelerator:CreateAccelerator", when: acceleratorRole},
}

// Accelerators is needed, besides the standard policy, with gate GlobalAcceleratorController. It is the policy that
// installations of the existing controller have, statement by statement; not all of it is used here.
func Accelerators(partition string) Document {
	all := arns(partition, accelerators...)
	const kind = "aga.k8s.aws/resource"
	of := func(c Condition, key string) Condition {
		return joined(c, Condition{"StringEquals": {"aws:" + key + "/" + kind: {"GlobalAccelerator"}}})
	}
	own := of(null("", present, clusterTag), "ResourceTag")
	made := of(null(present, "", clusterTag), "RequestTag")
	return document(
		Statement{Action: []string{"iam:CreateServiceLinkedRole"}, Resource: arns(partition),
			Condition: acceleratorRole(Options{})},
		Statement{Action: slices.Concat(aga("ListAccelerators", "ListEndpointGroups", "ListListeners", "ListTagsForResource"),
			ec2("DescribeRegions"), []string{"tag:GetResources"}), Resource: arns(partition)},
		Statement{Action: aga("DescribeAccelerator", "DescribeEndpointGroup", "DescribeListener"), Resource: all,
			Condition: own},
		Statement{Action: aga("CreateAccelerator"), Resource: arns(partition), Condition: made},
		Statement{Action: aga("UpdateAccelerator", "DeleteAccelerator", "CreateListener", "UpdateListener", "DeleteListener",
			"CreateEndpointGroup", "UpdateEndpointGroup", "DeleteEndpointGroup",
			"AddEndpoints", "RemoveEndpoints"), Resource: all, Condition: own},
		Statement{Action: aga("TagResource", "UntagResource"), Resource: all[:1],
			Condition: of(null(absent, present, clusterTag), "ResourceTag")},
		Statement{Action: aga("TagResource"), Resource: all[:1], Condition: made},
	)
}
