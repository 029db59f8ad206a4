package bindingpass

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

func TestFirstListingIsLookedForSoonThenSeldom(t *testing.T) {
	t.Parallel()
	var m memory
	o := &v1beta1.TargetGroupBinding{}
	for n, want := range []time.Duration{2 * time.Second, 6 * time.Second, 15 * time.Second, 15 * time.Second} {
		if got := m.awaitListing(o, 15*time.Second); got != want {
			t.Errorf("pause %d: %s, want %s", n, got, want)
		}
	}
}
