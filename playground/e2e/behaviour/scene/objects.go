package scene

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// components are the sources of the controller's events; others, such as the scheduler, have their own.
var components = []string{"ingress", "service", "targetGroupBinding"}

// Warnings are the controller's distinct Warning events in a namespace: "Kind name reason: message".
func Warnings(t testing.TB, c *harness.Cluster, namespace string) []string {
	t.Helper()
	list, err := c.Client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list.Items {
		if slices.Contains(components, e.Source.Component) {
			all = append(all, fmt.Sprintf("%s %s %s: %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Change applies objects that Apply has brought before, in another version; the end of the test removes them as it does
// those of Apply.
func Change(t testing.TB, c *harness.Cluster, manifests string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "change.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "apply", "-f", path)
}

// Query is what kubectl prints, without the API server's warnings about old kinds and without space around it.
func Query(t testing.TB, c *harness.Cluster, args ...string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(c.Kubectl(t, args...)) {
		if !strings.HasPrefix(line, "Warning:") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}

// Successes is how often an Ingress was reported as reconciled, which is once at the end of each pass that changed
// something.
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

// WaitSuccess waits until an Ingress was reported as reconciled more often than before, which is the end of the pass
// that an edit brought: what the pass writes may be seen in the account, and in answers, before that. It returns the
// number of reports.
func WaitSuccess(t testing.TB, c *harness.Cluster, namespace, name string, before int) (now int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("the end of the pass over Ingress %s/%s", namespace, name), func(context.Context) error {
		if now = Successes(t, c, namespace, name); now <= before {
			return fmt.Errorf("it was reported %d times, as before", now)
		}
		return nil
	})
	return now
}
