package targets

import (
	"context"
	"testing"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
)

func TestTargetsAreAwaitedUntilTheirBindingWantsNoneOrTheyAreRegistered(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, plan.Plan) apply.Result { return apply.Result{} }
	r := NewRegistry(nil, refuse, func(string) bool { return true })
	r.Patience = -1
	expect := func(what string, wantAwaited, wantRegistered bool) {
		t.Helper()
		if awaited, registered := r.Awaited("arn"); awaited != wantAwaited || registered != wantRegistered {
			t.Errorf("%s: awaited %t, registered %t", what, awaited, registered)
		}
	}
	expect("its binding has not spoken yet", true, false)
	one := Target{ID: "10.0.128.4", Port: 8080}
	_, _ = r.Sync(t.Context(), Request{ARN: "arn", Want: []Endpoint{{Target: one}}})
	expect("it is not registered", true, false)
	g := r.group("arn")
	for _, doubtful := range []bool{true, false} {
		g.mu.Lock()
		g.members[one.Key()] = member{one, doubtful}
		g.mu.Unlock()
		expect("it may be registered", true, !doubtful)
	}
	r = NewRegistry(nil, refuse, func(string) bool { return true })
	r.Patience = -1
	_, _ = r.Sync(t.Context(), Request{ARN: "arn"})
	expect("none is wanted", false, true)
}
