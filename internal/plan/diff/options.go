package diff

import "github.com/k8s-lbc/lbc/internal/plan"

// Options are what the way to the desired state depends on beside it: a plan has other steps with them. What only refuses steps, or
// leaves some out, is a plan.Policy.
type Options struct {
	Region Region
	// ExternalTags are tag keys that others manage: they are neither written to nor removed from what exists, like those of AWS.
	ExternalTags []string
	// Namespaces are those of the objects that the stack is made of, also of those that leave it. Bindings elsewhere are not its own.
	Namespaces []string
	// Unprotect are the identities of load balancers that are to go and whose objects declare deletion_protection.enabled=false: a step
	// takes the protection off before the deletion.
	Unprotect []string
	// DeleteDuplicates are the ARNs and group ids of duplicates whose deletion is consented to, in the annotation of that name. A duplicate
	// that is left alone keeps its bindings, and nothing waits for its deletion.
	DeleteDuplicates     []string
	DuplicatesAnnotation string
	// Duplicates are the guards that earlier plans put on the deletion of duplicates, by ARN or group id. Once what
	// serves is deleted, nothing else distinguishes its duplicates from what is still to be deleted.
	Duplicates map[string]*plan.Guard
}

// Region is what the region of the load balancer lacks.
type Region struct {
	// Unweighted: no forward has several target groups, so that new targets cannot warm up beside the old ones.
	Unweighted bool
	// FixedHealthChecks: protocol, codes, interval and timeout of the checks of target groups of NLBs cannot change; a group with
	// others takes its place.
	FixedHealthChecks bool
}
