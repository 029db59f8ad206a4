package front

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// keptListener is a listener of a Gateway or a ListenerSet, with a route of its own, which redirects to NAME.test.
type keptListener struct {
	name           string
	set            bool
	port           int
	protocol, host string
	kinds          string
}

func (l keptListener) text() string {
	host, kinds := "", ""
	if l.host != "" {
		host = ", hostname: '" + l.host + "'"
	}
	if l.kinds != "" {
		kinds = ", kinds: [{kind: " + l.kinds + "}]"
	}
	return fmt.Sprintf("{name: %s, port: %d, protocol: %s%s, allowedRoutes: {namespaces: {from: All}%s}}", l.name, l.port,
		l.protocol, host, kinds)
}

// keptScene is a Gateway with the listeners, and a ListenerSet with some of them.
func keptScene(construction, class string, all []keptListener) string {
	var own, more, routes []string
	for _, l := range all {
		parent := "{name: gw, sectionName: " + l.name + "}"
		if l.set {
			parent = "{group: gateway.networking.k8s.io, kind: ListenerSet, name: set, sectionName: " + l.name + "}"
			more = append(more, l.text())
		} else {
			own = append(own, l.text())
		}
		routes = append(routes, "---\n"+`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: infra, name: `+l.name+`}
spec:
  parentRefs: [`+parent+`]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: `+l.name+`.test}}]}]
`)
	}
	text := newScene(gateway.ConstructionAnnotation+": "+construction, strings.Join(own, ", ")).text.String()
	text = strings.Replace(text, string(gateway.ControllerAuto), class, 1)
	text = strings.Replace(text, "annotations:", "finalizers: [gateway.k8s.aws/alb], annotations:", 1)
	if len(more) > 0 {
		text += `---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {namespace: infra, name: set, uid: u-set}
spec: {parentRef: {name: gw}, listeners: [` + strings.Join(more, ", ") + `]}
`
	}
	return text + strings.Join(routes, "")
}

// keptPass compiles a scene with what the last pass remembered, as a checkpoint has it.
func keptPass(t testing.TB, text string, before *compile.Memory) compiled {
	t.Helper()
	if before != nil {
		saved, err := json.Marshal(before)
		if before = (&compile.Memory{}); err != nil || json.Unmarshal(saved, before) != nil {
			t.Fatal(err, string(saved))
		}
	}
	key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "infra", Name: "gw"}}
	c := pass(t, Recalling(gatewayFrontEnd(attachment.Application), before, nil), key, decode(t, text), before)
	if c.Stack == nil {
		t.Fatalf("no stack; needs %v, diagnostics %v of\n%s", c.Needs, c.Diagnostics, text)
	}
	return c
}

// drawListeners draws listeners that are valid, of a Gateway and, last, of a ListenerSet.
func drawListeners(rt *rapid.T) (all []keptListener) {
	taken := map[string]bool{}
	sets := false
	for i := range rapid.IntRange(1, 4).Draw(rt, "listeners") {
		l := keptListener{name: string(rune('a' + i)), port: rapid.SampledFrom([]int{80, 81, 82}).Draw(rt, "port"),
			protocol: "HTTP",
			host:     rapid.SampledFrom([]string{"", "t.example.com", "*.example.com"}).Draw(rt, "host")}
		if at := fmt.Sprint(l.port, l.host); !taken[at] {
			taken[at] = true
			sets = sets || i > 0 && rapid.IntRange(0, 3).Draw(rt, "in a set") == 0
			l.set = sets
			all = append(all, l)
		}
	}
	return all
}

// spoil makes a listener one that is not valid. others are listeners that are not edited.
func (l *keptListener) spoil(rt *rapid.T, others []keptListener) {
	var near []keptListener // of the same parent, so that the Gateway API lets neither have precedence
	for _, o := range others {
		if o.set == l.set {
			near = append(near, o)
		}
	}
	switch n := rapid.IntRange(0, 5).Draw(rt, "mistake"); {
	case n == 0:
		l.protocol = rapid.SampledFrom([]string{"TCP", "UDP", "TLS", "example.com/x"}).Draw(rt, "protocol")
	case n == 1:
		l.host = "192.0.2.1"
	case n == 2:
		l.kinds = rapid.SampledFrom([]string{"TCPRoute", "GRPCRoute", "Unknown"}).Draw(rt, "kind")
		if l.kinds == "GRPCRoute" { // which an ALB has
			l.kinds = "TLSRoute"
		}
	case n == 3 && len(near) > 0:
		o := rapid.SampledFrom(near).Draw(rt, "other")
		l.port, l.host = o.port, o.host
	case n == 4 && len(near) > 0:
		o := rapid.SampledFrom(near).Draw(rt, "other")
		l.port, l.protocol, l.host = o.port, "HTTPS", "s.example.com"
	default:
		l.protocol, l.port, l.host = "TCP", 9000, ""
	}
}

