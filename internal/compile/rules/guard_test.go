package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestGuardComesBeforeLaterPrefixes orders rules of routes. Each is written as route, index of its rule, and path; a
// path that begins with ^ or a dot is a regular expression of a guard.
func TestGuardComesBeforeLaterPrefixes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, want   string
		compatible bool
		note       string // what the note about a guard names
	}{
		"a later prefix":    {in: "a 1 ^/admin; a 2 /", want: "a1 a2"},
		"several":           {in: "a 1 ^/admin; a 2 /; a 3 /b", want: "a3 a1 a2"}, // no request is for both of a1 and a3
		"a narrower prefix": {in: "a 1 ^.*; a 2 /; a 3 /admin", want: "a1 a3 a2"},
		"an earlier prefix": {in: "a 1 /; a 2 ^/admin", want: "a1 a2"},
		"an exact path":     {in: "a 1 ^/admin; a 2 =/admin", want: "a2 a1"},
		"two guards":        {in: "a 1 ^/admin; a 2 ^/b; a 3 /", want: "a1 a2 a3"},
		"an earlier prefix between": {in: "a 1 /a; a 2 ^.*; a 3 /abc; a 4 /", want: "a3 a1 a2 a4",
			note: "a spec.rules[3]"},
		"a route that answers nothing": {in: "a 1 ^/admin; a 2 /; b 1 /", want: "a1 a2 b1"},
		"a route with other requests":  {in: "a 1 .*x; a 2 /app; b 1 /", want: "a2 b1 a1", note: "a spec.rules[2]"},
		"a prefix of another route":    {in: "a 1 ^/x; b 2 /", want: "b2 a1"},
		"compatible":                   {in: "a 1 ^/admin; a 2 /", want: "a2 a1", compatible: true, note: "a spec.rules[2]"},
	} {
		var notes []string
		l := Listener{Note: func(member int, d diag.Diagnostic) {
			notes = append(notes, fmt.Sprint(d.Object.Name, " ", strings.Fields(d.Text)[0]))
			if d.Code != diag.GuardNotApplied || d.Path != "spec.rules[1]" && d.Path != "spec.rules[2]" {
				t.Errorf("%s: %+v", name, d)
			}
		}}
		for _, text := range strings.Split(c.in, "; ") {
			at := strings.Fields(text)
			o := diag.Object{Kind: "HTTPRoute", Namespace: "shop", Name: at[0]}
			m := slices.IndexFunc(l.Members, func(m Member) bool { return m.Object == o })
			if m < 0 {
				m = len(l.Members)
				l.Members = append(l.Members, Member{Index: m, Object: o})
			}
			l.Members[m].Routes = append(l.Members[m].Routes, ofPath(o, at[1], at[2], c.compatible))
		}
		var got []string
		for _, r := range l.Order() {
			got = append(got, l.Members[r.Member].Object.Name+strings.Trim(strings.TrimPrefix(r.Route.Source.Path(), "spec.rules"), "[]"))
		}
		if text := strings.Join(got, " "); text != c.want || strings.Join(notes, ", ") != c.note {
			t.Errorf("%s: %s, notes %q", name, text, notes)
		}
	}
}

// ofPath is a route with the precedence of its path.
func ofPath(o diag.Object, index, path string, compatible bool) *intent.Route {
	r := &intent.Route{Source: intent.At(o, "spec.rules["+index+"]"), Verbatim: compatible}
	if !compatible {
		r.Alternative = int32(index[0] - '0')
	}
	c := stack.Condition{Field: stack.PathPattern}
	switch {
	case path[0] == '^' || path[0] == '.':
		r.Guard, c.Regex, r.Precedence = true, []string{path}, []int32{2, 0}
	case path[0] == '=':
		c.Values, r.Precedence = []string{path[1:]}, []int32{0, 0}
	case path == "/":
		c.Values, r.Precedence = []string{"/*"}, []int32{1, 0}
	default:
		c.Values, r.Precedence = []string{path, path + "/*"}, []int32{1, int32(-len(path))}
	}
	r.Conditions = []stack.Condition{{Field: stack.HostHeader, Values: []string{"a.example.com"}}, c}
	return r
}
