package annotation

// The texts of annotations that Ingresses, Services and Gateways have alike.
const (
	deletionPolicyDoc = "What the controller does with the load balancer when the object, or the last one of its group, " +
		"is deleted: `Delete` deletes it; `Retain` keeps it in AWS with its target groups, whose targets " +
		"are updated as long as their Services exist. If the object is created again, it adopts the load " +
		"balancer. `RetainWithoutTags` keeps it and removes the controller's tags, so that somebody else " +
		"can own it ([deletion-policy.md](tasks/deletion-policy.md))."
	approvedPlanDoc = "Digest of the approved state: the controller changes the load balancer only towards this state. " +
		"The value is `none`, or the digest that `lbc plan` and event `PlanNotApproved` print. Targets " +
		"need no approval ([approve.md](tasks/approve.md))."
	allowDeletionDoc = "If true, the controller may delete the load balancer that the object no longer declares, " +
		"although --deletion-brake holds the deletion."
	deleteDuplicatesDoc = "ARNs of load balancers and target groups, and ids of security groups, that carry the tags of " +
		"this load balancer, do not serve, and may be deleted."
)
