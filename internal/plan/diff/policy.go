package diff

import "github.com/k8s-lbc/lbc/internal/plan"

// Protection is what the owner of a stack declares about the deletion protection of its load balancer.
type Protection string

const (
	// ProtectionAsFound refuses to delete a load balancer that is protected in AWS.
	ProtectionAsFound Protection = ""
	// ProtectionDeclared refuses whatever AWS says: the owner declares deletion_protection.enabled=true.
	ProtectionDeclared Protection = "declared"
	// ProtectionLifted takes the protection off before deleting: the owner declares deletion_protection.enabled=false.
	ProtectionLifted Protection = "lifted"
)

// Policy adjusts a diff.
type Policy struct {
	// ExternalTags are tag keys that somebody else manages: they are neither written to nor removed from what exists.
	ExternalTags []string
	Protection   Protection
	// ProtectedBy says where the owner declares the protection, if it does: "IngressClassParams prod, spec.loadBalancerAttributes".
	ProtectedBy string
	// Namespaces are those of the objects that the stack is made of, also of those that leave it. Bindings elsewhere are not its own.
	Namespaces []string
	// DeleteDuplicates are the ARNs and group ids of duplicates whose deletion is consented to, in the annotation of that name.
	DeleteDuplicates     []string
	DuplicatesAnnotation string
	// Duplicates are the guards that earlier plans put on the deletion of duplicates, by ARN or group id. Once what
	// serves is deleted, nothing else tells its duplicates from what is still to be deleted.
	Duplicates map[string]*plan.Guard
	// Unweighted forbids forwards to several target groups, so that new targets cannot warm up beside the old ones.
	Unweighted bool
	// FixedHealthChecks: protocol, codes, interval and timeout of the checks of target groups of NLBs cannot change; a group with
	// others takes its place.
	FixedHealthChecks bool
	// Frontend and FrontendBy are the same for the load balancer in front of the other. What is declared for one that stays
	// behind keeps the frontend too.
	Frontend   Protection
	FrontendBy string
}
