package front

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// passes compiles versions of a scene one after the other, with the memory of a checkpoint between them, and each
// version twice, so that nothing that one pass refuses serves in the next one.
func passes(t testing.TB, of attachment.Family, versions ...*scene) (last compiled) {
	t.Helper()
	key := stack.Key{Owner: gateway.Owner(of), ID: stack.ID{Namespace: "infra", Name: "gw"}}
	var before *compile.Memory
	for i := range 2 * len(versions) {
		text := versions[i/2].text.String()
		last = pass(t, Recalling(gatewayFrontEnd(of), before, nil), key, decode(t, text), before)
		if last.Stack == nil {
			t.Fatalf("no stack; needs %v, diagnostics %v of\n%s", last.Needs, last.Diagnostics, text)
		}
		saved, err := json.Marshal(&last.Memory)
		if before = (&compile.Memory{}); err != nil || json.Unmarshal(saved, before) != nil {
			t.Fatal(err, string(saved))
		}
	}
	return last
}

// edited sets the generation of all objects of a namespace.
func (s *scene) edited(namespace string) *scene {
	text := strings.ReplaceAll(s.text.String(), "namespace: "+namespace+", name: ",
		"generation: 2, namespace: "+namespace+", name: ")
	s.text.Reset()
	s.text.WriteString(text)
	return s
}

func TestEditOfAnOldListenerSetTakesNoHostname(t *testing.T) {
	t.Parallel()
	const t1, m1 = "t.example.com", "m.example.com"
	of := func(construction, own string) *scene {
		return newScene(gateway.ConstructionAnnotation+": "+construction, own).route(5, "team/r", "", t1, "/")
	}
	for name, c := range map[string]struct{ before, after func(s *scene) *scene }{
		"the listener": {
			func(s *scene) *scene { return s.set(1, "mal", listener(m1)).route(2, "mal/r", "mal", "", "/") },
			func(s *scene) *scene { return s.set(1, "mal", listener(t1)).route(2, "mal/r", "mal", "", "/") },
		},
		"a wider listener": {
			func(s *scene) *scene { return s.set(1, "mal", listener(m1)).route(2, "mal/r", "mal", "", "/") },
			func(s *scene) *scene {
				return s.set(1, "mal", listener("*.example.com")).route(2, "mal/r", "mal", t1, "/")
			},
		},
		"the route of a wide listener": {
			func(s *scene) *scene {
				return s.set(1, "mal", listener("*.example.com")).route(2, "mal/r", "mal", m1, "/")
			},
			func(s *scene) *scene {
				return s.set(1, "mal", listener("*.example.com")).route(2, "mal/r", "mal", t1, "/")
			},
		},
		"another route, which was at the Gateway": {
			func(s *scene) *scene {
				return s.set(1, "mal", listener(m1)).route(2, "mal/r", "mal", "", "/").route(3, "mal/s", "", t1, "/mal")
			},
			func(s *scene) *scene {
				return s.set(1, "mal", listener(t1)).route(2, "mal/r", "mal", "", "/").route(3, "mal/s", "", t1, "/mal")
			},
		},
		"the parentRef of a ListenerSet": {
			func(s *scene) *scene { return s },
			func(s *scene) *scene { return s.set(1, "mal", listener(t1)).route(2, "mal/r", "mal", t1, "/") },
		},
	} {
		for _, own := range []string{open, wild} {
			for _, construction := range []string{"standard", "compatible"} {
				got := passes(t, attachment.Application, c.before(of(construction, own)), c.after(of(construction, own)))
				if a := got.answer(get(t1, "/")); a != "to team.test" {
					t.Errorf("%s, %s at %s: %s", name, construction, own, a)
				}
				if own == wild && strings.Contains(name, "wide") { // it conflicts with the Gateway's listener
					continue
				}
				if said := got.said(diag.HostnameTaken); !strings.Contains(said, "ListenerSet mal/set: ") ||
					!strings.Contains(said, "team/r") {
					t.Errorf("%s, %s at %s: told %q", name, construction, own, said)
				}
			}
		}
	}
}

