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

// forwards has a member forward so many paths of its host, each to a Service of its own.
func forwards(n int) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Routes = nil
		for i := range n {
			name := fmt.Sprintf("%s%03d", m.Object.Name, i)
			m.Routes = append(m.Routes, route(m.Object, m.Object.Name+".example.com", "/"+name, name))
		}
	}
}

// standing has the rules of members exist in AWS.
func standing(f *facts.Facts, members ...intent.Member) {
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: "internal"}
	f.Details = &facts.LoadBalancerDetails{Rules: map[int32][]stack.Rule{}, Listeners: map[int32]stack.Listener{}}
	for _, m := range members {
		for _, r := range m.Routes {
			f.Details.Rules[80] = append(f.Details.Rules[80], stack.Rule{Conditions: r.Conditions})
		}
	}
}

// TestGuardsOfOthersTakeNoRoom has a newcomer of another namespace declare more redirects than a load balancer has
// rules. Without them, the default action of the victim would forward their requests.
func TestGuardsOfOthersTakeNoRoom(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", born(1), forwards(60), func(m *intent.Member) {
		m.Listeners[0].Default = m.Routes[0].Actions
		m.Listeners[0].DefaultSource = m.Routes[0].Source
	})
	third := ingress("blog", "third", born(2), forwards(10))
	mal := ingress("mal", "evil", born(3), paths(120))
	f := limited(100)
	standing(&f, web, third)
	r := Compile(loadBalancer(mal, third, web), f, config(), mustMemory(t, loadBalancer(third, web)))
	s := mustBuild(t, r)
	served := map[string]int{}
	for _, rule := range s.Rules {
		served[rule.Conditions[0].Values[0]]++
	}
	if served["web.example.com"] != 60 || served["third.example.com"] != 10 || len(s.Rules) != 100 {
		t.Errorf("rules %v", served)
	}
	if a := s.Listeners[0].DefaultActions; a[0].Type != stack.ActionForward {
		t.Errorf("the default action is %v", a)
	}
	same(t, "findings", codes(r.Diagnostics), []string{"evil QuotaExceeded"})
}

// TestEditTakesThePlaceOfItsOwnRule has a member edit a path while the group is full, and rules of an older member of
// another namespace wait for room.
func TestEditTakesThePlaceOfItsOwnRule(t *testing.T) {
	t.Parallel()
	old, web := ingress("mal", "old", born(1), forwards(60)), ingress("shop", "web", born(2), forwards(40))
	f := limited(100)
	f.Limits["target-groups-per-application-load-balancer"] = 500
	standing(&f, old, web)
	before := mustMemory(t, loadBalancer(old, web))
	before.Members = []diag.Object{old.Object, web.Object}
	old = ingress("mal", "old", born(1), forwards(80))
	web.Routes = append(web.Routes[:0:0], web.Routes...)
	web.Routes[7] = route(web.Object, "web.example.com", "/edited", "web")
	for name, known := range map[string]bool{"remembered": true, "by its target group": false} {
		memory := *before
		if !known { // an earlier pass has compiled the edit, and AWS refused it
			edited := mustMemory(t, loadBalancer(web))
			memory.Good = edited.Good
			f.Details.TargetGroups = map[string]string{"arn:tg": "shop/web-web:80"}
			f.Details.Rules[80][67].Actions = []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{
				TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup,
					Literal: "arn:tg"}}}}}}
		}
		r := Compile(loadBalancer(old, web), f, config(), &memory)
		edited := false
		for _, rule := range mustBuild(t, r).Rules {
			edited = edited || rule.Conditions[1].Values[0] == "/edited"
		}
		if !edited {
			t.Errorf("%s: the edited rule is left out: %v", name, r.Diagnostics)
		}
		same(t, name+": findings", codes(r.Diagnostics), []string{"old QuotaExceeded"})
	}
}

// TestEditComesBeforeOwnRulesThatWait has a member edit a path while rules of an older member of its namespace wait for
// room.
func TestEditComesBeforeOwnRulesThatWait(t *testing.T) {
	t.Parallel()
	for name, declared := range map[string]func(int) func(*intent.Member){"forwards": forwards, "redirects": paths} {
		old, web := ingress("shop", "old", born(1), declared(70)), ingress("shop", "web", born(2), declared(30))
		f := ample(100)
		last := Compile(loadBalancer(old, web), f, config(), nil)
		rulesInAWS(&f, mustBuild(t, last))
		old = ingress("shop", "old", born(1), declared(90))
		last = Compile(loadBalancer(old, web), f, config(), last.Memory)
		web = ingress("shop", "web", born(2), declared(30), func(m *intent.Member) {
			m.Routes[7].Conditions = slices.Clone(m.Routes[7].Conditions)
			m.Routes[7].Conditions[1].Values = []string{"/edited"}
		})
		s := mustBuild(t, Compile(loadBalancer(old, web), f, config(), written(t, last.Memory)))
		if !answeredRequests(s)["web.example.com/edited"] || len(s.Rules) != 100 {
			t.Errorf("%s: the edited rule is left out of %d", name, len(s.Rules))
		}
	}
}

