package plan

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// widerSlowly is wider by trying everything.
func widerSlowly(p, q string) bool {
	switch {
	case p == "":
		return q == ""
	case p[0] == '*':
		return widerSlowly(p[1:], q) || q != "" && widerSlowly(p, q[1:])
	case q == "":
		return false
	}
	return (p[0] == q[0] || p[0] == '?' && q[0] != '*') && widerSlowly(p[1:], q[1:])
}

func TestAPatternIsWiderWhereTryingEverythingSaysSo(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same cases each time
	text := func() string {
		b := make([]byte, r.IntN(7))
		for i := range b {
			b[i] = "aab*?"[r.IntN(5)]
		}
		return string(b)
	}
	wide := 0
	for range 200_000 {
		p, q := text(), text()
		want := widerSlowly(p, q)
		if want {
			wide++
		}
		if wider(p, q) != want {
			t.Fatalf("wider(%q, %q) = %v", p, q, !want)
		}
	}
	if wide < 1000 {
		t.Errorf("only %d pairs are wider: the cases prove little", wide)
	}
}

func TestPatternsThatUsersWriteDoNotHoldUpAPlan(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	if wider("*a*a*a*a*a*a*b", strings.Repeat("a", 120)) {
		t.Error("what lacks the end is matched")
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("comparing two patterns took %s", took)
	}
}
