package rule

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

func read[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// write is conditions in short: field or header name, then values; "~" marks regular expressions.
func write(conditions []stack.Condition, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var out []string
	for _, c := range conditions {
		text := string(c.Field)
		if c.HeaderName != "" {
			text = c.HeaderName
		}
		for _, v := range c.Values {
			text += " " + v
		}
		for _, v := range c.Regex {
			text += " ~" + v
		}
		for _, q := range c.Query {
			text += " " + q.Key + "=" + q.Value
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// matchCase is a match of a route, in YAML, and its conditions by construction; without standard they are the same.
type matchCase struct{ match, compatible, standard string }

func checkMatches[T any](t *testing.T, conditions func(Construction, T) ([]stack.Condition, error), cases []matchCase) {
	t.Helper()
	for _, c := range cases {
		m := read[T](t, c.match)
		if got := write(conditions(Compatible, m)); got != c.compatible {
			t.Errorf("compatible %s: %s, want %s", c.match, got, c.compatible)
		}
		want := c.standard
		if want == "" {
			want = c.compatible
		}
		if got := write(conditions(Standard, m)); got != want {
			t.Errorf("standard %s: %s, want %s", c.match, got, want)
		}
	}
}

func TestConditionsOfHTTPMatches(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("x", 128)
	checkMatches(t, Construction.HTTP, []matchCase{
		{"{path: {value: /}}", "path-pattern /*", ""},
		{"{path: {value: /a}}", "path-pattern /a /a/*", ""},
		{"{path: {value: /a/}}", "path-pattern /a /a/*", ""},
		{"{path: {type: Exact, value: /a}}", "path-pattern /a", ""},
		{"{path: {type: Exact, value: /a*}}", "path-pattern /a*", `path-pattern ~^/a\*$`},
		{"{path: {type: Exact, value: /a%20b}}", "path-pattern /a%20b", "path-pattern ~^/a%20b$"},
		{"{path: {value: /a*}}", "error: path /a*: a prefix may not have * or ?", `path-pattern ~^/a\*(/.*)?$`},
		{"{path: {type: RegularExpression, value: '/[a-z]+'}}", "path-pattern ~/[a-z]+", ""},
		{"{path: {type: RegularExpression, value: '(?=x)'}}",
			"error: path (?=x): error parsing regexp: invalid or unsupported Perl syntax: `(?=`; a load balancer takes " +
				"expressions of RE2", ""},
		{"{path: {type: Exact, value: " + long + "}}", fmt.Sprintf("error: path %s: %q has 129 characters, and a load "+
			"balancer matches at most 128", long, long), ""},
		{"{method: GET}", "http-request-method GET", ""},
		{"{headers: [{name: v, value: a}]}", "v a", ""},
		{"{headers: [{name: v, value: 'a,b\\,c'}]}", "v a b,c", `v ~^a,b\\,c$`},
		{"{headers: [{name: v, value: 'a,b'}]}", "v a b", "v a,b"},
		{"{headers: [{name: v, value: 'a\\\\b\\c'}]}", `v a\bc`, `v ~^a\\\\b\\c$`},
		{"{headers: [{name: v, value: 'a*'}]}", "v a*", `v ~^a\*$`},
		{"{headers: [{name: v, type: RegularExpression, value: 'a.*'}]}", "v ~a.*", ""},
		{"{headers: [{name: " + strings.Repeat("n", 41) + ", value: a}]}", "error: header " + strings.Repeat("n", 41) +
			": a load balancer matches names of at most 40 characters", ""},
		{"{queryParams: [{name: q, value: a}]}", "query-string q=a", ""},
		{"{queryParams: [{name: q, value: 'a*?\\'}]}", `query-string q=a*?\`, `query-string q=a\*\?\\`},
		{"{queryParams: [{name: q, type: RegularExpression, value: 'a.*'}]}", "query-string q=a.*",
			"error: query parameter q: a load balancer matches no regular expressions in queries; use type Exact"},
		{"{path: {value: /a}, headers: [{name: v, value: a}], queryParams: [{name: q, value: b}, {name: r, value: " +
			"c}], method: PUT}", "path-pattern /a /a/*; v a; query-string q=b; query-string r=c; http-request-method PUT", ""},
	})
}

func TestConditionsOfGRPCMatches(t *testing.T) {
	t.Parallel()
	checkMatches(t, Construction.GRPC, []matchCase{
		{"{}", "path-pattern /*", ""},
		{"{method: {service: s, method: m}}", "path-pattern /s/m", ""},
		{"{method: {service: s}}", "path-pattern /s/*", ""},
		{"{method: {method: m}}", "path-pattern /*/m", ""},
		{"{method: {}}", "error: a method match needs a service, a method or both", ""},
		{"{method: {type: RegularExpression, service: 's.*', method: m}}", "path-pattern /s.*/m",
			"path-pattern ~^/(s.*)/(m)$"},
		{"{method: {type: RegularExpression, method: 'm|n'}}", "path-pattern /*/m|n", "path-pattern ~^/[^/]+/(m|n)$"},
		{"{headers: [{name: v, type: RegularExpression, value: 'a,b'}]}", "path-pattern /*; v a b",
			"path-pattern /*; v ~a,b"},
	})
}

func TestHostsAreMatchedWithAPortInTheStandardConstruction(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + "." + strings.Repeat("b", 56) + ".com"
	for host, want := range map[string][2]string{
		"very.specific.com": {"host-header very.specific.com", `host-header ~^very\.specific\.com(:[0-9]+)?$`},
		"*.wildcard.io":     {"host-header *.wildcard.io", `host-header ~^[^.].*\.wildcard\.io(:[0-9]+)?$`},
		long:                {"host-header " + long, "host-header " + long},
	} {
		for i, c := range []Construction{Compatible, Standard} {
			if got := write([]stack.Condition{c.Host(host)}, nil); got != want[i] {
				t.Errorf("%s %s: %s, want %s", c, host, got, want[i])
			}
		}
	}
}

func TestPlainHostsAreOnDefaultPortsOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		protocol string
		port     int32
		want     Construction
	}{
		{"HTTP", 80, Compatible}, {"HTTPS", 443, Compatible}, {"HTTP", 443, Standard}, {"HTTPS", 80, Standard},
		{"HTTP", 8080, Standard}, {"HTTPS", 8443, Standard},
	} {
		if got := PlainHosts.At(c.protocol, c.port); got != c.want {
			t.Errorf("%s %d: %s", c.protocol, c.port, got)
		}
		if Standard.At(c.protocol, c.port) != Standard || Compatible.At(c.protocol, c.port) != Compatible {
			t.Errorf("%s %d: another construction depends on the port", c.protocol, c.port)
		}
	}
}

func TestTransformsOfPathsAnswerAsTheGatewayAPIDefines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prefix, modifier, uri string
		want, compatible      string // compatible where it differs
	}{
		{"/prefix/one", "{type: ReplacePrefixMatch, replacePrefixMatch: /one}", "/prefix/one/two", "/one/two", ""},
		{"/strip", "{type: ReplacePrefixMatch, replacePrefixMatch: /}", "/strip/x", "/x", ""},
		{"/strip", "{type: ReplacePrefixMatch, replacePrefixMatch: /}", "/strip", "/", ""},
		{"/strip", "{type: ReplacePrefixMatch, replacePrefixMatch: ''}", "/strip/x", "/x", ""},
		{"/a", "{type: ReplacePrefixMatch, replacePrefixMatch: /b}", "/a?q=1", "/b?q=1", ""},
		{"/a", "{type: ReplacePrefixMatch, replacePrefixMatch: /b}", "/a/?q=1", "/b/?q=1", ""},
		{"/a/", "{type: ReplacePrefixMatch, replacePrefixMatch: /b}", "/a", "/b", "/a"},
		{"/v1.0", "{type: ReplacePrefixMatch, replacePrefixMatch: /v2}", "/v1x0/a", "/v1x0/a", "/v2/a"},
		{"/", "{type: ReplacePrefixMatch, replacePrefixMatch: /x}", "/abc", "/x/abc", "/xabc"},
		{"/", "{type: ReplacePrefixMatch, replacePrefixMatch: /x/}", "/abc", "/x/abc", ""},
		{"/a", "{type: ReplaceFullPath, replaceFullPath: /full}", "/a/b?q=1", "/full?q=1", ""},
	} {
		kind := gatewayv1.PathMatchPathPrefix
		match := &gatewayv1.HTTPPathMatch{Type: &kind, Value: &c.prefix}
		modifier := read[gatewayv1.HTTPPathModifier](t, c.modifier)
		for _, construction := range []Construction{Compatible, Standard} {
			tr, err := construction.Path(&modifier, match)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if construction == Compatible && c.compatible != "" {
				want = c.compatible
			}
			d := traffic.Match([]stack.Rule{{Transforms: []stack.Transform{tr}}}, nil, traffic.Request{Method: http.MethodGet,
				Host: "h", Path: c.uri})
			if _, got, err := d.Rewrite("h", c.uri); got != want || err != nil {
				t.Errorf("%s, prefix %s, %s: %s becomes %s, want %s (%v)", construction, c.prefix, c.modifier, c.uri,
					got, want, err)
			}
		}
	}
}

func TestCompatibleTransformsEqualExistingControllers(t *testing.T) {
	t.Parallel()
	prefix := "/foo"
	for modifier, want := range map[string]string{
		"{type: ReplacePrefixMatch, replacePrefixMatch: /cat}":  "(^/foo(/)?) /cat$2",
		"{type: ReplacePrefixMatch, replacePrefixMatch: /cat/}": "(^/foo(/)?) /cat/",
		"{type: ReplacePrefixMatch, replacePrefixMatch: ''}":    "(^/foo(/)?) /",
		"{type: ReplacePrefixMatch, replacePrefixMatch: /}":     "(^/foo(/)?) /",
		"{type: ReplaceFullPath, replaceFullPath: /full}":       "^([^?]*) /full",
	} {
		m := read[gatewayv1.HTTPPathModifier](t, modifier)
		got, err := Compatible.Path(&m, &gatewayv1.HTTPPathMatch{Value: &prefix})
		if text := fmt.Sprintf("%s %s", got.Rewrites[0].Regex, got.Rewrites[0].Replace); err != nil ||
			got.Type != "url-rewrite" || text != want {
			t.Errorf("%s: %s, %v, want %s", modifier, text, err, want)
		}
	}
	if got := Compatible.Hostname("in.test"); got.Type != "host-header-rewrite" ||
		got.Rewrites[0] != (stack.Rewrite{Regex: ".*", Replace: "in.test"}) {
		t.Errorf("%+v", got)
	}
}

func TestPathModifiersThatALoadBalancerWouldMisreadAreRefused(t *testing.T) {
	t.Parallel()
	exact := gatewayv1.PathMatchExact
	value := "/a"
	prefix, group := gatewayv1.HTTPPathModifier{Type: gatewayv1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: &value},
		"/$1"
	if _, err := Standard.Path(&prefix, &gatewayv1.HTTPPathMatch{Type: &exact, Value: &value}); err == nil {
		t.Error("a prefix of an exact path is replaced")
	}
	for _, kind := range []gatewayv1.HTTPPathModifierType{gatewayv1.PrefixMatchHTTPPathModifier,
		gatewayv1.FullPathHTTPPathModifier} {
		m := gatewayv1.HTTPPathModifier{Type: kind, ReplacePrefixMatch: &group, ReplaceFullPath: &group}
		if _, err := Standard.Path(&m, nil); err == nil || !strings.Contains(err.Error(), "$1") {
			t.Errorf("%s with a group: %v", kind, err)
		}
		if _, err := Compatible.Path(&m, nil); err != nil {
			t.Errorf("%s with a group, compatible: %v", kind, err)
		}
	}
}

func TestRulesFollowContractOrderWhateverOrderOfArrival(t *testing.T) {
	t.Parallel()
	at := func(name string, age time.Duration, listener, host, own, match string) Position {
		p := Position{Listener: listener, Host: attachment.Hostname{Name: host, Own: own}, Created: time.Unix(1e9, 0).Add(
			-age), Kind: "HTTPRoute", Namespace: "ns", Name: name}
		p.OfHTTP(read[gatewayv1.HTTPRouteMatch](t, match))
		return p
	}
	grpc := func(name, match string) Position {
		p := Position{Host: attachment.Hostname{Name: "a.com"}, Created: time.Unix(1e9, 0), Kind: "GRPCRoute",
			Namespace: "ns", Name: name}
		p.OfGRPC(read[gatewayv1.GRPCRouteMatch](t, match))
		return p
	}
	second := at("same", time.Hour, "", "a.com", "", "{path: {value: /}}")
	second.Rule = 1
	third := second
	third.Match = 1
	want := []Position{ // compatible
		at("labels", 0, "", "a.b.c.com", "", "{path: {value: /}}"),
		at("longhost", 0, "", "aaa.com", "", "{path: {value: /}}"),
		at("exact", 0, "", "a.com", "", "{path: {type: Exact, value: /a}}"),
		grpc("method", "{method: {service: s, method: mm}}"),
		grpc("service", "{method: {service: s}}"),
		at("longprefix", 0, "", "a.com", "", "{path: {value: /aa}}"),
		at("all", 0, "", "a.com", "", "{path: {value: /}, method: GET, headers: [{name: a, value: b}]}"),
		at("headers", 0, "", "a.com", "", "{path: {value: /}, headers: [{name: a, value: b}]}"),
		at("queries", 0, "", "a.com", "", "{path: {value: /}, queryParams: [{name: a, value: b}]}"),
		at("same", time.Hour, "", "a.com", "", "{path: {value: /}}"),
		second,
		third,
		at("a-young", time.Minute, "", "a.com", "", "{path: {value: /}}"),
		at("b-young", time.Minute, "", "a.com", "", "{path: {value: /}}"),
		at("regex", 0, "", "a.com", "", "{path: {type: RegularExpression, value: /aaaaaaaaaa}}"),
		grpc("any", "{}"),
		at("wildcard", 0, "", "*.aaaaaaaa.com", "", "{path: {type: Exact, value: /a}}"),
		at("anyhost", 0, "", "", "", "{path: {type: Exact, value: /aaaa}}"),
	}
	for _, c := range []Construction{Compatible, Standard} {
		for range 20 {
			got := slices.Clone(want)
			rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
			slices.SortFunc(got, c.Compare)
			if diff := cmp.Diff(names(want), names(got)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", c, diff)
			}
		}
	}

	// What the listener and the route say of hosts counts in the standard construction only.
	general := at("general", time.Hour, "", "a.com", "", "{path: {type: Exact, value: /aaaa}}")
	listener := at("listener", 0, "a.com", "a.com", "", "{path: {value: /}}")
	own := at("own", 0, "", "a.com", "a.com", "{path: {value: /}}")
	for _, p := range []Position{listener, own} {
		if Compatible.Compare(p, general) < 0 || Standard.Compare(p, general) > 0 {
			t.Errorf("%s against a longer path: compatible %d, standard %d", p.Name, Compatible.Compare(p, general),
				Standard.Compare(p, general))
		}
	}
}

// TestRulesOfHTTPRoutesAndGRPCRoutesHaveOneOrder has pairs of matches of one hostname, the first of which comes first.
func TestRulesOfHTTPRoutesAndGRPCRoutesHaveOneOrder(t *testing.T) {
	t.Parallel()
	http := func(match string) Position {
		p := Position{Kind: "HTTPRoute", Namespace: "ns", Name: "http-rule"}
		p.OfHTTP(read[gatewayv1.HTTPRouteMatch](t, match))
		return p
	}
	grpc := func(match string) Position {
		p := Position{Kind: "GRPCRoute", Namespace: "ns", Name: "grpc-rule"}
		p.OfGRPC(read[gatewayv1.GRPCRouteMatch](t, match))
		return p
	}
	for name, pair := range map[string][2]Position{
		"a specific GRPCRoute and a catch-all HTTPRoute": {grpc("{method: {service: a.B, method: C}}"),
			http("{path: {value: /}}")},
		"an exact HTTP path and a gRPC expression": {http("{path: {type: Exact, value: /a}}"),
			grpc("{method: {type: RegularExpression, service: a.B, method: C}}")},
		"HTTP with a method and gRPC with more headers": {http("{path: {type: Exact, value: /aaa}, method: GET}"),
			grpc("{method: {service: aaaa}, headers: [{name: a, value: a}, {name: b, value: b}]}")},
		"a full tie, by name": {grpc("{method: {service: aaaa}}"),
			http("{path: {type: Exact, value: /aaa}}")},
		"a wildcard behind a name": {http("{path: {value: /}}"),
			grpc("{method: {service: a.B, method: C}}")},
	} {
		if strings.HasPrefix(name, "a wildcard") {
			pair[0].Host.Name, pair[1].Host.Name = "a.com", "*.com"
		}
		for _, c := range []Construction{Compatible, Standard} {
			if c.Compare(pair[0], pair[1]) >= 0 || c.Compare(pair[1], pair[0]) <= 0 {
				t.Errorf("%s, %s: the other comes first", c, name)
			}
		}
	}
}

func names(all []Position) []string {
	var out []string
	for _, p := range all {
		out = append(out, fmt.Sprintf("%s %d %d", p.Name, p.Rule, p.Match))
	}
	return out
}
