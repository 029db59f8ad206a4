package restart

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestDeletionFindsGroupThatListLacks deletes an Ingress while AWS lists no security groups.
func TestDeletionFindsGroupThatListLacks(t *testing.T) {
	t.Parallel()
	l := lab.RestLab(t)
	l.CreateRest()
	l.PassWith(15*time.Minute, lab.RestKeys...)
	l.Restart()
	l.Misread("ec2:DescribeSecurityGroups", "empty", 0)
	l.Drop(lab.Ingress("login", nil), "login")
	l.PassWith(3*time.Minute, lab.RestKeys...)
	l.Sim.Gate.ClearFaults()
	l.Reread()
	l.PassWith(17*time.Minute, lab.RestKeys...)
	for part := range l.Parts() {
		if strings.HasPrefix(part, "group k8s-shop-login-") {
			t.Errorf("left: %s", part)
		}
	}
}
