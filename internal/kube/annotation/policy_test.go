package annotation

import (
	"os"
	"strings"
	"testing"
)

// TestPageHasRowOfEachAnnotation reads what docs/shared/annotations.md says of each annotation in a group. A new
// annotation needs a row there.
func TestPageHasRowOfEachAnnotation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/shared/annotations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if key, ok := strings.CutPrefix(strings.TrimSpace(cells[min(1, len(cells)-1)]), "`"); ok && len(cells) == 4 {
			rows[strings.TrimSuffix(key, "`")] = strings.TrimSpace(cells[2])
		}
	}
	for _, e := range Entries() {
		row, ok := rows[string(e.Key)]
		isPolicy := policies[e.Key] != nil
		switch {
		case !ok:
			t.Errorf("docs/shared/annotations.md has no row for %s: whom does it concern in a group?", e.Key)
		case (row == "policy") != (isPolicy && e.Scope != OnGateway):
			t.Errorf("%s: the row says %q, and it is a policy: %v", e.Key, row, isPolicy)
		case e.Merge != "" && row == "a member's own":
			t.Errorf("%s: the row says %q, and its values are merged: %s", e.Key, row, e.Merge)
		case e.Merge == "" && e.Scope != OnGateway && e.Scope != OnService && strings.HasPrefix(row, "shared"):
			t.Errorf("%s: the row says %q, and Merge is empty", e.Key, row)
		}
	}
}

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
