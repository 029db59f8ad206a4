package survey

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/definition"
)

// TestOwnDefinitionsAreRead: a definition that is not read would be reported as missing.
func TestOwnDefinitionsAreRead(t *testing.T) {
	t.Parallel()
	for name := range definition.Own() {
		if !slices.ContainsFunc(groups, func(g string) bool { return strings.HasSuffix(name, g) }) {
			t.Errorf("definition %s is not read", name)
		}
	}
}
