package interruption

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/playground/load"
	"github.com/k8s-lbc/lbc/playground/repository"
)

var update = flag.Bool("update", false, "write the table of docs/benchmarks.md anew")

// cell is a place of the table.
type cell struct{ Change, Balancer string }

// sum is of the requests of some runs of a cell.
type sum struct{ Runs, Requests, Failed int }

func (s *sum) add(r load.Result) {
	s.Runs++
	s.Requests += r.Requests
	s.Failed += r.Failed
}

// entry is what came of the runs of a cell, with and without what the controller gives pods for their end.
type entry struct {
	cell
	With, Without sum
	Date          string // of the last run
}

// results are the table. Each run of a cell is added to those that the file holds, and written at once, so that nothing
// is lost of tests that are interrupted.
type results struct {
	path string // empty: nowhere

	mu      sync.Mutex
	entries map[cell]*entry
	failed  int // of requests that must not, in this process
}

// open reads the results of earlier runs.
func open(t *testing.T, path string) *results {
	t.Helper()
	r := &results{path: path, entries: map[cell]*entry{}}
	if path == "" {
		return r
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r
	}
	var all []*entry
	if err == nil {
		err = json.Unmarshal(content, &all)
	}
	if err != nil {
		t.Fatalf("read the results of earlier runs: %v", err)
	}
	for _, e := range all {
		r.entries[e.cell] = e
	}
	return r
}

func (r *results) add(t *testing.T, at cell, with bool, got load.Result) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[at]
	if e == nil {
		e = &entry{cell: at}
		r.entries[at] = e
	}
	e.Date = time.Now().UTC().Format(time.DateOnly)
	if with {
		r.failed += got.Failed
		e.With.add(got)
	} else {
		e.Without.add(got)
	}
	if r.path == "" {
		return
	}
	content, err := json.MarshalIndent(r.sorted(), "", " ")
	if err == nil {
		err = os.WriteFile(r.path+".new", append(content, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(r.path+".new", r.path)
	}
	if err != nil {
		t.Errorf("write the results: %v", err)
	}
}

// failures says how many requests failed that must not.
func (r *results) failures() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d requests failed that must not", r.failed)
}

// sorted are the entries in the order of changes and load balancers; those that there are no more are left out. The
// caller holds the lock.
func (r *results) sorted() []*entry {
	place := map[cell]int{}
	for _, x := range changes() {
		for _, b := range balancers {
			place[cell{x.name, b.name}] = len(place) + 1
		}
	}
	var out []*entry
	for at, e := range r.entries {
		if place[at] > 0 {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return cmp.Compare(place[a.cell], place[b.cell]) })
	return out
}

// Markdown is the table as docs/benchmarks.md has it.
func (r *results) Markdown() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	b.WriteString("| change | load balancer | runs | requests | failed | runs without | failed without | last run " +
		"|\n|---|---|---:|---:|---:|---:|---:|---|\n")
	for _, e := range r.sorted() {
		without := ""
		if e.Without.Runs > 0 {
			without = fmt.Sprintf("%s of %s", grouped(e.Without.Failed), grouped(e.Without.Requests))
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %d | %s | %s |\n", e.Change, e.Balancer, e.With.Runs,
			grouped(e.With.Requests), grouped(e.With.Failed), e.Without.Runs, without, e.Date)
	}
	return b.String()
}

// grouped is a number with a comma before each three digits.
func grouped(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

const (
	begins = "<!-- generated: interruptions; `make interruptions-page` writes what is between these lines -->\n\n"
	ends   = "\n<!-- end of interruptions -->"
)

// TestThePageShowsTheResults shows that docs/benchmarks.md has the table of the recorded
// interruptions.
func TestThePageShowsTheResults(t *testing.T) {
	longtest.Long(t, "it is about the measurement of interruptions itself")
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(string(root), "docs", "benchmarks.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(page), begins)
	table, after, ended := strings.Cut(rest, ends)
	if !begun || !ended {
		t.Fatalf("%s has no lines between which the table is", path)
	}
	want := open(t, filepath.Join("testdata", "results.json")).Markdown()
	switch {
	case table == want:
	case !*update:
		t.Errorf("the table of docs/benchmarks.md is not that of testdata/results.json: run \"make interruptions-page\"")
	default:
		//nolint:gosec // documentation
		if err := os.WriteFile(path, []byte(before+begins+want+ends+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRunsAreAddedToThoseOfAnEarlierProcess shows that recorded interruptions of several processes
// are added up.
func TestRunsAreAddedToThoseOfAnEarlierProcess(t *testing.T) {
	longtest.Long(t, "it is about the measurement of interruptions itself")
	path := filepath.Join(t.TempDir(), "results.json")
	first, second := cell{"rolling update", "NLB ip"}, cell{"rolling update", "ALB ip"}
	r := open(t, path)
	r.add(t, second, true, load.Result{Requests: 1000})
	r.add(t, first, true, load.Result{Requests: 20, Failed: 1})
	r = open(t, path)
	r.add(t, first, true, load.Result{Requests: 1000})
	r.add(t, first, true, load.Result{Requests: 234})
	r.add(t, first, false, load.Result{Requests: 50, Failed: 7})
	today := r.entries[first].Date
	want := "| rolling update | NLB ip | 3 | 1,254 | 1 | 1 | 7 of 50 | " + today +
		" |\n| rolling update | ALB ip | 1 | 1,000 | 0 | 0 |  | " + today + " |\n"
	if _, got, _ := strings.Cut(open(t, path).Markdown(), "---|\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestEveryCellOfThePartExists shows that the usual part of the measurement names cells that exist.
func TestEveryCellOfThePartExists(t *testing.T) {
	longtest.Long(t, "it is about the measurement of interruptions itself")
	r := &run{whole: true, chosen: regexp.MustCompile("")}
	for _, b := range balancers {
		r.scenes = append(r.scenes, &scene{balancer: b, with: true})
	}
	found := map[cell]bool{}
	for _, x := range changes() {
		for _, s := range r.of(x) {
			found[cell{x.name, s.name}] = true
		}
	}
	for change, names := range inPart {
		for _, name := range names {
			if !found[cell{change, name}] {
				t.Errorf("%s, %s is not in the table", change, name)
			}
		}
	}
}
