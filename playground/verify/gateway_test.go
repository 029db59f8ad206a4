package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

func parse[T any](t *testing.T, text string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.Unmarshal([]byte(text), o); err != nil {
		t.Fatal(err)
	}
	return o
}

const programmedGateway = `
metadata: {namespace: shop, name: web, generation: 2}
spec:
  gatewayClassName: alb
  listeners:
  - {name: http, protocol: HTTP, port: 80}
  - {name: https, protocol: HTTPS, port: 443, hostname: "*.example.com"}
  - {name: broken, protocol: HTTPS, port: 444}
  - {name: closed, protocol: HTTP, port: 81, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}}
  - {name: tcp, protocol: TCP, port: 9000}
  - {name: unused, protocol: TCP, port: 9001}
status:
  addresses: [{type: Hostname, value: lb.elb}]
  conditions: [{type: Programmed, status: "True", reason: Programmed, observedGeneration: 2}]
  listeners:
  - {name: http, conditions: [{type: Programmed, status: "True"}]}
  - {name: https, conditions: [{type: Programmed, status: "True"}]}
  - {name: broken, conditions: [{type: Programmed, status: "False"}, {type: ResolvedRefs, status: "False", reason: InvalidCertificateRef, message: no Secret}, {type: Conflicted, status: "False"}]}
  - {name: closed, conditions: [{type: Programmed, status: "True"}]}
  - {name: tcp, attachedRoutes: 1, conditions: [{type: Programmed, status: "True"}]}
  - {name: unused, attachedRoutes: 0, conditions: [{type: Programmed, status: "True"}]}
`

func TestAGatewayIsProgrammedInItsCurrentVersionOnly(t *testing.T) {
	t.Parallel()
	g := parse[gatewayv1.Gateway](t, programmedGateway)
	if host, err := Programmed(g); err != nil || host != "lb.elb" {
		t.Errorf("%q, %v", host, err)
	}
	if d := cmp.Diff([]string{"listener broken of Gateway shop/web: ResolvedRefs is False, " +
		"InvalidCertificateRef: no Secret"}, Refused(g)); d != "" {
		t.Error(d)
	}
	older := g.DeepCopy()
	older.Generation = 3
	noAddress := g.DeepCopy()
	noAddress.Status.Addresses = nil
	for want, g := range map[string]*gatewayv1.Gateway{
		"Gateway shop/web of class alb has no status of its current version": older,
		"Gateway shop/web has no address":                                    noAddress,
		"Gateway shop/web of class albb is not programmed: Pending: Waiting for controller": parse[gatewayv1.Gateway](t, `
metadata: {namespace: shop, name: web, generation: 1}
spec: {gatewayClassName: albb}
status: {conditions: [{type: Programmed, status: Unknown, reason: Pending, message: Waiting for controller}]}`),
	} {
		if _, err := Programmed(g); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestRoutePromisesAnswerForEachPathAndListener(t *testing.T) {
	t.Parallel()
	gateways := []*gatewayv1.Gateway{parse[gatewayv1.Gateway](t, programmedGateway)}
	const accepted = `
status:
  parents:
  - {parentRef: {name: web}, conditions: [{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "True"}]}`
	for name, c := range map[string]struct {
		route string
		want  []string
	}{
		"paths, filters, and hosts of listeners": {`
metadata: {namespace: shop, name: r}
spec:
  parentRefs: [{name: web}]
  hostnames: [a.example.com, b.example.org]
  rules:
  - matches: [{path: {type: PathPrefix, value: /api}}, {path: {type: RegularExpression, value: ".*"}}, {method: POST}]
    backendRefs: [{name: api, port: 80}]
  - filters: [{type: RequestRedirect}]
  - matches: [{path: {value: /none}}]` + accepted, []string{
			"200 http://a.example.com:80/api", "any http://a.example.com:80/", "200 http://b.example.org:80/api",
			"any http://b.example.org:80/",
			"200 https://a.example.com:443/api", "any https://a.example.com:443/",
		}},
		"without hosts, those of listeners": {`
metadata: {namespace: shop, name: r}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: api, port: 80}]}]}` + accepted,
			[]string{"200 http://lb.elb:80/", "200 https://any.example.com:443/"}},
		"of another namespace": {`
metadata: {namespace: other, name: r}
spec: {parentRefs: [{name: web, namespace: shop}], rules: [{backendRefs: [{name: api, port: 80}]}]}
status:
  parents:
  - {parentRef: {name: web, namespace: shop}, conditions: [{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "True"}]}`, nil},
		"not accepted": {`
metadata: {namespace: shop, name: r}
spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: api, port: 80}]}]}
status:
  parents:
  - {parentRef: {name: web}, conditions: [{type: Accepted, status: "False"}, {type: ResolvedRefs, status: "True"}]}`,
			nil},
	} {
		if d := cmp.Diff(c.want, texts(OfHTTPRoute(parse[gatewayv1.HTTPRoute](t, c.route), gateways))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if d := cmp.Diff([]string{"connect lb.elb:9000"}, texts(OfGateway(gateways[0]))); d != "" {
		t.Error(d)
	}
}

func TestARouteIsJudgedOnceEachParentHasConditionsOfItsVersion(t *testing.T) {
	t.Parallel()
	gateways := []*gatewayv1.Gateway{parse[gatewayv1.Gateway](t, programmedGateway)}
	r := parse[Route](t, `
kind: TCPRoute
metadata: {namespace: shop, name: r, generation: 1}
spec: {parentRefs: [{name: web, sectionName: http}, {name: elsewhere}]}
status:
  parents:
  - {parentRef: {name: web, namespace: shop, sectionName: http}, conditions: [{type: Accepted, status: "False", reason: NotAllowedByListeners, message: not admitted, observedGeneration: 1}]}`)
	got, err := Judged(r, gateways)
	if d := cmp.Diff([]string{"TCPRoute shop/r at Gateway shop/web: Accepted is False, " +
		"NotAllowedByListeners: not admitted"}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	r.Generation = 2
	if _, err := Judged(r, gateways); err == nil {
		t.Error("conditions of an older version: no error")
	}
}
