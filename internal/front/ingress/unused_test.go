package ingress

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

func TestActionThatNoBackendNamesIsNoted(t *testing.T) {
	t.Parallel()
	key := func(name string) string { return string(annotation.Actions.For(name)) }
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
		Annotations: map[string]string{
			key("used"): "{", key("unused"): "{", key("spare"): `{"type":"redirect"}`, "other/" + key("unused"): "{",
		}}, Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
		Service: &networkingv1.IngressServiceBackend{Name: "used", Port: networkingv1.ServiceBackendPort{
			Name: useAnnotation}}}}}
	f := &annotation.Findings{}
	tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations)}
	tr.noteUnused()
	found := f.List()
	if len(found) != 2 || found[0].Path != annotation.Key(key("spare")).Path() || found[1].Path != annotation.Key(
		key("unused")).Path() || found[1].Class != diag.Note {
		t.Errorf("found %v", found)
	}
}

// TestRestrictionWithoutEffectIsAWarning has conditions that no rule reads, of an Ingress with a default backend.
func TestRestrictionWithoutEffectIsAWarning(t *testing.T) {
	t.Parallel()
	backend := func(name string, port int32) networkingv1.IngressBackend {
		return networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name,
			Port: networkingv1.ServiceBackendPort{Number: port}}}
	}
	byDefault := backend("other", 80)
	for key, c := range map[annotation.Key]struct {
		code  diag.Code
		guard bool // a new Ingress serves nothing
	}{
		annotation.Conditions.For("web"):           {},
		annotation.Conditions.For("other"):         {diag.GuardNotApplied, true},
		annotation.Conditions.For("web.80"):        {diag.GuardNotApplied, true},
		annotation.Conditions.For("third"):         {diag.GuardNotApplied, false},
		annotation.Transforms.For("other"):         {diag.IgnoredSetting, false},
		annotation.Transforms.For("web.80"):        {diag.IgnoredSetting, false},
		annotation.Actions.For("web"):              {diag.GuardNotApplied, false},
		annotation.Actions.For("web.80"):           {diag.GuardNotApplied, false},
		annotation.TargetControlPort.For("web.80"): {},
		annotation.TargetControlPort.For("web"):    {diag.IgnoredSetting, false},
	} {
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
			Annotations: map[string]string{string(key): `{"type":"fixed-response"}`}}, Spec: networkingv1.IngressSpec{
			DefaultBackend: &byDefault, Rules: []networkingv1.IngressRule{{IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/",
					Backend: backend("web", 80)}}}}}}}}
		f := &annotation.Findings{}
		tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations)}
		tr.noteUnused()
		found := f.List()
		if len(found) == 0 != (c.code == "") || len(found) > 0 && found[0].Code != c.code {
			t.Errorf("%s: %v", key, found)
		}
		guards := slices.ContainsFunc(f.Misspelt(), func(w intent.Misspelling) bool { return w.Guards })
		if guards != c.guard {
			t.Errorf("%s: %+v", key, f.Misspelt())
		}
	}
}

func TestRulesWithoutPathsAreNoted(t *testing.T) {
	t.Parallel()
	paths := networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
		Paths: []networkingv1.HTTPIngressPath{{Path: "/"}}}}
	var many []networkingv1.IngressRule
	for range 7 {
		many = append(many, networkingv1.IngressRule{Host: "a.test"})
	}
	for name, c := range map[string]struct {
		rules      []networkingv1.IngressRule
		path, want string
	}{
		"no rules": {},
		"paths":    {rules: []networkingv1.IngressRule{{Host: "a.test", IngressRuleValue: paths}}},
		"a host without paths": {rules: []networkingv1.IngressRule{{Host: "a.test", IngressRuleValue: paths},
			{Host: "b.test"}}, path: "spec.rules[1]", want: "(host b.test)"},
		"no host": {rules: []networkingv1.IngressRule{{}}, path: "spec.rules[0]", want: "(host any)"},
		"many":    {rules: many, path: "spec.rules[0]", want: "a.test and 2 more)"},
	} {
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: networkingv1.IngressSpec{Rules: c.rules}}
		f := &annotation.Findings{}
		tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations)}
		tr.notePathless()
		found := f.List()
		if c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 1 || found[0].Path != c.path ||
			!strings.Contains(found[0].Text, c.want)) {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// TestUnusedRegexPathMatchIsNoted has path types with and without paths that can be regular expressions.
func TestUnusedRegexPathMatchIsNoted(t *testing.T) {
	t.Parallel()
	for kind, want := range map[networkingv1.PathType]int{networkingv1.PathTypePrefix: 1, networkingv1.PathTypeExact: 1,
		networkingv1.PathTypeImplementationSpecific: 0} {
		for value, wants := range map[string]int{"true": want, "false": 0} {
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
				Annotations: map[string]string{string(annotation.RegexPathMatch): value}},
				Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: "a.example.com",
					IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
						Paths: []networkingv1.HTTPIngressPath{{Path: "/web", PathType: &kind}}}}}}}}
			f := &annotation.Findings{}
			tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations)}
			tr.noteRegex()
			found := f.List()
			if len(found) != wants || wants > 0 && (found[0].Path != annotation.RegexPathMatch.Path() ||
				found[0].Code != diag.IgnoredSetting) {
				t.Errorf("%s, %s: %v", kind, value, found)
			}
		}
	}
}

// TestIdlePartsOfActionsAreNoted has parts of actions that their type, or another part, switches off.
func TestIdlePartsOfActionsAreNoted(t *testing.T) {
	t.Parallel()
	const one = `{"targetGroupName":"a"}`
	forwards := func(groups, stickiness string) string {
		return `{"type":"forward","forwardConfig":{"targetGroups":[` + groups + `],"targetGroupStickinessConfig":{` +
			stickiness + `}}}`
	}
	const two = `{"targetGroupName":"a","weight":1},{"targetGroupName":"b","weight":1}`
	for action, want := range map[string]string{
		forwards(one, `"enabled":true,"durationSeconds":60`):  "the forward has one target group",
		forwards(two, `"enabled":true,"durationSeconds":60`):  "",
		forwards(two, `"enabled":false,"durationSeconds":60`): "has no effect without enabled",
		forwards(two, `"durationSeconds":60`):                 "has no effect without enabled",
		forwards(one, `"enabled":false`):                      "",
		`{"type":"forward","targetGroupARN":"arn:a"}`:         "",
		`{"type":"redirect","redirectConfig":{"statusCode":"HTTP_301"},"forwardConfig":{"targetGroups":[` + one + `]}}`: "" +
			"forwardConfig of annotation",
		`{"type":"fixed-response","fixedResponseConfig":{"statusCode":"503"},"targetGroupARN":"arn:a"}`: "" +
			"targetGroupARN of annotation",
		`{"type":"forward","targetGroupARN":"arn:a","redirectConfig":{"statusCode":"HTTP_301"}}`: "the action is of type forward",
	} {
		k := annotation.Actions.For("a")
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
			Annotations: map[string]string{string(k): action}}}
		f := &annotation.Findings{}
		tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations),
			actions: map[annotation.Key]*annotation.Action{}}
		if tr.actionOf(k) == nil {
			t.Errorf("%s: %v", action, f.List())
		}
		found := f.List()
		if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || found[0].Code != diag.IgnoredSetting ||
			found[0].Path != k.Path() || !strings.Contains(found[0].Text, want)) {
			t.Errorf("%s: %v, want %q", action, found, want)
		}
	}
}