// TestEditTakesThePlaceOfItsOwnPort has a member exchange a port and a certificate while the load balancer is full, and
// ports and certificates of an older member of another namespace wait for room.
func TestEditTakesThePlaceOfItsOwnPort(t *testing.T) {
	t.Parallel()
	const of = "arn:aws:acm:us-west-2:111122223333:certificate/"
	declare := func(m *intent.Member, ports []int32, certificates ...string) {
		https(certificates...)(m)
		for _, p := range ports {
			m.Listeners = append(m.Listeners, intent.Listener{Port: p, Protocol: "HTTP"})
		}
	}
	old := ingress("mal", "old", born(1), func(m *intent.Member) { declare(m, []int32{1001}, of+"a1") })
	web := ingress("shop", "web", born(2), func(m *intent.Member) { declare(m, []int32{2001}, of+"b1") })
	f := account()
	f.Limits = map[string]int{"listeners-per-application-load-balancer": 4,
		"certificates-per-application-load-balancer": 1}
	standing(&f)
	for _, p := range []int32{80, 443, 1001, 2001} {
		f.Details.Listeners[p] = stack.Listener{Port: p}
	}
	f.Details.Listeners[443] = stack.Listener{Port: 443, SNI: []string{of + "b1"}}
	before := mustMemory(t, loadBalancer(old, web))
	before.Members = []diag.Object{old.Object, web.Object}
	before.Certificates = []stack.BroughtCertificate{{Port: 443, ARN: of + "b1", Namespaces: []string{"shop"}}}
	var more []int32
	for p := range int32(60) {
		more = append(more, 1001+p)
	}
	certificates := []string{of + "a1"}
	for i := range 30 {
		certificates = append(certificates, fmt.Sprint(of, "a", 2+i))
	}
	old = ingress("mal", "old", born(1), func(m *intent.Member) { declare(m, more, certificates...) })
	web = ingress("shop", "web", born(2), func(m *intent.Member) { declare(m, []int32{2002}, of+"b2") })
	s := mustBuild(t, Compile(loadBalancer(old, web), f, config(), before))
	ports, attached := map[int32]bool{}, []string{}
	for _, l := range s.Listeners {
		ports[l.Port] = true
		attached = append(attached, l.SNI...)
	}
	if !ports[2002] || len(ports) != 4 {
		t.Errorf("ports %v", ports)
	}
	same(t, "certificates", attached, []string{of + "b2"})
}

// TestEditTakesThePlaceOfAPortThatOthersClaim has a Service exchange a port while the network load balancer is full,
// and a Service of another namespace, which is older, declare the former port as well.
func TestEditTakesThePlaceOfAPortThatOthersClaim(t *testing.T) {
	t.Parallel()
	mal := serviceOf("mal", "old", 1, append(numbers(1000, 49), 2001)...)
	web := serviceOf("shop", "web", 2, 2001)
	f := account()
	standing(&f)
	f.Existing.Type, f.Existing.Families = stack.Network, map[string][]string{"shop/web:2001": {stack.IPv4}}
	f.Details.TargetGroups = map[string]string{"arn:mal": "mal/old:1000", "arn:web": "shop/web:2001"}
	f.Details.GroupAttributes = map[string]map[string]string{"shop/web:2001": {}}
	for _, p := range append(numbers(1000, 49), 2001) {
		to := "arn:mal"
		if p == 2001 {
			to = "arn:web"
		}
		f.Details.Listeners[p] = stack.Listener{Port: p, DefaultActions: []stack.Action{{Type: stack.ActionForward,
			Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{{
				TargetGroup: stack.Literal(stack.KindTargetGroup, to)}}}}}}
	}
	before := Compile(servicesOf(mal, web), f, config(), nil)
	mustBuild(t, before)
	web = serviceOf("shop", "web", 2, 2002)
	for name, memory := range map[string]*Memory{"with memory": before.Memory, "without": nil} {
		ports := map[int32]bool{}
		for _, l := range mustBuild(t, Compile(servicesOf(mal, web), f, config(), memory)).Listeners {
			ports[l.Port] = true
		}
		if !ports[2002] || ports[2001] || len(ports) != 50 {
			t.Errorf("%s: %d ports; the new one has a listener: %t", name, len(ports), ports[2002])
		}
	}
}
