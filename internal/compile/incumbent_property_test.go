package compile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// groupOfMembers is a shared group that lives through edits, joins, leaves and restarts.
type groupOfMembers struct {
	settings []sharedSetting
	forgets  bool // restarts are without memory
	members  []intent.Member
	declared map[string]map[string]string // of members by name, by setting
	joined   int64
	memory   *Memory
	stack    *stack.Stack
	closed   map[int32][]string // ports that admit nobody, with the members that lost their guard there
	built    map[string]version // of members by name, what the load balancer is built of
	order    []string           // members in the order in which they joined
	aside    []string           // members that are set aside now
	classes  bool               // members have classes, whose parameters may have a setting or not
	inAWS    map[string]string  // attributes of the load balancer: AWS keeps those that nobody declares any more
}

// version is a member with what it declares.
type version struct {
	member   intent.Member
	declared map[string]string
}

// build records the versions that a compilation was made of: a member that is invalid or set aside takes part by its
// last one, if it has any.
func (g *groupOfMembers) build(found diag.List) {
	g.aside = nil
	for _, m := range g.members {
		if !invalid(&m) && !slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
			return d.Object == m.Object && d.Code == diag.SettingNotPermitted
		}) {
			if !slices.Contains(g.order, m.Object.Name) {
				g.order = append(g.order, m.Object.Name)
			}
			g.built[m.Object.Name] = version{m, g.declared[m.Object.Name]}
			continue
		}
		g.aside = append(g.aside, m.Object.Name)
	}
}

// draw gives a member new declared; it keeps its age and place.
func (g *groupOfMembers) draw(t *rapid.T, name string, created int64, order int32) intent.Member {
	m := ingress("n-"+name[:1], name, https(certificate1))
	m.Created, m.Order = created, order
	g.declared[name] = map[string]string{}
	for _, s := range g.settings {
		if v := rapid.SampledFrom(append([]string{"", "", ""}, s.values...)).Draw(t, s.name); v != "" {
			of := m.Object
			if g.classes && rapid.IntRange(0, 3).Draw(t, "by a class") == 0 {
				m.Object = diag.Object{Kind: "IngressClassParams", Name: "class"}
			}
			s.declare(&m, v)
			m.Object = of
			g.declared[name][s.name] = v
		}
	}
	g.addBuckets(&m)
	if rapid.IntRange(0, 4).Draw(t, "login") == 0 {
		m.Routes[0].Authentication = []intent.Action{
			{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{Issuer: "https://" + name, JWKSEndpoint: "https://" +
				name + "/keys"}}}
	}
	if rapid.IntRange(0, 4).Draw(t, "default backend") == 0 {
		m.Listeners[0].Default = forwardTo(targetGroup(m.Object, "fallback"))
		m.Listeners[0].DefaultSource = intent.At(m.Object, "spec.defaultBackend")
	}
	if port := rapid.SampledFrom([]int32{0, 9001, 9002}).Draw(t, "port of its own"); port != 0 {
		l := intent.Listener{Port: port, Protocol: "HTTP"}
		if rapid.Bool().Draw(t, "with ranges") {
			l.InboundCIDRs = set(&m, "inbound-cidrs", []string{"0.0.0.0/0"})
		}
		m.Listeners = append(m.Listeners, l)
	}
	return m
}

// addBuckets declares a bucket with each family of logs that a member enables: AWS refuses logs without one.
func (g *groupOfMembers) addBuckets(m *intent.Member) {
	for _, family := range []string{"access_logs.s3.", "connection_logs.s3.", "health_check_logs.s3."} {
		if _, has := m.Settings.Attributes[family+"bucket"]; has || m.Settings.Attributes[family+"enabled"].Value != "true" {
			continue
		}
		put(&m.Settings.Attributes, family+"bucket", set(m, "load-balancer-attributes", "ours"))
		g.declared[m.Object.Name]["attribute/"+family+"bucket"] = "ours"
	}
}

// closes reports whether a member is on a port and asks for security groups that it does not get.
func (g *groupOfMembers) closes(m *intent.Member, port int32) bool {
	_, _, managed := sourcesOf(g.stack)
	return managed && m.Settings.SecurityGroups.Set && slices.ContainsFunc(m.Listeners,
		func(l intent.Listener) bool { return l.Port == port })
}

