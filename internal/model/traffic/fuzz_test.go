package traffic

import (
	"regexp"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// FuzzWildcardsAgreeWithRegularExpressions compares the wildcard matcher with the regular expression that says the
// same.
func FuzzWildcardsAgreeWithRegularExpressions(f *testing.F) {
	for _, s := range [][2]string{{"/a*b?c", "/axxbyc"}, {"*", ""}, {"**a", "aa"}, {"?", "x"}, {"a*a*a", "aaaa"}, {"", ""},
		{"*a", "ba"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 128 || len(s) > 512 || !ascii(p) || !ascii(s) {
			t.Skip()
		}
		var re strings.Builder
		re.WriteString(`(?s)\A`)
		for _, c := range p {
			switch c {
			case '*':
				re.WriteString(".*")
			case '?':
				re.WriteString(".")
			default:
				re.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
		re.WriteString(`\z`)
		compiled := compilePattern(p, false)
		if got, want := compiled.match(s), regexp.MustCompile(re.String()).MatchString(s); got != want {
			t.Errorf("pattern %q on %q: %v, want %v", p, s, got, want)
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// FuzzMatchingAndRedirectingNeverPanic also checks that normalisation is idempotent where nothing was decoded into a
// percent.
func FuzzMatchingAndRedirectingNeverPanic(f *testing.F) {
	f.Add("app.example.com:80", "/a/../b%41", "x=1&y", "/a*", `^/(.)`, "$1#{path}")
	f.Fuzz(func(t *testing.T, host, path, query, value, expression, replace string) {
		r := Request{Scheme: "http", Host: host, Path: path, RawQuery: query, Method: value, Header: map[string][]string{
			"X": {value}}}
		var conditions []stack.Condition
		for _, field := range []stack.ConditionField{stack.HostHeader, stack.PathPattern, stack.HTTPHeader,
			stack.RequestMethod, stack.SourceIP} {
			conditions = append(conditions, stack.Condition{Field: field, HeaderName: "x", Values: []string{value},
				Regex: []string{expression}})
		}
		conditions = append(conditions, stack.Condition{Field: stack.QueryString, Query: []stack.QueryValue{
			{Key: value, Value: replace}}})
		var rules []stack.Rule
		for _, c := range conditions {
			rules = append(rules, stack.Rule{Conditions: []stack.Condition{c}})
		}
		_ = Match(rules, nil, r)
		d := Match(
			[]stack.Rule{
				{Transforms: []stack.Transform{
					{Type: urlRewrite, Rewrites: []stack.Rewrite{{Regex: expression, Replace: replace}}}}}}, nil, r)
		if _, uri, err := d.Rewrite(host, "/"+path); err == nil && !strings.HasPrefix(uri, "/") {
			t.Errorf("the transform made %q", uri)
		}
		_ = Location(stack.Redirect{Path: "/" + replace}, &r)
		if once := NormalizePath(path); !strings.Contains(path, "%") && NormalizePath(once) != once {
			t.Errorf("normalising %q twice: %q, then %q", path, once, NormalizePath(once))
		}
	})
}

func BenchmarkMatchAgainstHundredRules(b *testing.B) {
	var rules []stack.Rule
	for i := range 100 {
		rules = append(rules, stack.Rule{Order: int32(i), Conditions: []stack.Condition{
			{Field: stack.HostHeader, Values: []string{"app.example.com"}},
			{Field: stack.PathPattern, Values: []string{"/p" + string(rune('a'+i%26)) + strings.Repeat("x", i/26), "/q/*"}},
		}})
	}
	m, err := NewMatcher(rules, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := Request{Host: "app.example.com:80", Path: "/nothing"}
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Match(&r)
	}
}
