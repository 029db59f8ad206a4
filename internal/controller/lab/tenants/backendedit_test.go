package tenants

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// grantToTeam lets routes of namespace team name the Services of namespace mal.
const grantToTeam = "\nReferenceGrant mal/team {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, " +
	"namespace: team}], to: [{group: \"\", kind: Service}]}}"

// mixedRoute is a route of namespace team to its own Service by a path, and to one of namespace mal. parts are more of
// the own rule.
func mixedRoute(path, parts string) string {
	return "\nHTTPRoute team/mixed {spec: {parentRefs: [{name: web, namespace: shop}], hostnames: [\"example.com\"], " +
		"rules: [{matches: [{path: {type: PathPrefix, value: " + path + "}}], backendRefs: [{name: web, port: 80}" + parts +
		"]}, {matches: [{path: {type: PathPrefix, value: /theirs}}], backendRefs: [{name: web, namespace: mal, port: 80}]}]}}"
}

// TestEditOfABackendCostsOnlyItsRules has namespace mal edit a Service that a route of namespace team names, and its
// configuration. The route's other rule takes edits all the same, and the rule to the Service keeps its answer.
func TestEditOfABackendCostsOnlyItsRules(t *testing.T) {
	t.Parallel()
	config := func(what string) string {
		return "TargetGroupConfiguration mal/web {spec: {targetReference: {name: web}, defaultConfiguration: {" + what + "}}}"
	}
	for name, edit := range map[string]string{
		"without endpoints":  "Service mal/web {spec: {type: ExternalName, externalName: a.example, ports: [{port: 80}]}}",
		"IPv6":               "Service mal/web {spec: {ipFamilies: [IPv6], ports: [{port: 80, targetPort: 8080}]}}",
		"without node ports": config("targetType: instance"),
		"node selector": config("targetType: instance, nodeSelector: {matchExpressions: [{key: a, operator: Odd}]}") +
			"\nService mal/web {spec: {type: NodePort, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}}",
		"long name":         config("targetGroupName: " + strings.Repeat("n", 40)),
		"odd name":          config("targetGroupName: n_n"),
		"check port":        config("healthCheckConfig: {healthCheckPort: odd}"),
		"check interval":    config("healthCheckConfig: {healthCheckInterval: 1}"),
		"check path":        config("healthCheckConfig: {healthCheckPath: odd}"),
		"control port":      config("targetType: instance, targetControlPort: 5"),
		"protocol version":  config("protocolVersion: GRPC"),
		"protocol":          config("protocol: UDP"),
		"tags":              config("tags: {\"aws:a\": b}"),
		"attributes":        config("targetGroupAttributes: [{key: odd, value: odd}]"),
		"several attribute": config("targetGroupAttributes: [{key: load_balancing.algorithm.type, value: odd}]"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, sharedGateway+grantToTeam+mixedRoute("/first", ""))
			l.SettleWeb()
			theirs := l.Answers("/theirs")
			if !strings.Contains(l.Answers("/first"), "team-web") || !strings.Contains(theirs, "mal-web") {
				t.Fatalf("answers %s, %s", l.Answers("/first"), theirs)
			}
			l.Apply(edit)
			for _, path := range []string{"/second", "/third"} {
				l.Apply(mixedRoute(path, ""))
				l.SettleWeb()
				if got := l.Answers(path); !strings.Contains(got, "team-web") {
					t.Errorf("the edit to %s is answered by %s:\n%s", path, got, strings.Join(l.Events, "\n"))
				}
				if got := l.Answers("/theirs"); !strings.Contains(got, "mal-web") {
					t.Errorf("at %s, /theirs is answered by %s, before %s", path, got, theirs)
				}
				l.Restart()
			}
		})
	}
}

// TestWithdrawnGrantEndsEveryVersion has namespace mal withdraw its ReferenceGrant while the route that uses it is
// invalid: neither its last valid version nor what AWS has of it forwards to namespace mal.
func TestWithdrawnGrantEndsEveryVersion(t *testing.T) {
	t.Parallel()
	const odd = "\nService team/odd {spec: {ports: [{port: 80, targetPort: 8080}]}}\nTargetGroupConfiguration team/odd " +
		"{spec: {targetReference: {name: odd}, defaultConfiguration: {healthCheckConfig: {healthCheckPort: odd}}}}"
	for _, restarted := range []string{"never", "after the withdrawal", "before the withdrawal"} {
		l := lab.NewGateway(t, sharedGateway+grantToTeam+odd+mixedRoute("/first", ""))
		l.SettleWeb()
		if got := l.Answers("/theirs"); !strings.Contains(got, "mal-web") {
			t.Fatalf("/theirs is answered by %s", got)
		}
		l.Apply(mixedRoute("/first", ", {name: odd, port: 80}"))
		l.SettleWeb()
		if restarted == "before the withdrawal" {
			l.Restart()
			l.SettleWeb()
		}
		l.Discard(grantToTeam)
		if restarted == "after the withdrawal" {
			l.Restart()
		}
		l.SettleWeb()
		if got := l.Answers("/theirs"); strings.Contains(got, "mal-web") {
			t.Errorf("restarted %s: without the grant, /theirs is answered by %s", restarted, got)
		}
		if got := l.Answers("/first"); !strings.Contains(got, "team-web") {
			t.Errorf("restarted %s: /first is answered by %s", restarted, got)
		}
	}
	tcp := strings.NewReplacer("HTTPRoute", "TCPRoute", "gatewayClassName: alb", "gatewayClassName: nlb", "protocol: HTTP",
		"protocol: TCP")
	route := func(more string) string {
		return "\nTCPRoute team/mixed {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{backendRefs: [" +
			"{name: web, port: 80}, {name: web, namespace: mal, port: 80}" + more + "]}]}}"
	}
	l := lab.NewGateway(t, tcp.Replace(sharedGateway+grantToTeam)+odd+route(""))
	l.SettleWeb()
	before := l.Answers("/")
	l.Apply(route(", {name: odd, port: 80}"))
	l.SettleWeb()
	l.Discard(tcp.Replace(grantToTeam))
	l.SettleWeb()
	if got := l.Answers("/"); !strings.Contains(before, "mal-web") || strings.Contains(got, "mal-web") ||
		!strings.Contains(got, "team-web") {
		t.Errorf("without the grant, the port is answered by %s, before %s", got, before)
	}
}
