package waiting

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// board is a Board with a clock, and a list of what it woke.
func board() (b *Board, pass func(time.Duration), wake func(string) Wake, woken func() []string) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []string
	wake = func(name string) Wake {
		return func(after time.Duration, ended bool) {
			line := fmt.Sprint(name, " ", after)
			if !ended {
				line = "look at " + line
			}
			all = append(all, line)
		}
	}
	woken = func() []string { out := all; all = nil; return out }
	return NewBoard(func() time.Time { return now }), func(d time.Duration) { now = now.Add(d) }, wake, woken
}

func TestAgeIsThatOfTheOldest(t *testing.T) {
	t.Parallel()
	b, pass, _, _ := board()
	start := b.now()
	b.Begin(Stacks, "a") // its pass hangs
	pass(time.Minute)
	b.Waits(Stacks, "b", time.Time{}, nil, nil)
	b.Waits(Deletions, "b", start.Add(-time.Hour), nil, nil)
	pass(time.Minute)
	b.Waits(Stacks, "b", time.Time{}, nil, nil) // failed again
	for _, x := range []struct {
		what   What
		n      int
		oldest time.Duration
	}{{Stacks, 2, 2 * time.Minute}, {Deletions, 1, 62 * time.Minute}, {Bindings, 0, 0}} {
		if n, oldest := b.Waiting(x.what); n != x.n || oldest != x.oldest {
			t.Errorf("%s: %d, %s", x.what, n, oldest)
		}
	}
	b.Ends(Stacks, "a")
	if n, oldest := b.Waiting(Stacks); n != 1 || oldest != time.Minute {
		t.Errorf("%d, %s", n, oldest)
	}
	var none *Board
	none.Begin(Stacks, "a")
	none.Waits(Stacks, "a", time.Time{}, nil, nil)
	none.Ends(Stacks, "a")
	none.Wake(diag.Denied)
	none.Probe(diag.Denied)
}

func TestWakingIsPacedAndProbesTakeTurns(t *testing.T) {
	t.Parallel()
	b, pass, wake, woken := board()
	for _, name := range []string{"a", "b", "c"} {
		b.Waits(Stacks, name, time.Time{}, []diag.Class{diag.Denied, diag.Transient}, wake(name))
		pass(time.Second)
	}
	b.Waits(Bindings, "d", time.Time{}, []diag.Class{diag.Credentials}, wake("d"))
	b.Begin(Stacks, "e")
	b.Wake(diag.Denied)
	if d := cmp.Diff([]string{"a 0s", "b 50ms", "c 100ms"}, woken()); d != "" {
		t.Error(d)
	}
	for range 4 {
		pass(time.Minute)
		b.Probe(diag.Denied)
	}
	if d := cmp.Diff([]string{"look at a 0s", "look at b 0s", "look at c 0s", "look at a 0s"}, woken()); d != "" {
		t.Error(d)
	}
}

func TestWhatOnlyAnEditCuresDoesNotWait(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		note   Note
		failed diag.Class
		waits  bool
	}{
		"nothing":              {},
		"a note":               {note: Note{Found: diag.List{{Class: diag.Note}}}},
		"invalid":              {note: Note{Found: diag.List{{Class: diag.Invalid}}, Unfinished: true}, failed: diag.Invalid},
		"missing object":       {note: Note{Found: diag.List{{Class: diag.NotFound}}, Unfinished: true}},
		"invalid and denied":   {note: Note{Found: diag.List{{Class: diag.Invalid}, {Class: diag.Denied}}}, waits: true},
		"an error alone":       {failed: diag.Transient, waits: true},
		"a step waits for AWS": {note: Note{Unfinished: true}, waits: true},
	} {
		if _, waits := x.note.Classes(x.failed); waits != x.waits {
			t.Errorf("%s: %t", name, waits)
		}
	}
}

func TestTimeOnHoldDoesNotCount(t *testing.T) {
	t.Parallel()
	b, pass, _, _ := board()
	began := b.now()
	for _, step := range []struct {
		reason diag.Code
		want   time.Duration
	}{{"", time.Hour}, {diag.PlanOnHold, 0}, {diag.PlanOnHold, 0}, {"", time.Hour}, {"", 2 * time.Hour}} {
		b.WaitsToGo("a", began, step.reason)
		pass(time.Hour)
		if n, oldest := b.Waiting(Deletions); n != 1 || oldest != step.want {
			t.Errorf("reason %q: %d deletions wait for %s, not %s", step.reason, n, oldest, step.want)
		}
	}
}
