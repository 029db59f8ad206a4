package bench

import (
	"os"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/repository"
)

// TestCallsStayWithinTheBudget runs the real binary through the rows that count AWS calls.
func TestCallsStayWithinTheBudget(t *testing.T) {
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: t.TempDir(), Repo: root, Controller: os.Getenv("CONTROLLER"), Rows: []string{"counts"}, Progress: func(text string) { t.Log(text) }, Timeout: time.Minute}
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
	limited := 0
	for _, r := range results {
		limit := r.Budget
		if limit.Until != nil {
			t.Logf("%s: held at a higher bound than the budget: %s", r.Row, limit.Why)
		}
		if limit = limit.held(); limit.Reads != nil && limit.Writes != nil {
			limited++
		}
		for _, over := range r.Exceeds(limit) {
			t.Errorf("%s: %s", r.Row, over)
		}
		if r.Failed > 0 {
			t.Errorf("%s: AWS refused %d calls: %v", r.Row, r.Failed, r.Actions)
		}
	}
	if limited != len(results) {
		t.Errorf("%d of %d rows have a budget of reads and writes", limited, len(results))
	}
}
