package constraint

import (
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAttributeOfOtherKindNamesItsPlace(t *testing.T) {
	t.Parallel()
	group := Subject{Kind: TargetGroup, Protocol: "TCP", TargetType: stack.TargetIP}
	r := OfAttribute(group, "tcp.idle_timeout.seconds", "350")
	if r.Problem != "tcp.idle_timeout.seconds is not an attribute of a target group" ||
		r.Remedy != "set it among the listener attributes (listener-attributes.PROTOCOL-PORT), or remove it" || r.Unfit {
		t.Errorf("%+v", r)
	}
	if r = OfAttribute(group, "slow_start.duration_seconds", "30"); !r.Unfit {
		t.Errorf("%+v", r)
	}
}

func TestCoverHoldsForTheRequestsOfRefusedConditions(t *testing.T) {
	t.Parallel()
	host := stack.Condition{Field: stack.HostHeader, Values: []string{"a.example.com"}}
	type testCase struct{ in, want []stack.Condition }
	all := []stack.Condition{{Field: stack.PathPattern, Values: []string{"/*"}}}
	pattern := func(refused string, want ...string) testCase {
		c := testCase{[]stack.Condition{{Field: stack.PathPattern, Regex: []string{refused}}}, all}
		if len(want) > 0 {
			c.want = []stack.Condition{{Field: stack.PathPattern, Regex: want}}
		}
		return c
	}
	for name, c := range map[string]testCase{
		"a path": {[]stack.Condition{host, {Field: stack.PathPattern, Values: []string{"/files|old", "/x*"}}},
			[]stack.Condition{host, {Field: stack.PathPattern, Regex: []string{`^/files\|old$`, "^/x.*$"}}}},
		"a host": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"a_b.test"}}}, []stack.Condition{
			{Field: stack.HostHeader, Regex: []string{`^a_b\.test$`}}}},
		"a method": {[]stack.Condition{host, {Field: stack.RequestMethod, Values: []string{"get"}}}, []stack.Condition{host}},
		"a long path": {[]stack.Condition{{Field: stack.PathPattern, Values: []string{"/" + long(128)}}},
			[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/" + long(60) + ".{7}" + long(61) + "$"}}}},
		"a long host": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"*." + long(126) + ".test"}}},
			[]stack.Condition{{Field: stack.HostHeader, Regex: []string{`^.*\.` + long(57) + ".{15}" + long(54) +
				`\.test$`}}}},
		"wildcards only": {[]stack.Condition{{Field: stack.PathPattern, Values: []string{strings.Repeat("a*", 65)}}},
			[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^a.*$"}}}},
		"nothing":                 {[]stack.Condition{{Field: stack.HostHeader, Regex: []string{""}}}, all},
		"a look-ahead":            pattern("^/admin(?=/).*$", "^/admin.*$"),
		"an open group":           pattern("^/admin(/.*$", "^/admin.*$"),
		"a class":                 pattern("^/admin[/].*(?=x)$", "^/admin.*$"),
		"nested repetition":       pattern("^/admin++$", "^/admin.*$"),
		"an optional end":         pattern("^/admin?(?=x)", "^/admi.*$"),
		"an escape":               pattern(`^/a\.b\d(?=x)`, `^/a\.b.*$`),
		"a long group":            pattern("^/admin/("+long(130)+"|b)$", "^/admin/.*$"),
		"a long literal":          pattern("^/"+long(140)+"$", "^/"+long(58)+".*$"),
		"an end":                  pattern("(?!x)/admin/secret$", "^.*/admin/secret$"),
		"an end in any case":      pattern("(?i)(?!x)/secret$"),
		"an end behind a class":   pattern("(?=x)[)]/secret$"),
		"alternatives":            pattern("^/admin(?=x)|^/x"),
		"alternatives in a group": pattern("^/admin/(a|b(?=x))", "^/admin/.*$"),
		"an open alternative":     pattern("^/admin(|/x"),
		"a quotation":             pattern(`^/admin\Q(\E(?=x)`),
		"no beginning":            pattern("*"),
		"one of two": {[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/a$", "^/b(?=x)"}}},
			[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/a$", "^/b.*$"}}}},
		"a host of any name": {[]stack.Condition{{Field: stack.HostHeader, Regex: []string{"^(?!www).*$"}},
			{Field: stack.PathPattern, Values: []string{"/admin"}}},
			[]stack.Condition{{Field: stack.PathPattern, Values: []string{"/admin"}}}},
		"a host below a name": {[]stack.Condition{{Field: stack.HostHeader, Regex: []string{`^(?!www).*\.example\.com$`}}},
			[]stack.Condition{{Field: stack.HostHeader, Regex: []string{`^.*\.example\.com$`}}}},
	} {
		if got := Cover(c.in); !reflect.DeepEqual(got, c.want) || OfConditions(got) != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func long(n int) string { return strings.Repeat("a", n) }
