package rollback

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var web = diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}

// TestEachErrorHasATreatment: an error differs unless the table says that both controllers do the same.
func TestEachErrorHasATreatment(t *testing.T) {
	t.Parallel()
	for _, c := range diag.Codes() {
		d := diag.New(web, "spec", c, "text", "")
		got, differs := Of(d)
		_, row := rows()[c]
		listed := 0
		for _, in := range []bool{row, slices.Contains(stopping(), c), slices.Contains(same(), c)} {
			if in {
				listed++
			}
		}
		want := row || d.Severity() == diag.Error && !slices.Contains(same(), c)
		if differs != want || want != (got.After != "") || listed > 1 {
			t.Errorf("%s: %t, %+v, in %d lists", c, differs, got, listed)
		}
	}
}

func TestLostProtectionIsExposure(t *testing.T) {
	t.Parallel()
	const ranges = "metadata.annotations[alb.ingress.kubernetes.io/inbound-cidrs]"
	for name, c := range map[string]struct {
		finding diag.Diagnostic
		want    Effect
	}{
		"rule with a login":          {diag.Diagnostic{Code: diag.InvalidRule, Class: diag.Invalid, Guard: true}, Exposed},
		"rule without one":           {diag.Diagnostic{Code: diag.InvalidRule, Class: diag.Invalid}, Unavailable},
		"misspelt restriction":       {diag.Diagnostic{Code: diag.InvalidAnnotation, Misspelt: true, Guard: true}, Exposed},
		"misspelt health check":      {diag.Diagnostic{Code: diag.InvalidAnnotation, Misspelt: true}, Unavailable},
		"former value stays":         {diag.Diagnostic{Code: diag.IgnoredSetting, Class: diag.Note, Misspelt: true}, Unavailable},
		"overruled web ACL":          {diag.Diagnostic{Code: diag.IgnoredSetting, Class: diag.Note, Guard: true}, Exposed},
		"invalid restriction":        {diag.New(web, ranges, diag.InvalidAnnotation, "", ""), Unavailable},
		"source ranges that differ":  {diag.New(web, ranges, diag.ConflictingSettings, "", ""), Exposed},
		"other settings that differ": {diag.New(web, "metadata.annotations[x/tags]", diag.ConflictingSettings, "", ""), Unavailable},
		"a setting without effect":   {diag.New(web, ranges, diag.IgnoredSetting, "", ""), ""},
	} {
		if got, _ := Of(c.finding); got.Effect != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestRulesOfTooManyValuesAreOverfull(t *testing.T) {
	t.Parallel()
	paths := func(n int) []stack.Condition {
		return []stack.Condition{{Field: stack.PathPattern, Values: slices.Repeat([]string{"/a"}, n)}}
	}
	lb := intent.LoadBalancer{Members: []intent.Member{{Object: web, Routes: []intent.Route{
		{Conditions: paths(5)}, {Conditions: paths(6), Ports: []int32{80}}, {Conditions: paths(6), Ports: []int32{443}},
	}}}}
	if got := Overfull(&lb); len(got) != 1 || got[0].Object != web {
		t.Errorf("%v", got)
	}
	lb.Members[0].Object.Kind = "HTTPRoute"
	if got := Overfull(&lb); len(got) > 0 {
		t.Errorf("of a route: %v", got)
	}
}
