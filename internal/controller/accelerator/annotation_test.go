package accelerator

import (
	"strings"
	"testing"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
)

// TestMisspeltDeletionProtectionIsTold has the event of an accelerator whose key would protect nothing.
func TestMisspeltDeletionProtectionIsTold(t *testing.T) {
	t.Parallel()
	w := example(t)
	w.edit(func(ga *agav1beta1.GlobalAccelerator) {
		ga.Annotations = map[string]string{"aga.k8s.aws/deletion-protecton": "true"}
	})
	w.settle()
	if told := w.told(); !strings.Contains(told, "did you mean aga.k8s.aws/deletion-protection?") {
		t.Errorf("events: %s", told)
	}
}
