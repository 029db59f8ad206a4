package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestHiddenGuardIsAWarning has a rule that denies requests, or lets them pass with a login, behind one that answers
// them: a warning says what heals it. A hidden rule that guards nothing, or comes behind another guard, is a note.
func TestHiddenGuardIsAWarning(t *testing.T) {
	t.Parallel()
	answer := func(status string) []intent.Action {
		return []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: status}}}
	}
	member := func(name string, order int32, path string, actions []intent.Action) intent.Member {
		return ingress("shop", name, func(m *intent.Member) {
			m.Order = order
			m.Routes[0] = route(m.Object, "a.example.com", path, name)
			if actions != nil {
				m.Routes[0].Actions = actions
			}
		})
	}
	for name, c := range map[string]struct {
		first, second []intent.Action
		path          string
		code          diag.Code
		remedy        string
	}{
		"a denial":                {nil, answer("403"), "/admin", diag.GuardNotApplied, "group.order below 1, to come first"},
		"a denial behind another": {answer("404"), answer("403"), "/admin", diag.HiddenRule, "group.order below 1"},
		"an answer":               {nil, answer("200"), "/admin", diag.HiddenRule, "group.order below 1"},
		"the same path":           {nil, answer("200"), "/*", diag.HiddenRule, "remove one of the two rules"},
	} {
		e := loadBalancer(member("one", 1, "/*", c.first), member("two", 2, c.path, c.second))
		r := Compile(e, account(), config(), nil)
		mustBuild(t, r)
		var found []diag.Diagnostic
		for _, d := range r.Diagnostics {
			if d.Object.Name == "two" {
				found = append(found, d)
			}
		}
		if len(found) != 1 || found[0].Code != c.code || !strings.Contains(found[0].Remedy, c.remedy) {
			t.Errorf("%s: %v", name, found)
		}
	}
}
