package front

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// scene writes Gateway infra/gw with routes and ListenerSets. Ages are in seconds: the lower, the older.
type scene struct{ text strings.Builder }

func newScene(annotations, listeners string) *scene {
	s := &scene{}
	fmt.Fprintf(&s.text, `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: auto}
spec: {controllerName: %s}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: infra, name: gw, annotations: {%s}}
spec: {gatewayClassName: auto, allowedListeners: {namespaces: {from: All}}, listeners: [%s]}
`, gateway.ControllerAuto, annotations, listeners)
	return s
}

func stamp(age int) string { return fmt.Sprintf("2026-01-01T00:00:%02dZ", age) }

// set adds ListenerSet NAMESPACE/set.
func (s *scene) set(age int, namespace, listeners string) *scene {
	fmt.Fprintf(&s.text, `---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {namespace: %s, name: set, creationTimestamp: %q}
spec: {parentRef: {name: gw, namespace: infra}, listeners: [%s]}
`, namespace, stamp(age), listeners)
	return s
}

// route adds a route that redirects to NAMESPACE.test.
func (s *scene) route(age int, name, parent, hosts, path string) *scene {
	namespace, name, _ := strings.Cut(name, "/")
	ref := "{name: gw, namespace: infra}"
	if parent != "" {
		ref = fmt.Sprintf("{group: gateway.networking.k8s.io, kind: ListenerSet, name: set, namespace: %s}", parent)
	}
	fmt.Fprintf(&s.text, `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: %s, name: %s, creationTimestamp: %q}
spec:
  parentRefs: [%s]
  hostnames: [%s]
  rules:
  - matches: [{path: {type: PathPrefix, value: %s}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: %s.test}}]
`, namespace, name, stamp(age), ref, hosts, path, namespace)
	return s
}

func (s *scene) compiled(t testing.TB, of attachment.Family) compiled {
	t.Helper()
	key := stack.Key{Owner: gateway.Owner(of), ID: stack.ID{Namespace: "infra", Name: "gw"}}
	c := pass(t, gatewayFrontEnd(of), key, decode(t, s.text.String()), nil)
	if c.Stack == nil {
		t.Fatalf("no stack; needs %v, diagnostics %v", c.Needs, c.Diagnostics)
	}
	return c
}

func get(host, path string) traffic.Request {
	return traffic.Request{Scheme: "http", Port: 80, Host: host, Method: "GET", Path: path}
}

const (
	anyRoute = "allowedRoutes: {namespaces: {from: All}}"
	open     = "{name: http, port: 80, protocol: HTTP, " + anyRoute + "}"
	wild     = "{name: http, port: 80, protocol: HTTP, hostname: '*.example.com', " + anyRoute + "}"
)

func listener(host string) string {
	return "{name: l, port: 80, protocol: HTTP, hostname: '" + host + "', " + anyRoute + "}"
}

// said lists the findings of a code: object and text.
func (c compiled) said(code diag.Code) string {
	var out []string
	for _, d := range append(append(diag.List{}, c.Findings...), c.Diagnostics...) {
		if d.Code == code {
			out = append(out, d.Object.String()+": "+d.Text+"; "+d.Remedy)
		}
	}
	return strings.Join(out, "\n")
}

