package compile

import (
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// rulesInAWS has the rules and target groups of a stack exist.
func rulesInAWS(f *facts.Facts, s *stack.Stack) {
	standing(f)
	f.Details.TargetGroups = map[string]string{}
	for _, rule := range s.Rules {
		rule.Actions = slices.Clone(rule.Actions)
		for i := range rule.Actions {
			if rule.Actions[i].Forward == nil {
				continue
			}
			id := rule.Actions[i].Forward.TargetGroups[0].TargetGroup.ID
			rule.Actions[i].Forward = &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{{
				TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:"+id)}}}
			f.Details.TargetGroups["arn:"+id] = id
		}
		f.Details.Rules[80] = append(f.Details.Rules[80], rule)
	}
}

// rulesOfMember counts the rules of a stack that a member declares.
func rulesOfMember(r Result, o diag.Object) (n int) {
	for _, rule := range r.Stack.Rules {
		if r.Origins[stack.Ref{Kind: stack.KindRule, ID: rule.ID}].Objects[0] == o {
			n++
		}
	}
	return n
}

// ample is an account with room for target groups, and for a number of rules.
func ample(rules int) facts.Facts {
	f := limited(rules)
	f.Limits["target-groups-per-application-load-balancer"] = 1000
	return f
}

// TestRuleInAWSStandsForOneClaim has a senior member edit its rules so that each of them matches what its only rule in
// AWS matches, or what a rule of another namespace does. The rules of the other one stay, also after the edit is what
// the senior member declared last.
func TestRuleInAWSStandsForOneClaim(t *testing.T) {
	t.Parallel()
	host := func(values ...string) stack.Condition {
		return stack.Condition{Field: stack.HostHeader, Values: values}
	}
	path := func(values ...string) stack.Condition {
		return stack.Condition{Field: stack.PathPattern, Values: values}
	}
	const mine, theirs, rules = "m.example.com", "web.example.com", 99
	number := func(i int) string { return fmt.Sprintf("/p%03d", i) }
	for name, conditions := range map[string]func(i int) []stack.Condition{
		"paths beside its own": func(i int) []stack.Condition {
			return []stack.Condition{host(mine), path(number(i), "/*")}
		},
		"hosts beside its own": func(i int) []stack.Condition {
			return []stack.Condition{host(fmt.Sprintf("h%d.example.com", i), mine), path("/*")}
		},
		"its own again":    func(int) []stack.Condition { return []stack.Condition{host(mine), path("/*")} },
		"rules of others":  func(i int) []stack.Condition { return []stack.Condition{host(theirs), path(number(i))} },
		"in another order": func(i int) []stack.Condition { return []stack.Condition{path(number(i)), host(theirs)} },
		"paths beside those of others": func(i int) []stack.Condition {
			return []stack.Condition{host(theirs), path(number(i), fmt.Sprint("/more", i))}
		},
		"hosts beside those of others": func(i int) []stack.Condition {
			return []stack.Condition{host(theirs, mine), path(number(i))}
		},
		"methods": func(i int) []stack.Condition {
			return []stack.Condition{host(mine), path("/*"), {Field: stack.RequestMethod,
				Values: []string{fmt.Sprint("M", i)}}}
		},
		"queries": func(i int) []stack.Condition {
			return []stack.Condition{host(mine), path("/*"), {Field: stack.QueryString, Query: []stack.QueryValue{
				{Key: "a", Value: fmt.Sprint(i)}, {Value: "*"}}}}
		},
	} {
		for kind, declared := range map[string]func(*intent.Member){"forwards": forwards(rules),
			"redirects": paths(rules)} {
			first := ingress("infra", "z", born(0)) // its namespace decides
			mal := ingress("mal", "a", born(1), func(m *intent.Member) { m.Routes[0].Conditions[0] = host(mine) })
			web := ingress("shop", "web", born(2), declared, func(m *intent.Member) {
				for i := range m.Routes {
					m.Routes[i].Conditions = []stack.Condition{host(theirs), path(number(i))}
				}
			})
			f := ample(rules + 2)
			last := Compile(loadBalancer(mal, web, first), f, config(), nil)
			rulesInAWS(&f, mustBuild(t, last))
			mal = ingress("mal", "a", born(1), paths(rules))
			for i := range mal.Routes {
				mal.Routes[i].Conditions = conditions(i)
				mal.Routes[i].Actions = []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
					StatusCode: "200", MessageBody: number(i)}}}
			}
			for pass := range 3 {
				r := Compile(loadBalancer(mal, web, first), f, config(), written(t, last.Memory))
				mustBuild(t, r)
				if n := rulesOfMember(r, web.Object); n != rules || len(r.Stack.Rules) != rules+2 {
					t.Errorf("%s, %s, pass %d: %d of %d rules serve, of %d", name, kind, pass, n, rules, len(r.Stack.Rules))
				}
				rulesInAWS(&f, r.Stack)
				last = r
			}
		}
	}
}

// TestJoinedRulesKeepTheirPlaces has rules of a member stand in AWS one by one, or joined otherwise, where now they are
// joined so that the load balancer fits: they stay, although rules of an older member wait.
func TestJoinedRulesKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	alike := func(m *intent.Member) {
		for i := range m.Routes {
			m.Routes[i].Actions = []intent.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: "to.test",
				StatusCode: "HTTP_302"}}}
		}
	}
	old, web := ingress("mal", "old", born(1), paths(80)), ingress("shop", "web", born(2), paths(60), alike)
	for name, there := range map[string]intent.Member{"one by one": web,
		"otherwise joined": ingress("shop", "web", born(2), paths(60), alike, func(m *intent.Member) {
			var joined []intent.Route
			for i := range 15 { // as if others had been between them
				r := m.Routes[i]
				r.Conditions = slices.Clone(r.Conditions)
				r.Conditions[1].Values = nil
				for n := range 4 {
					r.Conditions[1].Values = append(r.Conditions[1].Values, m.Routes[i+15*n].Conditions[1].Values...)
				}
				joined = append(joined, r)
			}
			m.Routes = joined
		})} {
		f := ample(75)
		first := Compile(loadBalancer(ingress("mal", "old", born(1), paths(15)), there), f, config(), nil)
		rulesInAWS(&f, mustBuild(t, first))
		for memory, before := range map[string]*Memory{"with memory": mustMemory(t, loadBalancer(ingress("mal", "old",
			born(1), paths(15)), web)), "without": nil} {
			r := Compile(loadBalancer(old, web), f, config(), before)
			mustBuild(t, r)
			values := 0
			for _, rule := range r.Stack.Rules {
				if rule.Conditions[0].Values[0] == "web.example.com" {
					values += len(rule.Conditions[1].Values)
				}
			}
			if values != 60 || len(r.Stack.Rules) != 75 {
				t.Errorf("%s, %s: %d of 60 paths serve, %d rules", name, memory, values, len(r.Stack.Rules))
			}
			same(t, name+": findings", codes(r.Diagnostics), []string{"old QuotaExceeded"})
		}
	}
}
