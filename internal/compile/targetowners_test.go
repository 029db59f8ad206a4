package compile

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// serving is a member of namespace shop with one host, whose requests go to a Service.
func serving(name, service string, change ...func(*intent.Member)) intent.Member {
	return ingress("shop", name, append([]func(*intent.Member){func(m *intent.Member) {
		g := m.Routes[0].Actions[0].Backends[0].TargetGroup
		g.ID, g.ServiceName, g.ServiceNamespace = naming.IngressTargetGroupID("shop", name, service, "80"), service, "shop"
	}}, change...)...)
}

func TestSecondTargetGroupOfSameIdentityIsRefused(t *testing.T) {
	t.Parallel()
	first, second := serving("a-b", "c"), serving("a", "b-c")
	r := Compile(loadBalancer(first, second), account(), config(), nil)
	same(t, "rules", table(mustBuild(t, r)), []string{"80 a-b.example.com /* → shop/a-b-c:80",
		"80 a.example.com /* → 503"})
	same(t, "diagnostics", codes(r.Diagnostics), []string{"a TargetGroupTaken"})
	for _, part := range []string{"Service b-c, port 80", "key shop/a-b-c:80, but the target group of Ingress shop/a-b for Service c", "get 503 until"} {
		if !strings.Contains(r.Diagnostics[0].Text, part) {
			t.Errorf("%q is not told: %s", part, r.Diagnostics[0].Text)
		}
	}
	if again := Compile(loadBalancer(first, second), account(), config(), r.Memory); !slices.Equal(
		table(mustBuild(t, again)), table(r.Stack)) {
		t.Errorf("the next compilation decides otherwise: %v", table(again.Stack))
	}
	if renamed := Compile(loadBalancer(first, serving("a", "d")), account(), config(), r.Memory); renamed.Diagnostics !=
		nil {
		t.Errorf("another Service does not end it: %v", renamed.Diagnostics)
	}
}

// TestAMemberThatHasATargetGroupKeepsItFromANewcomer has the newcomer come first in the group, also with a memory that
// was written and read.
func TestAMemberThatHasATargetGroupKeepsItFromANewcomer(t *testing.T) {
	t.Parallel()
	old, newcomer := serving("a", "b-c"), serving("a-b", "c")
	before := Compile(loadBalancer(old, serving("z", "z")), account(), config(), nil)
	text, err := json.Marshal(before.Memory)
	if err != nil {
		t.Fatal(err)
	}
	var memory Memory
	if err := json.Unmarshal(text, &memory); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Memory{before.Memory, &memory} {
		r := Compile(loadBalancer(newcomer, old, serving("z", "z")), account(), config(), m)
		same(t, "rules", table(mustBuild(t, r)), []string{"80 a-b.example.com /* → 503",
			"80 a.example.com /* → shop/a-b-c:80", "80 z.example.com /* → shop/z-z:80"})
		same(t, "diagnostics", codes(r.Diagnostics), []string{"a-b TargetGroupTaken"})
	}
}

// TestWhatStandsForAMemberStaysThoughAnotherHasItsTargetGroup: the existing controller has merged them, and nothing is
// remembered.
func TestWhatStandsForAMemberStaysThoughAnotherHasItsTargetGroup(t *testing.T) {
	t.Parallel()
	f := account()
	f.ExistingKnown, f.Existing = true, &facts.LoadBalancer{ARN: "arn:lb", Type: "application", Scheme: "internal"}
	for _, strict := range []bool{false, true} {
		c := config()
		c.StrictGroups = strict
		r := Compile(loadBalancer(serving("a-b", "c"), serving("a", "b-c")), f, c, nil)
		for _, rule := range mustBuild(t, r).Rules {
			if second := strings.HasPrefix(rule.Conditions[0].Values[0], "a.example"); second != slices.Contains(r.Keep.Actions,
				stack.Ref{Kind: stack.KindRule, ID: rule.ID}) {
				t.Errorf("strict %v: rule %v is kept: %v", strict, rule.Conditions, !second)
			}
		}
		same(t, "diagnostics", codes(r.Diagnostics), []string{"a TargetGroupTaken"})
		other := Compile(loadBalancer(serving("a-b", "c"), serving("a", "b-c"), serving("z", "z", broken("spec.rules[0]"))),
			f, c, nil)
		if strict != (other.Stack == nil) {
			t.Errorf("strict %v: with a member that is broken otherwise, a stack is built: %v", strict, other.Stack != nil)
		}
	}
}

// TestTheOwnerOfATargetGroupIsNotFoundByThePrefixOfItsIdentity takes a path from web-admin while web cannot be
// understood.
func TestTheOwnerOfATargetGroupIsNotFoundByThePrefixOfItsIdentity(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: "application", Scheme: "internal"}
	web := serving("web", "front", broken("spec.rules[0]"))
	admin := serving("web-admin", "tools", func(m *intent.Member) {
		m.Routes = append(m.Routes, route(m.Object, "more.example.com", "/*", "more"))
		m.Routes[1].Actions[0].Backends[0].TargetGroup.ID = "shop/web-admin-more:80"
	})
	first := Compile(loadBalancer(web, admin), f, config(), nil)
	except := func(r Result) []string { return r.Keep.Rules["80"].Except }
	same(t, "known to be of others", except(first), []string{"shop/web-admin-more:80", "shop/web-admin-tools:80"})
	same(t, "kept", first.Keep.Rules["80"].Prefixes, []string{"shop/web-"})
	admin.Routes = admin.Routes[:1]
	memory := first.Memory
	for range 3 { // however often it is compiled until the rule is gone
		r := Compile(loadBalancer(web, admin), f, config(), memory)
		same(t, "known to be of others, without the path", except(r), []string{"shop/web-admin-more:80",
			"shop/web-admin-tools:80"})
		memory = r.Memory
	}
	gone := Compile(loadBalancer(web, serving("other", "x")), f, config(), memory)
	same(t, "known to be of others, without web-admin", except(gone), []string{"shop/web-admin-more:80",
		"shop/web-admin-tools:80"})
	sound := Compile(loadBalancer(serving("web", "front"), admin), f, config(), gone.Memory)
	if except(sound) != nil || sound.Memory.TargetGroups != nil || sound.Diagnostics.HasErrors() {
		t.Errorf("nobody is broken: %v, %v, %v", except(sound), sound.Memory.TargetGroups, sound.Diagnostics)
	}
	if slices.ContainsFunc(first.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.TargetGroupTaken }) {
		t.Errorf("names that only begin alike are taken for one identity: %v", first.Diagnostics)
	}
}