func TestEditOfAnOldRouteTakesNoHostname(t *testing.T) {
	t.Parallel()
	const t1, m1 = "t.example.com", "m.example.com"
	at := func(hosts string) *scene {
		return newScene("", open).set(5, "team", listener(t1)).route(6, "team/r", "team", t1, "/").route(1, "mal/r", "", hosts,
			"/")
	}
	if a := passes(t, attachment.Application, at(m1), at(t1)).answer(get(t1, "/")); a != "to team.test" {
		t.Error(a)
	}
}

func TestEditTakesNoListenerOfAnotherSet(t *testing.T) {
	t.Parallel()
	const t1, m1 = "t.example.com", "m.example.com"
	at := func(host string) *scene {
		return newScene("", "{name: x, port: 81, protocol: HTTP}").set(1, "mal", listener(host)).route(2, "mal/r", "mal", "",
			"/").set(5, "team", listener(t1)).route(6, "team/r", "team", t1, "/").edited("mal")
	}
	if a := passes(t, attachment.Application, at(m1), at(t1)).answer(get(t1, "/")); a != "to team.test" {
		t.Error(a)
	}
	if a := at(t1).compiled(t, attachment.Application).answer(get(t1, "/")); a != "to team.test" {
		t.Error("without memory:", a)
	}
}

func TestHostnameIsFreeAfterItsHolderLeaves(t *testing.T) {
	t.Parallel()
	const t1, m1 = "t.example.com", "m.example.com"
	mal := func(s *scene, host string) *scene {
		return s.set(1, "mal", listener(host)).route(2, "mal/r", "mal", "", "/")
	}
	team := func() *scene { return newScene("", open).route(5, "team/r", "", t1, "/") }
	for name, c := range map[string]struct {
		versions []*scene
		want     string
	}{
		"holder stays":         {[]*scene{mal(team(), m1), mal(team(), t1)}, "to team.test"},
		"holder leaves":        {[]*scene{mal(team(), m1), mal(team(), t1), mal(newScene("", open), t1)}, "to mal.test"},
		"holder leaves, comes": {[]*scene{mal(team(), t1), mal(newScene("", open), t1), mal(team(), t1)}, "to mal.test"},
	} {
		if a := passes(t, attachment.Application, c.versions...).answer(get(t1, "/")); a != c.want {
			t.Errorf("%s: %s, want %s", name, a, c.want)
		}
	}
}

// TestWithdrawnLeaveReturnsTheHostname has the Gateway's owner let a ListenerSet take the hostname of others for a while.
func TestWithdrawnLeaveReturnsTheHostname(t *testing.T) {
	t.Parallel()
	const t1, leave = "t.example.com", "gateway.k8s.aws/settings-namespaces: mal"
	for _, own := range []string{open, wild} {
		for _, set := range []int{1, 7} { // older than the route, and younger
			version := func(annotations string) *scene {
				return newScene(annotations, own).route(5, "team/r", "", t1, "/").set(set, "mal", listener(t1)).
					route(set+1, "mal/r", "mal", "", "/").edited("mal")
			}
			team := newScene("", own).route(5, "team/r", "", t1, "/")
			if a := passes(t, attachment.Application, team, version(leave)).answer(get(t1, "/")); a != "to mal.test" {
				t.Errorf("%s, %d: %s while it is allowed", own, set, a)
			}
			if a := passes(t, attachment.Application, team, version(leave), version("")).answer(get(t1, "/")); a !=
				"to team.test" {
				t.Errorf("%s, %d: %s when it is no longer allowed", own, set, a)
			}
		}
	}
}

