package gateways

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestLongHostnameIsToldAndNoOtherRuleAnswers has hostnames that AWS does not allow in a condition, at each kind of
// listener and in each construction.
func TestLongHostnameIsToldAndNoOtherRuleAnswers(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat(strings.Repeat("a", 60)+".", 4) + "x.test.dev" // 254 characters
	for _, host := range []string{longest[254-129:], longest[1:]} {
		for _, construction := range []string{"", "standard", "compatible"} {
			for listener, name := range map[string]string{"its own": host, "a long wildcard": "*." + host[1+strings.Index(host, "."):],
				"a short wildcard": "*.test.dev", "none": ""} {
				t.Run(construction+" "+listener, func(t *testing.T) {
					t.Parallel()
					longHost(t, construction, host, name)
				})
			}
		}
	}
}

func longHost(t *testing.T, construction, host, listener string) {
	t.Helper()
	metadata, second := "", ""
	if construction != "" {
		metadata = "metadata: {annotations: {gateway.k8s.aws/rule-construction: " + construction + "}}, "
	}
	if listener != "" {
		second = ", {name: own, port: 80, protocol: HTTP, hostname: '" + listener + "'}"
	}
	section := map[bool]string{true: "http", false: "own"}[listener == ""]
	l := lab.NewGateway(t, lab.GatewayClasses+`
Gateway shop/web {`+metadata+`spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}`+second+`]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/long {spec: {parentRefs: [{name: web, sectionName: `+section+`}], hostnames: [`+host+`], rules: [{backendRefs: [{name: api, port: 80}]}]}}
HTTPRoute shop/wide {spec: {parentRefs: [{name: web, sectionName: `+section+`}], hostnames: ['*.test.dev', short.test.dev], rules: [{backendRefs: [{name: web, port: 80}]}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web, sectionName: http}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	if got := l.AnswersHost(host, "/"); got != "503" {
		t.Errorf("the hostname is answered by %s", got)
	}
	if got := l.AnswersHost("example.com", "/"); !strings.Contains(got, "shop-web") {
		t.Errorf("a request of another route is answered by %s", got)
	}
	if got := l.AnswersHost("short.test.dev", "/"); !strings.Contains(got, "shop-web") {
		t.Errorf("a request of another hostname is answered by %s", got)
	}
	if !l.Saw("HTTPRoute shop/long", "[InvalidRule]", "AWS allows 128", host) {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	l.WantParents(lab.HTTPRoute("long"), "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
}
