package controller

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/callbudget"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	labOther    = "222222222222" // another account
	labOtherVPC = "vpc-0a1de000000000002"
	labRole     = "arn:aws:iam::222222222222:role/targets"
	labKey      = "AKIALAB0000000000001" // of the controller
)

// budgeted is how long the loops run that are compared with callbudget.Budgets.
const budgeted = 10 * time.Minute

// keepsBudget fails if a loop makes more calls than its budget has, or far fewer.
func keepsBudget(t *testing.T, row callbudget.Budget, measure func(t *testing.T, trouble bool) int) {
	t.Helper()
	for _, c := range []struct {
		what    string
		trouble bool
		budget  int
	}{{"all is well", false, row.Steady}, {"something is out of order", true, row.Trouble}} {
		n := measure(t, c.trouble)
		t.Logf("%d calls of %d while %s", n, c.budget, c.what)
		if n > c.budget {
			t.Errorf("%d calls in ten minutes while %s, the budget is %d", n, c.what, c.budget)
		}
		if c.trouble && n == 0 {
			t.Error("the trouble is none")
		}
		if c.budget > 20 && n < c.budget/4 {
			t.Errorf("%d calls while %s: the budget of %d tells nobody anything", n, c.what, c.budget)
		}
	}
}

func implicit(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}
