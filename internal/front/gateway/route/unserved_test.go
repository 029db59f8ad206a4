package route

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// TestRefusedRuleAnswersWithError has rules that a load balancer cannot serve, above a rule for all paths. The requests
// of a guarded rule get an error in any case.
func TestRefusedRuleAnswersWithError(t *testing.T) {
	t.Parallel()
	const ips = "{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: ips}}"
	const query = ", queryParams: [{type: RegularExpression, name: a, value: b}]"
	plain := "{name: web, port: 80}"
	guarded := keptRule{fields: ", filters: [" + ips + "]", backends: plain}
	admin := "PathPrefix, value: /admin"
	many := badBackends[3]
	long := "PathPrefix, value: /admin/" + strings.Repeat("a", 130)
	for name, c := range map[string]struct {
		rules   []keptRule
		path    string
		answers bool
	}{
		"valid":            {[]keptRule{{path: admin, backends: plain}}, "/admin", true},
		"timeouts":         {[]keptRule{{path: admin, backends: plain, fields: ", " + badFields[0]}}, "/admin", false},
		"header filter":    {[]keptRule{{path: admin, backends: plain, fields: ", " + badFields[4]}}, "/admin", false},
		"redirect 307":     {[]keptRule{{path: admin, fields: ", " + badFields[7]}}, "/admin", false},
		"six backends":     {[]keptRule{{path: admin, backends: many}}, "/admin", false},
		"backend's filter": {[]keptRule{{path: admin, backends: badBackends[1]}}, "/admin", false},
		"other paths":      {[]keptRule{{path: admin, backends: plain, fields: ", " + badFields[0]}}, "/", true},
		"match":            {[]keptRule{{path: admin, match: query, backends: plain}}, "/admin", true},
		"guarded match":    {[]keptRule{{path: admin, match: query, backends: plain, fields: guarded.fields}}, "/admin", false},
		"guarded headers": {[]keptRule{{path: admin, match: ", " + badMatches[0], backends: plain,
			fields: guarded.fields}}, "/admin", false},
		"guarded long path": {[]keptRule{{path: long, backends: plain, fields: guarded.fields}},
			"/admin/" + strings.Repeat("a", 130), false},
		"match that another one covers": {[]keptRule{{path: admin + "}" + query + "}, {path: {type: " + admin,
			backends: plain, fields: guarded.fields}}, "/admin", true},
	} {
		for _, hosts := range []string{"", "  hostnames: [a.test, '*.b.test']\n"} {
			rules := append(c.rules, keptRule{path: "PathPrefix, value: /", backends: plain})
			r := compiled(t, rule.Standard, keptRoute(hosts, rules, ipsRules), account(), nil)
			for _, host := range []string{"a.test", "x.b.test"} {
				request := traffic.Request{Method: "GET", Host: host, Path: c.path, SourceIP: client}
				if got := answers(r, 80, request); got != c.answers {
					t.Errorf("%s: %s%s is answered: %t; %v", name, host, c.path, got, r.Diagnostics)
				}
			}
		}
	}
}

var client = netip.MustParseAddr("10.0.0.1")

// TestGuardOfExpressionComesBeforeLaterPrefix has rules with regular expressions above a rule for all paths. An invalid
// expression of a new route closes all paths, and one that an edit adds leaves open what served.
func TestGuardOfExpressionComesBeforeLaterPrefix(t *testing.T) {
	t.Parallel()
	all := keptRule{path: "PathPrefix, value: /", backends: "{name: web, port: 80}"}
	before := compiled(t, rule.Standard, keptRoute("", []keptRule{all}, ipsRules), account(), nil)
	for name, c := range map[string]struct {
		construction rule.Construction
		expression   string
		edit         bool
		found        string // what a finding says
		open         string // the paths that clients of other addresses reach
	}{
		"standard":    {rule.Standard, "^/admin/.*", false, "", "/ /admin"},
		"plain hosts": {rule.PlainHosts, "^/admin/.*", false, "", "/ /admin"},
		"compatible": {rule.Compatible, "^/admin/.*", false, "rule construction compatible",
			"/ /admin /admin/x"},
		"an edit": {rule.Standard, "^/admin/.*", true, "", "/ /admin"},
		"invalid": {rule.Standard, "^/(?!admin).*", false, "; requests that match the rule get an error", ""},
		"invalid edit": {rule.Standard, "^/(?!admin).*", true,
			"; requests that match the rule and no path prefix of another rule get an error", "/ /admin /admin/x"},
	} {
		guard := denied(c.expression)
		var memory *compile.Memory
		if c.edit {
			memory = before.Memory
		}
		r := compiled(t, c.construction, keptRoute("", []keptRule{guard, all}, denyRules), account(), memory)
		var open []string
		for _, path := range []string{"/", "/admin", "/admin/x"} {
			if answers(r, 80, traffic.Request{Method: "GET", Host: "a.test", Path: path, SourceIP: client}) {
				open = append(open, path)
			}
		}
		if got := strings.Join(open, " "); got != c.open || c.found == "" != (len(r.Diagnostics) == 0) ||
			c.found != "" && !strings.Contains(r.Diagnostics[0].Text, c.found) {
			t.Errorf("%s: %q is open; %v", name, got, r.Diagnostics)
		}
	}
}