func TestListenerSetTakesNoHostnameOfOthers(t *testing.T) {
	t.Parallel()
	const t1, a1, x1 = "t.example.com", "a.example.com", "x.t.example.com"
	for name, c := range map[string]struct {
		scene *scene
		want  map[string]string // by host, or host and path
		loser string            // told about it
	}{
		"the very hostname": {
			newScene("", open).route(1, "team/r", "", t1, "/").set(2, "mal", listener(t1)).route(3, "mal/r", "mal", t1, "/"),
			map[string]string{t1: "team", t1 + "/a": "team"}, "ListenerSet mal/set",
		},
		"a longer path": {
			newScene("", open).route(1, "team/r", "", t1, "/").set(2, "mal", listener(t1)).route(3, "mal/r", "mal",
				"", "/admin"),
			map[string]string{t1 + "/admin": "team"}, "HTTPRoute mal/r",
		},
		"an older route of the set": {
			newScene("", open).route(2, "team/r", "", t1, "/").set(3, "mal", listener(t1)).route(1, "mal/r", "mal", t1, "/"),
			map[string]string{t1: "team"}, "ListenerSet mal/set",
		},
		"an older set without route": {
			newScene("", open).route(2, "team/r", "", t1, "/").set(1, "mal", listener(t1)),
			map[string]string{t1: "team"}, "ListenerSet mal/set",
		},
		"an older set with a later route": {
			newScene("", open).route(2, "team/r", "", t1, "/").set(1, "mal", listener(t1)).route(3, "mal/r", "mal", t1, "/"),
			map[string]string{t1: "team"}, "ListenerSet mal/set",
		},
		"the same second": {
			newScene("", open).route(1, "team/r", "", t1, "/").set(1, "mal", listener(t1)).route(1, "mal/r", "mal", t1, "/"),
			map[string]string{t1: "team"}, "ListenerSet mal/set",
		},
		"a wildcard around the route's": {
			newScene("", open).route(1, "team/r", "", t1, "/").set(2, "mal", listener("*.example.com")).route(3, "mal/r",
				"mal", "", "/"),
			map[string]string{t1: "team", a1: "mal", t1 + ":80": "team"}, "ListenerSet mal/set",
		},
		"a wildcard, and the route's hostname in a route": {
			newScene("", open).route(1, "team/r", "", t1, "/").set(2, "mal", listener("*.example.com")).route(3, "mal/r", "mal",
				t1+", "+a1, "/x"),
			map[string]string{t1 + "/x": "team", a1 + "/x": "mal"}, "HTTPRoute mal/r",
		},
		"paths that the route does not have": {
			newScene("", open).route(1, "team/r", "", t1, "/api").set(2, "mal", listener("*.example.com")).route(3, "mal/r",
				"mal", "", "/"),
			map[string]string{t1 + "/api": "team", t1 + "/.well-known": "404", a1: "mal"}, "ListenerSet mal/set",
		},
		"paths that a route of the owner catches": {
			newScene("", open).route(1, "team/r", "", t1, "/api").route(1, "infra/all", "", "", "/").set(2, "mal",
				listener("*.example.com")).route(3, "mal/r", "mal", "", "/"),
			map[string]string{t1 + "/api": "team", t1 + "/b": "infra", a1: "mal", "b.org": "infra"}, "ListenerSet mal/set",
		},
		"a part of the route's wildcard": {
			newScene("", open).route(1, "team/r", "", "'*.example.com'", "/").set(2, "mal", listener(t1)).route(3, "mal/r",
				"mal", t1, "/"),
			map[string]string{t1: "team"}, "ListenerSet mal/set",
		},
		"a narrower wildcard": {
			newScene("", open).route(1, "team/r", "", "'*.example.com'", "/").set(2, "mal", listener("*.t.example.com")).route(
				3, "mal/r", "mal", x1, "/"),
			map[string]string{x1: "team", t1: "team"}, "HTTPRoute mal/r",
		},
		"at a wildcard of the Gateway": {
			newScene("", wild).route(1, "team/r", "", t1, "/").set(2, "mal", listener(t1)).route(3, "mal/r", "mal", t1, "/"),
			map[string]string{t1: "team"}, "ListenerSet mal/set",
		},
		"a younger ListenerSet": {
			newScene("", "{name: x, port: 81, protocol: HTTP}").set(1, "team", listener("*.example.com")).route(2, "team/r",
				"team", "", "/").set(3, "mal", listener(t1)).route(4, "mal/r", "mal", t1, "/"),
			map[string]string{t1: "team", a1: "team"}, "ListenerSet mal/set",
		},
		"a wider, younger ListenerSet": {
			newScene("", "{name: x, port: 81, protocol: HTTP}").set(1, "team", listener(t1)).route(2, "team/r", "team", "",
				"/api").set(3, "mal", listener("*.example.com")).route(4, "mal/r", "mal", t1+", "+a1, "/"),
			map[string]string{t1 + "/api": "team", t1: "404", a1: "mal"}, "",
		},
		"older sets keep theirs": {
			newScene("", open).set(1, "team", listener(t1)).route(2, "team/r", "team", t1, "/").route(3, "mal/r", "", t1, "/"),
			map[string]string{t1: "team"}, "",
		},
		"a route that catches all": {
			newScene("", open).route(1, "infra/all", "", "", "/").set(2, "team", listener(t1)).route(3, "team/r",
				"team", "", "/"),
			map[string]string{t1: "team", a1: "infra"}, "",
		},
		"a route that catches all of a wildcard of the Gateway": {
			newScene("", wild).route(1, "infra/all", "", "", "/").set(2, "team", listener(t1)).route(3, "team/r",
				"team", "", "/"),
			map[string]string{t1: "team", a1: "infra"}, "",
		},
		"the route's own namespace": {
			newScene("", open).route(1, "team/r", "", t1, "/").set(2, "team", listener(t1)).route(3, "team/s", "team", t1, "/x"),
			map[string]string{t1 + "/x": "team", t1: "404"}, "",
		},
		"the Gateway's namespace": {
			newScene("", open).route(1, "team/r", "", t1, "/").set(2, "infra", listener(t1)).route(3, "infra/r",
				"infra", t1, "/"),
			map[string]string{t1: "infra"}, "",
		},
		"a namespace that the Gateway names": {
			newScene("gateway.k8s.aws/settings-namespaces: 'ops, mal'", open).route(1, "team/r", "", t1, "/").set(2, "mal",
				listener(t1)).route(3, "mal/r", "mal", t1, "/"),
			map[string]string{t1: "mal"}, "",
		},
	} {
		got := c.scene.compiled(t, attachment.Application)
		for request, want := range c.want {
			host, path, _ := strings.Cut(request, "/")
			if a := got.answer(get(host, "/"+path)); a != want && a != "to "+want+".test" {
				t.Errorf("%s: %s: %s, want %s", name, request, a, want)
			}
		}
		said := got.said(diag.HostnameTaken)
		if c.loser == "" && said != "" || !strings.Contains(said, c.loser) || c.loser != "" &&
			!strings.Contains(said, "team/") {
			t.Errorf("%s: told %q, want %q", name, said, c.loser)
		}
	}
}

