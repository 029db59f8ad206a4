package bindingpass

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func TestEndpointsWhoseRegistrationIsUnderWayAreNotJudgedYet(t *testing.T) {
	t.Parallel()
	of := func(id string) registrar.Endpoint {
		return registrar.Endpoint{Target: registrar.Target{ID: id, Port: 80}}
	}
	all := []registrar.Endpoint{of("a"), of("b")}
	if got := answered(all, registrar.Change{Pending: true, Unanswered: []string{"a:80"}}); !cmp.Equal(got, all[1:]) || len(answered(all, registrar.Change{})) != 2 {
		t.Errorf("%v", got)
	}
}
