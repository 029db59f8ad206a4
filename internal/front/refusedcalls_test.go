package front

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// sending writes a stack to a simulated account, as far as Elastic Load Balancing has it.
type sending struct {
	sim     *awssim.Simulator
	made    map[stack.Ref]string // ARNs
	refused []string
}

// refusedCalls are the calls that AWS refuses as invalid, of those that create a stack.
func refusedCalls(t interface{ Fatal(...any) }, s *stack.Stack) []string {
	sim, err := awssim.New(awssim.Options{Clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sim.Close() }()
	w := sending{sim: sim, made: map[stack.Ref]string{}}
	for _, lb := range s.LoadBalancers {
		ref := stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}
		lb.SecurityGroups = nil
		if constraint.OfAddressPools(lb) == "" { // the account decides whether they exist
			lb.CustomerOwnedPool, lb.IPAMPool = "", ""
		}
		lb.Subnets = []stack.SubnetMapping{{Subnet: "subnet-0a1de0000000000a1"}, {Subnet: "subnet-0a1de0000000000b1"}}
		w.send(ref, awsop.CreateLoadBalancer{LoadBalancer: lb})
		if len(lb.Attributes) > 0 {
			w.send(stack.Ref{}, awsop.ModifyLoadBalancerAttributes{LoadBalancer: ref, Attributes: lb.Attributes})
		}
	}
	for _, tg := range s.TargetGroups {
		ref := stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID}
		w.send(ref, awsop.CreateTargetGroup{VPC: "vpc-0a1de000000000001", TargetGroup: tg})
		if len(tg.Attributes) > 0 {
			w.send(stack.Ref{}, awsop.ModifyTargetGroupAttributes{TargetGroup: ref, Attributes: tg.Attributes})
		}
	}
	for _, l := range s.Listeners {
		ref := stack.Ref{Kind: stack.KindListener, ID: l.ID}
		if l.SNI = nil; len(l.Certificates) > 0 {
			l.Certificates = []string{"arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"}
		}
		if withheld(l.DefaultActions) {
			l.DefaultActions = stack.NotFound()
		}
		w.send(ref, awsop.CreateListener{Listener: l})
		if len(l.Attributes) > 0 {
			w.send(stack.Ref{}, awsop.ModifyListenerAttributes{Listener: ref, Attributes: l.Attributes})
		}
	}
	for _, r := range s.Rules {
		if withheld(r.Actions) { // the plan gives it another answer
			continue
		}
		w.send(stack.Ref{}, awsop.CreateRule{Priority: r.Order, Rule: r})
	}
	return w.refused
}

// withheld reports whether actions have a login whose Secret cannot be read.
func withheld(actions []stack.Action) bool {
	return slices.ContainsFunc(actions, func(a stack.Action) bool { return a.OIDC != nil && a.OIDC.Withheld() })
}

func (w *sending) send(ref stack.Ref, op plan.Operation) {
	missing := false
	out, err := awsclient.Write(context.Background(), awsclient.Clients{ELBV2: w.sim.Balancing}, op, func(
		r stack.Ref) string {
		if r.Literal != "" {
			return r.Literal
		}
		missing = missing || w.made[r] == ""
		return w.made[r]
	})
	if w.made[ref] = out.ID; err == nil || missing { // of what was refused, which is told
		return
	}
	if e := awsclient.Classify(err); e.Class == diag.Invalid || e.Code == "SSLPolicyNotFound" {
		w.refused = append(w.refused, fmt.Sprintf("%T %+v: %v", op, op, err))
	}
}

// oneIngress is an Ingress with annotations, and the Services web and api.
func oneIngress(spec string, annotations ...string) string {
	text := "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  namespace: shop\n  name: web\n  annotations:\n" +
		"    alb.ingress.kubernetes.io/target-type: ip\n" +
		"    alb.ingress.kubernetes.io/certificate-arn: " + accountCertificate + "\n"
	if !slices.ContainsFunc(annotations, func(a string) bool { return strings.HasPrefix(a, "listen-ports=") }) {
		text += "    alb.ingress.kubernetes.io/listen-ports: '[{\"HTTP\":80},{\"HTTPS\":443}]'\n"
	}
	for _, a := range annotations {
		key, value, _ := strings.Cut(a, "=")
		text += "    alb.ingress.kubernetes.io/" + key + ": '" + value + "'\n"
	}
	text += "spec:\n  ingressClassName: alb\n" + spec
	for _, name := range []string{"web", "api"} {
		text += "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: " + name + ", annotations: {" +
			map[string]string{"api": "alb.ingress.kubernetes.io/backend-protocol-version: GRPC"}[name] + "}}\n" +
			"spec: {ports: [{port: 80, targetPort: 8080}], selector: {app: web}}\n"
	}
	return text + "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: alb}\n" +
		"spec: {controller: ingress.k8s.aws/alb}\n"
}

