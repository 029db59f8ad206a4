package networking

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// TestDrainThatHangsDelaysNoOtherNamespace has a look under way while those of two namespaces are due.
func TestDrainThatHangsDelaysNoOtherNamespace(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	d := &Drains{now: func() time.Time { return now }, due: map[drain]*drainLook{}, looking: map[string]bool{}}
	for i, binding := range []string{"mal/a", "mal/b", "shop/web"} {
		d.due[drain{binding, registrar.Group{ARN: binding}}] = &drainLook{at: now.Add(time.Duration(i) * time.Second),
			until: now.Add(time.Hour)}
	}
	now = now.Add(time.Minute)
	next := func() string { x, _, _ := d.next(); return x.binding }
	if first, second, third := next(), next(), next(); first != "mal/a" || second != "shop/web" || third != "" {
		t.Errorf("looks at %q, %q, %q", first, second, third)
	}
	d.looked(drain{binding: "mal/a"})
	if again := next(); again != "mal/b" {
		t.Errorf("then at %q", again)
	}
}
