package gateways

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// conformanceGateway is Gateway shop/web and Services shop/web and shop/api, without a route.
const conformanceGateway = lab.GatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/api {spec: {ports: [{port: 80, targetPort: 8080}]}}`

func TestHTTPRouteRuleOrderTheFirstOfIdenticalMatchesWins(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ first, second, want string }{
		"both serve":                    {"api", "web", "shop/web:shop-r:HTTPRoute-shop-api:8080"},
		"the first has no Service":      {"gone", "web", "500"},
		"the second has no Service":     {"web", "gone", "shop/web:shop-r:HTTPRoute-shop-web:8080"},
		"their order is not their name": {"web", "api", "shop/web:shop-r:HTTPRoute-shop-web:8080"},
	} {
		rule := func(to string) string {
			return "{matches: [{path: {type: PathPrefix, value: /x}}], backendRefs: [{name: " + to + ", port: 80}]}"
		}
		l := lab.NewGateway(t, conformanceGateway+"\nHTTPRoute shop/r {spec: {parentRefs: [{name: web}], rules: ["+
			rule(c.first)+", "+rule(c.second)+"]}}")
		l.SettleWeb()
		if got := l.Answers("/x"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestMultipleRoutesAttachmentMoreSpecificHostnameWins(t *testing.T) {
	t.Parallel()
	route := func(name, created, host, to string) string {
		return "\nHTTPRoute shop/" + name + " {metadata: {creationTimestamp: '" + created + "'}, spec: {hostnames: ['" +
			host + "'], parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /}}], " +
			"backendRefs: [{name: " + to + ", port: 80}]}]}}"
	}
	l := lab.NewGateway(t, strings.Replace(conformanceGateway, "name: http,", "name: http, hostname: example.com,", 1)+
		route("a", "2020-01-01T00:00:00Z", "*.com", "web")+route("b", "2021-01-01T00:00:00Z", "example.com", "api"))
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": "shop/web:shop-b:HTTPRoute-shop-api:8080"})
}

func TestGatewayPreserveForeignConditionsOfOthersSurvive(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	g := &gatewayv1.Gateway{}
	l.Get(g, "web")
	foreign := metav1.Condition{Type: "example.com/Foreign", Status: metav1.ConditionTrue, Reason: "Theirs",
		LastTransitionTime: metav1.Unix(1e9, 0)}
	g.Status.Conditions = append([]metav1.Condition{foreign}, g.Status.Conditions...)
	g.Status.Listeners[0].Conditions = append(g.Status.Listeners[0].Conditions, foreign)
	l.Must(l.Client.Status().Update(t.Context(), g))
	l.Apply(
		`Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}, {name: more, port: 81, protocol: HTTP}]}}`)
	l.SettleWeb()
	l.Get(g, "web")
	ours := func(all []metav1.Condition) bool {
		return slices.ContainsFunc(all, func(c metav1.Condition) bool {
			return c.Type == "Programmed" && c.ObservedGeneration == g.Generation
		})
	}
	for what, all := range map[string][]metav1.Condition{"Gateway": g.Status.Conditions,
		"listener": g.Status.Listeners[0].Conditions} {
		at := slices.IndexFunc(all, func(c metav1.Condition) bool { return c.Type == foreign.Type })
		if at < 0 || all[at].Reason != "Theirs" || all[at].ObservedGeneration != 0 || !ours(all) {
			t.Errorf("%s: %+v", what, all)
		}
	}
}

func TestHTTPRoutePreserveForeignStatusEntriesOfOthersSurvive(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	r := lab.HTTPRoute("web")
	l.Get(r, "web")
	foreign := func(parent string) gatewayv1.RouteParentStatus {
		return gatewayv1.RouteParentStatus{
			ParentRef: gatewayv1.ParentReference{Name: gatewayv1.ObjectName(parent)}, ControllerName: "example.com/other",
			Conditions: []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionFalse, Reason: "Theirs",
				LastTransitionTime: metav1.Unix(1e9, 0)}},
		}
	}
	r.Status.Parents = append([]gatewayv1.RouteParentStatus{foreign("web"), foreign("elsewhere")}, r.Status.Parents...)
	l.Must(l.Client.Status().Update(t.Context(), r))
	l.Apply(`HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: api, port: 80}]}]}}`)
	l.SettleWeb()
	l.WantParents(r, "elsewhere: Accepted False Theirs; web: Accepted False Theirs; web: Accepted, ResolvedRefs")
	for _, p := range r.Status.Parents {
		if p.ControllerName != "example.com/other" && p.Conditions[0].ObservedGeneration != r.Generation {
			t.Errorf("%+v", p)
		}
	}
}

// ruleTexts are the rules of the only listener but its default, with their transforms.
func ruleTexts(l *lab.Lab) (out []string) {
	l.Helper()
	for _, r := range l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules {
		if r.Priority == "default" {
			continue
		}
		text := ""
		for _, c := range r.Conditions {
			text += strings.Join(slices.Concat(c.Values, c.Regex), ",") + " "
		}
		for _, x := range r.Transforms {
			text += fmt.Sprintf("%s %s to %s ", x.Type, x.Rewrites[0].Regex, x.Rewrites[0].Replace)
		}
		if a := r.Actions[len(r.Actions)-1]; a.Redirect != nil {
			text += fmt.Sprintf("redirect %s %s%s", a.Redirect.StatusCode, a.Redirect.Host, a.Redirect.Path)
		} else {
			text += string(a.Type)
		}
		out = append(out, text)
	}
	return out
}

func TestHTTPRouteBackendURLRewriteNeedsAgreementOfBackends(t *testing.T) {
	t.Parallel()
	const rewrite = "filters: [{type: URLRewrite, urlRewrite: {hostname: one.test, path: {type: ReplacePrefixMatch, " +
		"replacePrefixMatch: /new}}}]"
	rule := func(refs string) string {
		return conformanceGateway +
			"\nHTTPRoute shop/r {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: " +
			"/old}}], backendRefs: [" + refs + "]}]}}"
	}
	for name, c := range map[string]struct {
		refs, parents string
		rewritten     bool
	}{
		"one backend": {"{name: web, port: 80, " + rewrite + "}", "web: Accepted, ResolvedRefs", true},
		"two that agree": {"{name: web, port: 80, " + rewrite + "}, {name: api, port: 80, " + rewrite + "}",
			"web: Accepted, ResolvedRefs", true},
		"two that do not": {"{name: web, port: 80, " + rewrite + "}, {name: api, port: 80}",
			"web: Accepted False UnsupportedValue, ResolvedRefs", false},
	} {
		l := lab.NewGateway(t, rule(c.refs))
		l.SettleWeb()
		l.WantParents(lab.HTTPRoute("r"), c.parents)
		got := strings.Join(ruleTexts(l), "\n")
		if rewritten := strings.Contains(got, "url-rewrite") &&
			strings.Contains(got, "host-header-rewrite .* to one.test"); rewritten != c.rewritten {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestHTTPRouteBackendRequestRedirectOfARulesOnlyBackend(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, conformanceGateway+`
