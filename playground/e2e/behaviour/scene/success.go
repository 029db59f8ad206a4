package scene

import (
	"context"
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// Successes is how often an Ingress was told that its wishes are in effect, which is once at the end of each pass that changed something.
func Successes(t testing.TB, c *harness.Cluster, namespace, name string) int {
	t.Helper()
	n := 0
	for _, e := range c.Events(t, "Ingress", namespace, name) {
		if e.Reason == "SuccessfullyReconciled" {
			n += int(e.Count)
		}
	}
	return n
}

// WaitSuccess waits until an Ingress was told more often than before, so that the pass that an edit brought has come to its end: what
// it writes may be seen in the account, and in answers, before that. It returns how often the Ingress was told.
func WaitSuccess(t testing.TB, c *harness.Cluster, namespace, name string, before int) (now int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("the end of the pass over Ingress %s/%s", namespace, name), func(context.Context) error {
		if now = Successes(t, c, namespace, name); now <= before {
			return fmt.Errorf("it was told %d times, as before", now)
		}
		return nil
	})
	return now
}
