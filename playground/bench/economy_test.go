package bench

import (
	"os"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/bench/compute"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// How many times more than the budget anything may take on a machine that runs other tests at the same time; "make
// bench" judges by the budget itself.
const (
	generousTime   = 30
	generousMemory = 1.25 // the collector is late when it gets no processor

	// A row in which load balancers come or go ends within so many seconds; on a slower machine, the controller looks once
	// more each second whether AWS has made them.
	usual = 10

	attempts = 3 // in which a time or the memory has to be within that once
)

// generous is what a test holds of a result's limit.
func generous(r Result) Limit {
	l := r.Budget.current()
	if l.Reads != nil && *l.Reads > 0 && r.Took > usual {
		more := *l.Reads + int(r.Took-usual)
		l.Reads = &more
	}
	for v, factor := range map[**float64]float64{&l.Seconds: generousTime, &l.MiB: generousMemory} {
		if *v != nil {
			more := factor * **v
			*v = &more
		}
	}
	return l
}

// coreRows are the rows that "make test" runs: calls of a hundred load balancers of Ingresses.
var coreRows = []string{"start", "create-1", "create-99", "touch", "path", "group-reorder", "gateway-path", "restart"}

func TestCoreRowsStayWithinTheBudget(t *testing.T) {
	if results := economy(t, coreRows...); len(results) != len(coreRows) {
		t.Errorf("%d of %d rows were measured", len(results), len(coreRows))
	}
}

// TestEveryRowStaysWithinTheBudget runs the real binary through all rows but those that take minutes: the one that is
// throttled, those of targets under trouble, those of the largest cluster and those of sizes. AWS calls are held
// exactly.
func TestEveryRowStaysWithinTheBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes a hundred load balancers of each kind several times; " + "TestCoreRowsStayWithinTheBudget makes some")
	}
	results := economy(t, "counts", "memory", "gateway-memory", "service-memory", "timed", "compute")
	want := -1 // the row of the memory of the largest cluster is measured only where it is named
	for _, r := range rows {
		if r.kind != troubleKind && r.kind != throttleKind && r.kind != largeKind && r.kind != sizeKind &&
			r.kind != smallKind {
			want++
		}
	}
	if len(results) != want {
		t.Errorf("%d of %d rows were measured", len(results), want)
	}
}

// economy measures rows, and fails the test for those beyond the budget.
func economy(t *testing.T, rows ...string) []Result {
	t.Helper()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Dir: t.TempDir(), Repo: root, Controller: os.Getenv("CONTROLLER"), Latency: 50 * time.Millisecond, Rows: rows,
		Compute:  compute.Seconds,
		Progress: func(text string) { t.Log(text) },
		ControllerArgs: []string{
			"--enable-leader-election=false", // a leader whose machine gets no processor for ten seconds ends
			"--drift-check-interval=0",       // on a slow machine, looks for drift fall into rows that did not bring them
		},
	}
	measured := map[string]int{}
	o.Again = func(r Result) bool { // who did not get the processor for a second must not fail for it
		measured[r.Row]++
		counted := r.Kind == string(countKind)
		return !counted && measured[r.Row] < attempts && len(r.Exceeds(generous(r))) > 0
	}
	if o.ControlPlane, err = root.ControlPlane(); err != nil {
		t.Fatal(err)
	}
	if o.Controller == "" {
		if o.Controller, err = root.Controller(); err != nil {
			t.Fatal(err)
		}
	}
	if o.Budget, err = LoadBudget(root.Budget()); err != nil {
		t.Fatal(err)
	}
	results, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Budget.Until != nil {
			t.Logf("%s: held at a higher bound than the budget: %s", r.Row, r.Budget.Why)
		}
		for _, over := range r.Exceeds(generous(r)) {
			t.Errorf("%s: %s", r.Row, over)
		}
		if r.Failed > 0 {
			t.Errorf("%s: AWS refused %d calls: %v", r.Row, r.Failed, r.Actions)
		}
	}
	return results
}
