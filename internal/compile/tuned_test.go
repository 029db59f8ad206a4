package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// tuning is a setting that tunes what members share. Its value is a number, and empty if nobody sets one.
type tuning struct {
	name    string
	declare func(m *intent.Member, v string)
	read    func(s *stack.Stack) string
}

func tunings() []tuning {
	out := []tuning{{"capacity", func(m *intent.Member, v string) {
		units := int32(100 * len(v))
		m.Settings.AddOns.Capacity = set(m, "minimum-load-balancer-capacity", units)
	}, func(s *stack.Stack) string {
		if c := s.LoadBalancers[0].Capacity; c != nil {
			return strings.Repeat("1", int(*c)/100)
		}
		return ""
	}}}
	for _, key := range []string{"idle_timeout.timeout_seconds", "client_keep_alive.seconds",
		"zonal_shift.config.enabled", "an.attribute.newer.than.the.controller"} {
		out = append(out, tuning{key, func(m *intent.Member, v string) {
			if strings.HasSuffix(key, ".enabled") {
				v = fmt.Sprint(v == "11")
			}
			if key == "client_keep_alive.seconds" {
				v += "00"
			}
			put(&m.Settings.Attributes, key, set(m, "load-balancer-attributes", v))
		}, func(s *stack.Stack) string {
			switch v := s.LoadBalancers[0].Attributes[key]; v {
			case "true":
				return "11"
			case "false":
				return "1"
			default:
				return strings.TrimSuffix(v, "00")
			}
		}})
	}
	return append(out, tuning{"listener attribute", func(m *intent.Member, v string) {
		put(&m.Listeners[0].Attributes, "an.attribute", set(m, "listener-attributes.HTTP-80", v))
	}, func(s *stack.Stack) string { return s.Listeners[0].Attributes["an.attribute"] }})
}