// checkClosed demands that who lost its guard has no port open that others do not use, or that it had closed.
func (g *groupOfMembers) checkClosed(t *rapid.T) {
	for _, port := range []int32{9001, 9002} {
		var lost, rest []string
		for i := range g.members {
			v, ok := g.built[g.members[i].Object.Name]
			m := &v.member
			switch {
			case !ok:
			case g.closes(m, port):
				lost = append(lost, m.Object.Name)
			case slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool { return l.Port == port }):
				rest = append(rest, m.Object.Name)
			}
		}
		stays := slices.ContainsFunc(lost, func(name string) bool { return slices.Contains(g.closed[port], name) })
		delete(g.closed, port)
		if len(lost) == 0 || len(rest) > 0 && !stays {
			continue
		}
		g.closed[port] = lost
		for _, group := range g.stack.SecurityGroups {
			for _, p := range group.Ingress {
				if p.FromPort == port {
					t.Fatalf("port %d of %v, who lost their security groups, and of %v admits %+v", port, lost, rest, p)
				}
			}
		}
	}
}

func (g *groupOfMembers) compile(t *rapid.T) {
	members := slices.Clone(g.members)
	slices.SortStableFunc(members, func(a, b intent.Member) int { return int(a.Order - b.Order) })
	e := loadBalancer(members...)
	e.Key.ID = stack.ID{Name: "group"}
	f := account()
	f.WebACLs = map[string]string{"edge": "arn:named-edge", "strict": "arn:named-strict"}
	if g.stack != nil {
		f = standingListeners(asFacts(f, g.stack), g.stack)
		f.Details.Attributes = maps.Clone(g.inAWS)
	}
	r := Compile(e, f, config(), g.memory)
	if r.Stack == nil {
		t.Fatalf("no stack: %v", r.Diagnostics)
	}
	if g.stack != nil && g.stack.LoadBalancers[0].Scheme != r.Stack.LoadBalancers[0].Scheme {
		clear(g.inAWS) // another load balancer
	}
	g.stack, g.memory = r.Stack, r.Memory
	maps.Copy(g.inAWS, r.Stack.LoadBalancers[0].Attributes)
	g.build(r.Diagnostics)
	g.checkClosed(t)
}

// oldest is the namespace of the member that joined first. Who is set aside from the start has not joined.
func (g *groupOfMembers) oldest() string {
	for _, name := range g.order {
		if i := slices.IndexFunc(g.members, func(m intent.Member) bool { return m.Object.Name == name }); i >= 0 {
			return g.members[i].Object.Namespace
		}
	}
	return g.members[0].Object.Namespace
}

func (g *groupOfMembers) values() map[string]string {
	out := map[string]string{}
	for _, s := range g.settings {
		if v := s.read(g.stack); v != unread {
			out[s.name] = v
		}
	}
	return out
}

// lostBy is a setting that a restart without memory changes although no member that is set aside had set it and gave it
// up; "" = there is none. The last versions of these members are lost: present ones count from now on.
func (g *groupOfMembers) lostBy(aside []string, before, after map[string]string, built map[string]version) string {
	for _, s := range g.settings {
		was, had := before[s.name]
		now, has := after[s.name]
		if had && has && was != now && !slices.ContainsFunc(aside, func(name string) bool {
			return built[name].declared[s.name] == was && g.declared[name][s.name] != was
		}) {
			return s.name
		}
	}
	for _, m := range g.members {
		if slices.Contains(aside, m.Object.Name) {
			g.built[m.Object.Name] = version{m, g.declared[m.Object.Name]}
		}
	}
	return ""
}

// answers are the actions for requests to the members' hosts, and to one that nobody has.
func (g *groupOfMembers) answers(t *rapid.T) map[string]string {
	out := map[string]string{}
	hosts := []string{"nobody.example.com"}
	for _, m := range g.members {
		hosts = append(hosts, m.Object.Name+".example.com")
	}
	for _, l := range g.stack.Listeners {
		var rules []stack.Rule
		for _, r := range g.stack.Rules {
			if r.Listener.ID == l.ID {
				rules = append(rules, r)
			}
		}
		matcher, err := traffic.NewMatcher(rules, l.DefaultActions)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hosts {
			text, err := json.Marshal(matcher.Match(&traffic.Request{Scheme: "http", Host: h, Port: l.Port, Method: "GET",
				Path: "/"}).Actions)
			if err != nil {
				t.Fatal(err)
			}
			out[fmt.Sprintf("%d %s", l.Port, h)] = string(text)
		}
	}
	return out
}

