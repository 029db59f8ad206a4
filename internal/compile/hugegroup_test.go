package compile

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// alike has a member forward so many paths of its host to one Service.
func alike(n int) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Routes = nil
		for i := range n {
			m.Routes = append(m.Routes, route(m.Object, m.Object.Name+".example.com", fmt.Sprintf("/p%d", i), m.Object.Name))
		}
	}
}

// answeredRequests are the hosts with paths that the rules of a stack answer.
func answeredRequests(s *stack.Stack) map[string]bool {
	out := map[string]bool{}
	for _, rule := range s.Rules {
		for _, p := range rule.Conditions[1].Values {
			out[rule.Conditions[0].Values[0]+p] = true
		}
	}
	return out
}

// TestGroupHasRoomForEachNamespace has a tenant declare more rules than a group has room for: its youngest members are
// set aside, with their last valid version or the rules that AWS has, and no request loses its answer.
func TestGroupHasRoomForEachNamespace(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", born(1), alike(10))
	m0, m1 := ingress("mal", "m0", born(10), alike(4000)), ingress("mal", "m1", born(11), alike(4000))
	m2 := ingress("mal", "m2", born(12), alike(30))
	f := ample(100)
	first := Compile(loadBalancer(web, m0, m1, m2), f, config(), nil)
	rulesInAWS(&f, mustBuild(t, first))
	lost := func(what string, before, after *stack.Stack) {
		now := answeredRequests(after)
		for request := range answeredRequests(before) {
			if !now[request] {
				t.Errorf("%s: nothing answers %s any more", what, request)
				return
			}
		}
	}
	m2 = ingress("mal", "m2", born(12), alike(4000))
	grown := Compile(loadBalancer(web, m0, m1, m2), f, config(), first.Memory)
	lost("a member of the tenant grows", mustBuild(t, first), mustBuild(t, grown))
	if found := codes(grown.Diagnostics); !slices.Contains(found, "m2 InvalidRule") ||
		slices.Contains(found, "web InvalidRule") || slices.Contains(found, "m1 InvalidRule") {
		t.Errorf("findings %v", found)
	}
	web = ingress("shop", "web", born(1), alike(4000))
	after := Compile(loadBalancer(web, m0, m1, m2), f, config(), grown.Memory)
	lost("the other namespace grows", grown.Stack, mustBuild(t, after))
	if found := codes(after.Diagnostics); !slices.Contains(found, "m1 InvalidRule") || slices.Contains(found,
		"web InvalidRule") {
		t.Errorf("findings %v", found)
	}
}

// TestRulesAtRedirectingPortsDoNotCount has a group whose HTTP ports redirect, so that only HTTPS ports have rules.
func TestRulesAtRedirectingPortsDoNotCount(t *testing.T) {
	t.Parallel()
	set := func(redirects bool) []intent.Member {
		var out []intent.Member
		for i, namespace := range []string{"shop", "mal", "mal"} {
			m := ingress(namespace, fmt.Sprint("m", i), born(int64(i)), alike(10+2490*i), https(certificate1))
			if redirects {
				redirecting(&m)
			}
			out = append(out, m)
		}
		return out
	}
	for redirects, want := range map[bool]int{true: 0, false: 1} {
		found := Compile(loadBalancer(set(redirects)...), ample(100), config(), nil).Diagnostics
		told := 0
		for _, d := range found {
			if strings.Contains(d.Text, "more than its share") {
				told++
			}
		}
		if told != want {
			t.Errorf("ssl-redirect %t: %d members have no room, want %d: %v", redirects, told, want, codes(found))
		}
	}
}

// TestGroupsRulesAreBounded has a tenant fill a group in the ways that multiply, without the bound of a member. A pass
// over the group, as for an edit of another tenant, allocates little more than with one large member.
func TestGroupsRulesAreBounded(t *testing.T) {
	web := ingress("shop", "web", born(1), alike(10)) // each allocates what others would count, so nothing is parallel
	allocated := func(before *Memory, members ...intent.Member) (mib uint64, memory *Memory) {
		f := ample(100)
		standing(&f, web)
		var from, to runtime.MemStats
		runtime.ReadMemStats(&from)
		r := Compile(loadBalancer(members...), f, config(), before)
		runtime.ReadMemStats(&to)
		served := 0
		for request := range answeredRequests(mustBuild(t, r)) {
			if strings.HasPrefix(request, "web.") {
				served++
			}
		}
		if served != 10 {
			t.Errorf("%d of 10 paths serve", served)
		}
		return (to.TotalAlloc - from.TotalAlloc) >> 20, r.Memory
	}
	one, _ := allocated(nil, web, ingress("mal", "m", born(10), alike(intent.MaxMemberRules)))
	many := func(n int, change ...func(*intent.Member)) []intent.Member {
		out := []intent.Member{web}
		for i := range n {
			out = append(out, ingress("mal", fmt.Sprint("m", i), append(change, born(int64(10+i)))...))
		}
		return out
	}
	good := many(30, alike(intent.MaxMemberRules))
	for name, c := range map[string]struct {
		members []intent.Member
		before  *Memory
	}{
		"paths": {good, nil},
		"ports": {many(8, alike(2000), func(m *intent.Member) {
			for p := range int32(20) {
				m.Listeners = append(m.Listeners, intent.Listener{Port: 1000 + p, Protocol: "HTTP"})
			}
		}), nil},
		"values": {many(30, alike(100), func(m *intent.Member) {
			for i := range m.Routes {
				for p := range 200 {
					m.Routes[i].Conditions[1].Values = append(m.Routes[i].Conditions[1].Values, fmt.Sprintf("/v%d/%d", i, p))
				}
			}
		}), nil},
		"last valid versions": {many(30, broken("spec.rules[0]")), remember(good...)},
		"members":             {many(1000), nil},
	} {
		got, memory := allocated(c.before, c.members...)
		if c.before != nil { // it is larger than what passes leave
			got, _ = allocated(memory, c.members...)
		}
		if got > 12*one {
			t.Errorf("%s: a pass allocates %d MiB, with one large member %d", name, got, one)
		}
	}
}
