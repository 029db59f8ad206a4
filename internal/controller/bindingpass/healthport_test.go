package bindingpass

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// TestHealthPortsAreSweptNowAndThen shows that not each put visits all of them, and that none stays for long.
func TestHealthPortsAreSweptNowAndThen(t *testing.T) {
	t.Parallel()
	var h healthPorts
	begun := time.Unix(1000, 0)
	for n, c := range []struct {
		after time.Duration
		stay  int
	}{{0, 1}, {6 * time.Minute, 2}, {10*time.Minute + time.Second, 3}, {11*time.Minute + time.Second, 3}} {
		h.put(registrar.Group{ARN: fmt.Sprint(n)}, healthPort{at: begun.Add(c.after)})
		if len(h.of) != c.stay {
			t.Errorf("%d ports after %v, want %d", len(h.of), c.after, c.stay)
		}
	}
}
