package annotation

import (
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
)

// policies are the annotations that hold, replace or delete a load balancer as a whole. In a group they count only on
// the objects that decide (docs/shared/policies.md). Each reads a value in canonical form: "" is as without the
// annotation. ok is false for a value that is invalid.
var policies = map[Key]func(raw string) (value string, ok bool){
	Ownership: ownershipPolicy, ServiceOwnership: ownershipPolicy, GatewayOwnership: ownershipPolicy,
	ClassOwnership:       ownershipPolicy,
	ExistingLoadBalancer: existingPolicy, ServiceExistingLoadBalancer: existingPolicy, GatewayExisting: existingPolicy,
	ApprovedPlan: approvalPolicy, ServiceApprovedPlan: approvalPolicy, GatewayApprovedPlan: approvalPolicy,
	DeletionPolicy: deletionPolicy, ServiceDeletionPolicy: deletionPolicy, GatewayDeletionPolicy: deletionPolicy,
	ReplacementPolicy: replacementPolicy, ServiceReplacementPolicy: replacementPolicy,
	GatewayReplacementPolicy: replacementPolicy,
	DriftPolicy:              driftPolicy, ServiceDriftPolicy: driftPolicy, GatewayDriftPolicy: driftPolicy,
	AllowDeletion: consentPolicy, ServiceAllowDeletion: consentPolicy, GatewayAllowDeletion: consentPolicy,
	DeleteDuplicates: listPolicy, ServiceDeleteDuplicates: listPolicy, GatewayDeleteDuplicates: listPolicy,
}

// Policies returns the annotations of objects of a scope that decide about a load balancer as a whole, in the order of
// the table.
func Policies(scope Scope) (out []Key) {
	for _, e := range entries {
		if policies[e.Key] != nil && e.Scope == scope {
			out = append(out, e.Key)
		}
	}
	return out
}

// Policy returns a value of such an annotation in canonical form: "" is as without the annotation. ok is false if the
// value is invalid.
func Policy(k Key, raw string) (value string, ok bool) { return policies[k](raw) }

func ownershipPolicy(raw string) (string, bool) {
	if raw == ManagedIt {
		return "", true
	}
	return raw, isOwnership(raw)
}

func existingPolicy(raw string) (string, bool) { return raw, raw == "" || balancers.MatchString(raw) }

func approvalPolicy(raw string) (string, bool) {
	return raw, raw == NoPlan || approvals.MatchString(raw)
}

func deletionPolicy(raw string) (string, bool) {
	if raw == DeleteIt {
		return "", true
	}
	return raw, raw == RetainIt || raw == RetainWithoutTags
}

func replacementPolicy(raw string) (string, bool) {
	p, err := replacement.Parse(raw)
	if err != nil || !p.Refuse && p.Keep == 0 {
		return "", err == nil
	}
	return p.String(), true
}

func driftPolicy(raw string) (string, bool) {
	p, err := drift.Parse(raw)
	if err != nil || p.Corrects() {
		return "", err == nil
	}
	var out []string
	for _, g := range drift.Groups {
		out = append(out, string(g)+"="+string(p.Of(g)))
	}
	return strings.Join(out, ","), true
}

func consentPolicy(raw string) (string, bool) {
	on, err := strconv.ParseBool(raw)
	if err != nil || !on {
		return "", err == nil
	}
	return "true", true
}

func listPolicy(raw string) (string, bool) {
	var out []string
	for item := range strings.SplitSeq(raw, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ","), true
}
