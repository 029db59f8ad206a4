package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// crashesOfAStage is how many crashes a plain run tries in each stage of the varied cluster's life, with one kind of
// checkpoints each.
const crashesOfAStage = 4

// TestCrashAtAnyCallOfVariedLifeConverges ends the process before calls to AWS in each stage of
// a life in which each operation is called; the next process goes on.
func TestCrashAtAnyCallOfVariedLifeConverges(t *testing.T) {
	t.Parallel()
	accounts, calls := uninterrupted(t)
	kinds := slices.Sorted(maps.Keys(crashLeavings))
	crashes := sample.OneOf(4)
	for stage := range lab.LifeOfMany {
		for n := range calls[stage] {
			for k, kind := range kinds {
				if apart := max(1, calls[stage]/crashesOfAStage); n%apart != apart/2 ||
					(n/apart+stage)%len(kinds) != k || !crashes.Next() {
					continue
				}
				t.Run(fmt.Sprintf("%s, call %d, %s", lab.LifeOfMany[stage].Name, n, kind), func(t *testing.T) {
					t.Parallel()
					crashOfMany(t, accounts, stage, n, crashLeavings[kind])
				})
			}
		}
	}
}

// uninterrupted is the account after each stage, and how many calls a process makes in it.
func uninterrupted(t *testing.T) (accounts []string, calls []int) {
	t.Helper()
	l := lab.ManyLab(t, false)
	for _, stage := range lab.LifeOfMany {
		stage.Does(l)
		var made atomic.Int32
		l.BeforeCall(func(context.Context) error { made.Add(1); return nil })
		l.ManyWait(time.Minute)
		l.BeforeCall(nil)
		l.ManyWait(14 * time.Minute)
		accounts, calls = append(accounts, l.Account()), append(calls, int(made.Load()))
	}
	return accounts, calls
}

// crashOfMany ends a process before its n-th call in a stage, and compares the account in the end of this and the
// following stages with that of an uninterrupted run.
func crashOfMany(t *testing.T, accounts []string, at, n int, leave func(*lab.Lab, *rand.Rand)) {
	t.Helper()
	l := lab.ManyLab(t, leave != nil)
	for i, stage := range lab.LifeOfMany {
		if i != at {
			stage.Does(l)
			l.ManyWait(15 * time.Minute)
			if i > at {
				l.JudgeAccount(stage.Name, accounts[i])
			}
			continue
		}
		if leave != nil {
			l.Crash()
		}
		stage.Does(l)
		l.EndAtCall(n, 60, time.Second, lab.ManyKeys...)
		if leave != nil {
			leave(l, rand.New(rand.NewPCG(uint64(n), 7)))
		}
		from := len(l.Events)
		l.Restart()
		l.ManyWait(15 * time.Minute)
		l.JudgeAccount(stage.Name, accounts[i])
		if warned := l.Troubles(from); len(warned) > 0 {
			t.Errorf("%s: after the crash it warns: %v", stage.Name, warned)
		}
	}
	if rules := l.Admitted(lab.NodeGroup); len(rules) > 1 { // the binding of the user's stays
		t.Errorf("in the end the rules %v are left", rules)
	}
}