// TestNewcomerTunesNothingOfOthers has members of two namespaces share a load balancer. What nobody has set is changed
// only from the namespace of the oldest member.
func TestNewcomerTunesNothingOfOthers(t *testing.T) {
	t.Parallel()
	type member struct{ namespace, value string }
	old, none := member{"old", ""}, member{"young", ""}
	for name, c := range map[string]struct {
		steps [][]member // the first one is compiled without memory
		inAWS string     // before the first step
		want  []string
		told  string // members that are told in the last step
	}{
		"a newcomer": {steps: [][]member{{old, none}, {old, none, {"new", "1"}}}, want: []string{"", ""}, told: "new"},
		"an edit":    {steps: [][]member{{old, none}, {old, {"young", "1"}}}, want: []string{"", ""}, told: "young"},
		"beside a value in effect": {steps: [][]member{{{"old", "11"}, none}, {{"old", "11"}, {"young", "1"}}},
			want: []string{"11", "11"}, told: "young"},
		"the same as in effect": {steps: [][]member{{{"old", "11"}, none}, {{"old", "11"}, {"young", "11"}}},
			want: []string{"11", "11"}},
		"of the oldest namespace": {steps: [][]member{{old, none}, {{"old", "1"}, none}, {{"old", "11"}, none}},
			want: []string{"", "1", "11"}},
		"of the oldest namespace, beside a newcomer": {steps: [][]member{{old, none}, {old, {"young", "1"}},
			{{"old", "11"}, {"young", "1"}}}, want: []string{"", "", "11"}, told: "young"},
		"of one namespace": {steps: [][]member{{old, {"old", ""}}, {old, {"old", "1"}}}, want: []string{"", "1"}},
		"a new group":      {steps: [][]member{{old, {"young", "1"}}, {old, {"young", "11"}}}, want: []string{"1", "11"}},
		"a takeover": {inAWS: "1", steps: [][]member{{{"old", "11"}, {"young", "1"}}, {{"old", "11"}, {"young", "1"}}},
			want: []string{"1", "1"}, told: "old"},
		"a takeover, and who has set it changes it": {inAWS: "1", steps: [][]member{{old, {"young", "1"}},
			{old, {"young", "11"}}}, want: []string{"1", "11"}},
		"whoever has set it leaves": {steps: [][]member{{old, none, {"new", "1"}}, {old, {"young", "11"}}},
			want: []string{"1", ""}, told: "young"},
	} {
		for _, s := range tunings() {
			if c.inAWS != "" && (s.name == "capacity" || s.name == "listener attribute") {
				continue // facts do not tell what AWS has
			}
			t.Run(name+", "+s.name, func(t *testing.T) {
				t.Parallel()
				cfg, f := config(), account()
				cfg.Gates.LBCapacityReservation = true
				if c.inAWS != "" {
					with := ingress("gone", "gone")
					s.declare(&with, c.inAWS)
					was := mustBuild(t, Compile(loadBalancer(with), f, cfg, nil))
					f = standingListeners(asFacts(f, was), was)
					f.Details.Attributes = maps.Clone(was.LoadBalancers[0].Attributes)
				}
				var memory *Memory
				for n, step := range c.steps {
					var members []intent.Member
					for at, m := range step {
						one := ingress(m.namespace, fmt.Sprint(m.namespace, at), born(int64(at)))
						if m.value != "" {
							s.declare(&one, m.value)
						}
						members = append(members, one)
					}
					r := Compile(loadBalancer(members...), f, cfg, memory)
					built := mustBuild(t, r)
					if got := s.read(built); got != c.want[n] {
						t.Errorf("step %d: %q, want %q: %v", n, got, c.want[n], r.Diagnostics)
					}
					if n == len(c.steps)-1 {
						r.Diagnostics = slices.DeleteFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
							return strings.Contains(d.Text, UnknownAttribute)
						})
						told := slices.IndexFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
							return d.Code == diag.ConflictingSettings && d.Object.Namespace == c.told && d.Class != diag.Note
						})
						if len(r.Diagnostics) > 1 || (told < 0) != (c.told == "") {
							t.Errorf("findings: %v", r.Diagnostics)
						}
					}
					attributes := map[string]string{}
					if f.Details != nil {
						maps.Copy(attributes, f.Details.Attributes)
					}
					maps.Copy(attributes, built.LoadBalancers[0].Attributes)
					f, memory = standingListeners(asFacts(account(), built), built), r.Memory
					f.Details.Attributes = attributes
				}
			})
		}
	}
}

// TestNewcomerSwitchesNoSourceNATOn has a Service of another namespace in a group of Services.
func TestNewcomerSwitchesNoSourceNATOn(t *testing.T) {
	t.Parallel()
	f := account()
	for id, s := range f.Subnets {
		s.IPv6CIDRs = []string{"2001:db8:0:" + id[len(id)-2:] + "::/64"}
		f.Subnets[id] = s
	}
	e := service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.Scheme, m.Settings.IPAddressType = set(m, "scheme", stack.Internal), set(m, "family", stack.Dualstack)
	})
	young := service("TCP", func(m *intent.Member, g *intent.TargetGroup) {
		m.Object.Namespace, m.Listeners[0].Port, g.ID = "young", 81, "young/s:81"
		m.Settings.SourceNAT = set(m, "nat", "on")
	}).Members[0]
	e.Key.ID, e.OnePerPort = stack.ID{Name: "group"}, true
	first := Compile(e, f, config(), nil)
	mustBuild(t, first)
	e.Members = append(e.Members, young)
	r := Compile(e, f, config(), first.Memory)
	if got := mustBuild(t, r).LoadBalancers[0].NetworkSourceNAT; got != "off" {
		t.Errorf("%s: %v", got, r.Diagnostics)
	}
	if !slices.Contains(codes(r.Diagnostics), "s ConflictingSettings") {
		t.Errorf("%v", r.Diagnostics)
	}
}