// TestCompatibleConstructionTakesNoHostname has rules as the existing controller makes them, whose listeners are not
// apart.
func TestCompatibleConstructionTakesNoHostname(t *testing.T) {
	t.Parallel()
	const compatible, t1, a1 = gateway.ConstructionAnnotation + ": compatible", "t.example.com", "a.example.com"
	for name, c := range map[string]struct {
		scene *scene
		want  map[string]string
	}{
		"the very hostname": {
			newScene(compatible, open).route(1, "team/r", "", t1, "/").set(2, "mal", listener(t1)).route(3, "mal/r", "mal",
				t1, "/admin"),
			map[string]string{t1 + "/admin": "team", t1: "team"},
		},
		"a wildcard around the route's": {
			newScene(compatible, open).route(1, "team/r", "", t1, "/api").route(1, "infra/all", "", "", "/").set(2, "mal",
				listener("*.example.com")).route(3, "mal/r", "mal", t1+", '*.example.com'", "/"),
			map[string]string{t1 + "/api": "team", t1 + "/b": "infra", a1: "mal"},
		},
		"a wider one of a listener": {
			newScene(compatible, listener("*.t.example.com")).route(1, "team/r", "", "", "/api").set(2, "mal",
				listener("*.example.com")).route(3, "mal/r", "mal", "x."+t1, "/"),
			map[string]string{"x." + t1 + "/api": "team", "x." + t1: "404"},
		},
		"older": {
			newScene(compatible, open).set(1, "team", listener(t1)).route(2, "team/r", "team", t1, "/").route(3, "mal/r",
				"", t1, "/"),
			map[string]string{t1: "team"},
		},
	} {
		got := c.scene.compiled(t, attachment.Application)
		for request, want := range c.want {
			host, path, _ := strings.Cut(request, "/")
			if a := got.answer(get(host, "/"+path)); a != want && a != "to "+want+".test" {
				t.Errorf("%s: %s: %s, want %s", name, request, a, want)
			}
		}
	}
}

