package gateways

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// extended is HTTPRoute shop/web with ListenerRuleConfigurations, and ListenerRuleConfiguration shop/c.
func extended(names ...string) string {
	filters := make([]string, 0, len(names))
	for _, n := range names {
		filters = append(filters, "{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: "+
			"ListenerRuleConfiguration, name: "+n+"}}")
	}
	return "HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{filters: [" + strings.Join(filters, ", ") +
		"], backendRefs: [{name: web, port: 80}]}]}}\n" +
		"ListenerRuleConfiguration shop/c {spec: {actions: [{type: forward, forwardConfig: {}}]}}"
}

// told are the events on HTTPRoute shop/web that have all of some texts, since an earlier length of the events.
func told(l *lab.Lab, since int, texts ...string) (out []string) {
	for _, e := range l.Events[since:] {
		has := strings.HasPrefix(e, "HTTPRoute shop/web ")
		for _, text := range texts {
			has = has && strings.Contains(e, text)
		}
		if has {
			out = append(out, e)
		}
	}
	return out
}

// TestRuleThatAnswersErrorsIsTold edits a served rule so that its requests get 500. The route gets one event.
func TestRuleThatAnswersErrorsIsTold(t *testing.T) {
	t.Parallel()
	const accepted = "web: Accepted, ResolvedRefs"
	for name, c := range map[string]struct {
		route, edit, discard, parents string
		texts                         []string
	}{
		"a deleted configuration": {extended("c"), "", "ListenerRuleConfiguration shop/c {}",
			"web: Accepted False IncompatibleFilters, ResolvedRefs",
			[]string{"FailedBuildModel", "[InvalidConfiguration]", "ListenerRuleConfiguration shop/c does not exist", "500",
				"(spec.rules[0])"}},
		"a login at HTTP": {extended("c"), "ListenerRuleConfiguration shop/c {spec: {actions: [{type: jwt-validation, " +
			"jwtValidationConfig: {issuer: i, jwksEndpoint: 'https://a.test/k'}}]}}", "",
			"web: Accepted False UnsupportedValue, ResolvedRefs",
			[]string{"FailedBuildModel", "[InvalidRule]", "port 80 has protocol HTTP", "answers 500", "(spec.rules[0])"}},
		"no backends": {extended(), "HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{}]}}", "", accepted,
			[]string{"[NoTargets]", "the rule has no backendRefs", "500", "(spec.rules[0])"}},
		"weight 0": {extended(), "HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, " +
			"port: 80, weight: 0}]}]}}", "", accepted,
			[]string{"[NoTargets]", "all weights are 0", "500", "(spec.rules[0].backendRefs)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, strings.Join(strings.Split(lab.WebGateway, "\n")[:5], "\n"))
			l.Apply(c.route)
			l.SettleWeb()
			wantAnswers(l, map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
			before := len(l.Events)
			if c.edit != "" {
				l.Apply(c.edit)
			} else {
				l.Discard(c.discard)
			}
			for range 3 {
				l.SettleWeb()
			}
			wantAnswers(l, map[string]string{"/": "500"})
			if got := told(l, before, c.texts...); len(got) != 1 {
				t.Errorf("%d events; all:\n%s", len(got), strings.Join(l.Events[before:], "\n"))
			}
			l.WantParents(lab.HTTPRoute("web"), c.parents)
		})
	}
}
