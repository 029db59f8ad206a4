package survey

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

func TestLackedActionIsAsBadAsTheNeedForIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sid, action string
		want        doctor.Severity
	}{
		{"Read", "ec2:DescribeSubnets", doctor.Error},
		{"Read", "acm:ListCertificates", doctor.Warning},
		{"AddOns", "wafv2:ListWebACLs", doctor.Note},
	} {
		if got := lack("arn:aws:iam::1:role/lbc", c.sid, c.action, "*", false).Severity; got != c.want {
			t.Errorf("%s: %s, want %s", c.action, got, c.want)
		}
	}
}