const (
	restOfSpec = "  rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: " +
		"{name: web, port: {number: 80}}}}]}}]\n"
	actionX     = "  defaultBackend: {service: {name: x, port: {name: use-annotation}}}\n"
	defaultAPI  = "  defaultBackend: {service: {name: api, port: {number: 80}}}\n"
	defaultWeb  = "  defaultBackend: {service: {name: web, port: {number: 80}}}\n"
	byDefault   = "spec.defaultBackend"
	firstOfRule = "spec.rules[0].http.paths[0]"
	cognitoTest = `auth-idp-cognito={"userPoolARN":"arn:aws:cognito-idp:us-west-2:1:userpool/us-west-2_a",` +
		`"userPoolClientID":"a","userPoolDomain":"a"}`
	redirectX = `actions.x={"type":"redirect","redirectConfig":`
	ownByARN  = `{"targetGroupARN":"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/own/` +
		`0123456789abcdef","weight":1}`
)

func hostOf(host string) string { return strings.Replace(restOfSpec, "a.example.com", host, 1) }

func ruleX() string {
	return strings.NewReplacer("name: web", "name: x", "number: 80", "name: use-annotation").Replace(restOfSpec)
}

func twoOf(one, other string) string {
	return `actions.x={"type":"forward","forwardConfig":{"targetGroups":[` + one + `,` + other + `]}}`
}

// refusedSettings are Ingresses of which something has no effect, or AWS refuses it, with the place and a part of the
// finding.
var refusedSettings = map[string]struct{ object, path, text string }{
	"host without a dot":     {oneIngress(hostOf("intranet")), firstOfRule, `host "intranet" has no dot`},
	"host ending in a digit": {oneIngress(hostOf("app.v2")), firstOfRule, `host "app.v2" ends with "v2"`},
	"host of a condition": {oneIngress(hostOf("''"),
		`conditions.web=[{"field":"host-header","hostHeaderConfig":{"values":["10.0.0.1"]}}]`), firstOfRule,
		`host "10.0.0.1" ends with "1"`},
	"default redirect without slash": {oneIngress(actionX+restOfSpec,
		redirectX+`{"host":"b.example.com","path":"a","statusCode":"HTTP_301"}}`), byDefault, "the path of a redirect"},
	"default redirect to itself": {oneIngress(actionX+restOfSpec,
		redirectX+`{"query":"a=b","statusCode":"HTTP_301"}}`), byDefault, "lead to itself"},
	"default gRPC at HTTP": {oneIngress(defaultAPI + restOfSpec), byDefault, "protocol version GRPC"},
	"default login at HTTP": {oneIngress(defaultWeb, "auth-type=cognito", cognitoTest), "listen-ports",
		"port 80 serves without"},
	"login before gRPC": {oneIngress(strings.Replace(restOfSpec, "name: web", "name: api", 1), "auth-type=cognito",
		cognitoTest, `listen-ports=[{"HTTPS":443}]`), firstOfRule, "cannot be authenticated"},
	"target group twice": {oneIngress(ruleX(), twoOf(`{"serviceName":"web","servicePort":80,"weight":1}`,
		`{"serviceName":"web","servicePort":"80","weight":1}`)), firstOfRule, "twice"},
	"target group twice, by name and ARN": {oneIngress(ruleX(), twoOf(`{"targetGroupName":"own","weight":1}`,
		ownByARN)),
		firstOfRule, "target group own twice"},
	"redirect to HTTP": {oneIngress(ruleX(),
		redirectX+`{"protocol":"HTTP","port":"80","statusCode":"HTTP_301"}}`), firstOfRule, "cannot redirect to HTTP"},
	"sticky target group of several": {oneIngress(ruleX(), "target-group-attributes=stickiness.enabled=true",
		twoOf(`{"serviceName":"web","servicePort":80,"weight":1}`, `{"serviceName":"api","servicePort":80,"weight":1}`)),
		firstOfRule, "stickiness.enabled=true"},
	"unknown TLS policy": {oneIngress(restOfSpec, "ssl-policy=ELBSecurityPolicy-TLS13-1-2-2021-60"), "ssl-policy",
		"ELBSecurityPolicy-TLS13-1-2-2021-60 does not exist"},
	"default behind a rule for all": {oneIngress(defaultWeb + hostOf("''")), byDefault,
		"no request reaches the default backend"},
	"weights of zero": {oneIngress(ruleX(), twoOf(`{"serviceName":"web","servicePort":80,"weight":0}`,
		`{"serviceName":"api","servicePort":80,"weight":0}`)), "actions.x", "weight 0"},
}

