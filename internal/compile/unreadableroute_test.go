package compile_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// unreadable is an Ingress whose rule cannot be built.
type unreadable struct {
	notes    notes    // of it
	path     string   // as for ing
	requests []string // HOST/PATH that it may be meant for
	others   []string // that it leaves to other members
}

const (
	guarded = "shop.example.com Prefix /admin web:80"
	inAdmin = "shop.example.com/admin/users"
)

func conditions(list string) notes { return notes{"conditions.web": list} }

// unreadables are all ways in which the conditions of a path can be wrong.
func unreadables() map[string]unreadable {
	admin, outside := []string{inAdmin, "shop.example.com/admin"}, []string{"shop.example.com/", "www.example.com/admin"}
	headers := make([]string, 7)
	for n := range headers {
		headers[n] = fmt.Sprintf(`{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-%d","values":["a"]}}`, n)
	}
	for n := range 100 {
		headers = append(headers, strings.Replace(headers[0], "X-0", fmt.Sprint("Y-", n), 1))
	}
	const hostB = `{"field":"host-header","hostHeaderConfig":{"values":["b.example.com"]}}`
	const address = `{"field":"source-ip","sourceIpConfig":{"values":["10.0.0.0/33"]}}`
	many := strings.Repeat(`"/admin",`, 10_001) + `"/"`
	return map[string]unreadable{
		"no JSON":    {conditions(`[{"field":"source-ip",`), guarded, admin, outside},
		"a text":     {conditions(`"10.0.0.0/8"`), guarded, admin, outside},
		"an object":  {conditions(`{"field":"source-ip"}`), guarded, admin, outside},
		"an address": {conditions("[" + address + "]"), guarded, admin, outside},
		"no values":  {conditions(`[{"field":"source-ip","sourceIpConfig":{}}]`), guarded, admin, outside},
		"no header":  {conditions(`[{"field":"http-header"}]`), guarded, admin, outside},
		"a method": {conditions(`[{"field":"http-request-method","httpRequestMethodConfig":{"values":["get"]}}]`),
			guarded, admin, outside},
		"no query": {conditions(`[{"field":"query-string"}]`), guarded, admin, outside},
		"an empty one": {conditions(`[{"field":"query-string","queryStringConfig":{"values":[{"key":"a"}]}}]`),
			guarded, admin, outside},
		"a host beside what is wrong": {conditions("[" + address + "," + hostB + "]"),
			guarded, append(admin, "b.example.com/admin/x"), outside},
		"a host before what is wrong": {conditions("[" + hostB + "," + address + "]"),
			guarded, append(admin, "b.example.com/admin/x"), outside},
		"hosts that cannot be read": {conditions(`[{"field":"host-header","hostHeaderConfig":{"values":"b.example.com"}}]`),
			guarded, append(admin, "b.example.com/admin/x"), outside[:1]},
		"paths that cannot be read": {conditions(`[{"field":"path-pattern","pathPatternConfig":"/b"}]`),
			guarded, append(admin, "shop.example.com/b"), outside[1:]},
		"a host condition without configuration": {conditions(`[{"field":"host-header"}]`), guarded,
			append(admin, "b.example.com/admin/x"), outside[:1]},
		"hosts by both": {conditions(strings.Replace("["+hostB+"]", "]}", `],"regexValues":["^c[.]example[.]com$"]}`, 1)),
			guarded, append(admin, "b.example.com/admin/x", "c.example.com/admin"), outside},
		"a host beside an expression": {conditions(
			`[{"field":"host-header","hostHeaderConfig":{"regexValues":["^c[.]example[.]com$"]}}]`),
			guarded, append(admin, "c.example.com/admin"), outside},
		"a path beside an expression": {conditions(
			`[{"field":"path-pattern","pathPatternConfig":{"regexValues":["^/c[0-9]$"]}}]`),
			guarded, append(admin, "shop.example.com/c1"), outside},
		"an expression that AWS refuses, too": {conditions(
			`[{"field":"path-pattern","pathPatternConfig":{"regexValues":["^/c(?=[0-9])"]}}]`),
			guarded, append(admin, "shop.example.com/c1"), outside},
		"too many conditions": {conditions("[" + strings.Join(headers, ",") + "]"), guarded, admin, outside},
		"more conditions than a rule can have": {conditions("[" + strings.Join(headers[:7], ",") + "]"),
			guarded, admin, outside},
		"two methods": {conditions(`[{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET"]}},` +
			`{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET"]}}]`), guarded, admin, outside},
		"too many paths": {conditions(`[{"field":"path-pattern","pathPatternConfig":{"values":[` + many + `]}}]`), guarded,
			append(admin, "shop.example.com/a"), outside[1:]},
		"a wildcard in a prefix":      {nil, "shop.example.com Prefix /admin/* web:80", []string{inAdmin}, outside},
		"a wildcard in an exact path": {nil, "shop.example.com Exact /admin* web:80", admin, outside},
		"many wildcards": {nil, "shop.example.com ImplementationSpecific /*/*/*/*/*/*/*/*/* web:80",
			[]string{"shop.example.com/1/2/3/4/5/6/7/8/9"}, outside},
		"an unknown type": {nil, "shop.example.com prefix /admin/ web:80", admin, outside},
		"an unknown type of an expression": {notes{"use-regex-path-match": "true"},
			"shop.example.com regex /^/admin/[a-z]+$ web:80", []string{inAdmin}, outside},
		"no host": {conditions("[" + address + "]"), "- Prefix /admin web:80",
			append(admin, "b.example.com/admin"), outside[:1]},
	}
}

