package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestOwnerTightensBesideAgreeingMember has the owner of a setting make it stricter, and then looser than before, while a
// member of another namespace sets the value on which both agreed. That member is told of the stricter value.
func TestOwnerTightensBesideAgreeingMember(t *testing.T) {
	t.Parallel()
	secure := func(policy string) func(*intent.Member) {
		return func(m *intent.Member) {
			https(certificate1)(m)
			m.Listeners[len(m.Listeners)-1].SSLPolicy = set(m, "ssl-policy", policy)
		}
	}
	acl := func(arn string) func(*intent.Member) {
		return func(m *intent.Member) { m.Settings.AddOns.WebACL = set(m, "wafv2-acl-arn", arn) }
	}
	effect := func(s *stack.Stack) string {
		lb, policy, acl := s.LoadBalancers[0], "", "left"
		for _, l := range s.Listeners {
			policy += l.SSLPolicy
		}
		if lb.WebACL != nil {
			acl = *lb.WebACL
		}
		return fmt.Sprint(lb.Scheme, " ", policy, " ", acl, " ", sources(s))
	}
	const loose, strict, looser = "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06",
		"ELBSecurityPolicy-2016-08"
	for name, c := range map[string]struct{ agreed, stricter, looser func(*intent.Member) }{
		"scheme":        {scheme(stack.InternetFacing), scheme(stack.Internal), scheme(stack.InternetFacing)},
		"TLS policy":    {secure(loose), secure(strict), secure(looser)},
		"web ACL":       {acl(intent.None), acl(aclARN + "acl/1"), acl(intent.None)},
		"source ranges": {ranges("10.0.0.0/8"), ranges("10.1.0.0/16"), ranges("0.0.0.0/0")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			cfg.EnableWAFv2 = true
			group := func(owner func(*intent.Member)) intent.LoadBalancer {
				lb := loadBalancer(ingress("shop", "web", born(1), owner), ingress("team", "api", born(2), c.agreed))
				lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
				return lb
			}
			alone := func(owner func(*intent.Member)) string {
				return effect(mustBuild(t, Compile(group(owner), account(), cfg, nil)))
			}
			first := Compile(group(c.agreed), account(), cfg, nil)
			was, f := effect(mustBuild(t, first)), asFacts(account(), first.Stack)
			r := Compile(group(c.stricter), f, cfg, first.Memory)
			if got := effect(mustBuild(t, r)); got == was || got != alone(c.stricter) {
				t.Errorf("stricter: %s, before %s", got, was)
			}
			if n := len(r.Stack.TargetGroups); n != len(first.Stack.TargetGroups) {
				t.Errorf("%d target groups", n)
			}
			told := false
			for _, d := range r.Diagnostics {
				told = told || d.Object.Name == "api" && (d.Code == diag.ConflictingSettings ||
					d.Code == diag.SettingNotPermitted)
			}
			if !told {
				t.Errorf("the other member is told nothing: %v", r.Diagnostics)
			}
			if got := effect(mustBuild(t, Compile(group(c.looser), asFacts(account(), r.Stack), cfg, r.Memory))); got != was {
				t.Errorf("looser: %s, want %s", got, was)
			}
		})
	}
}

// TestRestartLetsNoAgreeingMemberTighten has two namespaces set the same value when nothing is remembered: which of them
// came first is not known, so neither takes requests from the other.
func TestRestartLetsNoAgreeingMemberTighten(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", born(5), ranges("10.0.0.0/8"))
	older := func(value string) intent.Member { return ingress("mal", "older", born(1), ranges(value)) }
	first := Compile(loadBalancer(web, ingress("mal", "older", born(1))), account(), config(), nil)
	f := asFacts(account(), mustBuild(t, first))
	r := Compile(loadBalancer(web, older("10.0.0.0/8")), f, config(), nil)
	for range 2 {
		same(t, "sources", sources(mustBuild(t, r)), []string{"0 10.0.0.0/8"})
		text, err := json.Marshal(r.Memory)
		remembered := &Memory{}
		if err := errors.Join(err, json.Unmarshal(text, remembered)); err != nil {
			t.Fatal(err)
		}
		r = Compile(loadBalancer(web, older("10.1.0.0/16")), f, config(), remembered)
	}
	same(t, "sources", sources(mustBuild(t, r)), []string{"0 10.0.0.0/8"})
	// A member that sets another value alone owns it.
	for _, s := range []struct {
		own   string
		other intent.Member
	}{
		{"10.1.0.0/16", ingress("mal", "older", born(1))}, {"10.1.0.0/16", older("10.1.0.0/16")},
		{"10.1.1.0/24", older("10.1.0.0/16")},
	} {
		r = Compile(loadBalancer(ingress("shop", "web", born(5), ranges(s.own)), s.other), f, config(), r.Memory)
		same(t, "sources", sources(mustBuild(t, r)), []string{"0 " + s.own})
	}
}