// newGroupOfMembers is a group without members, with some of the shared settings: of many at once each is rarely seen,
// as some hide others.
func newGroupOfMembers(t *rapid.T) *groupOfMembers {
	g := &groupOfMembers{declared: map[string]map[string]string{}, closed: map[int32][]string{},
		built: map[string]version{}, inAWS: map[string]string{}}
	for _, s := range guardingSettings() {
		if rapid.Bool().Draw(t, "with "+s.name) {
			g.settings = append(g.settings, s)
		}
	}
	if g.forgets = rapid.Bool().Draw(t, "forgets"); g.forgets {
		g.settings = slices.DeleteFunc(g.settings, func(s sharedSetting) bool { return !s.observed })
	}
	return g
}

// mistake makes a member invalid, at times: not if restarts forget, because what an invalid member declared is not known
// then.
func (g *groupOfMembers) mistake(t *rapid.T, m *intent.Member) {
	if !g.forgets && rapid.IntRange(0, 4).Draw(t, "mistake") == 0 {
		broken(rapid.SampledFrom(mistakes).Draw(t, "at"))(m)
	}
}

// join adds a member to the group.
func (g *groupOfMembers) join(t *rapid.T) (name string) {
	g.joined++
	name = fmt.Sprintf("%c%d", 'a'+rapid.IntRange(0, 2).Draw(t, "namespace"), g.joined)
	m := g.draw(t, name, g.joined, rapid.Int32Range(-2, 2).Draw(t, "order"))
	if g.forgets { // a default backend is no fact
		m.Listeners[0].Default, m.Listeners[0].DefaultSource = nil, intent.Source{}
	}
	if len(g.order) > 0 {
		g.mistake(t, &m)
	}
	g.members = append(g.members, m)
	return name
}

// edit gives a member other settings. Its default backend stays.
func (g *groupOfMembers) edit(t *rapid.T, at int) (name string) {
	old := g.members[at]
	m := g.draw(t, old.Object.Name, old.Created, old.Order)
	m.Listeners[0].Default, m.Listeners[0].DefaultSource = old.Listeners[0].Default, old.Listeners[0].DefaultSource
	g.mistake(t, &m)
	g.members[at] = m
	return old.Object.Name
}

// leave removes a member, unless it is one of the last two, or the last one of which something is built.
func (g *groupOfMembers) leave(at int) {
	name := g.members[at].Object.Name
	if len(g.members) > 2 && slices.ContainsFunc(g.members, func(m intent.Member) bool {
		return m.Object.Name != name && slices.Contains(g.order, m.Object.Name)
	}) {
		g.members = slices.Delete(g.members, at, at+1)
	}
}

// restart replaces the memory by what a checkpoint has of it, or by none.
func (g *groupOfMembers) restart(t *rapid.T) {
	text, err := json.Marshal(g.memory)
	if err != nil {
		t.Fatal(err)
	}
	back := &Memory{}
	if err := json.Unmarshal(text, back); err != nil {
		t.Fatal(err)
	}
	if g.memory = back; g.forgets {
		g.forget()
	}
}

// forget has the next compilation know nothing of former ones: members have joined in the order of their age.
func (g *groupOfMembers) forget() {
	g.memory = nil
	slices.SortStableFunc(g.order, func(a, b string) int {
		return cmp.Compare(g.built[a].member.Created, g.built[b].member.Created)
	})
}

// moment is what a group was before a step.
type moment struct {
	values, answers map[string]string
	built           map[string]version
	stack           *stack.Stack
	aside           []string
	oldest          string          // namespace
	there           map[string]bool // members by name
}

func (g *groupOfMembers) now(t *rapid.T) moment {
	out := moment{g.values(), g.answers(t), maps.Clone(g.built), g.stack, g.aside, g.oldest(), map[string]bool{}}
	for _, m := range g.members {
		out.there[m.Object.Name] = true
	}
	return out
}

