package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// mistakes are where a member may be wrong: in its own routes, in a setting of its port, in one of the load balancer.
var mistakes = []string{"spec.rules[0]", "metadata.annotations[alb.ingress.kubernetes.io/healthcheck-interval-seconds]",
	"metadata.annotations[alb.ingress.kubernetes.io/inbound-cidrs]",
	"metadata.annotations[alb.ingress.kubernetes.io/scheme]"}

// invalid reports whether a member has a mistake, so that its last valid version serves.
func invalid(m *intent.Member) bool {
	return m.Former || slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
		return quarantine.Disqualifies(*m, d)
	})
}

// coupled are settings of which one hides others.
var coupled = [][]string{{"inbound-cidrs", "prefix-lists", "security-groups", "manage-backend-security-group-rules"},
	{"attribute/access_logs.s3.enabled", "attribute/access_logs.s3.bucket", "attribute/access_logs.s3.prefix"},
	{"attribute/connection_logs.s3.enabled", "attribute/connection_logs.s3.bucket"}}

// street is a group of namespace n-b alone, and the same group with members of other namespaces, which came later.
type street struct {
	alone, crowd *groupOfMembers
	// agreed are values that others declared while they were in effect, by setting: these they may hold.
	agreed map[string]map[string]bool
	// parted are the settings that others held, and that have not been equal in both worlds since.
	parted map[string]bool
	// governed: class parameters of the group name n-b as the namespace that decides.
	governed bool
	said     []string
}

func newStreet(t *rapid.T) *street {
	world := func() *groupOfMembers {
		return &groupOfMembers{declared: map[string]map[string]string{}, closed: map[int32][]string{},
			built: map[string]version{}, inAWS: map[string]string{}}
	}
	s := &street{alone: world(), crowd: world(), agreed: map[string]map[string]bool{},
		parted: map[string]bool{}}
	for _, setting := range guardingSettings() { // of many at once each is rarely seen, as some hide others
		if rapid.IntRange(0, 2).Draw(t, "with "+setting.name) == 0 {
			s.alone.settings = append(s.alone.settings, setting)
		}
	}
	s.crowd.settings, s.crowd.classes = s.alone.settings, true
	return s
}

// draw makes a version of a member, which may have a mistake.
func (s *street) draw(t *rapid.T, name string, created int64) intent.Member {
	order := int32(0)
	if name[0] != 'b' {
		order = rapid.Int32Range(0, 1).Draw(t, "order")
	}
	m := s.crowd.draw(t, name, created, order)
	if name[0] == 'b' {
		m.Listeners = m.Listeners[:2] // who opens a port first owns its settings
	} else if rapid.IntRange(0, 2).Draw(t, "for others' host") == 0 {
		m.Routes[0].Conditions = rapid.SampledFrom([]intent.Route{route(m.Object, "b1.example.com", "/*", name),
			route(m.Object, "B1.example.*", "/*", name), route(m.Object, "b1.example.com", "/x*", name)}).Draw(t,
			"route").Conditions
	}
	if rapid.IntRange(0, 3).Draw(t, "mistake") == 0 {
		broken(rapid.SampledFrom(mistakes).Draw(t, "at"))(&m)
	}
	s.said = append(s.said, fmt.Sprintf("%s: %v %v", name, s.crowd.declared[name], m.Diagnostics))
	m.Authority = s.authority(name)
	return m
}

// authority is the authority of a member by the class parameters of the group.
func (s *street) authority(name string) intent.Authority {
	switch {
	case !s.governed:
		return intent.Equal
	case name[0] == 'b':
		return intent.Deciding
	}
	return intent.RoutesOnly
}

// govern has an administrator name the namespace that decides, or take that back.
func (s *street) govern() {
	s.governed = !s.governed
	s.said = append(s.said, fmt.Sprint("governed: ", s.governed))
	for _, g := range []*groupOfMembers{s.alone, s.crowd} {
		for i := range g.members {
			g.members[i].Authority = s.authority(g.members[i].Object.Name)
		}
	}
}

// put replaces a member of a world, or adds it. Members are in the order of a front end.
func (g *groupOfMembers) put(m intent.Member) {
	g.remove(m.Object.Name)
	g.members = append(g.members, m)
	slices.SortFunc(g.members, func(a, b intent.Member) int { return a.Rank().Compare(b.Rank()) })
}

func (g *groupOfMembers) remove(name string) {
	g.members = slices.DeleteFunc(g.members, func(m intent.Member) bool { return m.Object.Name == name })
}

// edit has namespace n-b edit, add or remove one of its members, in both worlds.
func (s *street) edit(t *rapid.T) {
	name := rapid.SampledFrom([]string{"b1", "b1", "b2"}).Draw(t, "of n-b")
	if name == "b2" && rapid.IntRange(0, 2).Draw(t, "leaves") == 0 {
		s.said = append(s.said, "b2 leaves")
		s.alone.remove(name)
		s.crowd.remove(name)
		return
	}
	m := s.draw(t, name, 1)
	s.alone.declared[name] = maps.Clone(s.crowd.declared[name])
	s.alone.put(m)
	s.crowd.put(m)
}