// TestEditsOfListenersKeepAnswers draws listeners that serve, and edits that make some of them invalid. No request that
// was answered gets another answer, the edit is told, and a checkpoint keeps what serves.
func TestEditsOfListenersKeepAnswers(t *testing.T) {
	t.Parallel()
	kept := 0
	rapid.Check(t, func(rt *rapid.T) {
		construction := rapid.SampledFrom([]string{"standard", "compatible", "plain-hosts"}).Draw(rt, "construction")
		class := rapid.SampledFrom([]string{string(gateway.ControllerALB), string(gateway.ControllerAuto)}).Draw(rt, "class")
		before := drawListeners(rt)
		edited := make([]bool, len(before))
		var others []keptListener
		for i := range before {
			edited[i] = rapid.Bool().Draw(rt, "edited")
			if !edited[i] {
				others = append(others, before[i])
			}
		}
		own := func(l keptListener) bool { return !l.set }
		if class != string(gateway.ControllerALB) && !slices.ContainsFunc(others, own) &&
			(len(others) == 0 || slices.ContainsFunc(before, own)) {
			return // where none is left of a family in the Gateway itself, the other one is asked for
		}
		after := append([]keptListener{}, before...)
		for i := range after {
			if edited[i] {
				after[i].spoil(rt, others)
			}
		}
		if len(others) > 0 && !others[0].set && rapid.Bool().Draw(rt, "newcomer") {
			n := others[0]
			n.name = "new"
			if rapid.Bool().Draw(rt, "of another protocol") {
				n.protocol, n.host = "HTTPS", "n.example.com"
			}
			after = append([]keptListener{n}, after...)
		}
		old := keptPass(t, keptScene(construction, class, before), nil)
		text := keptScene(construction, class, after)
		now := keptPass(t, text, old.Memory)
		for pass, c := range []compiled{now, keptPass(t, text, now.Memory)} {
			for _, port := range []int32{80, 81, 82} {
				for _, host := range []string{"t.example.com", "o.example.com", "else.test"} {
					r := traffic.Request{Scheme: "http", Port: port, Host: host, Method: "GET", Path: "/"}
					if was, is := old.answer(r), c.answer(r); strings.HasPrefix(was, "to ") && is != was {
						rt.Fatalf("pass %d: %d %s is answered by %q, before by %q; of\n%s", pass, port, host, is, was, text)
					}
				}
			}
			for i := range before {
				if said := c.said(diag.InvalidListener); edited[i] && !strings.Contains(said, "listener "+before[i].name+
					" is not valid") {
					rt.Fatalf("pass %d: nothing is told of %s: %s\n%s", pass, before[i].name, said, text)
				}
			}
			kept += strings.Count(c.said(diag.InvalidListener), "keeps serving")
		}
	})
	if kept == 0 {
		t.Error("no edit left a last valid version in place")
	}
}

// TestRemovedListenerIsNotKept has a listener that is invalid and another one that goes: the user asks for the latter.
func TestRemovedListenerIsNotKept(t *testing.T) {
	t.Parallel()
	a, b := keptListener{name: "a", port: 80, protocol: "HTTP"}, keptListener{name: "b", port: 81, protocol: "HTTP"}
	all := []keptListener{a, b, {name: "c", port: 82, protocol: "HTTP"}}
	old := keptPass(t, keptScene("standard", string(gateway.ControllerALB), all), nil)
	b.protocol = "TCP"
	now := keptPass(t, keptScene("standard", string(gateway.ControllerALB), []keptListener{a, b}), old.Memory)
	request := func(port int32) traffic.Request {
		return traffic.Request{Scheme: "http", Port: port, Host: "t.example.com", Method: "GET", Path: "/"}
	}
	if now.answer(request(80)) != "to a.test" || now.answer(request(81)) != "to b.test" || now.answer(request(82)) !=
		"no listener" {
		t.Error(now.answer(request(80)), now.answer(request(81)), now.answer(request(82)))
	}
	b.protocol, b.port = "HTTP", 83
	now = keptPass(t, keptScene("standard", string(gateway.ControllerALB), []keptListener{a, b}), now.Memory)
	if now.answer(request(83)) != "to b.test" || now.answer(request(81)) != "no listener" ||
		now.said(diag.InvalidListener) != "" {
		t.Error("corrected:", now.answer(request(83)), now.answer(request(81)), now.said(diag.InvalidListener))
	}
}
