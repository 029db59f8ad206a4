package traffic_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

func request(change func(*traffic.Request)) traffic.Request {
	r := traffic.Request{
		Scheme: "http", Host: "app.example.com", Port: 80, Method: "GET", Path: "/",
		SourceIP: netip.MustParseAddr("203.0.113.7"), Header: map[string][]string{},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func host(h string) func(*traffic.Request)   { return func(r *traffic.Request) { r.Host = h } }
func path(p string) func(*traffic.Request)   { return func(r *traffic.Request) { r.Path = p } }
func query(q string) func(*traffic.Request)  { return func(r *traffic.Request) { r.RawQuery = q } }
func method(m string) func(*traffic.Request) { return func(r *traffic.Request) { r.Method = m } }
func source(ip string) func(*traffic.Request) {
	return func(r *traffic.Request) { r.SourceIP = netip.MustParseAddr(ip) }
}
func header(name string, lines ...string) func(*traffic.Request) {
	return func(r *traffic.Request) { r.Header[name] = lines }
}

func values(f stack.ConditionField, v ...string) stack.Condition {
	return stack.Condition{Field: f, Values: v}
}
func regex(f stack.ConditionField, v ...string) stack.Condition {
	return stack.Condition{Field: f, Regex: v}
}
func headerIs(name string, v ...string) stack.Condition {
	return stack.Condition{Field: stack.HTTPHeader, HeaderName: name, Values: v}
}
func queryIs(key, value string) stack.Condition {
	return stack.Condition{Field: stack.QueryString, Query: []stack.QueryValue{{Key: key, Value: value}}}
}

func TestConditionsMatchAsAWSDocuments(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		condition stack.Condition
		request   func(*traffic.Request)
		want      bool
	}{
		{values(stack.HostHeader, "app.example.com"), nil, true},
		{values(stack.HostHeader, "app.example.com"), host("APP.Example.com"), true},
		{values(stack.HostHeader, "APP.example.com"), host("app.example.com"), true},
		{values(stack.HostHeader, "app.example.com"), host("app.example.com:80"), true},
		{values(stack.HostHeader, "app.example.com"), host("app.example.com:8080"), false},
		{values(stack.HostHeader, "app.example.com*"), host("app.example.com:8080"), true},
		{regex(stack.HostHeader, `^app\.example\.com(:[0-9]+)?$`), host("app.example.com:8080"), true},
		{regex(stack.HostHeader, `^app\.example\.com(:[0-9]+)?$`), host("app.example.com:80"), true},
		{values(stack.HostHeader, "app.example.com"), host("app.example.com."), false},
		{values(stack.HostHeader, "*.example.com"), host("a.b.example.com"), true},
		{values(stack.HostHeader, "*.example.com"), host("example.com"), false},
		{values(stack.HostHeader, "app?.example.com"), host("app1.example.com"), true},
		{values(stack.HostHeader, "app?.example.com"), host("app.example.com"), false},
		{values(stack.HostHeader, "x.org", "app.example.com"), nil, true},
		{values(stack.HostHeader, "[::1]"), host("[::1]:80"), true},
		{regex(stack.HostHeader, `^app\d+\.`), host("APP12.example.com:80"), true},
		{regex(stack.HostHeader, `^app\d+\.`), host("xapp12.example.com"), false},

		{values(stack.PathPattern, "/"), nil, true},
		{values(stack.PathPattern, "/api"), path("/api"), true},
		{values(stack.PathPattern, "/api"), path("/API"), false},
		{values(stack.PathPattern, "/api"), path("/api/"), false},
		{values(stack.PathPattern, "/img/*"), path("/img"), false},
		{values(stack.PathPattern, "/img/*"), path("/img/"), true},
		{values(stack.PathPattern, "/img/*"), path("/img/a/b.png"), true},
		{values(stack.PathPattern, "/*/x"), path("/a/b/x"), true},
		{values(stack.PathPattern, "/*"), path("/"), true},
		{values(stack.PathPattern, "/a*b*c"), path("/aXbYbZc"), true},
		{values(stack.PathPattern, "/a*b*c"), path("/aXbYbZ"), false},
		{values(stack.PathPattern, "/a?c"), path("/abc"), true},
		{values(stack.PathPattern, "/a?c"), path("/ac"), false},
		{values(stack.PathPattern, "/a**c"), path("/abbc"), true},
		{values(stack.PathPattern, "/a*?"), path("/ab"), true},
		{values(stack.PathPattern, "/a*?"), path("/a"), false},
		{values(stack.PathPattern, "/a?*"), path("/a"), false},
		{values(stack.PathPattern, "/a*b?"), path("/axbyb"), false},
		{values(stack.PathPattern, "/a*b?"), path("/axbybz"), true},
		{values(stack.PathPattern, "?"), path("/"), true},
		{values(stack.PathPattern, "*b"), path("/ab"), true},
		{values(stack.PathPattern, "*b"), path("/abc"), false},
		{values(stack.PathPattern, "/a?"), path("/abc"), false},
		{values(stack.PathPattern, "/a?*"), path("/ab"), true},
		{values(stack.PathPattern, "?b"), path("/ab"), false},
		{values(stack.PathPattern, `/a\*`), path(`/a\b`), true}, // only query strings have escapes
		{values(stack.PathPattern, `/a\*`), path("/a*"), false},
		{values(stack.PathPattern, "/a?c"), path("/a/c"), true},
		{values(stack.PathPattern, "/a**c"), path("/ac"), true},
		{values(stack.PathPattern, "/admin"), path("/x/../admin"), true},
		{values(stack.PathPattern, "/admin"), path("/%61dmin"), true},
		{values(stack.PathPattern, "/admin"), path("/ad\x01mi\u00e9n"), true},
		{values(stack.PathPattern, "/a%2Fb"), path("/a%2Fb"), true},
		{values(stack.PathPattern, "/a//b"), path("/a//b"), true},
		{values(stack.PathPattern, "/a/b"), path("/a//b"), false},
		{regex(stack.PathPattern, `/v[12]/`), path("/api/v2/x"), true},
		{regex(stack.PathPattern, `^/v[12]/`), path("/api/v2/x"), false},
		{regex(stack.PathPattern, `/V2`), path("/v2"), false},
		{regex(stack.PathPattern, `(`), path("/("), false},

		{headerIs("x-api-version", "v1"), header("X-Api-Version", "V1"), true},
		{headerIs("X-API-Version", "v1"), nil, false},
		{headerIs("X-API-Version", "*"), nil, false},
		{headerIs("X-Api-Version", "v?"), header("X-Api-Version", "v2"), true},
		{headerIs("Accept", "b"), header("Accept", "a", "b"), true},
		{headerIs("Accept", "a, b"), header("Accept", "a", "b"), false},
		{stack.Condition{Field: stack.HTTPHeader, HeaderName: "Via", Regex: []string{"^1"}}, header("Via", "1.1 x"), true},

		{values(stack.RequestMethod, "GET", "HEAD"), nil, true},
		{values(stack.RequestMethod, "GET"), method("get"), false},
		{values(stack.RequestMethod, "G*"), nil, false},

		{queryIs("v", "1"), query("v=1"), true},
		{queryIs("v", "1"), query("a=b&V=1"), true},
		{queryIs("v", "1"), query("v=2&v=1"), true},
		{queryIs("v", "1"), query("w=1"), false},
		{queryIs("v", "x y"), query("v=x+y"), false},
		{queryIs("v", "x%20y"), query("v=x%20y"), true},
		{queryIs("v", "*"), query("v="), true},
		{queryIs("v", "*"), query("v"), true},
		{queryIs("v", "*"), nil, false},
		{queryIs("v", `\*`), query("v=*"), true},
		{queryIs("v", `\*`), query("v=a"), false},
		{queryIs("v", `a\*b*`), query("v=axb"), false},
		{queryIs("v", `a*\*`), query("v=a"), false},
		{queryIs("v", `a*\*`), query("v=ab*"), true},
		{queryIs("v", `a\b`), query(`v=a\b`), true},
		{queryIs("v", `a\`), query(`v=a\`), true},
		{queryIs("v", "1"), query("&&v=1&"), true},
		{queryIs("v", "a=b"), query("v=a=b"), true},
		{queryIs("v", "1"), query("v=\x7f1"), true},
		{queryIs("", "on"), query("debug=ON"), true},
		{queryIs("", "debug"), query("debug=on"), true},
		{queryIs("", "x"), query("debug=on"), false},

		{values(stack.SourceIP, "203.0.113.0/24"), nil, true},
		{values(stack.SourceIP, "203.0.113.9/24"), nil, true},
		{values(stack.SourceIP, "10.0.0.0/8", "203.0.113.7/32"), nil, true},
		{values(stack.SourceIP, "10.0.0.0/8"), header("X-Forwarded-For", "10.1.1.1"), false},
		{values(stack.SourceIP, "203.0.113.0/24"), source("::ffff:203.0.113.7"), true},
		{values(stack.SourceIP, "2001:db8::/32"), source("2001:db8::7"), true},
		{values(stack.SourceIP, "nonsense"), nil, false},

		{values("cookie", "x"), nil, false},
	} {
		r := request(tc.request)
		rules := []stack.Rule{{ID: "80:1", Order: 1, Conditions: []stack.Condition{tc.condition}}}
		if got := traffic.Match(rules, nil, r).Rule != nil; got != tc.want {
			t.Errorf("%+v on host %q path %q query %q header %v from %s: %v, want %v",
				tc.condition, r.Host, r.Path, r.RawQuery, r.Header, r.SourceIP, got, tc.want)
		}
	}
}

func TestTheFirstRuleByPriorityAllOfWhoseConditionsHoldWins(t *testing.T) {
	t.Parallel()
	rules := []stack.Rule{
		{ID: "c", Order: 30, Conditions: []stack.Condition{values(stack.PathPattern, "/*")}},
		{ID: "a", Order: 10, Conditions: []stack.Condition{values(stack.HostHeader, "a.com"),
			values(stack.PathPattern, "/api/*")}},
		{ID: "b", Order: 20, Conditions: []stack.Condition{values(stack.HostHeader, "a.com")}},
	}
	m, err := traffic.NewMatcher(rules, []stack.Action{{Type: stack.ActionFixedResponse}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ host, path, want string }{
		{"a.com", "/api/x", "a"},
		{"a.com", "/api", "b"},
		{"b.com", "/api/x", "c"},
		{"b.com", "", "default"},
	} {
		r := request(host(tc.host))
		r.Path = tc.path
		got := "default"
		d := m.Match(&r)
		if d.Rule != nil {
			got = d.Rule.ID
		} else if a, ok := d.Routing(); !ok || a.Type != stack.ActionFixedResponse {
			t.Errorf("the default decision has no routing action: %+v", d)
		}
		if got != tc.want {
			t.Errorf("%s%s: rule %s, want %s", tc.host, tc.path, got, tc.want)
		}
	}
}

func TestBrokenValuesAreNamed(t *testing.T) {
	t.Parallel()
	_, err := traffic.NewMatcher([]stack.Rule{{ID: "80:7", Conditions: []stack.Condition{regex(stack.PathPattern, "(")}}},
		nil)
	const want = "rule 80:7: path-pattern condition: regular expression \"(\" never matches: error parsing regexp: " +
		"missing closing ): `(`"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestNormalizePath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":            "",
		"/":           "/",
		"/a/./b":      "/a/b",
		"/a/../b":     "/b",
		"/../../b":    "/b",
		"/a/b/..":     "/a/",
		"/a/.":        "/a/",
		"/a/..":       "/",
		"/a/.../b":    "/a/.../b",
		"/.well":      "/.well",
		"//a":         "//a",
		"/%41%2d%7E":  "/A-~",
		"/%2e%2e/b":   "/b",
		"/%2Fx%":      "/%2Fx%",
		"/a%zz%4":     "/a%zz%4",
		"/a/%2e%2E/b": "/b",
		// both ends of what is hexadecimal, and of what is unreserved
		"/%6a%6A%30%39%5a%5A%61%7a%66%46%4f%5F": "/jj09ZZazfFO_",
		"/%4g%4G%g4%4:%4/%4@%4`%2f%60%40%5b%7B": "/%4g%4G%g4%4:%4/%4@%4`%2f%60%40%5b%7B",
		"/%5g%5/":                               "/%5g%5/",
		"/%41%4":                                "/A%4",
		"/ a\x7fb\x1fc\xff":                     "/abc"[:1] + " abc",
	} {
		if got := traffic.NormalizePath(in); got != want {
			t.Errorf("%q → %q, want %q", in, got, want)
		}
	}
}

func TestRedirectLocation(t *testing.T) {
	t.Parallel()
	toHTTPS := stack.Redirect{Protocol: "HTTPS", Port: "443"}
	for _, tc := range []struct {
		name     string
		redirect stack.Redirect
		request  func(*traffic.Request)
		want     string
	}{
		{"the documented example", toHTTPS, func(r *traffic.Request) {
			r.Host, r.Path, r.RawQuery = "shop.example.com", "/a/b", "x=1"
		},
			"https://shop.example.com:443/a/b?x=1"},
		{"no query", toHTTPS, nil, "https://app.example.com:443/"},
		{"host with port", toHTTPS, host("app.example.com:8080"), "https://app.example.com:443/"},
		{"all defaults", stack.Redirect{Host: "b.org"}, path("/x"), "http://b.org:80/x"},
		{"keywords", stack.Redirect{Host: "www.#{host}", Path: "/new/#{path}", Query: "from=#{protocol}&#{query}"},
			func(r *traffic.Request) {
				r.Path, r.RawQuery = "/p/q", "k=v"
			}, "http://www.app.example.com:80/new/p/q?from=http&k=v"},
		{"encoding is untouched", stack.Redirect{Port: "81"}, path("/a%20b/%C3%A9"),
			"http://app.example.com:81/a%20b/%C3%A9"},
	} {
		r := request(tc.request)
		if got := traffic.Location(tc.redirect, &r); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	if traffic.RedirectStatus(stack.Redirect{StatusCode: "HTTP_302"}) != 302 || traffic.RedirectStatus(toHTTPS) != 301 {
		t.Error("wrong status")
	}
}

func TestARedirectTakesHostAndPathAfterTheTransforms(t *testing.T) {
	t.Parallel()
	rewrite := func(kind, regex, replace string) stack.Transform {
		return stack.Transform{Type: kind, Rewrites: []stack.Rewrite{{Regex: regex, Replace: replace}}}
	}
	redirect := stack.Redirect{Path: "/new/#{path}", StatusCode: "HTTP_301"}
	for _, tc := range []struct {
		transform stack.Transform
		want      string // empty: 500
	}{
		{rewrite("url-rewrite", "^/api", ""), "http://app.example.com:80/new/v1/users?q=1"},
		{rewrite("host-header-rewrite", ".*", "b.com"), "http://b.com:80/new/api/v1/users?q=1"},
		{rewrite("url-rewrite", "^/other", ""), "http://app.example.com:80/new/api/v1/users?q=1"},
		{rewrite("url-rewrite", "^/api/v1/users", "no slash"), ""},
	} {
		r := traffic.Request{Scheme: "http", Host: "app.example.com", Port: 80, Method: "GET", Path: "/api/v1/users",
			RawQuery: "q=1"}
		d := traffic.Match([]stack.Rule{{Transforms: []stack.Transform{tc.transform}}}, nil, r)
		got, err := d.Location(redirect, &r)
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%+v: %s, want %s (%v)", tc.transform, got, tc.want, err)
		}
	}
}

func TestTransforms(t *testing.T) {
	t.Parallel()
	rewrite := func(kind, regex, replace string) stack.Transform {
		return stack.Transform{Type: kind, Rewrites: []stack.Rewrite{{Regex: regex, Replace: replace}}}
	}
	for _, tc := range []struct {
		name       string
		transforms []stack.Transform
		host, uri  string
		fails      bool
	}{
		{"none", nil, "a.com", "/api/v1/x?q=1", false},
		{"prefix", []stack.Transform{rewrite("url-rewrite", "^/api/(.*)$", "/$1")}, "a.com", "/v1/x?q=1", false},
		{"query too", []stack.Transform{rewrite("url-rewrite", `\?q=(\d)`, "?p=$1$9")}, "a.com", "/api/v1/x?p=1", false},
		{"first match only", []stack.Transform{rewrite("url-rewrite", "/", "/z/")}, "a.com", "/z/api/v1/x?q=1", false},
		{"no match", []stack.Transform{rewrite("url-rewrite", "^/nope", "/x")}, "a.com", "/api/v1/x?q=1", false},
		{"both", []stack.Transform{rewrite("host-header-rewrite", `^(\w+)\.com`, "$1.internal"),
			rewrite("url-rewrite", "^/api", "/b")}, "a.internal", "/b/v1/x?q=1", false},
		{"dollars that are no groups", []stack.Transform{rewrite("url-rewrite", "^/api", "/$0$a$:$/$")}, "a.com",
			"/$0$a$:$/$/v1/x?q=1", false},
		{"groups in any order, and one that did not take part", []stack.Transform{
			rewrite("url-rewrite", "^/(a)(x)?(p)(i)", "/$4$3$2$1")}, "a.com", "/ipa/v1/x?q=1", false},
		{"the second after the first", []stack.Transform{rewrite("url-rewrite", "^/api", "/b"), rewrite("url-rewrite", "^/b/",
			"/c/")}, "a.com", "/c/v1/x?q=1", false},
		{"a path with a space", []stack.Transform{rewrite("url-rewrite", "^/api", "/a b")}, "", "", true},
		{"not a path", []stack.Transform{rewrite("url-rewrite", "^/", "")}, "", "", true},
		{"not a host", []stack.Transform{rewrite("host-header-rewrite", ".*", "")}, "", "", true},
		{"broken", []stack.Transform{rewrite("url-rewrite", "(", "")}, "", "", true},
	} {
		d := traffic.Match([]stack.Rule{{ID: "1", Transforms: tc.transforms}}, nil, request(nil))
		h, u, err := d.Rewrite("a.com", "/api/v1/x?q=1")
		if h != tc.host || u != tc.uri || (err != nil) != tc.fails {
			t.Errorf("%s: %q %q %v, want %q %q", tc.name, h, u, err, tc.host, tc.uri)
		}
	}
}

func TestEachTargetGroupGetsItsWeight(t *testing.T) {
	t.Parallel()
	w := func(n int32) *int32 { return &n }
	f := &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
		{TargetGroup: stack.Literal(stack.KindTargetGroup, "blue"), Weight: w(3)},
		{TargetGroup: stack.Literal(stack.KindTargetGroup, "none"), Weight: w(0)},
		{TargetGroup: stack.Literal(stack.KindTargetGroup, "default")},
	}}
	got := map[string]int{}
	for n := range traffic.TotalWeight(f) {
		ref, ok := traffic.Pick(f, n)
		if !ok {
			t.Fatalf("point %d has no owner", n)
		}
		got[ref.Literal]++
	}
	if fmt.Sprint(got) != "map[blue:3 default:1]" {
		t.Error(got)
	}
	for _, n := range []int{-1, 4} {
		if _, ok := traffic.Pick(f, n); ok {
			t.Errorf("point %d has an owner", n)
		}
	}
}