// TestUnreadableRouteOpensNothing has a group of a new Ingress whose rule cannot be built, and of another Ingress with
// a wider rule.
func TestUnreadableRouteOpensNothing(t *testing.T) {
	t.Parallel()
	for name, c := range unreadables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := notes{"group.name": "g", "group.order": "1"}
			for k, v := range c.notes {
				n[k] = v
			}
			bad := ing("bad", n, c.path, "own.example.com Prefix / api:80")
			wide := ing("wide", notes{"group.name": "g", "group.order": "2"}, "- Prefix / api:80")
			out := scenario{Account: "lab"}.run(t, append(surroundings(), bad, wide))
			for _, at := range c.requests {
				answeredBy(t, out[0], at, "503")
			}
			for _, at := range c.others {
				answeredBy(t, out[0], at, "shop/wide-api:80")
			}
			if n := strings.Count(strings.Join(out[0].Diagnostics, "\n"), "Ingress shop/bad invalid"); n != 1 {
				t.Errorf("%d findings: %v", n, out[0].Diagnostics)
			}
			before := ing("bad", notes{"group.name": "g", "group.order": "1"}, guarded)
			served := scenario{Account: "lab", before: append(surroundings(), before, wide)}.run(t,
				append(surroundings(), bad, wide))
			answeredBy(t, served[0], inAdmin, "shop/bad-web:80")
			answeredBy(t, served[0], "shop.example.com/", "shop/wide-api:80")
		})
	}
}

// answeredBy requires what answers a request for HOST/PATH: the status of an error, or a target group.
func answeredBy(t *testing.T, o outcome, at, want string) {
	t.Helper()
	if o.Desired == nil {
		t.Fatalf("nothing is built: %v", o.Diagnostics)
	}
	host, path, _ := strings.Cut(at, "/")
	headers := map[string][]string{}
	for n := range 100 {
		headers[fmt.Sprint("X-", n)], headers[fmt.Sprint("Y-", n)] = []string{"a"}, []string{"a"}
	}
	d := traffic.Match(o.Desired.Rules, nil, traffic.Request{Scheme: "http", Host: host, Port: 80, Method: "GET",
		Path: "/" + path, Header: headers, SourceIP: netip.MustParseAddr("10.0.0.1")})
	got := "none"
	if a, ok := d.Routing(); ok && a.Type == stack.ActionFixedResponse {
		got = a.FixedResponse.StatusCode
	} else if ok {
		got = a.Forward.TargetGroups[0].TargetGroup.ID
	}
	if got != want {
		t.Errorf("%s: answered by %s, not %s: %v", at, got, want, o.Diagnostics)
	}
}
