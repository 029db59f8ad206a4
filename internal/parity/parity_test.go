// Package parity compares with the existing controller: testdata/AREA/NAME.yaml is what was applied to a cluster,
// NAME.json what AWS and Kubernetes then held. Its tests take the objects from front end to executor against a
// simulated account, and back: what is recorded is adopted without a write, and what we make would be found and left
// alone by the existing controller. What differs on purpose is in testdata/differences.yaml, each with a reason that
// docs/differences.md gives. Tests only.
package parity

import (
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// difference is one on purpose.
type difference struct {
	Cases  string // pattern of cases, as path.Match takes it
	Path   string // pattern of paths in the picture
	Step   string // part of a step of the plan at adoption; Path is empty then
	Reason string // as docs/differences.md gives it
}

// differences are the listed ones; it keeps account of those that occur.
type differences struct {
	list []difference
	mu   sync.Mutex
	met  map[int]bool
}

func readDifferences(t *testing.T) *differences {
	t.Helper()
	raw, err := os.ReadFile("testdata/differences.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := &differences{met: map[int]bool{}}
	if err := yaml.UnmarshalStrict(raw, &d.list); err != nil {
		t.Fatal(err)
	}
	return d
}

// listed reports whether a difference is on purpose.
func (d *differences) listed(t *testing.T, name, at string) bool {
	t.Helper()
	for i, l := range d.list {
		inCase, err := path.Match(l.Cases, name)
		if err != nil {
			t.Fatal(err)
		}
		here, err := path.Match(l.Path, at)
		if err != nil {
			t.Fatal(err)
		}
		if inCase && here && l.Path != "" {
			d.mu.Lock()
			d.met[i] = true
			d.mu.Unlock()
			return true
		}
	}
	return false
}

// adoption reports whether a step of the plan at adoption is on purpose.
func (d *differences) adoption(t *testing.T, name, step string) bool {
	t.Helper()
	for i, l := range d.list {
		inCase, err := path.Match(l.Cases, name)
		if err != nil {
			t.Fatal(err)
		}
		if inCase && l.Step != "" && strings.Contains(step, l.Step) {
			d.mu.Lock()
			d.met[i] = true
			d.mu.Unlock()
			return true
		}
	}
	return false
}

// TestEveryRecordedCaseEndsInTheSameAccount takes objects and their edits through to the account. Whatever differs from
// what the existing controller left there is listed, and what is listed occurs.
func TestEveryRecordedCaseEndsInTheSameAccount(t *testing.T) {
	t.Parallel()
	d := readDifferences(t)
	t.Run("cases", func(t *testing.T) {
		for _, r := range cases(t) {
			t.Run(r.Name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				for i, e := range r.Edits {
					r.apply(t, e)
					planned := l.annotations(&r)
					if i == 0 && slices.Contains(goldenPlans, r.Name) {
						equalsGolden(t, r.Name, planned[0])
					}
					l.settle(&r)
					l.comparePlans(&r, planned, r.after[i])
					found := recorded.Differ(recordedPicture(r.after[i]), l.picture())
					for _, at := range slices.Sorted(maps.Keys(found)) {
						if !d.listed(t, r.Name, at) {
							t.Errorf("after %q: %s: %s", e.Step, at, found[at])
						}
					}
					if got, want := finalizers(l, l.plans(&r)), recordedFinalizers(r.after[i]); !slices.Equal(got, want) {
						t.Errorf("after %q: finalizers %q, today %q", e.Step, got, want)
					}
					r.finalize(t, l, false)
				}
				l.empty(&r)
			})
		}
	})
	for i, l := range d.list {
		// of which other tests keep account
		if !d.met[i] && !strings.Contains(l.Path, "lab-nodes") && !strings.HasPrefix(l.Cases, "gateway/") {
			t.Errorf("%s of %s is listed as a difference but is none", l.Path, l.Cases)
		}
	}
}

// empty deletes the objects of a case, and expects nothing to be left.
func (l *lab) empty(r *cluster) {
	l.t.Helper()
	r.finalize(l.t, l, true)
	key := l.plans(r)[0].Key
	l.settle(r)
	o, err := l.inv.Observed(l.t.Context(), key, &stack.Stack{Key: key, Cluster: l.cluster, VPC: vpc})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, g := range o.SecurityGroups { // the shared one goes with the last stack
		res := apply.Run(l.t.Context(), diff.DeleteShared(key, g), apply.Deps{Clients: l.clients(), Inventory: l.inv,
			Now: l.clock.Now})
		if res.Count(apply.Done) != 1 {
			l.t.Errorf("deleting the shared group: %+v", res.Outcomes)
		}
	}
	if left := l.picture(); len(left) > 0 {
		l.t.Errorf("left after deletion: %s", recorded.Text(left))
	}
}
