package networking

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// TestPlacesOfBindingsTakeTurnsByNamespace shows whose turns the look-ups for a binding take.
func TestPlacesOfBindingsTakeTurnsByNamespace(t *testing.T) {
	t.Parallel()
	r := New(Options{Now: time.Now, Inventory: inventory.New(awsclient.Clients{}, inventory.Config{})})
	for _, id := range []string{"mal/web", drain{"mal/web", registrar.Group{ARN: "arn:aws:x/y"}}.String()} {
		if got := r.bindings.Tenant(id); got != "mal" {
			t.Errorf("%s is of %q", id, got)
		}
	}
}