// checkRestart demands that a restart changes nothing. Without memory, of a member that is set aside stays what AWS
// holds, but for what it gave up.
func (g *groupOfMembers) checkRestart(t *rapid.T, was moment) {
	if g.oldest() != was.oldest { // a member of it was set aside at first, which is known no more, and now decides
		return
	}
	if aside := slices.Concat(was.aside, g.aside); g.forgets && len(aside) > 0 {
		after := g.values()
		if s := g.lostBy(aside, was.values, after, was.built); s != "" {
			t.Fatalf("a restart changes %s: %v to %v", s, was.values, after)
		}
		return
	}
	if !reflect.DeepEqual(was.stack, g.stack) {
		t.Fatalf("a restart changes %+v to %+v", was.stack, g.stack)
	}
}

// checkEdit demands that a member that joined or was edited changes only what it may.
func (g *groupOfMembers) checkEdit(t *rapid.T, was moment, actor string) {
	actors := []string{actor} // and members whose present version is not set aside any more
	for _, name := range was.aside {
		if !slices.Contains(g.aside, name) {
			actors = append(actors, name)
		}
	}
	after := g.values()
	for _, s := range g.settings {
		g.checkSetting(t, s, was, after, actors)
	}
	ofOldest := slices.ContainsFunc(actors, func(name string) bool { return "n-"+name[:1] == was.oldest })
	if ofOldest || was.values["ssl-redirect"] != after["ssl-redirect"] {
		return
	}
	for k, a := range g.answers(t) {
		if b, had := was.answers[k]; had && a != b && !slices.ContainsFunc(actors, func(name string) bool {
			return strings.Contains(k, name)
		}) {
			t.Fatalf("%s changes the answer to %s from %s to %s", actor, k, b, a)
		}
	}
}

// checkSetting demands that only the members that set a value, and those of the namespace of the oldest member, change
// it, and that it is no looser than the loosest that a member that was there wants.
func (g *groupOfMembers) checkSetting(t *rapid.T, s sharedSetting, was moment, after map[string]string,
	actors []string) {
	before, had := was.values[s.name]
	now, has := after[s.name]
	if !had || !has {
		return
	}
	entitled := slices.ContainsFunc(actors, func(name string) bool {
		return "n-"+name[:1] == was.oldest || was.built[name].declared[s.name] == before
	})
	if before != now && !entitled {
		t.Fatalf("%s changes %s from %s to %s", actors[0], s.name, before, now)
	}
	tighter := merge.Tighter(s.name)
	if tighter == nil {
		return
	}
	if !slices.ContainsFunc(g.members, func(m intent.Member) bool {
		v, ok := g.built[m.Object.Name]
		value := cmp.Or(v.declared[s.name], s.fallback)
		return ok && (was.there[m.Object.Name] || entitled) && (value == now || tighter(now, value) || !tighter(value, now))
	}) {
		t.Fatalf("%s is %s, looser than any member that was there wants", s.name, now)
	}
}

// TestNoMemberLoosensWhatAnotherGuardsWhateverTheyDo: members of several namespaces join, leave and edit, and the
// controller restarts, with and without its memory. Who neither set what is in effect nor is of the namespace of the
// oldest member changes no setting that guards, and no answer to requests that are not its own; a restart changes
// nothing, but without memory a member that is set aside loses what it gave up itself; a port of members that lost
// their security groups admits nobody; and nothing is looser than the loosest that a member that was there wants.
func TestNoMemberLoosensWhatAnotherGuardsWhateverTheyDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGroupOfMembers(t)
		g.join(t)
		g.join(t)
		g.compile(t)
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			was := g.now(t)
			at := rapid.IntRange(0, len(g.members)-1).Draw(t, "member")
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0, 1:
				actor := g.join(t)
				g.compile(t)
				g.checkEdit(t, was, actor)
			case 2:
				actor := g.edit(t, at)
				g.compile(t)
				g.checkEdit(t, was, actor)
			case 3:
				g.leave(at)
				g.compile(t)
			default:
				g.restart(t)
				g.compile(t)
				g.checkRestart(t, was)
			}
		}
	})
}