func TestListenerSetThatLosesIsTold(t *testing.T) {
	t.Parallel()
	c := newScene("", open).route(1, "team/r", "", "t.example.com", "/").set(2, "mal", listener("t.example.com")).route(
		3, "mal/r", "mal", "t.example.com", "/").compiled(t, attachment.Application)
	const whose = "requests for hostname t.example.com on port 80 belong to HTTPRoute team/r, at listener http of " +
		"Gateway infra/gw"
	if said := c.said(diag.HostnameTaken); !strings.Contains(said, "ListenerSet mal/set: "+whose) ||
		!strings.Contains(said, "or ask the owner of Gateway infra/gw to add namespace mal to its annotation gateway.k8s.aws/settings-namespaces") ||
		!strings.Contains(said, "HTTPRoute mal/r: "+whose) {
		t.Error(said)
	}
	shown := map[string]string{}
	for _, change := range c.Decisions.Statuses(gateway.Outcome{}) {
		for _, o := range decode(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {namespace: mal, name: set}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: mal, name: r}
`) {
			if o.GetNamespace() != change.Namespace || o.GetName() != change.Name {
				continue
			}
			change.Apply(o, metav1.Now())
			switch o := o.(type) {
			case *gatewayv1.ListenerSet:
				for _, l := range o.Status.Listeners {
					for _, x := range l.Conditions {
						shown[x.Type] = string(x.Status) + " " + x.Reason + " " + x.Message
					}
				}
			case *gatewayv1.HTTPRoute:
				for _, p := range o.Status.Parents {
					for _, x := range p.Conditions {
						shown["route "+x.Type] = string(x.Status) + " " + x.Reason + " " + x.Message
					}
				}
			}
		}
	}
	for of, want := range map[string]string{"Accepted": "False HostnameConflict " + whose,
		"Conflicted": "True HostnameConflict " + whose, "route Accepted": "False UnsupportedValue spec.parentRefs: " +
			whose} {
		if !strings.HasPrefix(shown[of], want) {
			t.Errorf("%s: %q, want %q", of, shown[of], want)
		}
	}
}

// TestPortOfNetworkGatewayStaysWithItsRoute has a port with one default action, which a later ListenerSet does not get
// by an old route.
func TestPortOfNetworkGatewayStaysWithItsRoute(t *testing.T) {
	t.Parallel()
	tlsRoute := func(age int, namespace, parent, hosts string) string {
		return fmt.Sprintf(`---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {namespace: %s, name: r, creationTimestamp: %q}
spec: {parentRefs: [%s], hostnames: [%s], rules: [{backendRefs: [{name: web, port: 443}]}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: %s, name: web}
spec: {type: NodePort, ports: [{port: 443, targetPort: 8443, nodePort: 30443, protocol: TCP}]}
`, namespace, stamp(age), parent, hosts, namespace)
	}
	const gw, set = "{name: gw, namespace: infra}",
		"{group: gateway.networking.k8s.io, kind: ListenerSet, name: set, namespace: mal}"
	for name, c := range map[string]struct {
		setAge, malAge int
		want           string
	}{
		"an older route at a younger set": {3, 1, "team"},
		"of the same second":              {2, 2, "team"},
		"older in all":                    {1, 1, "mal"},
	} {
		s := newScene("", "{name: tls, port: 443, protocol: TLS, hostname: '*.team.test', tls: {mode: Passthrough}, "+
			anyRoute+"}").
			set(c.setAge, "mal", "{name: l, port: 443, protocol: TLS, hostname: m.test, tls: {mode: Passthrough}}")
		s.text.WriteString(tlsRoute(2, "team", gw, "a.team.test") + tlsRoute(c.malAge, "mal", set, "m.test"))
		if got := s.compiled(t, attachment.Network).answer(traffic.Request{Port: 443}); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestListenerSetIsToldOfItsMistakes has findings on the ListenerSet itself, each once, besides those on the Gateway.
func TestListenerSetIsToldOfItsMistakes(t *testing.T) {
	t.Parallel()
	const https, tls = "{name: l, port: 443, protocol: HTTPS", "{name: l, port: 443, protocol: HTTPS, tls: {certificateRefs: "
	const until = "; until this is fixed, the controller does not create or change the HTTPS listener on port 443"
	const none = "HTTPS port 443 has no certificate: none is named and there are no hosts to find one for" + until
	for name, c := range map[string]struct {
		admits, listener, code, want string
	}{
		"no certificate": {"All", https + "}", "CertificateNotFound", "spec.listeners[0]: " + none},
		"no certificate for its hostname": {"All", https + ", hostname: a.other.test}", "CertificateNotFound",
			"spec.listeners[0].hostname: no certificate found for host: a.other.test" + until},
		"a Secret that is missing": {"All", tls + "[{name: gone}]}}", "SecretNotFound",
			"spec.listeners[0].tls.certificateRefs[0]: "},
		"a Secret of others": {"All", tls + "[{name: tls, namespace: infra}]}}", "SecretRefused",
			"spec.listeners[0].tls.certificateRefs[0]: "},
		"not admitted": {"Same", "{name: l, port: 81, protocol: HTTP}", "InvalidListener", "spec.parentRef: Gateway infra/gw " +
			"admits no ListenerSets of namespace team; its listeners are not served"},
	} {
		s := newScene("", open).set(1, "team", c.listener)
		text := strings.ReplaceAll(strings.Replace(s.text.String(), "from: All", "from: "+c.admits, 1), "name: set,",
			"name: set, uid: u1,")
		s.text.Reset()
		s.text.WriteString(text)
		r := s.compiled(t, attachment.Application)
		var got []string
		gateway := false
		for _, d := range slices.Concat(r.Findings, r.Diagnostics) {
			gateway = gateway || d.Object.Kind == "Gateway" && string(d.Code) == c.code
			if d.Object.Kind == "ListenerSet" {
				got = append(got, fmt.Sprintf("%s %s %s: %s", d.Object.UID, d.Code, d.Path, d.Text))
			}
		}
		if len(got) != 1 || !strings.HasPrefix(got[0], "u1 "+c.code+" "+c.want) || gateway != (c.admits == "All") {
			t.Errorf("%s: %q, want %s %s; on the Gateway %v", name, got, c.code, c.want, gateway)
		}
	}
}

func TestListenerSetsOfOnePortAreToldEach(t *testing.T) {
	t.Parallel()
	const https = "{name: l, port: 443, protocol: HTTPS, hostname: '%s.other.test'}"
	r := newScene("", open).set(1, "a", fmt.Sprintf(https, "a")).set(2, "b", fmt.Sprintf(https, "b")).
		set(3, "c", strings.Replace(https, "%s.other.test", "c.example.test", 1)).
		compiled(t, attachment.Application)
	said := r.said(diag.CertificateNotFound)
	for _, want := range []string{"ListenerSet a/set: no certificate found for host: a.other.test;",
		"ListenerSet b/set: no certificate found for host: b.other.test;"} {
		if strings.Count(said, want) != 1 {
			t.Errorf("%s\nwant %s", said, want)
		}
	}
}
