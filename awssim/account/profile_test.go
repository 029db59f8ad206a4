package account

import (
	"testing"
	"time"
)

func TestProfilesAreFoundByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"instant", "fast", "real"} {
		if p, err := ProfileByName(name); err != nil || p.Name != name {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := ProfileByName("slow"); err == nil || err.Error() != `profile "slow" does not exist: use one of fast, instant, real` {
		t.Errorf("got %v", err)
	}
	if got := Fast().DrainFor(300 * time.Second); got != 100*time.Millisecond {
		t.Errorf("fast drains %s", got)
	}
	if got := Real().DrainFor(300 * time.Second); got != 300*time.Second {
		t.Errorf("real drains %s", got)
	}
}
