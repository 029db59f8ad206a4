package accounts

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/lab/failedread"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// roleReads are the reads that a binding of another account needs, with the account that answers them.
var roleReads = map[string]bool{"sts:AssumeRole": false, "sts:GetCallerIdentity": false,
	"elasticloadbalancing:DescribeTargetGroups": true, "elasticloadbalancing:DescribeTargetHealth": true}

// roleWays are the ways in which they fail. Failures after which a call is tried again are not among them: the pause
// before that lasts until the lab's clock goes on, which waits for the round.
var roleWays = []string{"denied", "empty", "expired", "partial"}

// TestFailedRoleTakesNoTargetAway has each read for a binding of another account fail in each way, in a new process,
// while a pod comes: the target that stays is registered all the time, and the new one once the read works again.
func TestFailedRoleTakesNoTargetAway(t *testing.T) {
	tries := sample.OneOf(3)
	for _, permission := range slices.Sorted(maps.Keys(roleReads)) {
		for _, way := range roleWays {
			if !tries.Next() {
				continue
			}
			other := roleReads[permission]
			t.Run(fmt.Sprintf("%s %s", permission, way), func(t *testing.T) {
				l := accountsLab(t, "*")
				b := otherBinding(l, "bound")
				l.Create(b)
				l.Settle()
				wantOther(l, b.Spec.TargetGroupARN, "10.0.128.50 all")
				sim := l.Sim.Gate
				if other {
					sim = l.Other().Gate
				}
				fault, _ := failedread.Fault(permission, way)
				_, err := sim.AddFault(fault)
				l.Must(err)
				l.Restart()
				l.Scale("web", "10.0.128.50", "10.0.128.51")
				for range 3 {
					_, _ = l.Round()
					l.Clock.Advance(10 * time.Second)
					if !slices.Contains(otherTargets(l, b.Spec.TargetGroupARN), "10.0.128.50 all") {
						t.Error("10.0.128.50 is deregistered")
					}
				}
				sim.ClearFaults()
				l.Clock.Advance(time.Minute)
				l.Settle()
				wantOther(l, b.Spec.TargetGroupARN, "10.0.128.50 all", "10.0.128.51 all")
			})
		}
	}
}
