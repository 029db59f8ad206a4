package restart

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestNewProcessClosesPortsOfDeletedIngress deletes an Ingress when a process begins that has checkpoints: it has not
// found the security group of the pods yet, which lacks the cluster's tag, so that no later look finds rules there.
func TestNewProcessClosesPortsOfDeletedIngress(t *testing.T) {
	t.Parallel()
	l := lab.RestLab(t)
	l.CreateRest()
	l.PassWith(15*time.Minute, lab.RestKeys...)
	rules := func() (out []string) {
		for part := range l.Parts() {
			if strings.HasPrefix(part, "group pods admits ") {
				out = append(out, part)
			}
		}
		return out
	}
	if len(rules()) != 1 {
		t.Fatalf("rules of the pods' group: %v", rules())
	}
	l.Checkpointed = true
	l.Restart()
	l.PassWith(3*time.Minute, lab.RestKeys...)
	l.Crash()
	l.Restart()
	l.Drop(lab.Ingress("login", nil), "login")
	l.PassWith(20*time.Minute, lab.RestKeys...)
	if left := rules(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
