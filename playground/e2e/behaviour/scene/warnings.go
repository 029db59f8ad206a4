package scene

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// components are the names under which the controller tells events; others, such as the scheduler, tell theirs.
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

// Change applies objects that Apply has brought before, in another version; the end of the test removes them as Apply said.
func Change(t testing.TB, c *harness.Cluster, manifests string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "change.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "apply", "-f", path)
}
