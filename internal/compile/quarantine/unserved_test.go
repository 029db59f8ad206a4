package quarantine

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestUnservedRoutesCostInProportion has an Ingress of which AWS refuses all routes, and of which the last version had
// as many others: a tenant may write thousands.
func TestUnservedRoutesCostInProportion(t *testing.T) {
	cost := func(n int) float64 {
		object := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}
		route := func(i int, path string) intent.Route {
			return intent.Route{Source: intent.At(object, fmt.Sprintf("spec.rules[%d]", i)),
				Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{path}}}}
		}
		last, now := intent.Member{Object: object}, intent.Member{Object: object}
		for i := range n {
			last.Routes = append(last.Routes, route(i, fmt.Sprintf("/last/%d", i)))
			now.Unserved = append(now.Unserved, intent.Unserved{Route: route(i, fmt.Sprintf("/now/%d", i)), Path: "p",
				Text: fmt.Sprintf("refused %d", i)})
		}
		past := Past{Good: Versions{object: &last}}
		return testing.AllocsPerRun(1, func() {
			lb := intent.LoadBalancer{Members: []intent.Member{now}}
			if _, unknown := Restore(&lb, facts.Facts{ExistingKnown: true}, past); unknown {
				t.Error("the load balancer is unknown")
			}
		})
	}
	few, many := cost(100), cost(800)
	t.Logf("%.0f allocations for 100 routes, %.0f for 800", few, many)
	if many > 10*few {
		t.Errorf("%.0f allocations for 100 routes, %.0f for 800", few, many)
	}
}
