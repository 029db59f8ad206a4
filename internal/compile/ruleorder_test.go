package compile

import (
	"encoding/json"
	"fmt"
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

// answering gives a member one rule of a host and paths; without them it is for any.
func answering(host string, paths ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Routes[0].Conditions = nil
		if len(paths) > 0 {
			m.Routes[0].Conditions = []stack.Condition{{Field: stack.PathPattern, Values: paths}}
		}
		if host != "" {
			m.Routes[0].Conditions = append(m.Routes[0].Conditions, stack.Condition{Field: stack.HostHeader,
				Values: []string{host}})
		}
	}
}

func ordered(n int32) func(*intent.Member) { return func(m *intent.Member) { m.Order = n } }

func condition(c stack.Condition) func(*intent.Member) {
	return func(m *intent.Member) { m.Routes[0].Conditions = append(m.Routes[0].Conditions, c) }
}

// onlyOn puts a member on one HTTP port.
func onlyOn(port int32) func(*intent.Member) {
	return func(m *intent.Member) { m.Listeners[0].Port = port }
}

// inOrder is a group as the front end gives it.
func inOrder(members ...intent.Member) intent.LoadBalancer {
	slices.SortFunc(members, func(a, b intent.Member) int {
		if a.Order != b.Order {
			return int(a.Order - b.Order)
		}
		return strings.Compare(a.Object.Namespace+"/"+a.Object.Name, b.Object.Namespace+"/"+b.Object.Name)
	})
	e := loadBalancer(members...)
	e.Key.ID = stack.ID{Name: "group"}
	return e
}

// written is a memory as the next process reads it from its checkpoint.
func written(t interface{ Fatal(...any) }, m *Memory) *Memory {
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	back := &Memory{}
	if err := json.Unmarshal(text, back); err != nil {
		t.Fatal(err)
	}
	return back
}

