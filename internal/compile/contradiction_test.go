package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// judgedTwice returns the places of an object of which findings say twice why a rule does not answer, and the rules
// that are said to answer for others although a finding says that they do not.
func judgedTwice(found diag.List) (out []string) {
	why := map[string][]string{}
	for _, d := range found {
		if strings.HasPrefix(d.Path, "spec.rules") && (d.Class != diag.Note || d.Code == diag.HiddenRule) {
			place := d.Object.String() + " " + d.Path
			why[place] = append(why[place], string(d.Code))
		}
	}
	for place, all := range why {
		if slices.Contains(all, string(diag.HiddenRule)) && len(all) > 1 {
			out = append(out, fmt.Sprint(place, all))
		}
	}
	for _, d := range found {
		_, by, hidden := strings.Cut(d.Text, "): ")
		if path, by, named := strings.Cut(by, " of "); hidden && named && d.Code == diag.HiddenRule {
			by, _, _ = strings.Cut(by, " matches all")
			isHidden := func(code string) bool { return code == string(diag.HiddenRule) }
			if all := slices.DeleteFunc(slices.Clone(why[by+" "+path]), isHidden); len(all) > 0 {
				out = append(out, fmt.Sprintf("%s %s is hidden by %s %s, which is %v", d.Object, d.Path, by, path, all))
			}
		}
	}
	return out
}

// TestInvalidRuleNeitherHidesNorIsHidden has rules that AWS refuses before and behind others for the same requests.
func TestInvalidRuleNeitherHidesNorIsHidden(t *testing.T) {
	t.Parallel()
	weight := int32(1000)
	refused := func(r *intent.Route) { r.Actions[0].Backends[0].Weight = &weight }
	for name, m := range map[string]intent.Member{
		"an invalid path behind a catch-all":  rulesOf([]string{"/*", "/files|old"}),
		"an invalid rule before the same one": rulesOf([]string{"/x", "/x"}, refused),
		"an invalid catch-all":                rulesOf([]string{"/*", "/x"}, refused),
		"an invalid rule behind a catch-all":  rulesOf([]string{"/*", "/x"}, nil, refused),
	} {
		r := Compile(loadBalancer(m), account(), config(), nil)
		if twice := judgedTwice(r.Diagnostics); len(twice) > 0 || len(r.Diagnostics) != 1 ||
			r.Diagnostics[0].Code != diag.InvalidRule {
			t.Errorf("%s: %v: %v", name, twice, told(r.Diagnostics))
		}
	}
}

// rulesOf is an Ingress with a rule for each path, in order, and what each declares besides.
func rulesOf(paths []string, change ...func(*intent.Route)) intent.Member {
	m := ingress("shop", "a")
	m.Routes = nil
	for n, path := range paths {
		r := route(m.Object, "a.example.com", path, fmt.Sprintf("svc%d", n))
		r.Source = intent.At(m.Object, fmt.Sprintf("spec.rules[0].http.paths[%d]", n))
		if n < len(change) && change[n] != nil {
			change[n](&r)
		}
		m.Routes = append(m.Routes, r)
	}
	return m
}

// TestFindingsOfRuleDoNotContradict draws groups of which rules are refused, redundant or beyond a limit, with and
// without earlier versions.
func TestFindingsOfRuleDoNotContradict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := limited(rapid.IntRange(2, 12).Draw(t, "limit"))
		f.TargetGroups["gone"] = nil
		before := Compile(loadBalancer(drawRules(t)...), f, config(), nil).Memory
		if rapid.Bool().Draw(t, "new") {
			before = nil
		}
		r := Compile(loadBalancer(drawRules(t)...), f, config(), before)
		if twice := judgedTwice(r.Diagnostics); len(twice) > 0 {
			t.Fatalf("%s\n%v", strings.Join(twice, "\n"), told(r.Diagnostics))
		}
	})
}

// drawRules draws members whose rules forward, redirect, or are invalid.
func drawRules(t *rapid.T) (members []intent.Member) {
	weight := int32(1000)
	paths := rapid.SliceOfN(rapid.SampledFrom([]string{"/*", "/x", "/x/*", "/y", "/x|y", "/?"}), 1, 5)
	namespaces := rapid.SampledFrom([]string{"shop", "shop", "copy"})
	for n := range rapid.IntRange(1, 3).Draw(t, "members") {
		m := rulesOf(paths.Draw(t, "paths"))
		m.Object.Name, m.Object.Namespace = fmt.Sprint("m", n), namespaces.Draw(t, "namespace")
		for i := range m.Routes {
			r := &m.Routes[i]
			r.Source, r.Actions = intent.At(m.Object, r.Source.Path()), forwardTo(targetGroup(m.Object, fmt.Sprint("svc", i)))
			redirect := &stack.Redirect{StatusCode: "HTTP_301"}
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				r.Actions[0].Backends[0].Weight = &weight
			case 1:
				redirect.Host = "other.test"
				fallthrough
			case 2:
				r.Actions = []intent.Action{{Type: stack.ActionRedirect, Redirect: redirect}}
			case 3:
				r.Actions[0].Backends = []intent.Backend{{TargetGroupName: "gone"}}
			}
		}
		members = append(members, m)
	}
	return members
}
