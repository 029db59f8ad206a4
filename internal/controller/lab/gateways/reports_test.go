package gateways

import (
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestExpressionBehindPrefixIsToldAndSettles has a regular expression for a path, which a prefix in a later rule hides.
func TestExpressionBehindPrefixIsToldAndSettles(t *testing.T) {
	t.Parallel()
	const users = `
HTTPRoute shop/users {spec: {parentRefs: [{name: web}], hostnames: [api.example.com], rules: [{matches: [{path: {type: RegularExpression, value: '/v[0-9]+/users/[^/]+/avatar'}}], backendRefs: [{name: api, port: 80}]}, {matches: [{path: {type: PathPrefix, value: /}}], backendRefs: [{name: web, port: 80}]}]}}`
	l := lab.NewGateway(t, conformanceGateway+users)
	l.SettleWeb()
	if !l.Saw("HTTPRoute shop/users", "Note", "[HiddenRule]", "(spec.rules[0])", "spec.rules[1] of HTTPRoute shop/users",
		"write that path as a regular expression in a later rule") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	l.WantParents(lab.HTTPRoute("users"), "web: Accepted, ResolvedRefs")
	mark := l.Mark()
	l.Apply(strings.TrimSpace(users)) // with a new generation
	l.SettleWeb()
	l.Restart()
	l.SettleWeb()
	if got := l.Writes(mark); len(got) > 0 {
		t.Errorf("a touch and a start write %v", got)
	}
	l.Apply(strings.Replace(strings.TrimSpace(users), "{type: PathPrefix, value: /}",
		"{type: RegularExpression, value: '^/.*'}", 1))
	l.SettleWeb()
	if got := l.AnswersHost("api.example.com", "/v1/users/ann/avatar"); !strings.Contains(got, "shop-api") {
		t.Errorf("after the remedy, the expression is answered by %q", got)
	}
}

func TestExternalNameOfRouteIsToldAndOtherRuleServes(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, conformanceGateway+`
Service shop/proxy {spec: {type: ExternalName, externalName: interceptor.keda.svc.cluster.local, ports: [{port: 80}]}}
HTTPRoute shop/scaled {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /jobs}}], backendRefs: [{name: proxy, port: 80}]}, {backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	if !l.Saw("HTTPRoute shop/scaled", "[NoTargets]", "ExternalName", "interceptor.keda.svc.cluster.local",
		"name a Service that selects the pods", "ReferenceGrant") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	if got := l.Answers("/"); !strings.Contains(got, "shop-web") {
		t.Errorf("/ is answered by %q", got)
	}
}

// TestSolverServesWhileItsCertificateIsAwaited has a listener whose Secret does not exist or may not be read, and a
// route for ACME challenges at all listeners.
func TestSolverServesWhileItsCertificateIsAwaited(t *testing.T) {
	t.Parallel()
	for _, cause := range []string{"does not exist", "is forbidden"} {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			secrets := fake.NewClientset()
			if cause == "is forbidden" {
				secrets.PrependReactor("*", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "tls", nil)
				})
			}
			l := lab.NewGateway(t, strings.Replace(conformanceGateway, "protocol: HTTP}", "protocol: HTTP}, {name: https, "+
				"port: 443, protocol: HTTPS, hostname: app.acme.test, tls: {certificateRefs: [{name: tls}]}}", 1)+`
HTTPRoute shop/app {spec: {parentRefs: [{name: web, sectionName: https}], hostnames: [app.acme.test], rules: [{backendRefs: [{name: web, port: 80}]}]}}
HTTPRoute shop/solver {spec: {parentRefs: [{name: web}], hostnames: [app.acme.test], rules: [{matches: [{path: {type: Exact, value: /.well-known/acme-challenge/tok3n}}], backendRefs: [{name: api, port: 80}]}]}}`)
			l.Core = secrets
			l.Restart()
			rounds(l, 4, l.WebKeys()...)
			if got := l.AnswersHost("app.acme.test", "/.well-known/acme-challenge/tok3n"); !strings.Contains(got, "shop-api") {
				t.Errorf("the challenge is answered by %q", got)
			}
			for _, object := range []string{"Gateway shop/web", "HTTPRoute shop/app"} {
				if !l.Saw(object, "secret shop/tls", cause) && !l.Saw(object, "Warning", "Secret shop/tls", cause) {
					t.Errorf("%s does not hear of the Secret", object)
				}
			}
			if slices.ContainsFunc(l.Events, func(e string) bool { return strings.Contains(e, "none is named") }) || t.Failed() {
				t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
			}
		})
	}
}
