package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// undisturbed is the account after each stage of the life of a varied cluster, with the IAM actions of its calls.
func undisturbed(t *testing.T) (accounts []string, called []string) {
	t.Helper()
	l := lab.ManyLab(t, false)
	mark := l.Mark()
	for _, stage := range lab.LifeOfMany {
		stage.Does(l)
		l.ManyWait(15 * time.Minute)
		accounts = append(accounts, l.Account())
		if told := l.Troubles(0); len(told) > 0 {
			t.Fatalf("%s: %v", stage.Name, told)
		}
	}
	return accounts, l.Called(mark)
}

// TestEachOperationInTurnMayBeDeniedFailOrBeThrottled has one operation trouble a varied cluster for a while in each
// stage of its life. The trouble is told, costs few calls, keeps no user's binding from its targets, and leaves nothing
// when it is over.
func TestEachOperationInTurnMayBeDeniedFailOrBeThrottled(t *testing.T) {
	t.Parallel()
	accounts, called := undisturbed(t)
	judgeCoverage(t, called)
	faults := map[string]func(permission string) gate.Fault{
		"denied":    lab.Denying,
		"failing":   func(string) gate.Fault { return gate.Fault{Code: "InternalFailure", Status: 500} },
		"unheard":   func(string) gate.Fault { return gate.Fault{Lose: true} },
		"throttled": func(string) gate.Fault { return gate.Fault{Kind: "throttled"} },
	}
	troubles := sample.OneOf(13) // of each kind one, as twelve in a row have the same kinds as the next
	for n, permission := range called {
		for _, kind := range slices.Sorted(maps.Keys(faults)) {
			if another := []string{"failing", "", "unheard", "", "throttled", "", "", "", ""}[n%9]; kind != "denied" && kind != another {
				continue // each operation is denied in every run, and every third has another trouble
			}
			if !troubles.Next() {
				continue
			}
			fault := faults[kind](permission)
			t.Run(permission+" "+kind, func(t *testing.T) {
				t.Parallel()
				l := lab.ManyLab(t, false)
				fault.Service, fault.Action, _ = strings.Cut(permission, ":")
				for n, stage := range lab.LifeOfMany {
					fault.ID = fmt.Sprint("stage", n)
					_, err := l.Sim.Gate.AddFault(fault)
					l.Must(err)
					mark, from := l.Mark(), len(l.Events)
					stage.Does(l)
					l.ManyWait(10 * time.Minute)
					judgeTrouble(l, stage.Name, permission, kind, mark, from)
					l.Sim.Gate.ClearFaults()
					l.ManyWait(15 * time.Minute)
					l.JudgeAccount(stage.Name, accounts[n])
				}
			})
		}
	}
}

// judgeTrouble holds that ten minutes of trouble with an operation are calm and told.
func judgeTrouble(l *lab.Lab, stage, permission, kind string, mark uint64, from int) {
	l.Helper()
	total, _ := l.Counts(mark)
	by := l.Permissions(mark)
	_, action, _ := strings.Cut(permission, ":")
	most := 250
	// each of nine units is worth an attempt every quarter of a minute; the limiter paces them
	if kind == "throttled" || action == "DescribeTargetHealth" {
		most = 500
	}
	if total > 3*most || by[permission] > most {
		l.Errorf("%s: %d calls in ten minutes, %d of them in vain: %v", stage, total, by[permission], by)
	}
	said := strings.Join(l.Events[from:], "\n")
	if kind == "denied" && by[permission] > 0 && !strings.Contains(said, permission) && !lab.Silent[action] &&
		!lab.Silent[stage+" "+action] {
		l.Errorf("%s: no event names %s:\n%s", stage, permission, said)
	}
	for object, texts := range l.Warnings(from) {
		if len(texts) > 4 {
			l.Errorf("%s: %s is told %d times:\n%s", stage, object, len(texts), strings.Join(texts, "\n"))
		}
	}
	if targets := l.TargetsOf("theirs"); stage == "edited" && !needsOfTargets[action] &&
		!slices.Equal(targets, []string{lab.SoakAddress(1, 1) + ":8080", lab.SoakAddress(1, 2) + ":8080"}) {
		l.Errorf("%s: the user's target group has %v", stage, targets)
	}
}

// judgeCoverage holds that each IAM action of the table of permissions has its trouble, or a reason why not.
func judgeCoverage(t *testing.T, called []string) {
	t.Helper()
	for _, o := range permission.Operations {
		if o.Service == awsclient.ServiceGlobalAccelerator {
			continue // no GlobalAccelerator is here: its controller has such a test of its own
		}
		if why, is := lab.Uncalled[o.Permission]; slices.Contains(called, o.Permission) == is {
			t.Errorf("%s: is it called? %v; said to be uncalled because %q", o.Permission, !is, why)
		}
	}
}

// needsOfTargets are the operations without which no target comes or goes.
// After a restart without checkpoints, what is registered must be read before anything of it goes.
var needsOfTargets = map[string]bool{"RegisterTargets": true, "DeregisterTargets": true, "DescribeTargetHealth": true}
