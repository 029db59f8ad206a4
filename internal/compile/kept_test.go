package compile

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestInvalidMemberKeepsItsJoinedRules has a member become invalid whose rules are joined in AWS so that they fit, and
// of which no valid version is known, as after a restart without checkpoint.
func TestInvalidMemberKeepsItsJoinedRules(t *testing.T) {
	t.Parallel()
	for name, quota := range map[string]int{"same quota": 100, "higher quota": 500} {
		for _, age := range []int64{1, 3} {
			old, web := ingress("blog", "old", born(2), forwards(70)), ingress("shop", "web", born(age), alike(120))
			f := ample(100)
			first := mustBuild(t, Compile(loadBalancer(old, web), f, config(), nil))
			f = ample(quota)
			rulesInAWS(&f, first)
			var memory *Memory
			web = ingress("shop", "web", born(age), alike(120), broken("spec.rules[0]"))
			for range 3 {
				r := Compile(loadBalancer(old, web), f, config(), memory)
				s := mustBuild(t, r)
				same(t, name+": findings", codes(r.Diagnostics), []string{"web InvalidAnnotation"})
				if len(s.Rules) != 100 || len(answeredRequests(s)) != 190 {
					t.Errorf("%s, age %d: %d rules answer %d requests", name, age, len(s.Rules), len(answeredRequests(s)))
				}
				for _, rule := range s.Rules {
					kept := slices.Contains(r.Keep.Actions, stack.Ref{Kind: stack.KindRule, ID: rule.ID})
					if kept && !slices.ContainsFunc(first.Rules, func(is stack.Rule) bool {
						return quarantine.ConditionsKey(is.Conditions) == quarantine.ConditionsKey(rule.Conditions)
					}) {
						t.Fatalf("%s: AWS has no rule for %v", name, rule.Conditions)
					}
				}
				memory = written(t, r.Memory)
			}
		}
	}
}
