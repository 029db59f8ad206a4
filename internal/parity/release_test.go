package parity

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/internal/plan"
)

var record = flag.String("record", "", "write what this version makes of the cases below testdata/releases, as "+
	"that of a release")

// upgraded are the cases for upgrades, each with what makes its account: those of the existing controller and the
// worked example of a Gateway.
func upgraded(t *testing.T) map[string]func(*testing.T) (*lab, cluster) {
	t.Helper()
	out := map[string]func(*testing.T) (*lab, cluster){
		"gateway/worked-example": func(t *testing.T) (*lab, cluster) {
			t.Helper()
			r, _ := workedExample(t)
			r.Edits = []recorded.Edit{{Step: "create"}}
			r.constructed("standard")
			return workedLab(t), r
		},
	}
	for _, r := range cases(t) {
		out[r.Name] = func(t *testing.T) (*lab, cluster) {
			t.Helper()
			return newLab(t), read(t, filepath.Join("testdata", filepath.FromSlash(r.Name)+".yaml"))
		}
	}
	return out
}

// stateFile has the states of a case after each of its steps, as a release left them.
func stateFile(release, name string) string {
	return filepath.Join("testdata", "releases", release, strings.ReplaceAll(name, "/", "-")+".json")
}

// states are those of a case by step.
type states struct {
	Steps map[string]tree `json:"steps"`
}

func stepName(i int, e recorded.Edit) string { return fmt.Sprintf("%d %s", i, e.Step) }

// TestAnUpgradeFromARecordedReleaseChangesNothing puts what each release of ours left into an account, after each step
// of each case, and asks this version what it would do. A release is recorded once ("make record-release"), and its
// files do not change afterwards: a difference is a change that users would see at an upgrade.
func TestAnUpgradeFromARecordedReleaseChangesNothing(t *testing.T) {
	t.Parallel()
	releases, err := filepath.Glob(filepath.Join("testdata", "releases", "*"))
	if err != nil || len(releases) == 0 {
		t.Fatalf("no release is recorded: %v", err)
	}
	all := upgraded(t)
	for _, dir := range releases {
		release, tried := filepath.Base(dir), 0
		for name, start := range all {
			text, err := os.ReadFile(stateFile(release, name))
			if os.IsNotExist(err) {
				continue // a case that came later
			}
			if err != nil {
				t.Fatal(err)
			}
			tried++
			t.Run(release+" "+name, func(t *testing.T) {
				t.Parallel()
				var left states
				if err := json.Unmarshal(text, &left); err != nil {
					t.Fatal(err)
				}
				_, r := start(t)
				for i, e := range r.Edits {
					r.apply(t, e)
					state, ok := left.Steps[stepName(i, e)]
					if !ok {
						t.Fatalf("no state after step %s", stepName(i, e))
					}
					upgrade(t, start, &r, state)
				}
			})
		}
		files, err := os.ReadDir(dir)
		if err != nil || tried != len(files) {
			t.Errorf("release %s has %d files, of which %d are of cases: %v", release, len(files), tried, err)
		}
	}
}

// upgrade plans the objects of a case where a release left a state.
func upgrade(t *testing.T, start func(*testing.T) (*lab, cluster), r *cluster, left tree) {
	t.Helper()
	l, _ := start(t)
	l.put(r, left)
	for at, how := range recorded.Differ(left, l.picture()) {
		t.Fatalf("the account does not hold what was recorded: %s: %s", at, how)
	}
	for _, s := range l.plans(r) {
		for _, step := range s.Plan.Steps {
			t.Errorf("%s would be changed: %s %s %v", s.Key, plan.NameOf(step.Op), step.Resource, step.Why)
		}
	}
}

// TestRecordARelease writes the files of a release, with -record VERSION.
func TestRecordARelease(t *testing.T) {
	t.Parallel()
	if *record == "" {
		t.Skip("without -record nothing is recorded")
	}
	for name, start := range upgraded(t) {
		l, r := start(t)
		left := states{Steps: map[string]tree{}}
		for i, e := range r.Edits {
			r.apply(t, e)
			l.settle(&r)
			left.Steps[stepName(i, e)] = l.picture()
		}
		text, err := json.MarshalIndent(left, "", " ")
		if err == nil {
			err = os.MkdirAll(filepath.Dir(stateFile(*record, name)), 0o750)
		}
		if err == nil {
			err = os.WriteFile(stateFile(*record, name), append(text, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
