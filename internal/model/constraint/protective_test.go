package constraint

import "testing"

// TestValuesBeyondTheDefaultProtect has values of each protective attribute up to AWS's default, beyond it, and unknown
// ones.
func TestValuesBeyondTheDefaultProtect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, value string
		want       bool
	}{
		{"deletion_protection.enabled", "false", false}, {"deletion_protection.enabled", "true", true},
		{"routing.http.drop_invalid_header_fields.enabled", "false", false},
		{"routing.http.drop_invalid_header_fields.enabled", "true", true},
		{"routing.http.desync_mitigation_mode", "monitor", false},
		{"routing.http.desync_mitigation_mode", "defensive", false},
		{"routing.http.desync_mitigation_mode", "strictest", true},
		{"routing.http.xff_header_processing.mode", "preserve", false},
		{"routing.http.xff_header_processing.mode", "append", false},
		{"routing.http.xff_header_processing.mode", "remove", true},
		{"waf.fail_open.enabled", "true", false}, {"waf.fail_open.enabled", "false", false},
		{"ipv6.deny_all_igw_traffic", "false", false}, {"ipv6.deny_all_igw_traffic", "true", true},
		{"deletion_protection.enabled", "yes", true}, {"idle_timeout.timeout_seconds", "1", false},
	} {
		if got := Protects(c.key, c.value); got != c.want {
			t.Errorf("%s=%s: %t", c.key, c.value, got)
		}
	}
}
