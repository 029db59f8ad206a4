package accelerator

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

func TestHoldStopsWritesToAccelerator(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"all", "namespace.default", "stack.globalaccelerator.default.web"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			w := example(t)
			w.r.Holds = hold.NewBook(w.clock.Now)
			hold1h := func() {
				w.r.Holds.Set(map[string]string{key: hold.Hold{Until: w.clock.Now().Add(time.Hour), Reason: "incident"}.Value()})
			}
			hold1h()
			_, err := w.pass()
			w.must(err)
			w.want("held account", w.accelerators(), "")
			w.r.Holds.Set(nil)
			w.settle()
			w.want("account", w.accelerators(), exampleTree)
			hold1h()
			w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Name = ptr.To("other") })
			_, err = w.pass()
			w.must(err)
			if told := w.told(); !strings.Contains(told, "[PlanOnHold]") || w.r.Holds.Held() != 1 {
				t.Errorf("%d held, events: %s", w.r.Holds.Held(), told)
			}
			onHold := func(when string) {
				c := meta.FindStatusCondition(w.get().Status.Conditions, ready)
				if c == nil || c.Status != metav1.ConditionFalse || c.Reason != "PlanOnHold" {
					t.Errorf("%s, Ready is %+v, want False by PlanOnHold", when, c)
				}
			}
			onHold("after an edit")
			w.must(w.client.Delete(t.Context(), w.get()))
			_, err = w.pass()
			w.must(err)
			w.want("account of the deleted object", w.accelerators(), exampleTree)
			onHold("after the deletion")
			w.clock.Advance(time.Hour)
			w.settle()
			w.want("account after the hold", w.accelerators(), "")
		})
	}
}

func TestHoldThatBeginsDuringPlanStopsAccelerator(t *testing.T) {
	t.Parallel()
	w := example(t)
	held := false
	w.r.Account.Held = func(stack.Key) bool { return held }
	w.refuse = func(action string) error {
		held = held || action == "CreateAccelerator"
		return nil
	}
	_, err := w.pass()
	w.must(err)
	if called := w.called(); strings.Contains(called, "CreateListener") {
		t.Errorf("calls after the hold began: %s", called)
	}
	w.refuse, held = nil, false
	w.settle()
	w.want("account after the hold", w.accelerators(), exampleTree)
}
