package restart

import (
	"fmt"
	"runtime"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mostOfRestart is what a restart may allocate for an Ingress with a load balancer of its own.
const mostOfRestart = 300 << 10

// TestRestartCostsLittlePerIngress counts what the first pass over all Ingresses allocates after a restart with
// checkpoints. It includes the test's API server, and the AWS that answers the lists.
func TestRestartCostsLittlePerIngress(t *testing.T) { // not parallel: it counts bytes
	var points []growth.Point
	for _, n := range []int{10, 40, 160} {
		objects, keys := []client.Object{lab.Class()}, make([]stack.Key, n)
		for i := range n {
			name := fmt.Sprint("web-", i)
			objects = append(objects, lab.Service(name), lab.Ingress(name, nil, name))
			keys[i] = lab.Key(name)
		}
		l := lab.NewKeeper(t, objects...)
		l.Settle(keys...)
		l.Crash()
		mark := l.Mark()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l.Restart()
		_, err := l.Round(keys...)
		runtime.ReadMemStats(&after)
		l.Must(err)
		if w := l.Writes(mark); len(w) > 0 {
			t.Errorf("%d Ingresses: the restart wrote %v", n, w)
		}
		points = append(points, growth.Point{N: n, Cost: float64(after.TotalAlloc-before.TotalAlloc) / float64(n)})
	}
	growth.Log(t, "bytes per Ingress", points)
	if last := points[len(points)-1]; last.Cost > mostOfRestart {
		t.Errorf("a restart allocates %.0f KB per Ingress, want at most %d: %v", last.Cost/1024, mostOfRestart>>10, points)
	}
}
