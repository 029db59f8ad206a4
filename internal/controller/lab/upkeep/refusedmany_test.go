package upkeep

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRefusedObjectsAreTriedLessAndLess has a namespace declare many load balancers that AWS refuses. The calls that
// are left for others are those that its attempts do not use.
func TestRefusedObjectsAreTriedLessAndLess(t *testing.T) {
	t.Parallel()
	const many = 20
	objects := []client.Object{lab.Class(), lab.Service("web"), lab.Ingress("good", nil, "web")}
	var keys []stack.Key
	for n := range many {
		name := fmt.Sprintf("bad%d", n)
		objects, keys = append(objects, lab.Ingress(name, nil, "web")), append(keys, lab.Key(name))
	}
	l := lab.New(t, account.Profile{}, objects...)
	l.Fault(gate.Fault{Action: "CreateLoadBalancer", Resource: "k8s-shop-bad", Code: "InvalidConfigurationRequest",
		Message: "no", Status: 400})
	l.Settle(lab.Key("good"))
	l.PassWith(30*time.Minute, keys...)
	mark := l.Mark()
	l.PassWith(30*time.Minute, keys...)
	calls := l.Sim.Gate.Calls(gate.Filter{After: mark})
	if most := many + 10; len(calls) > most { // one call of each object, and the reads that all share
		count := map[string]int{}
		for _, c := range calls {
			count[c.Action]++
		}
		t.Errorf("%d calls in half an hour, want %d at most: %v", len(calls), most, count)
	}
	before := l.Mark()
	l.Annotate("good", "load-balancer-attributes", "idle_timeout.timeout_seconds=100")
	if _, err := l.Ingresses.Reconcile(t.Context(), lab.Key("good")); err != nil {
		t.Error(err)
	}
	if writes := l.Writes(before); !slices.Contains(writes, "ModifyLoadBalancerAttributes") {
		t.Errorf("the edit of another object: %s", strings.Join(writes, " "))
	}
}
