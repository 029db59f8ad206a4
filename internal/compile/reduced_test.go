package compile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestLargeMemberLeavesTheMemoryOfOthers has a member of another namespace declare so much that the memory of the group
// has no room in a checkpoint.
func TestLargeMemberLeavesTheMemoryOfOthers(t *testing.T) {
	t.Parallel()
	web, mal := ingress("shop", "web", born(1)), ingress("mal", "evil", born(2))
	m := mustMemory(t, loadBalancer(web, mal))
	large := m.Good[mal.Object]
	for i := range 3_000 {
		large.Routes = append(large.Routes, route(mal.Object, fmt.Sprintf("h%d.example.com", i), "/", "evil"))
	}
	m.Good[mal.Object] = large
	smaller, ok := m.Reduced()
	first, _ := smaller.(*Memory)
	if !ok || first == nil {
		t.Fatal("nothing is left out")
	}
	if text, err := json.Marshal(first); err != nil || len(text) > 10_000 || len(first.Good[mal.Object].Listeners) == 0 {
		t.Errorf("%d bytes, %v: %+v", len(text), err, first.Good[mal.Object])
	}
	huge := first.Good[mal.Object]
	huge.Listeners[0].InboundCIDRs.Value = make([]string, 10_000)
	first.Good[mal.Object] = huge
	smaller, ok = first.Reduced()
	got, _ := smaller.(*Memory)
	if !ok || got == nil {
		t.Fatal("nothing more is left out")
	}
	if _, kept := got.Good[mal.Object]; kept || len(m.Good) != 2 {
		t.Errorf("the large member is remembered: %v", got.Good)
	}
	if _, kept := got.Good[web.Object]; !kept || len(got.Members) != 2 || len(got.Effect) != len(m.Effect) {
		t.Errorf("the other member is not remembered: %+v", got)
	}
	if _, ok := got.Reduced(); ok {
		t.Error("the only member is left out, too")
	}
	text, err := json.Marshal(smaller)
	if err != nil || len(text) > 10_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	alone := &Memory{Good: quarantine.Versions{web.Object: large}}
	if _, ok := alone.Reduced(); ok {
		t.Error("what only one namespace has is left out")
	}
}

// TestMemberOfReducedMemoryKeepsServing restarts with a checkpoint that has no room for the versions of one namespace.
// A member of it that is wrong answers no 503, unlike a new one.
func TestMemberOfReducedMemoryKeepsServing(t *testing.T) {
	t.Parallel()
	wrong := func(path string, scope diag.Scope) func(*intent.Member) {
		return func(m *intent.Member) {
			m.Diagnostics = diag.List{diag.New(m.Object, path, diag.InvalidAnnotation, "wrong", "correct it").In(scope)}
		}
	}
	for name, edit := range map[string]func(*intent.Member){
		"misspelt restriction": func(m *intent.Member) {
			misspell("inbound-cidrs")(m)
			m.Misspelt[0].Guards = true
		},
		"unserved rule": func(m *intent.Member) {
			m.Unserved = []intent.Unserved{{Route: m.Routes[0], Path: "spec.rules[0]", Text: "wrong"}}
			m.Routes = nil
		},
		"invalid value": wrong("x", diag.Route),
		"web ACL":       wrong("metadata.annotations[x/wafv2-acl-name]", diag.AddOn),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web, large := ingress("shop", "web", born(1)), ingress("mal", "large", born(2))
			m := mustMemory(t, loadBalancer(web, large))
			version := withoutRoutes(*m.Good[large.Object]) // as Reduced does
			m.Good[large.Object] = &version
			f := account()
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal,
				IPAddressType: stack.IPv4, Subnets: []string{"subnet-0a1", "subnet-0b1"}, ManagedGroup: true}
			edited, fresh := ingress("mal", "large", born(2), edit), ingress("mal", "new", born(3), edit)
			r := Compile(loadBalancer(web, edited, fresh), f, config(), m)
			refused := map[diag.Object]bool{}
			for _, d := range r.Diagnostics {
				for _, says := range []string{"requests for the hosts", "reachable without", "get an error"} {
					refused[d.Object] = refused[d.Object] || strings.Contains(d.Text, says)
				}
			}
			if refused[edited.Object] || !refused[fresh.Object] {
				t.Errorf("refused are %v: %v", refused, r.Diagnostics)
			}
		})
	}
}

// TestReducedMemoryHoldsNoSettings has a large member of another namespace declare a wrong setting of the load
// balancer, before a start with a checkpoint that has no room for its version: the others' edits take effect.
func TestReducedMemoryHoldsNoSettings(t *testing.T) {
	t.Parallel()
	web, large := ingress("shop", "web", ranges("10.0.0.0/8"), born(1)), ingress("mal", "large", born(2))
	before := Compile(loadBalancer(web, large), account(), config(), nil)
	for range 100 {
		large.Routes = append(large.Routes, large.Routes...)[:min(2*len(large.Routes), 1000)]
	}
	before.Memory.Good[large.Object] = &large
	smaller, _ := before.Memory.Reduced()
	m, _ := smaller.(*Memory)
	wrong := ingress("mal", "large", born(2), func(m *intent.Member) {
		m.Diagnostics = diag.List{diag.New(m.Object, "scheme", diag.InvalidAnnotation, "wrong", "correct it").In(
			diag.LoadBalancer)}
	})
	edited := ingress("shop", "web", ranges("10.1.0.0/16"), born(1))
	r := Compile(loadBalancer(edited, wrong), asFacts(account(), mustBuild(t, before)), config(), m)
	s := mustBuild(t, r)
	same(t, "ranges", sources(s), []string{"0 10.1.0.0/16"})
	if r.Keep.Settings || len(r.Keep.Rules) == 0 {
		t.Errorf("keep %+v", r.Keep)
	}
}
