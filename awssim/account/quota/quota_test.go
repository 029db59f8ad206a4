package quota

import (
	"strings"
	"testing"
)

func TestQuotasHaveAWSsDefaultsUntilTheyAreSet(t *testing.T) {
	t.Parallel()
	var a Limits
	seen := map[string]bool{}
	for _, q := range a.AllQuotas() {
		if seen[q.Name] || q.Service == "" || q.Value != q.Default {
			t.Errorf("quota %+v is a duplicate, is unused, or is not at its default", q)
		}
		seen[q.Name] = true
	}
	if got := a.Quota("rules-per-security-group"); got != 60 {
		t.Errorf("a group takes %d rules, want 60", got)
	}
	if err := a.SetQuota("rules-per-security-group", 0); err != nil || a.Quota("rules-per-security-group") != 0 {
		t.Errorf("set to nothing: %v, %d", err, a.Quota("rules-per-security-group"))
	}
	if err := a.SetQuota("lunches-per-day", 1); err == nil || !strings.Contains(err.Error(), "rules-per-security-group") {
		t.Errorf("an unknown name: %v, want an error that lists the known ones", err)
	}
	if err := a.SetQuota("vpcs", -1); err == nil {
		t.Error("a negative quota was taken")
	}
}