// TestEditedListenerSetProvesItsHostname is a start without memory: only the status shows what an edited object had.
func TestEditedListenerSetProvesItsHostname(t *testing.T) {
	t.Parallel()
	const t1 = "t.example.com"
	plain := func() *scene {
		return newScene("", open).route(5, "team/r", "", t1, "/").set(1, "mal", listener(t1)).route(2, "mal/r", "mal", "", "/")
	}
	accepted := func(generation string) *scene {
		s := plain()
		text := strings.Replace(s.text.String(), "{namespace: mal, name: set,", "{generation: 2, namespace: mal, name: set,", 1)
		text = strings.Replace(text, "spec: {parentRef: {name: gw, namespace: infra}", "status: {listeners: [{name: l, "+
			"conditions: [{type: Accepted, status: 'True', observedGeneration: "+generation+"}]}]}\n"+
			"spec: {parentRef: {name: gw, namespace: infra}", 1)
		s.text.Reset()
		s.text.WriteString(text)
		return s
	}
	for name, c := range map[string]struct {
		scene *scene
		want  string
	}{
		"not edited": {plain(), "to mal.test"}, "edited, not seen": {accepted("1"), "to team.test"},
		"edited and seen": {accepted("2"), "to mal.test"}, "the route, too": {plain().edited("mal"), "to team.test"},
	} {
		if a := c.scene.compiled(t, attachment.Application).answer(get(t1, "/")); a != c.want {
			t.Errorf("%s: %s, want %s", name, a, c.want)
		}
	}
}

// TestEditOfAnOldRouteTakesNoPort has ports of a network load balancer, each of which has one route.
func TestEditOfAnOldRouteTakesNoPort(t *testing.T) {
	t.Parallel()
	at := func(section string) *scene {
		s := newScene("", "{name: a, port: 81, protocol: TCP, "+anyRoute+"}, {name: b, port: 82, protocol: TCP, "+anyRoute+"}")
		for i, namespace := range []string{"mal", "team"} {
			fmt.Fprintf(&s.text, `---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {namespace: %s, name: r, uid: u-%[1]s, creationTimestamp: %q}
spec: {parentRefs: [{name: gw, namespace: infra, sectionName: %s}], rules: [{backendRefs: [{name: web, port: 443}]}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: %[1]s, name: web}
spec: {type: NodePort, ports: [{port: 443, targetPort: 8443, nodePort: 30443, protocol: TCP}]}
`, namespace, stamp(i+1), []string{section, "b"}[i])
		}
		return s
	}
	if a := passes(t, attachment.Network, at("a"), at("b")).answer(traffic.Request{
		Port: 82}); !strings.Contains(a, "team") {
		t.Error(a)
	}
	if a := passes(t, attachment.Network, at("b")).answer(traffic.Request{Port: 82}); !strings.Contains(a,
		"mal") {
		t.Error("of two new ones, the older comes first:", a)
	}
}

// TestTeamMovesItsHostname has a rival that is older and waits for the hostname.
func TestTeamMovesItsHostname(t *testing.T) {
	t.Parallel()
	const t1 = "t.example.com"
	before := func() *scene {
		return newScene("", open).set(1, "mal", listener("*.example.com")).route(1, "mal/r", "mal", t1, "/")
	}
	atGateway := func(s *scene) *scene { return s.route(7, "team/s", "", t1, "/") }
	atSet := func(s *scene) *scene { return s.set(5, "team", listener(t1)).route(6, "team/r", "team", t1, "/") }
	for name, versions := range map[string][]*scene{
		"to its ListenerSet":             {atGateway(before()), atGateway(atSet(before())), atSet(before())},
		"to its ListenerSet in one step": {atGateway(before()), atSet(before())},
		"to the Gateway":                 {atSet(before()), atGateway(atSet(before())), atGateway(before())},
		"to the Gateway in one step":     {atSet(before()), atGateway(before())},
	} {
		first := atGateway(newScene("", open))
		if strings.HasPrefix(name, "to the Gateway") {
			first = atSet(newScene("", open))
		}
		for n := range versions {
			if a := passes(t, attachment.Application, append([]*scene{first}, versions[:n+1]...)...).answer(get(t1,
				"/")); a != "to team.test" {
				t.Errorf("%s, step %d: %s", name, n, a)
			}
		}
	}
}

