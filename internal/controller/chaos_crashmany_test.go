package controller

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// crashesOfAStage is how many crashes a plain run tries in each stage of the varied cluster's life, with one kind of checkpoints each.
const crashesOfAStage = 4

// TestACrashAtAnyCallOfAVariedLifeEndsWhereAnUninterruptedRunDoes ends the process before calls to AWS in each stage of a life in which
// each operation is called; the next process goes on.
func TestACrashAtAnyCallOfAVariedLifeEndsWhereAnUninterruptedRunDoes(t *testing.T) {
	t.Parallel()
	accounts, calls := uninterrupted(t)
	kinds := slices.Sorted(maps.Keys(crashLeavings))
	crashes := oneOf(4)
	for stage := range lifeOfMany {
		for n := range calls[stage] {
			for k, kind := range kinds {
				if apart := max(1, calls[stage]/crashesOfAStage); !everyFault && (n%apart != apart/2 || (n/apart+stage)%len(kinds) != k) || !crashes.Next() {
					continue
				}
				t.Run(fmt.Sprintf("%s, call %d, %s", lifeOfMany[stage].name, n, kind), func(t *testing.T) {
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
	l := manyLab(t, false)
	for _, stage := range lifeOfMany {
		stage.does(l)
		var made atomic.Int32
		l.beforeCall(func(context.Context) error { made.Add(1); return nil })
		l.manyWait(time.Minute)
		l.beforeCall(nil)
		l.manyWait(14 * time.Minute)
		accounts, calls = append(accounts, l.account()), append(calls, int(made.Load()))
	}
	return accounts, calls
}

// crashOfMany ends a process before its n-th call in a stage, and compares the account in the end of this and the following stages
// with that of an uninterrupted run.
func crashOfMany(t *testing.T, accounts []string, at, n int, leave func(*lab, *rand.Rand)) {
	t.Helper()
	l := manyLab(t, leave != nil)
	for i, stage := range lifeOfMany {
		if i != at {
			stage.does(l)
			l.manyWait(15 * time.Minute)
			if i > at {
				l.judgeAccount(stage.name, accounts[i])
			}
			continue
		}
		if leave != nil {
			l.crash()
		}
		stage.does(l)
		l.endAtCall(n, 60, time.Second, manyKeys...)
		if leave != nil {
			leave(l, rand.New(rand.NewPCG(uint64(n), 7))) //nolint:gosec // nothing to guess
		}
		from := len(l.events)
		l.restart()
		l.manyWait(15 * time.Minute)
		l.judgeAccount(stage.name, accounts[i])
		if warned := l.troubles(from); len(warned) > 0 {
			t.Errorf("%s: after the crash it warns: %v", stage.name, warned)
		}
	}
	if rules := l.admitted(labNodeGroup); len(rules) > 1 { // the binding of the user's stays
		t.Errorf("in the end the rules %v are left", rules)
	}
}

// judgeAccount compares the account with another after the same stage.
func (l *lab) judgeAccount(stage, want string) {
	l.Helper()
	if d := strings.Join(withoutRecords(strings.Split(linesApart(l.account(), want), "\n")), "\n"); d != "" {
		l.Fatalf("%s: the account (+) is not as without trouble (-):\n%s\n%s", stage, d, strings.Join(l.events, "\n"))
	}
}