// TestRefusedSettingIsFoundBeforeTheCall compiles each, and sends what results.
func TestRefusedSettingIsFoundBeforeTheCall(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	for name, c := range refusedSettings {
		got := answered(t, Ingress{}, key, decode(t, c.object), nil)
		if got.Stack == nil {
			t.Errorf("%s: no stack: %v", name, got.Diagnostics)
			continue
		}
		if calls := refusedCalls(t, got.Stack); len(calls) > 0 {
			t.Errorf("%s: refused %v", name, calls)
		}
		found := slices.Concat(got.Findings, got.Diagnostics)
		if !slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
			return strings.Contains(d.Path, c.path) && strings.Contains(d.Text, c.text)
		}) {
			t.Errorf("%s: no finding with %q at %s: %v", name, c.text, c.path, found)
		}
	}
}

// parts are texts of which AWS refuses some at some places.
var parts = []string{
	"", "a", "*", "intranet", "app.v2", "*.a.test", "a.test", "/", "/a b", "/#{path}", "/#{path}/#{path}", "#{host}", "#{port}", "?a=b", "a=b", "HTTP", "HTTPS", "https", "80", "0", "70000", "GET", "get", "10.0.0.0/8",
	"255.255.255.255/32", "Host", "X-Name", "ä", "(", "^/a(b)?$", "HTTP_301", "HTTP_307", "200", "302", "text/xml",
	"single-string", "exp", "https://i.test", "http://i.test", strings.Repeat("a", 200), strings.Repeat("/a", 70)}

func (t tenants) part(what string) string { return fmt.Sprintf("%q", t.pick(what, parts...)) }

func (t tenants) weight() int { return rapid.IntRange(-1, 3).Draw(t.T, "weight") * 500 }

// action draws an action of an Ingress, mostly one that AWS refuses.
func (t tenants) action() string {
	switch t.pick("action", "forward", "redirect", "fixed-response") {
	case "forward":
		var all []string
		for range rapid.IntRange(1, 3).Draw(t.T, "target groups") {
			all = append(all, fmt.Sprintf(`{%s,"weight":%d}`, t.pick("target group", `"serviceName":"web","servicePort":80`,
				`"serviceName":"api","servicePort":"http"`, `"serviceName":"api","servicePort":80`), t.weight()))
		}
		return fmt.Sprintf(`{"type":"forward","forwardConfig":{"targetGroups":[%s]%s}}`, strings.Join(all, ","),
			t.pick("stickiness", "", `,"targetGroupStickinessConfig":{"enabled":true}`,
				`,"targetGroupStickinessConfig":{"enabled":true,"durationSeconds":60}`,
				`,"targetGroupStickinessConfig":{"enabled":true,"durationSeconds":700000}`,
				`,"targetGroupStickinessConfig":{"enabled":false,"durationSeconds":60}`))
	case "redirect":
		set := `"statusCode":` + t.pick("status", `"HTTP_302"`, t.part("status"))
		for _, part := range []string{"host", "path", "port", "protocol", "query"} {
			if rapid.Bool().Draw(t.T, part) {
				set += fmt.Sprintf(`,"%s":%s`, part, t.part(part))
			}
		}
		return `{"type":"redirect","redirectConfig":{` + set + `}}`
	}
	return fmt.Sprintf(`{"type":"fixed-response","fixedResponseConfig":{"statusCode":%s,"contentType":%s,`+
		`"messageBody":%s}}`, t.pick("status", `"200"`, t.part("status")), t.pick("type", `""`, t.part("type")),
		t.part("body"))
}