// TestHiddenGuardIsWarnedAbout has a guard that the prefix of an earlier rule of its route hides.
func TestHiddenGuardIsWarnedAbout(t *testing.T) {
	t.Parallel()
	all := keptRule{path: "PathPrefix, value: /", backends: "{name: web, port: 80}"}
	for _, expression := range []string{"^/admin/.*", "^/(?!admin).*"} {
		r := compiled(t, rule.Standard, keptRoute("", []keptRule{all, denied(expression)}, denyRules), account(), nil)
		last := r.Diagnostics[len(r.Diagnostics)-1]
		if last.Code != diag.GuardNotApplied || last.Path != "spec.rules[1]" ||
			last.Remedy != "write that rule after this one, or narrow it" {
			t.Errorf("%s: %v", expression, r.Diagnostics)
		}
	}
}

// denied is a rule that answers 403 to the paths of a regular expression.
func denied(expression string) keptRule {
	return keptRule{path: "RegularExpression, value: '" + expression + "'", backends: "{name: web, port: 80}",
		fields: ", filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, " +
			"kind: ListenerRuleConfiguration, name: deny}}]"}
}

// denyRules is a ListenerRuleConfiguration that answers 403.
const denyRules = "kind: ListenerRuleConfiguration\nmetadata: {name: deny}\nspec: {actions: [{type: fixed-response, " +
	"fixedResponseConfig: {statusCode: 403}}]}"

// ipsRules is a ListenerRuleConfiguration that restricts clients.
const ipsRules = "kind: ListenerRuleConfiguration\nmetadata: {name: ips}\nspec: {conditions: [{field: source-ip, " +
	"sourceIPConfig: {values: [10.0.0.0/8]}}]}"

// TestBackendThatCannotAnswerIsNoted has backends that no request or connection reaches.
func TestBackendThatCannotAnswerIsNoted(t *testing.T) {
	t.Parallel()
	udp := "\n---\nkind: Service\nmetadata: {name: udp}\nspec: {ports: [{port: 53, protocol: UDP}]}\n---\n"
	http1 := "\n---\nkind: TargetGroupConfiguration\nmetadata: {name: web}\nspec: {targetReference: {name: web}, " +
		"defaultConfiguration: {protocolVersion: HTTP1}}\n---\n"
	app := func(kind, backends string) string {
		return around + udp + "kind: " + kind + "\nmetadata: {name: r}\nspec: {parentRefs: [{name: gw, sectionName: https}], " +
			"rules: [{backendRefs: [" + backends + "]}]}"
	}
	for name, c := range map[string]struct{ text, want string }{
		"weights 0 of TCP": {aroundNetwork + networkRoute("TCPRoute", "r", "tcp", "{backendRefs: [{name: db, port: 5432, "+
			"weight: 0}]}"), "NoTargets spec.rules"},
		"weights 0 of TLS": {aroundNetwork + networkRoute("TLSRoute", "r", "passes", "{backendRefs: [{name: db, port: 5432, "+
			"weight: 0}]}"), "NoTargets spec.rules"},
		"UDP to TCP": {aroundNetwork + networkRoute("UDPRoute", "r", "udp", "{backendRefs: [{name: db, port: 5432}]}"),
			"NoTargets spec.rules[0].backendRefs[0]"},
		"TCP to UDP": {aroundNetwork + networkRoute("TCPRoute", "r", "tcp", "{backendRefs: [{name: dns, port: 53}]}"),
			"NoTargets spec.rules[0].backendRefs[0]"},
		"both": {aroundNetwork + networkRoute("UDPRoute", "r", "both-udp", "{backendRefs: [{name: dns, port: 53}]}"),
			"UnansweredHealthCheck spec.rules[0].backendRefs[0]"},
		"HTTP to UDP": {app("HTTPRoute", "{name: udp, port: 53}"), "NoTargets spec.rules[0].backendRefs[0]"},
		"no port":     {app("HTTPRoute", "{name: web}"), "BackendUnresolved spec.rules[0].backendRefs[0].port"},
		"missing": {app("HTTPRoute", "{name: web, port: 80, weight: 0}, {name: gone, port: 80}"),
			"BackendUnresolved spec.rules[0].backendRefs[1]"},
		"gRPC over HTTP/1": {app("GRPCRoute", "{name: web, port: 80}") + http1,
			"UnsupportedFeature spec.rules[0].backendRefs[0]"},
	} {
		var got []string
		for _, d := range Translate(input(t, rule.Standard, decode(t, c.text)))[0].Found {
			got = append(got, string(d.Code)+" "+d.Path)
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestRefusedMatchKeepsTheLastVersion has a match that a load balancer does not have, at several hostnames.
func TestRefusedMatchKeepsTheLastVersion(t *testing.T) {
	t.Parallel()
	const hosts = "  hostnames: [a.test, '*.b.test']\n"
	one := keptRule{path: "PathPrefix, value: /admin", backends: "{name: web, port: 80}", fields: ", filters: [{type: " +
		"ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: ips}}]"}
	old := compiled(t, rule.Standard, keptRoute(hosts, []keptRule{one}, ipsRules), account(), nil)
	one.match = ", queryParams: [{type: RegularExpression, name: a, value: b}]"
	now := compiled(t, rule.Standard, keptRoute(hosts, []keptRule{one}, ipsRules), account(), old.Memory)
	for _, host := range []string{"a.test", "x.b.test"} {
		if !answers(now, 80, traffic.Request{Method: "GET", Host: host, Path: "/admin", SourceIP: client}) {
			t.Errorf("%s gets an error; %v", host, now.Diagnostics)
		}
	}
}
