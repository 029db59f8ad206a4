package binding

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/targets"
)

func TestEndpointsWhoseRegistrationIsUnderWayAreNotJudgedYet(t *testing.T) {
	t.Parallel()
	of := func(id string) targets.Endpoint { return targets.Endpoint{Target: targets.Target{ID: id, Port: 80}} }
	all := []targets.Endpoint{of("a"), of("b")}
	if got := answered(all, targets.Change{Pending: true, Unanswered: []string{"a:80"}}); !cmp.Equal(got, all[1:]) || len(answered(all, targets.Change{})) != 2 {
		t.Errorf("%v", got)
	}
}
