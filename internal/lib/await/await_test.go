package await

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// failing records the failure of a test that waits in vain.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, _ ...any) {
	f.text = format
	panic(f)
}

func TestUntilWaitsForTheCondition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, n := time.Now(), 0
		Until(t, "the third look", func() bool { n++; return n == 3 })
		Equal(t, "looks", func() int { n++; return n }, 6)
		if took := time.Since(began); took != 4*time.Millisecond {
			t.Errorf("six looks took %s", took)
		}
	})
}

func TestAWaitInVainFailsTheTest(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(testing.TB){
		"until": func(t testing.TB) { Until(t, "nothing", func() bool { return false }) },
		"equal": func(t testing.TB) { Equal(t, "nothing", func() int { return 1 }, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began, f := time.Now(), &failing{TB: t}
				defer func() {
					if recover() != any(f) || !strings.Contains(f.text, "within") || time.Since(began) < limit {
						t.Errorf("%q after %s", f.text, time.Since(began))
					}
				}()
				wait(f)
			})
		})
	}
}
