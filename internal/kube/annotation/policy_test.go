package annotation

import (
	"testing"
)

func TestPolicyValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key        Key
		raw, value string
		valid      bool
	}{
		{Ownership, "managed", "", true}, {Ownership, "observed", "observed", true}, {Ownership, "manged", "manged", false},
		{Ownership, "", "", false},
		{ServiceExistingLoadBalancer, "platform", "platform", true}, {ServiceExistingLoadBalancer, "a b", "a b", false},
		{GatewayExisting, "", "", true},
		{ApprovedPlan, "none", "none", true}, {ApprovedPlan, "0123456789abcdef", "0123456789abcdef", true},
		{ApprovedPlan, "non", "non", false},
		{DeletionPolicy, "Delete", "", true}, {DeletionPolicy, "Retain", "Retain", true},
		{DeletionPolicy, "Keep", "Keep", false},
		{ReplacementPolicy, "allow", "", true}, {ReplacementPolicy, "refuse, except=b,except=a", "refuse,except=a,except=b",
			true}, {ReplacementPolicy, "allow,keep=1h", "allow,keep=1h0m0s", true},
		{ReplacementPolicy, "deny", "", false},
		{DriftPolicy, "correct", "", true}, {DriftPolicy, "tag=ignore", "", false},
		{DriftPolicy, "tags=ignore",
			"rules=correct,listeners=correct,load-balancer=correct,tags=ignore,security-group-rules=correct,target-groups=correct", true},
		{AllowDeletion, "true", "true", true}, {AllowDeletion, "false", "", true}, {AllowDeletion, "yes", "", false},
		{DeleteDuplicates, " b,a,,b ", "a,b", true}, {DeleteDuplicates, "", "", true},
	} {
		if value, valid := Policy(c.key, c.raw); value != c.value || valid != c.valid {
			t.Errorf("%s: %q is %q, valid %v", c.key, c.raw, value, valid)
		}
	}
}
