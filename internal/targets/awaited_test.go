package targets

import (
	"context"
	"testing"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestTargetsAreAwaitedUntilTheirBindingWantsNoneOrTheyAreRegistered(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, stack.Key, plan.StepID, plan.Operation) apply.Outcome { return apply.Outcome{} }
	r := newRegistry(nil, refuse, func(string) bool { return true })
	r.Async = true
	expect := func(what string, wantAwaited, wantRegistered bool) {
		t.Helper()
		if awaited, registered := r.Awaited(tg); awaited != wantAwaited || registered != wantRegistered {
			t.Errorf("%s: awaited %t, registered %t", what, awaited, registered)
		}
	}
	expect("its binding has not spoken yet", true, false)
	one := Target{ID: "10.0.128.4", Port: 8080}
	_, _ = r.Sync(t.Context(), Request{Group: tg, Want: []Endpoint{{Target: one}}})
	expect("it is not registered", true, false)
	g := r.group(tg)
	for _, uncertain := range []bool{true, false} {
		g.mu.Lock()
		g.members[one.Key()] = member{one, uncertain}
		g.mu.Unlock()
		expect("it may be registered", true, !uncertain)
	}
	r = newRegistry(nil, refuse, func(string) bool { return true })
	r.Async = true
	_, _ = r.Sync(t.Context(), Request{Group: tg})
	expect("none is wanted", false, true)
}
