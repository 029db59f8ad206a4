package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// namesGroups has a member forward to n target groups of others, five in each rule.
func namesGroups(n int, backend func(i int) intent.Backend) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Routes = nil
		for i := range n {
			if i%stack.MaxForwardTargets == 0 {
				r := route(m.Object, m.Object.Name+".example.com", fmt.Sprintf("/p%d", i), m.Object.Name)
				r.Actions = []intent.Action{{Type: stack.ActionForward}}
				m.Routes = append(m.Routes, r)
			}
			to := &m.Routes[len(m.Routes)-1].Actions[0]
			to.Backends = append(to.Backends, backend(i))
		}
	}
}

func groupName(prefix string) func(int) intent.Backend {
	return func(i int) intent.Backend { return intent.Backend{TargetGroupName: fmt.Sprint(prefix, "-", i)} }
}

func groupARN(i int) intent.Backend {
	return intent.Backend{TargetGroupARN: fmt.Sprintf(
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/tg-%d/%016x", i, i)}
}

// lookedUp are the keys of needs of target groups.
func lookedUp(needs []facts.Need) (keys []string) {
	for _, n := range needs {
		if n.Kind == facts.NeedTargetGroupName || n.Kind == facts.NeedTargetGroupOwner {
			keys = append(keys, n.Key)
		}
	}
	return keys
}

// TestNamesOfAMemberAreBounded has a member name more target groups than any load balancer may have.
func TestNamesOfAMemberAreBounded(t *testing.T) {
	t.Parallel()
	for what, backend := range map[string]func(int) intent.Backend{"names": groupName("tg"), "ARNs": groupARN} {
		r := Compile(loadBalancer(ingress("mal", "m", namesGroups(10_000, backend)), ingress("shop", "web")), ample(100), config(),
			nil)
		s := mustBuild(t, r)
		if keys := lookedUp(r.Needs); len(keys) > 0 || len(answeredRequests(s)) == 0 {
			t.Errorf("%s: %d look-ups, rules %v", what, len(keys), answeredRequests(s))
		}
		if !strings.Contains(fmt.Sprint(r.Diagnostics), "the object names 10000 target groups by ARN or name, and the "+
			"controller looks up at most 500") {
			t.Errorf("%s: %v", what, r.Diagnostics)
		}
		most := Compile(loadBalancer(ingress("mal", "m", namesGroups(intent.MaxMemberNames, backend)), ingress("shop", "web")),
			account(), config(), nil)
		if keys := lookedUp(most.Needs); len(keys) != intent.MaxMemberNames {
			t.Errorf("%s: %d look-ups of %d: %v", what, len(keys), intent.MaxMemberNames, most.Diagnostics)
		}
	}
}

// TestNamesOfAGroupAreBounded has a tenant with many members name target groups in a group of two namespaces, and in
// one of its own.
func TestNamesOfAGroupAreBounded(t *testing.T) {
	t.Parallel()
	members := []intent.Member{ingress("shop", "web", born(100), namesGroups(5, groupName("web")))}
	for i := range 30 {
		members = append(members, ingress("mal", fmt.Sprint("m", i), born(int64(i)), namesGroups(200, groupName(fmt.Sprint("mal", i)))))
	}
	r := Compile(loadBalancer(members...), account(), config(), nil)
	keys := lookedUp(r.Needs)
	if len(keys) > intent.MaxGroupNames || !slices.Contains(keys, "web-4") || !slices.Contains(keys, "mal0-0") {
		t.Errorf("%d look-ups: %.300v; %v", len(keys), keys, codes(r.Diagnostics))
	}
	r = Compile(loadBalancer(members[1:]...), account(), config(), nil)
	if keys := lookedUp(r.Needs); len(keys) != intent.MaxGroupNames {
		t.Errorf("%d look-ups of a namespace on its own", len(keys))
	}
}

// TestImpossibleNameIsNotLookedUp has a member name what no target group can be named.
func TestImpossibleNameIsNotLookedUp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"under_score", strings.Repeat("n", 33), "two words", "arn:aws"} {
		r := Compile(loadBalancer(ingress("mal", "m", namesGroups(1, func(int) intent.Backend {
			return intent.Backend{TargetGroupName: name}
		})), ingress("shop", "web")), account(), config(), nil)
		s := mustBuild(t, r)
		if keys := lookedUp(r.Needs); len(keys) > 0 || !answeredRequests(s)["web.example.com/*"] {
			t.Errorf("%s: %d look-ups, rules %v", name, len(keys), answeredRequests(s))
		}
		if found := codes(r.Diagnostics); !slices.Contains(found, "m InvalidRule") || slices.Contains(found, "web InvalidRule") {
			t.Errorf("%s: %v", name, r.Diagnostics)
		}
	}
}