// condition draws a condition of an Ingress.
func (t tenants) condition() string {
	v := t.part("value")
	if rapid.Bool().Draw(t.T, "two values") {
		v += "," + t.part("value")
	}
	return t.pick("condition", `{"field":"host-header","hostHeaderConfig":{"values":[`+v+`]}}`,
		`{"field":"path-pattern","pathPatternConfig":{"values":[`+v+`]}}`,
		`{"field":"host-header","hostHeaderConfig":{"regexValues":[`+v+`]}}`,
		`{"field":"path-pattern","pathPatternConfig":{"regexValues":[`+v+`]}}`,
		`{"field":"http-header","httpHeaderConfig":{"httpHeaderName":`+t.part("name")+`,"values":[`+v+`]}}`,
		`{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-A","values":[`+v+`]}}`,
		`{"field":"http-request-method","httpRequestMethodConfig":{"values":[`+v+`]}}`,
		`{"field":"source-ip","sourceIpConfig":{"values":[`+v+`]}}`,
		`{"field":"query-string","queryStringConfig":{"values":[{"key":`+t.part("key")+`,"value":`+t.part("value")+`}]}}`)
}

// disturb changes an Ingress of a scene where its rules, target groups and listeners are declared.
func (t tenants) disturb(ing *networkingv1.Ingress) {
	set := func(key, value string) { ing.Annotations[ofALB+key] = value }
	service := func(name string) *networkingv1.IngressServiceBackend {
		port := networkingv1.ServiceBackendPort{Number: 80}
		if name != "web" && name != "api" {
			port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
		}
		return &networkingv1.IngressServiceBackend{Name: name, Port: port}
	}
	switch rapid.IntRange(0, 9).Draw(t.T, "what") {
	case 0, 1:
		set("actions."+t.pick("action name", "split", "move", "text"), t.action())
	case 2, 3:
		all := t.condition()
		if rapid.Bool().Draw(t.T, "two conditions") {
			all += "," + t.condition()
		}
		set("conditions."+t.pick("backend", "web", "api", "move"), "["+all+"]")
	case 4:
		set("transforms."+t.pick("backend", "web", "api", "move"), fmt.Sprintf(
			`[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":%s,"replace":%s}]}}]`, t.part("regex"),
			t.part("replace")))
	case 5:
		ing.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: service(t.pick("default", "web", "api",
			"split", "move", "text"))}
	case 6:
		ing.Spec.Rules[0].Host = t.pick("host", "", "intranet", "app.v2", "10.0.0.1", "*.a.test", "a.test",
			strings.Repeat("a", 130)+".test")
	case 7:
		set("jwt-validation", fmt.Sprintf(`{"jwksEndpoint":"https://i.test/k","issuer":%s,"additionalClaims":[`+
			`{"name":%s,"format":%s,"values":[%s]}]}`, t.part("issuer"), t.part("claim"), t.pick("format", `"single-string"`,
			t.part("format")), t.part("value")))
	case 8:
		set("backend-protocol-version", t.pick("version", "GRPC", "HTTP2", "HTTP1"))
	case 9:
		set("target-group-attributes", t.pick("attributes", "stickiness.enabled=true", "slow_start.duration_seconds=20",
			"load_balancing.algorithm.type=weighted_random,stickiness.enabled=true",
			"load_balancing.cross_zone.enabled=false,stickiness.enabled=true", "deregistration_delay.timeout_seconds=3601"))
	}
}

// TestIngressesCauseNoRefusedCall draws Ingresses with values that AWS refuses. Each is found before the call.
func TestIngressesCauseNoRefusedCall(t *testing.T) {
	t.Parallel()
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedIngresses()
		for range rapid.IntRange(1, 4).Draw(rt, "changes") {
			ing := sceneObject[*networkingv1.Ingress](s, "Ingress/"+memberNames[0])
			if rapid.IntRange(0, 3).Draw(rt, "of the table") > 0 {
				of.disturb(ing)
				continue
			}
			of.annotationEdit("Ingress/"+memberNames[0], "Ingress", "HTTP-80 HTTPS-443 web api split move text").make(s)
		}
		c := s.compile(rt, nil)
		if c.Stack == nil {
			return
		}
		calls := slices.DeleteFunc(refusedCalls(rt, c.Stack), func(call string) bool { return among(leftToAWS, call) })
		if len(calls) > 0 {
			rt.Fatalf("%s\nfindings %v\n%s", strings.Join(calls, "\n"), c.Diagnostics, s.text())
		}
		if c.complaint() != "" {
			found++
		}
	})
	if found == 0 {
		t.Error("nothing was refused")
	}
}
