package rule

import (
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// answer is what the rules of a match answer to a request for http://a.com:80<uri>: a location, what a target gets, or
// "404".
func answer(t *testing.T, rules []Filtered, uri string) string {
	t.Helper()
	var all []stack.Rule
	for _, f := range rules {
		r := stack.Rule{Conditions: f.Conditions, Transforms: f.Transforms}
		if f.Redirect != nil {
			r.Actions = []stack.Action{{Type: stack.ActionRedirect, Redirect: f.Redirect}}
		} else {
			r.Actions = []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{}}}
		}
		all = append(all, r)
	}
	path, query, _ := strings.Cut(uri, "?")
	req := traffic.Request{Scheme: "http", Host: "a.com", Port: 80, Method: "GET", Path: path, RawQuery: query}
	notFound := []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "404"}}}
	d := traffic.Match(all, notFound, req)
	action, _ := d.Routing()
	host, rewritten, err := d.Rewrite(req.Host, uri)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case action.FixedResponse != nil:
		return "404"
	case action.Redirect != nil: // the path of the request is taken after the transforms
		req.Path, req.RawQuery, _ = strings.Cut(rewritten, "?")
		req.Host = host
		return strings.TrimPrefix(action.Redirect.StatusCode, "HTTP_") + " " + traffic.Location(*action.Redirect, &req)
	}
	return host + rewritten
}

func TestFiltersAnswerAsTheGatewayAPIDefines(t *testing.T) {
	t.Parallel()
	const prefix, exact = "{path: {value: /a}}", "{path: {type: Exact, value: /a}}"
	redirect := func(s string) string { return "[{type: RequestRedirect, requestRedirect: {" + s + "}}]" }
	rewrite := func(s string) string { return "[{type: URLRewrite, urlRewrite: {" + s + "}}]" }
	to := func(p string) string { return "path: {type: ReplacePrefixMatch, replacePrefixMatch: " + p + "}" }
	for _, c := range []struct {
		name, match, filters, uri, want string
		rules                           int
	}{
		{"none", prefix, "[]", "/a/b?q=1", "a.com/a/b?q=1", 1},
		{"a host", prefix, rewrite("hostname: b.com"), "/a", "b.com/a", 1},
		{"a host and a prefix", prefix, rewrite("hostname: b.com, " + to("/x")), "/a/b", "b.com/x/b", 1},
		{"redirect to a host", prefix, redirect("hostname: b.com"), "/a/b?q=1", "302 http://b.com:80/a/b?q=1", 1},
		{"redirect with a status", prefix, redirect("hostname: b.com, statusCode: 301"), "/a", "301 http://b.com:80/a", 1},
		{"redirect to a scheme", prefix, redirect("scheme: https"), "/a", "302 https://a.com:443/a", 1},
		{"redirect to a scheme and a port", prefix, redirect("scheme: https, port: 8443"), "/a", "302 https://a.com:8443/a",
			1},
		{"redirect to a port", prefix, redirect("port: 8080"), "/a", "302 http://a.com:8080/a", 1},
		{"redirect to a path", prefix, redirect("path: {type: ReplaceFullPath, replaceFullPath: /full}"), "/a/b",
			"302 http://a.com:80/full", 1},
		{"redirect to a host and a prefix", prefix, redirect("hostname: b.com, " + to("/x")), "/a/b",
			"302 http://b.com:80/x/b", 1},
		{"redirect to a prefix: below it", prefix, redirect(to("/x")), "/a/b/c?q=1", "302 http://a.com:80/x/b/c?q=1", 2},
		{"redirect to a prefix: itself", prefix, redirect(to("/x")), "/a?q=1", "302 http://a.com:80/x?q=1", 2},
		{"redirect to a prefix: its directory", prefix, redirect(to("/x")), "/a/", "302 http://a.com:80/x/", 2},
		{"redirect to a prefix: another path", prefix, redirect(to("/x")), "/ab", "404", 2},
		{"redirect to a prefix: of everything", "{path: {value: /}}", redirect(to("/x")), "/ab", "302 http://a.com:80/x/ab",
			1},
		{"redirect to a prefix with a slash", prefix, redirect(to("/x/")), "/a/b", "302 http://a.com:80/x/b", 2},
		{"an exact path to a full one", exact, redirect("path: {type: ReplaceFullPath, replaceFullPath: /full}"), "/a",
			"302 http://a.com:80/full", 1},
	} {
		for _, construction := range []Construction{Compatible, Standard} {
			m := read[gatewayv1.HTTPRouteMatch](t, c.match)
			conditions, err := construction.HTTP(m)
			if err != nil {
				t.Fatal(err)
			}
			rules, err := construction.Filter(read[[]gatewayv1.HTTPRouteFilter](t, c.filters), m, conditions, "")
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, construction, err)
				continue
			}
			if got := answer(t, rules, c.uri); got != c.want || len(rules) != c.rules {
				t.Errorf("%s, %s: %s with %d rules, want %s with %d", c.name, construction, got, len(rules), c.want, c.rules)
			}
			for _, r := range rules { // AWS refuses these
				if r.Redirect != nil && *r.Redirect == (stack.Redirect{StatusCode: r.Redirect.StatusCode}) {
					t.Errorf("%s, %s: a redirect to the same place", c.name, construction)
				}
			}
		}
	}
}

func TestFiltersThatALoadBalancerDoesNotHaveAreRefused(t *testing.T) {
	t.Parallel()
	for filters, want := range map[string]string{
		"[{type: RequestHeaderModifier, requestHeaderModifier: {}}]":                                    "filter of type RequestHeaderModifier",
		"[{type: RequestRedirect, requestRedirect: {hostname: b.com}}, {type: ResponseHeaderModifier}]": "filter of type ResponseHeaderModifier",
		"[{type: RequestMirror}]":   "filter of type RequestMirror",
		"[{type: CORS}]":            "filter of type CORS",
		"[{type: ExternalAuth}]":    "filter of type ExternalAuth",
		"[{type: URLRewrite}]":      "without urlRewrite",
		"[{type: RequestRedirect}]": "without requestRedirect",
		"[{type: RequestRedirect, requestRedirect: {statusCode: 307}}]":                                            "status 307",
		"[{type: RequestRedirect, requestRedirect: {scheme: ftp}}]":                                                "scheme ftp",
		"[{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: '/a?'}}}]":      "/a?",
		"[{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]":    "to the same place",
		"[{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: '/*'}}}]": "may not have * or ?",
	} {
		_, err := Standard.Filter(read[[]gatewayv1.HTTPRouteFilter](t, filters), read[gatewayv1.HTTPRouteMatch](
			t, "{path: {value: /a}}"), nil, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filters, err, want)
		}
	}
	exact := read[gatewayv1.HTTPRouteMatch](t, "{path: {type: Exact, value: /a}}")
	_, err := Standard.Filter(read[[]gatewayv1.HTTPRouteFilter](t, "[{type: RequestRedirect, requestRedirect: {path: "+
		"{type: ReplacePrefixMatch, replacePrefixMatch: /x}}}]"), exact, nil, "")
	if err == nil || !strings.Contains(err.Error(), "PathPrefix") {
		t.Errorf("a prefix of an exact path: %v", err)
	}
}
