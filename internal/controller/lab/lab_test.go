package lab_test

import (
	"runtime"
	"strconv"
	"sync"
	"testing"
	"weak"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestLabIsFreedWhenItsTestEnds counts the labs of ended subtests that are still in memory while their parent runs on.
func TestLabIsFreedWhenItsTestEnds(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ended []weak.Pointer[lab.Lab]
	checked := 0
	t.Run("subtests", func(t *testing.T) {
		for i := range 4 * runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				var own weak.Pointer[lab.Lab]
				t.Cleanup(func() { // after those of the lab
					mu.Lock()
					defer mu.Unlock()
					ended = append(ended, own)
				})
				l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
				l.Settle(lab.Key("web"))
				own = weak.Make(l)
				mu.Lock()
				defer mu.Unlock()
				if len(ended) < 2 { // the newest may just be about to return
					return
				}
				runtime.GC()
				checked++
				for n, earlier := range ended[:len(ended)-1] {
					if earlier.Value() != nil {
						t.Errorf("the lab of the %dth subtest that ended is in memory", n+1)
					}
				}
			})
		}
	})
	if checked == 0 {
		t.Skip("all subtests ran at once")
	}
}
