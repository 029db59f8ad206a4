package targets

import (
	"context"
	"testing"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
)

func TestTargetsAreAwaitedUntilTheirBindingWantsNone(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, plan.Plan) apply.Result { return apply.Result{} }
	r := NewRegistry(nil, refuse, func(string) bool { return true })
	r.Patience = -1
	if !r.Awaited("arn") {
		t.Error("a group of which its binding has not spoken yet is given up")
	}
	for _, want := range [][]Endpoint{{{Target: Target{ID: "10.0.128.4", Port: 8080}}}, nil} {
		_, _ = r.Sync(t.Context(), Request{ARN: "arn", Want: want})
		if got := r.Awaited("arn"); got != (len(want) > 0) {
			t.Errorf("awaited %v with %d wanted targets", got, len(want))
		}
	}
}
