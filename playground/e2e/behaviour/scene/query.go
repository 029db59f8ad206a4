package scene

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

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
