package compile

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestUnreadClassParametersChangeNothingAtTakeover(t *testing.T) {
	t.Parallel()
	const key = "idle_timeout.timeout_seconds"
	idle := func(f func(*intent.Member) intent.Field[string]) func(*intent.Member) {
		return func(m *intent.Member) { m.Settings.Attributes = map[string]intent.Field[string]{key: f(m)} }
	}
	annotated := func(v string) func(*intent.Member) {
		return idle(func(m *intent.Member) intent.Field[string] { return set(m, "load-balancer-attributes", v) })
	}
	class := func(v string) func(*intent.Member) {
		return idle(func(*intent.Member) intent.Field[string] { return byClass(v) })
	}
	nothing := func(*intent.Member) {}
	tag := func(v string) func(*intent.Member) {
		return func(m *intent.Member) { m.Settings.Tags = map[string]intent.Field[string]{"Team": byClass(v)} }
	}
	type state struct {
		first, second func(*intent.Member)
		has, want     string // in AWS, and of the stack; "" = it is left as it is
		told          string // the members that have a finding
	}
	for name, states := range map[string][]state{
		"AWS has the default": {{nothing, class("90"), "60", "", "b"}, {nothing, class("90"), "60", "", "b"},
			{nothing, class("95"), "60", "95", ""}, {nothing, class("95"), "95", "95", ""}},
		"AWS has what the class says": {{nothing, class("90"), "90", "90", ""}, {nothing, class("90"), "90", "90", ""}},
		"AWS has the annotation": {{annotated("60"), class("90"), "60", "60", "b"}, {annotated("60"), class("90"),
			"60", "60", "b"}},
		"AWS has neither": {{annotated("70"), class("90"), "60", "70", "b"}, {annotated("70"), class("90"),
			"70", "70", "b"}},
		"it becomes an annotation": {{nothing, class("90"), "60", "", "b"},
			{nothing, annotated("90"), "60", "90", ""}},
		"the class of the first member":     {{class("90"), annotated("60"), "60", "90", "b"}},
		"the same of all":                   {{class("90"), class("90"), "60", "90", ""}},
		"annotation and class agree":        {{annotated("90"), class("90"), "60", "90", ""}},
		"an annotation of one":              {{nothing, annotated("90"), "60", "90", ""}},
		"nothing exists":                    {{nothing, class("90"), "", "90", ""}, {nothing, class("90"), "90", "90", ""}},
		"tags that the members disagree of": {{tagged("a"), tag("b"), "a", "", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := mustBuild(t, Compile(loadBalancer(ingress("shop", "a"), ingress("shop", "b")), account(), config(), nil))
			var memory *Memory
			for n, s := range states {
				f := account()
				if s.has != "" {
					f = asFacts(f, made)
					f.Existing.Tags = map[string]string{"Team": s.has}
					f.Details = &facts.LoadBalancerDetails{Attributes: map[string]string{key: s.has},
						Listeners: map[int32]stack.Listener{}}
				}
				r := Compile(loadBalancer(ingress("shop", "a", s.first), ingress("shop", "b", s.second)), f, config(), memory)
				lb := mustBuild(t, r).LoadBalancers[0]
				if got := lb.Attributes[key]; got != s.want {
					t.Errorf("state %d: %q, want %q", n, got, s.want)
				}
				if team, is := lb.Tags["Team"]; is && team != s.has {
					t.Errorf("state %d: tag %q", n, team)
				}
				told := map[string]bool{}
				for _, d := range r.Diagnostics {
					told[d.Object.Name] = true
				}
				if got := strings.Join(slices.Sorted(maps.Keys(told)), " "); got != s.told {
					t.Errorf("state %d: told %v", n, r.Diagnostics)
				}
				memory = r.Memory
			}
		})
	}
	alone := ingress("shop", "a", class("90"))
	f := asFacts(account(), mustBuild(t, Compile(loadBalancer(ingress("shop", "a")), account(), config(), nil)))
	f.Details = &facts.LoadBalancerDetails{Attributes: map[string]string{key: "60"}}
	if got := mustBuild(t, Compile(loadBalancer(alone), f, config(), nil)).LoadBalancers[0].Attributes; !maps.Equal(got,
		map[string]string{key: "90"}) {
		t.Errorf("of an Ingress alone: %v", got)
	}
}
