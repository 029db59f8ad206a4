package diff

import "github.com/k8s-lbc/lbc/internal/stack"

// DeletionCause is one way in which a load balancer may be deleted or replaced. Deletions lists them all: there is no other one.
type DeletionCause struct {
	Cause   string // what happens
	Decides string // who decides it, in the code
	Guards  string // what stands before the deletion
	// Removal is the reason that the stack carries; NotRemoved where the stack stays.
	Removal stack.Removal
}

// Deletions is the table of docs/decisions/0014-what-may-delete.md.
func Deletions() []DeletionCause {
	return []DeletionCause{
		{"All objects of the load balancer are being deleted", "the objects' `deletionTimestamp`, read by `front`", "deletion protection; tags read again", stack.ObjectsDeleted},
		{"No object asks for it any more, and at least one of them exists: another class, type or group", "the front ends, from valid values only, by `front`", "deletion protection; tags read again; `--deletion-brake`", stack.NotDeclared},
		{"A valid edit of scheme or type replaces it", "`plan`, by the wanted type and scheme", "deletion protection; the new one is active and no object shows the old one any more, unless both have one name or a target group of others; tags read again", stack.NotRemoved},
		{"A valid edit switches the frontend of an ALB off", "`compile`, as the stack has no frontend", "deletion protection, of its own; tags read again", stack.NotRemoved},
		{"It is a duplicate: another one with its tags serves", "`plan`, by `compareBalancers`", "only with annotation `delete-duplicates`; tags read again", stack.NotRemoved},
	}
}

// Disappearance is something that may vanish or change under many objects at once, and what follows from that.
type Disappearance struct {
	What    string
	Follows string
	Test    string // of internal/controller, that shows it
}

// Disappearances is the second table of docs/decisions/0014-what-may-delete.md: each is a case of a cause in Deletions, or of none.
func Disappearances() []Disappearance {
	const holds, admits = "nothing is deleted, with a finding", "TestWhatNoLongerAdmitsAnIngressDeletesNoLoadBalancer"
	return []Disappearance{
		{"A namespace is deleted, with its objects", "its objects are deleted, and their load balancers with them; no brake holds that", "TestANamespaceThatIsDeletedTakesTheLoadBalancersOfItsObjectsAlong"},
		{"The labels of a namespace vanish, or `namespaceSelector` changes", holds, admits},
		{"An IngressClass, or its IngressClassParams, is deleted", holds, admits},
		{"An IngressClass becomes another controller's", "its objects give their load balancers up; `--deletion-brake` holds most of many", "TestManyDeletionsThatNoObjectAskedForWaitForConsent"},
		{"Objects vanish without a deletion that their finalizers see", "nothing is deleted", "TestWhatVanishesWithoutAReasonDeletesNothing"},
		{"The definition of IngressClassParams is removed", "nothing is deleted", "TestADefinitionThatIsRemovedDeletesNoLoadBalancer"},
		{"TargetGroupBindings of a stack are deleted by hand, or their definition is removed",
			"targets and rules stay, and the bindings are made again as soon as they can be", "TestTargetsStayRegisteredWhenAllBindingsAreDeletedAndMadeAgain"},
		{"EndpointSlices or node labels vanish, or selectors of Services change", "targets that serve are deregistered; `--deregistration-brake` holds most of many",
			"TestTargetsStayWhenEndpointSlicesVanishWhilePodsServe"},
	}
}
