package longtest

import (
	"testing"
	"time"
)

// Pause waits for real time. It is for tests of what time itself does, such as that nothing happens for a while; all others wait
// for a condition.
func Pause(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// patience is how long Until waits: far longer than a condition takes on a machine that is busy.
const patience = 3 * time.Minute

// Until waits until the condition holds. what names the condition in the failure.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !condition() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}