HTTPRoute shop/r {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /old}}], backendRefs: [{name: web, port: 80, filters: [{type: RequestRedirect, requestRedirect: {statusCode: 301, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]}]}]}}`)
	l.SettleWeb()
	l.WantParents(lab.HTTPRoute("r"), "web: Accepted, ResolvedRefs")
	got := strings.Join(ruleTexts(l), "\n")
	if strings.Contains(got, "forward") || strings.Count(got, "redirect HTTP_301") != 2 ||
		!strings.Contains(got, "/new/#{path}") {
		t.Error(got)
	}
}

func TestGatewayNameMaximumLengthShowsCurrentConditions(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, longGateway(longName))
	l.Settle(longKey(longName))
	g := &gatewayv1.Gateway{}
	if l.Get(g, longName); len(longName) != 253 || len(g.Status.Conditions) != 2 || len(g.Status.Listeners) != 1 {
		t.Fatalf("%d characters: %+v", len(longName), g.Status)
	}
	for _, c := range slices.Concat(g.Status.Conditions, g.Status.Listeners[0].Conditions) {
		if c.ObservedGeneration != g.Generation {
			t.Errorf("%+v", c)
		}
	}
	if got := lab.Shown(g.Status.Conditions); got != "Accepted, Programmed" {
		t.Error(got)
	}
}

func TestGatewayInvalidParametersRefOfWhateverMistakeIsShown(t *testing.T) {
	t.Parallel()
	with := func(ref string) string {
		return "Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: " + ref +
			"}, listeners: [{name: http, port: 80, protocol: HTTP}]}}"
	}
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	for name, ref := range map[string]string{
		"a kind of another controller": "{group: '', kind: ConfigMap, name: settings}",
		"another group":                "{group: example.com, kind: LoadBalancerConfiguration, name: settings}",
		"what does not exist":          "{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: settings}",
	} {
		l.Apply(with(ref))
		l.SettleWeb()
		g := &gatewayv1.Gateway{}
		if l.Get(g, "web"); !strings.HasPrefix(l.Condition("Accepted"), "False InvalidParameters ") ||
			g.Status.Conditions[0].ObservedGeneration != g.Generation {
			t.Errorf("%s: %s", name, l.Condition("Accepted"))
		}
		wantAnswers(l, map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"}) // what was good serves on
	}
	l.Apply("LoadBalancerConfiguration shop/settings {spec: {tags: {team: shop}}}")
	l.Apply(with("{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: settings}"))
	l.SettleWeb()
	if got := l.Condition("Accepted"); got != "True Accepted" {
		t.Error(got)
	}
}