// act has another namespace do something.
func (s *street) act(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a1", "a2", "c1"}).Draw(t, "of others")
	at := slices.IndexFunc(s.crowd.members, func(m intent.Member) bool { return m.Object.Name == name })
	switch act := rapid.IntRange(0, 5).Draw(t, "act"); {
	case act == 0 && at >= 0:
		s.said = append(s.said, name+" leaves")
		s.crowd.remove(name)
	case act == 1 && at >= 0: // its class or group becomes invalid
		if _, serves := s.crowd.built[name]; serves {
			m := s.crowd.members[at]
			m.Former = true
			s.said = append(s.said, name+" is a former member")
			s.crowd.put(m)
		}
	default:
		s.crowd.put(s.draw(t, name, 9))
	}
}

// held reports whether others hold a value of a setting: they declared it while it was in effect, and still do.
func (s *street) held(setting, value string) bool {
	return s.agreed[setting][value] && slices.ContainsFunc(s.crowd.members, func(m intent.Member) bool {
		return m.Object.Name[0] != 'b' && s.crowd.built[m.Object.Name].declared[setting] == value
	})
}

// agree notes the values of a setting that others declare while they are in effect, or while another setting hides that
// they are.
func (s *street) agree(setting *sharedSetting, value string) {
	wanted, name := map[string]bool{value: true}, setting.name
	for member, v := range s.crowd.built {
		if of := v.declared[name]; member[0] == 'b' && of != "" {
			wanted[of] = true
		}
	}
	if len(wanted) == 1 {
		wanted[setting.fallback] = true
	}
	for member, v := range s.crowd.built { // what a member declares that is set aside holds nothing
		said := v.declared[name]
		if member[0] == 'b' || !wanted[said] {
			continue
		}
		if s.agreed[name] == nil {
			s.agreed[name] = map[string]bool{}
		}
		s.agreed[name][said] = true
	}
}

// ours reports whether a member of n-b declares a value of a setting. If others held a value while the members of n-b
// disagreed, another one of theirs may be in effect than without others.
func (s *street) ours(setting, value string) bool {
	return slices.ContainsFunc(s.crowd.members, func(m intent.Member) bool {
		return m.Object.Name[0] == 'b' && s.crowd.built[m.Object.Name].declared[setting] == value
	})
}

// check compares what namespace n-b has with others and without them.
func (s *street) check(t *rapid.T) {
	alone, crowd, held := s.alone.values(), s.crowd.values(), map[string]bool{}
	for _, setting := range s.alone.settings {
		held[setting.name] = alone[setting.name] != crowd[setting.name] && s.held(setting.name, crowd[setting.name])
	}
	for _, group := range coupled {
		if slices.ContainsFunc(group, func(name string) bool { return held[name] }) {
			for _, name := range group {
				held[name] = true
			}
		}
	}
	for _, setting := range s.alone.settings {
		name := setting.name
		switch {
		case held[name]:
			s.parted[name] = true
		case alone[name] == crowd[name]:
			delete(s.parted, name)
		case !s.parted[name] || !s.ours(name, crowd[name]):
			t.Fatalf("%s is %q, and %q without others:\n%s", name, crowd[name], alone[name], strings.Join(s.said, "\n"))
		}
		s.agree(&setting, crowd[name])
	}
	if held["ssl-redirect"] {
		return
	}
	answers := s.crowd.answers(t)
	for request, want := range s.alone.answers(t) {
		if got := answers[request]; got != want {
			t.Fatalf("%s is answered by %s, and by %s without others:\n%s", request, got, want, strings.Join(s.said, "\n"))
		}
	}
}

// TestNeighbourChangesNoGroup has members of other namespaces join a group, make mistakes and correct them, leave and
// come back, while namespace n-b, whose member is the oldest, edits its members, an administrator says who decides and
// takes that back, parameters of classes change, and the controller restarts. What
// n-b's members have is the same as without the others, but for values that others hold because they agreed.
func TestNeighbourChangesNoGroup(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newStreet(t)
		first := s.draw(t, "b1", 1)
		first.Diagnostics = nil
		s.alone.declared["b1"] = maps.Clone(s.crowd.declared["b1"])
		s.alone.put(first)
		s.crowd.put(first)
		s.alone.compile(t)
		s.crowd.compile(t)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0, 1, 2:
				s.edit(t)
			case 3:
				s.govern()
			case 4:
				s.said = append(s.said, "restart")
				s.alone.memory, s.crowd.memory = written(t, s.alone.memory), written(t, s.crowd.memory)
			default:
				s.act(t)
			}
			s.alone.compile(t)
			s.crowd.compile(t)
			s.check(t)
		}
	})
}