// with replaces the first part of a scene's text.
func (s *scene) with(part, by string) *scene {
	text := strings.Replace(s.text.String(), part, by, 1)
	s.text.Reset()
	s.text.WriteString(text)
	return s
}

func TestConflictInStatusShowsWhoHadNoHostname(t *testing.T) {
	t.Parallel()
	const t1 = "t.example.com"
	loser := func(s *scene, conflicted string) *scene {
		return s.with("kind: ListenerSet\nmetadata: {namespace: mal", "kind: ListenerSet\nstatus: {listeners: [{name: l, "+
			"conditions: [{type: Accepted, status: 'True', observedGeneration: 1}, {type: Conflicted, status: '"+conflicted+
			"', reason: HostnameConflict, observedGeneration: 1}]}]}\nmetadata: {namespace: mal")
	}
	for _, conflicted := range []string{"True", "False"} { // which the existing controller writes
		edited := loser(newScene("", "{name: x, port: 81, protocol: HTTP}").set(1, "team", listener(t1)).route(2, "team/r",
			"team", t1, "/").set(5, "mal", listener(t1)).route(6, "mal/r", "mal", "", "/").edited("team"), conflicted)
		if a := edited.compiled(t, attachment.Application).answer(get(t1, "/")); a != "to team.test" {
			t.Errorf("the holder was edited, %s: %s", conflicted, a)
		}
		older := loser(newScene("", open).route(5, "team/r", "", t1, "/").set(1, "mal", listener(t1)).route(2, "mal/r", "mal",
			"", "/"), conflicted)
		if a := older.compiled(t, attachment.Application).answer(get(t1, "/")); a != "to team.test" {
			t.Errorf("the loser is older, %s: %s", conflicted, a)
		}
	}
}

// TestPartlyInvalidRouteKeepsItsHostname is a start without the hostnames of the last pass, as after an upgrade.
func TestPartlyInvalidRouteKeepsItsHostname(t *testing.T) {
	t.Parallel()
	const t1, parent = "t.example.com", "{group: gateway.networking.k8s.io, kind: ListenerSet, name: set, namespace: mal}"
	for message, want := range map[string]string{
		"Dropped Rule: spec.rules[1]: no such filter": "to mal.test",
		"Dropped Rule: spec.parentRefs: requests for hostname t.example.com on port 80 belong to HTTPRoute team/r, at " +
			"listener http of Gateway infra/gw": "to team.test",
		"Fall Back: spec.rules[1]: no such filter": "to team.test",
	} {
		s := newScene("", open).route(5, "team/r", "", t1, "/").set(1, "mal", listener(t1)).route(2, "mal/r", "mal", "",
			"/").edited("mal")
		s.with("spec: {parentRef: ", "status: {listeners: [{name: l, conditions: [{type: Accepted, status: 'True', "+
			"observedGeneration: 2}]}]}\nspec: {parentRef: ")
		s.with("spec:\n  parentRefs: ["+parent, "status: {parents: [{controllerName: "+string(gateway.ControllerAuto)+
			", parentRef: "+parent+", conditions: [{type: Accepted, status: 'True', observedGeneration: 2}, {type: "+
			"PartiallyInvalid, status: 'True', observedGeneration: 2, reason: UnsupportedValue, message: '"+message+
			"'}]}]}\nspec:\n  parentRefs: ["+parent)
		if a := s.compiled(t, attachment.Application).answer(get(t1, "/")); a != want {
			t.Errorf("%s: %s, want %s", message, a, want)
		}
	}
}
