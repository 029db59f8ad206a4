package registrar

import (
	"context"
	"testing"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

func TestTargetsAreExpectedUntilRegistered(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context, stack.Key, plan.StepID, plan.Operation) apply.Outcome { return apply.Outcome{} }
	r := newRegistry(nil, refuse, func(string) bool { return true })
	r.Async = true
	expect := func(what string, want apply.Expected) {
		t.Helper()
		if got := r.Expected(tg); got != want {
			t.Errorf("%s: %+v", what, got)
		}
	}
	expect("its binding has not spoken yet", apply.Expected{Any: true})
	one := Target{ID: "10.0.128.4", Port: 8080}
	_, _ = r.Sync(t.Context(), Request{Group: tg, Want: EndpointsOf(Endpoint{Target: one})})
	expect("it is not registered", apply.Expected{Any: true})
	g := r.group(tg)
	for _, uncertain := range []bool{true, false} {
		g.mu.Lock()
		g.members[one.Key()] = registeredTarget{one, uncertain}
		g.mu.Unlock()
		expect("it may be registered", apply.Expected{Any: true, Registered: !uncertain})
	}
	r = newRegistry(nil, refuse, func(string) bool { return true })
	r.Async = true
	_, _ = r.Sync(t.Context(), Request{Group: tg})
	expect("none is wanted", apply.Expected{Registered: true})
	_, _ = r.Sync(t.Context(), Request{Group: tg, Withheld: true})
	expect("those that there are cannot be registered", apply.Expected{Registered: true, Withheld: true})
}