// TestRemovedValueLeavesTheDefault has a tenant declare security groups that are ignored, and wait until the owner of
// the setting removes its own: any group of the account counts as stricter than the managed one.
func TestRemovedValueLeavesTheDefault(t *testing.T) {
	t.Parallel()
	evil := ingress("mal", "evil", guardedBy("sg-0b"), born(9))
	web, plain := ingress("shop", "web", guardedBy("sg-0a"), born(1)), ingress("shop", "plain", born(2))
	first := Compile(loadBalancer(web, plain), account(), config(), nil)
	second := Compile(loadBalancer(web, plain, evil), asFacts(account(), mustBuild(t, first)), config(), first.Memory)
	named := func(s *stack.Stack) (out []string) {
		for _, g := range s.LoadBalancers[0].SecurityGroups {
			if g.Literal != "" {
				out = append(out, g.Literal)
			}
		}
		return out
	}
	same(t, "before", named(mustBuild(t, second)), []string{"sg-0a"})
	for name, c := range map[string]struct {
		members []intent.Member
		want    []string
	}{
		"removed":           {[]intent.Member{ingress("shop", "web", born(1)), plain, evil}, nil},
		"the member leaves": {[]intent.Member{plain, evil}, nil},
		"its namespace leaves": {[]intent.Member{ingress("blog", "third", born(10)), evil},
			[]string{"sg-0b"}},
	} {
		r := Compile(loadBalancer(c.members...), asFacts(account(), second.Stack), config(), written(t, second.Memory))
		same(t, name, named(mustBuild(t, r)), c.want)
	}
}

// TestNamespaceOwnsWhatItsNewMembersRepeat has a second member of a namespace set the namespace's value, and the first
// one leave: the namespace may still make the value stricter beside another one that agrees.
func TestNamespaceOwnsWhatItsNewMembersRepeat(t *testing.T) {
	t.Parallel()
	api, web := ingress("team", "api", born(1)), ingress("shop", "web", ranges("10.1.0.0/16"), born(2))
	plain := func(value string) intent.Member { return ingress("shop", "plain", ranges(value), born(3)) }
	agrees := ingress("mal", "evil", ranges("10.1.0.0/16"), born(9))
	var r Result
	f := account()
	for _, members := range [][]intent.Member{{api, web}, {api, web, plain("10.1.0.0/16"), agrees},
		{api, plain("10.1.0.0/16"), agrees}} {
		r = Compile(loadBalancer(members...), f, config(), r.Memory)
		f = asFacts(account(), mustBuild(t, r))
		same(t, "sources", sources(r.Stack), []string{"0 10.1.0.0/16"})
	}
	r = Compile(loadBalancer(api, plain("10.1.1.0/24"), agrees), f, config(), r.Memory)
	same(t, "made stricter", sources(mustBuild(t, r)), []string{"0 10.1.1.0/24"})
}

// TestNamespaceThatAsksForLessDecidesNothingElse has the controller know nothing of a group whose oldest member asks
// for less protection than the load balancer has. It may have been set aside for that, so its namespace is not believed
// to decide about other settings either.
func TestNamespaceThatAsksForLessDecidesNothingElse(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", born(2))
	f := asFacts(account(), mustBuild(t, Compile(loadBalancer(web, ingress("blog", "third", born(4))), account(), config(),
		nil)))
	r := Compile(loadBalancer(ingress("mal", "open", scheme("internet-facing"), born(1)), web,
		ingress("mal", "narrow", ranges("10.0.0.0/8"), born(3))), f, config(), nil)
	same(t, "sources", sources(mustBuild(t, r)), []string{"0 0.0.0.0/0"})
}

// TestValueRemovedFromTheClassLeavesTheDefault has a tenant declare ranges that class parameters override, and wait
// until an administrator removes those.
func TestValueRemovedFromTheClassLeavesTheDefault(t *testing.T) {
	t.Parallel()
	ofClass := func(m *intent.Member) {
		for i := range m.Listeners {
			m.Listeners[i].InboundCIDRs = byClass([]string{"10.0.0.0/8"})
		}
	}
	before := loadBalancer(ingress("shop", "web", ofClass, born(1)), ingress("mal", "evil", ofClass, born(9)))
	after := loadBalancer(ingress("shop", "web", born(1)), ingress("mal", "evil", ranges("10.9.0.0/16"), born(9)))
	first := Compile(before, account(), config(), nil)
	f := asFacts(account(), mustBuild(t, first))
	for name, memory := range map[string]*Memory{"remembered": first.Memory,
		"after a restart without memory": Compile(before, f, config(), nil).Memory} {
		r := Compile(after, f, config(), written(t, memory))
		same(t, name, sources(mustBuild(t, r)), []string{"0 0.0.0.0/0"})
	}
}
