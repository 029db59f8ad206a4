package ingress

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRewriteThatCanNeverMatchIsFound has regular expressions with what of a rule they may match.
func TestRewriteThatCanNeverMatchIsFound(t *testing.T) {
	t.Parallel()
	of := func(field stack.ConditionField, values ...string) []stack.Condition {
		return []stack.Condition{{Field: stack.SourceIP, Values: []string{"192.0.2.0/24"}}, {Field: field, Values: values}}
	}
	regex := []stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/v[0-9]+/"}}}
	for _, c := range []struct {
		kind, expression string
		conditions       []stack.Condition
		want             bool
	}{
		{"url-rewrite", "^/api/(.*)", of(stack.PathPattern, "/api", "/api/*"), true},
		{"url-rewrite", "(^/api(/)?)", of(stack.PathPattern, "/api", "/api/*"), true},
		{"url-rewrite", "^/api/(.*)", of(stack.PathPattern, "/web", "/web/*"), false},
		{"url-rewrite", "^/api/(.*)", of(stack.PathPattern, "/web", "/a?i*"), true},
		{"url-rewrite", "^api/(.*)", of(stack.PathPattern, "/api/*"), false},
		{"url-rewrite", "^api", nil, false}, // each path begins with a slash
		{"url-rewrite", "^/api", nil, true},
		{"url-rewrite", "^api", of(stack.HostHeader, "api"), false},
		{"url-rewrite", "^/api/v1", of(stack.PathPattern, "/api"), false},
		{"url-rewrite", "^/api\\?v=1", of(stack.PathPattern, "/api"), true},
		{"url-rewrite", "^/API", of(stack.PathPattern, "/api"), false}, // paths differ by case
		{"url-rewrite", "(?i)^/API", of(stack.PathPattern, "/api"), true},
		{"url-rewrite", "api$", of(stack.PathPattern, "/web"), true}, // of the query
		{"url-rewrite", "^(/api|/web)", of(stack.PathPattern, "/web"), true},
		{"url-rewrite", "^/(api|new)", of(stack.PathPattern, "/web"), true}, // nothing is certain of alternatives
		{"url-rewrite", "^/web(?=/)", of(stack.PathPattern, "/api"), true},  // Go has no such expression
		{"url-rewrite", "^/x", regex, true},
		{"url-rewrite", "^/a((b{20}){20}){2}", of(stack.PathPattern, "/c"), false},
		{"url-rewrite", "^/a[*]b", of(stack.PathPattern, `/a\*b`), true}, // a backslash is no text of a path
		{"host-header-rewrite", `^a\.example\.com$`, of(stack.HostHeader, "a.example.com"), true},
		{"host-header-rewrite", `^A\.Example\.com$`, of(stack.HostHeader, "a.example.com"), true},
		{"host-header-rewrite", `^a\.example\.com:8080$`, of(stack.HostHeader, "a.example.com"), true},
		{"host-header-rewrite", `^b\.example\.com$`, of(stack.HostHeader, "a.example.com"), false},
		{"host-header-rewrite", `^b\.example\.com$`, of(stack.HostHeader, "*.example.com"), true},
		{"host-header-rewrite", `^b\.example\.com$`, of(stack.PathPattern, "/api"), true},
	} {
		head, anchored := beginning(c.expression)
		if got := !anchored || subjects[c.kind].mayMatch(head, c.conditions); got != c.want {
			t.Errorf("%s %s of %v: %t", c.kind, c.expression, c.conditions, got)
		}
	}
}