// serversOf are the members of whom the rules of a stack are, in the order of the rules, without repetition.
func serversOf(r Result) []string {
	var out []string
	for _, rule := range r.Stack.Rules {
		o := r.Origins[stack.Ref{Kind: stack.KindRule, ID: rule.ID}].Objects[0]
		if name := o.Namespace + "/" + o.Name; !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func TestNewcomersNameGivesNoPrecedenceOverOtherNamespace(t *testing.T) {
	t.Parallel()
	const app = "app.example.com"
	incumbent := ingress("t", "inc", answering(app, "/x"))
	for name, c := range map[string]struct {
		there []intent.Member
		comes intent.Member
		want  string
		told  string // whom the newcomer's finding names; empty = there is none
	}{
		"the same host and path": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/x")), "t/inc copy/inc", "t/inc"},
		"the host in other letters": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering("APP.example.com", "/x")), "t/inc copy/inc", "t/inc"},
		"a pattern that has the path": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/*")), "t/inc copy/inc", "t/inc"},
		"a path within a pattern": {[]intent.Member{ingress("t", "inc", answering(app, "/*"))},
			ingress("copy", "inc", answering(app, "/x")), "t/inc copy/inc", "t/inc"},
		"any host": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering("", "/x")), "t/inc copy/inc", "t/inc"},
		"hosts by a pattern": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering("*.example.com", "/x")), "t/inc copy/inc", "t/inc"},
		"hosts by a pattern of others": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering("*.example.org", "/x")), "copy/inc t/inc", ""},
		"what cannot be compared": {[]intent.Member{incumbent}, ingress("copy", "inc", answering(app),
			condition(stack.Condition{Field: stack.HTTPHeader, HeaderName: "X", Values: []string{"1"}})),
			"t/inc copy/inc", "t/inc"},
		"another host": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering("b.example.com", "/x")), "copy/inc t/inc", ""},
		"another path": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/y")), "copy/inc t/inc", ""},
		"another method": {
			[]intent.Member{
				ingress("t", "inc", answering(app, "/x"),
					condition(stack.Condition{Field: stack.RequestMethod, Values: []string{"GET"}}))},
			ingress("copy", "inc", answering(app, "/x"),
				condition(stack.Condition{Field: stack.RequestMethod, Values: []string{"PUT"}})), "copy/inc t/inc", ""},
		"another port": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/x"), onlyOn(79)), "copy/inc t/inc", ""},
		"the same namespace": {[]intent.Member{incumbent}, ingress("t", "copy", answering(app, "/x")),
			"t/copy t/inc", ""},
		"a lower group.order that takes all": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/x"), ordered(-1)), "copy/inc t/inc", ""},
		"a lower group.order that takes some": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/x"),
				condition(stack.Condition{Field: stack.RequestMethod, Values: []string{"PUT"}}), ordered(-1)),
			"copy/inc t/inc", ""},
		"a lower group.order in the namespace": {[]intent.Member{incumbent}, ingress("t", "copy", answering(app, "/x"),
			ordered(-1)), "t/copy t/inc", ""},
		"a higher group.order": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/x"), ordered(1)), "t/inc copy/inc", ""},
		"a name behind": {[]intent.Member{incumbent}, ingress("z", "inc", answering(app, "/x")),
			"t/inc z/inc", ""},
		"broken": {[]intent.Member{incumbent},
			ingress("copy", "inc", answering(app, "/x"), broken("spec.rules[0]")), "t/inc copy/inc", "t/inc"},
		"between two that it shares none": {[]intent.Member{ingress("b", "b"), incumbent, ingress("u", "u")},
			ingress("copy", "inc", answering(app, "/x")), "b/b t/inc copy/inc u/u", "t/inc"},
		"behind the last that it overlaps": {
			[]intent.Member{incumbent, ingress("u", "u"), ingress("v", "v", answering(app, "/x/*", "/x"))},
			ingress("copy", "inc", answering(app, "/x")), "t/inc u/u v/v copy/inc", "v/v"},
		"behind one of its namespace that is behind": {
			[]intent.Member{incumbent, ingress("copy", "a", answering(app, "/x", "/y"))},
			ingress("copy", "b", answering(app, "/y")), "copy/a copy/b t/inc", ""},
	} {
		first := Compile(inOrder(slices.Clone(c.there)...), account(), config(), nil)
		f := asFacts(account(), mustBuild(t, first))
		members := append([]intent.Member{c.comes}, c.there...)
		r := Compile(inOrder(slices.Clone(members)...), f, config(), first.Memory)
		mustBuild(t, r)
		if got := strings.Join(serversOf(r), " "); got != c.want {
			t.Errorf("%s: rules of %s, want %s", name, got, c.want)
		}
		told, overtaken := "", ""
		for _, d := range r.Diagnostics {
			if d.Code != diag.OverlappingRule {
				continue
			}
			if d.Object != c.comes.Object && c.comes.Order < 0 { // who was there is told
				overtaken += d.Text
				continue
			}
			if told += d.Text; d.Object != c.comes.Object || d.Path == "" ||
				!strings.Contains(d.Remedy, "a group.order below 0") {
				t.Errorf("%s: %+v", name, d)
			}
		}
		if wants := strings.HasSuffix(name, "that takes all"); wants != strings.Contains(overtaken, "Ingress copy/inc") ||
			wants && !strings.Contains(overtaken, "app.example.com with path /x, ") {
			t.Errorf("%s: who was there is told %q", name, overtaken)
		}
		if (told == "") != (c.told == "") || !strings.Contains(told, c.told) {
			t.Errorf("%s: told %q", name, told)
		}
		if again := Compile(inOrder(slices.Clone(members)...), f, config(), written(t, r.Memory)); !reflect.DeepEqual(
			again.Stack, r.Stack) {
			t.Errorf("%s: a restart with checkpoint makes it rules of %v", name, serversOf(again))
		}
		strict := config()
		strict.StrictGroups = true
		var names []string
		for _, m := range inOrder(slices.Clone(members)...).Members {
			names = append(names, m.Object.Namespace+"/"+m.Object.Name)
		}
		for how, r := range map[string]Result{
			"without memory": Compile(inOrder(slices.Clone(members)...), f, config(), nil), "with strict groups": Compile(
				inOrder(slices.Clone(members)...), f, strict, first.Memory),
		} {
			if name == "broken" || name == "another port" {
				continue
			}
			if got := serversOf(r); !slices.Equal(got, names) {
				t.Errorf("%s, %s: rules of %v, want the order of names %v", name, how, got, names)
			}
		}
	}
}

// TestMembersOfTheFirstCompilationKeepTheOrderOfNames: their ages, by which seniority goes elsewhere, would reorder the
// rules of the existing controller with the second compilation.
func TestMembersOfTheFirstCompilationKeepTheOrderOfNames(t *testing.T) {
	t.Parallel()
	young, old := ingress("a", "young", answering("", "/*"), born(9)), ingress("b", "old", answering("", "/*"), born(1))
	first := Compile(inOrder(young, old), account(), config(), nil)
	mustBuild(t, first)
	former := written(t, first.Memory)
	memory := first.Memory
	for n := range 3 {
		r := Compile(inOrder(young, old), account(), config(), memory)
		same(t, fmt.Sprintf("compilation %d", n), serversOf(r), []string{"a/young", "b/old"})
		memory = written(t, r.Memory)
	}
	between := ingress("aa", "late", answering("", "/*"), born(0))
	r := Compile(inOrder(young, old, between), account(), config(), memory)
	same(t, "with a newcomer", serversOf(r), []string{"a/young", "b/old", "aa/late"})
	gone := Compile(inOrder(old, between), account(), config(), r.Memory)
	same(t, "without the first", serversOf(gone), []string{"b/old", "aa/late"})
	alone := Compile(inOrder(between, ingress("a", "later", answering("", "/*"))), account(), config(), gone.Memory)
	same(t, "without those of the first compilation", serversOf(alone), []string{"aa/late", "a/later"})

	former.Members, former.Later = []diag.Object{old.Object, young.Object}, 0 // as a version wrote it that did not know it
	same(t, "with a memory of a former version", serversOf(Compile(inOrder(young, old), account(), config(), former)),
		[]string{"a/young", "b/old"})
	former.Later = 99
	mustBuild(t, Compile(inOrder(young, old), account(), config(), former)) // a damaged one
}

// TestANewcomerChangesNoAnswerOfOthers has members of some namespaces join, leave and restart at random. A request that
// had an answer has the same after somebody joined, unless it was given by a member of the newcomer's namespace, of a
// higher group.order, or that has never been sound and answers 503.
func TestANewcomerChangesNoAnswerOfOthers(t *testing.T) {
	t.Parallel()
	hosts, paths := []string{"", "a.test", "b.test", "*.test", "A.test"}, []string{"/*", "/x", "/x/*", "/y", "/?"}
	rapid.Check(t, func(t *rapid.T) {
		var members []intent.Member
		var memory *Memory
		f := account()
		compiled := func() Result {
			r := Compile(inOrder(slices.Clone(members)...), f, config(), memory)
			if r.Stack == nil {
				t.Fatalf("no stack: %v", r.Diagnostics)
			}
			f = asFacts(f, r.Stack)
			memory = written(t, r.Memory)
			return r
		}
		answers := func(r Result) map[string]int { // the member that answers, by place; -1 = none
			out := map[string]int{}
			matcher, err := traffic.NewMatcher(r.Stack.Rules, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range []string{"a.test", "b.test", "c.test", "other"} {
				for _, p := range []string{"/", "/x", "/x/1", "/y", "/z", "/zz"} {
					out[h+p] = -1
					m := matcher.Match(&traffic.Request{Scheme: "http", Host: h, Port: 80, Method: "GET", Path: p})
					if m.Rule == nil {
						continue
					}
					o := r.Origins[stack.Ref{Kind: stack.KindRule, ID: m.Rule.ID}].Objects[0]
					out[h+p] = slices.IndexFunc(members, func(m intent.Member) bool { return m.Object == o })
				}
			}
			return out
		}
		for n := range rapid.IntRange(2, 9).Draw(t, "steps") {
			if len(members) > 2 && rapid.IntRange(0, 4).Draw(t, "leaves") == 0 {
				at := rapid.IntRange(0, len(members)-1).Draw(t, "who")
				rest := slices.Delete(slices.Clone(members), at, at+1)
				// else nothing is built
				if slices.ContainsFunc(rest, func(m intent.Member) bool { return len(m.Diagnostics) == 0 }) {
					members = rest
					compiled()
				}
			}
			m := ingress("n-"+rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "namespace"),
				fmt.Sprintf("%c%d", 'a'+rapid.IntRange(0, 2).Draw(t, "name"), n),
				answering(rapid.SampledFrom(hosts).Draw(t, "host"), rapid.SampledFrom(paths).Draw(t, "path")),
				ordered(rapid.SampledFrom([]int32{0, 0, 0, 1}).Draw(t, "order")), born(rapid.Int64Range(0, 3).Draw(t, "created")))
			if n > 0 && rapid.IntRange(0, 4).Draw(t, "broken") == 0 {
				broken("spec.rules[0]")(&m)
			}
			if members = append(members, m); len(members) < 2 {
				continue
			}
			if memory == nil {
				compiled()
				continue
			}
			members = members[:len(members)-1]
			before := answers(compiled())
			members = append(members, m)
			first := compiled()
			for request, now := range answers(first) {
				was := before[request]
				if was == now || was < 0 || members[was].Object.Namespace == m.Object.Namespace || members[was].Order > m.Order ||
					len(members[was].Diagnostics) > 0 {
					continue
				}
				t.Fatalf("%s was answered by %v and is by %v since %v joined", request, members[was].Object,
					members[max(0, now)].Object, m.Object)
			}
			if again := compiled(); !reflect.DeepEqual(first.Stack, again.Stack) {
				t.Fatalf("a restart makes rules of %v from rules of %v", serversOf(again), serversOf(first))
			}
		}
	})
}

// BenchmarkCompileGroupJoinedInTheOrderOfNamesReversed has each of a hundred members sort in front of all that joined
// before.
func BenchmarkCompileGroupJoinedInTheOrderOfNamesReversed(b *testing.B) {
	for name, host := range map[string]string{"hosts of their own": "%d.example.com",
		"hosts by pattern": "*.%d.example.com", "one host": "example.com"} {
		b.Run(name, func(b *testing.B) {
			members := make([]intent.Member, 100)
			memory := &Memory{Effect: map[string]merge.Effect{}, Later: 99}
			for i := range members {
				m := ingress(fmt.Sprintf("n%02d", i), "m")
				m.Routes = nil
				for j := range 10 {
					h := host
					if strings.Contains(h, "%") {
						h = fmt.Sprintf(h, i)
					}
					m.Routes = append(m.Routes, route(m.Object, h, fmt.Sprintf("/p%d/%d", i, j), fmt.Sprintf("svc%d", j)))
				}
				members[i], memory.Members = m, append([]diag.Object{m.Object}, memory.Members...)
			}
			e, f, cfg := inOrder(members...), account(), config()
			for b.Loop() {
				if r := Compile(e, f, cfg, memory); r.Stack == nil || len(r.Stack.Rules) != 1000 {
					b.Fatal("not all rules")
				}
			}
		})
	}
}
