package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

func TestLintPrintsFileLineFieldAndRemedy(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json", "github"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			out, _, err := lbc(t, "", "lint", "-o", format, "testdata/lint.yaml", "testdata/settings.yaml")
			var code exitCode
			if !errors.As(err, &code) || code != exitInvalid {
				t.Errorf("error = %v, want exit status 2", err)
			}
			ending := map[string]string{"text": "txt", "json": "json", "github": "github"}[format]
			goldenfile.Compare(t, "testdata/lint."+ending, out)
		})
	}
}

func TestTheExamplesAreWithoutFindings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/guides/[0-9]*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	// which shows a route of the wrong kind
	mixed := func(file string) bool { return strings.Contains(file, "38-gateway-mixed-layers") }
	out, _,
		err := lbc(t, "", append([]string{"lint"}, slices.DeleteFunc(slices.Clone(files),
		func(f string) bool { return !mixed(f) })...)...)
	if err == nil || !strings.Contains(out, "TCPRoute gateway-mixed/raw-route: listener http admits no routes of "+
		"kind TCPRoute") {
		t.Errorf("%v\n%s", err, out)
	}
	files = slices.DeleteFunc(files, mixed)
	out, _, err = lbc(t, "", append([]string{"lint", "../../examples"}, files...)...)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestMoreRulesThanALoadBalancerMayHaveAreOneFinding holds lint and plan to the same finding.
func TestMoreRulesThanALoadBalancerMayHaveAreOneFinding(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: shop\n  annotations:\n")
	b.WriteString("    alb.ingress.kubernetes.io/actions.hello: '{\"type\": \"fixed-response\", " +
		"\"fixedResponseConfig\": {\"contentType\": \"text/plain\", \"statusCode\": \"200\"}}'\nspec:\n  ingressClassName: " +
		"alb\n  rules:\n")
	for i := range 120 {
		fmt.Fprintf(&b, "  - host: h%d.example.com\n    http:\n      paths:\n      - {path: /p%d, pathType: Exact, "+
			"backend: {service: {name: hello, port: {name: use-annotation}}}}\n", i, i)
	}
	class := "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: alb}\nspec: {controller: " +
		"ingress.k8s.aws/alb}\n"
	for _, command := range []string{"lint", "plan"} {
		out, _, err := lbc(t, b.String()+class, command, "-")
		const want = "would have 120 rules besides default ones, and AWS allows 100 (rules-per-application-load-balancer): " +
			"20 of the 120 rules of this object are left out"
		if err == nil || strings.Count(out, want) != 1 {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}

const misspelt = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {alb.ingress.kubernetes.io/traget-type: ip}
spec: {ingressClassName: alb, rules: [{host: a.example.com}]}
`

func TestWarningsFailOnlyWhenStrict(t *testing.T) {
	t.Parallel()
	if out, _, err := lbc(t, misspelt, "lint", "-"); err != nil ||
		!strings.Contains(out, "-:6: warning: Ingress default/shop") {
		t.Errorf("%v\n%s", err, out)
	}
	var code exitCode
	if _, _, err := lbc(t, misspelt, "lint", "--strict", "-"); !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v, want exit status 2", err)
	}
}

func TestWhatCannotBeReadIsAFinding(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "kind: [", "lint", "-o", "json", "-")
	var code exitCode
	if !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v, want exit status 2", err)
	}
	var got struct {
		Errors   int
		Findings []struct {
			File, Reason string
			Line         int
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Errors != 1 || got.Findings[0].Reason != "InvalidManifest" || got.Findings[0].Line != 1 ||
		got.Findings[0].File != "-" {
		t.Errorf("%+v", got)
	}
	if _, _, err := lbc(t, "", "lint", "/nonexistent.yaml"); err == nil || errors.As(err, &code) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, _, err := lbc(t, "", "lint"); err == nil || !strings.Contains(err.Error(), "name the files") {
		t.Errorf("no files: %v", err)
	}
}

func TestWhatOnlyAnAccountCanShowIsCheckedWithAnAccountOnly(t *testing.T) {
	t.Parallel()
	const manifest = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {alb.ingress.kubernetes.io/subnets: "subnet-1, subnet-2"}
spec: {ingressClassName: alb, rules: [{host: a.example.com}]}
`
	if out, _, err := lbc(t, manifest, "lint", "-"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err := lbc(t, manifest, "lint", "--account", "../../awssim/seed/default.yaml", "-")
	var code exitCode
	if !errors.As(err, &code) || !strings.Contains(out, "[InvalidSubnets]") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWhatIsMalformedInItselfNeedsNoAccount(t *testing.T) {
	t.Parallel()
	const ingress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {alb.ingress.kubernetes.io/%s}
spec: {ingressClassName: alb, rules: [{host: a.example.com}]}
`
	for _, c := range []struct{ manifest, want string }{
		{fmt.Sprintf(ingress, `certificate-arn: "arn:aws:acm:region:account:certificate/cert-id"`),
			"-:6: error: Ingress default/shop: \"arn:aws:acm:region:account:certificate/cert-id\" is not the ARN of " +
				"a certificate"},
		{fmt.Sprintf(ingress, `security-groups: sg-frontend-12345678`),
			"-:6: error: Ingress default/shop: these security groups do not exist or cannot be used: " +
				"sg-frontend-12345678 is not a security group id"},
		{fmt.Sprintf(ingress, `subnets: "subnet-front, subnet-2"`),
			"-:6: error: Ingress default/shop: these subnets do not exist or cannot be used: subnet-front is not a subnet id"},
		{`
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: web}
spec:
  targetGroupARN: arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/1234567890abcdef
  targetType: ip
  serviceRef: {name: web, port: 80}
  nodeSelector: {matchLabels: {pool: web}}
`, "-:9: error: TargetGroupBinding default/web: TargetGroupBinding cannot set NodeSelector when TargetType is ip"},
		{`
apiVersion: elbv2.k8s.aws/v1beta1
kind: IngressClassParams
metadata: {name: strict}
spec:
  scheme: internal
  inboundCIDRs: [198.51.100.0/24, 10.0.0.1]
`, "-:7: error: IngressClassParams strict: spec.inboundCIDRs[1]: Invalid value: \"10.0.0.1\": Could not be parsed as " +
			"a CIDR (did you mean \"10.0.0.1/32\")"},
		{`
apiVersion: elbv2.k8s.aws/v1beta1
kind: IngressClassParams
metadata: {name: strict}
spec: {sslRedirectPort: https}
`, "-:5: warning: IngressClassParams strict: spec.sslRedirectPort"},
	} {
		out, _, err := lbc(t, c.manifest, "lint", "--strict", "-")
		var code exitCode
		if !errors.As(err, &code) || code != exitInvalid || !strings.Contains(out, c.want) {
			t.Errorf("%v\n%q is missing in:\n%s", err, c.want, out)
		}
	}
}

func TestADocumentThatCannotBeReadIsNamedByItsLineInTheFile(t *testing.T) {
	t.Parallel()
	const first = "# a comment\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n---\n"
	for more, want := range map[string]string{
		"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspek: {}\n": `-:9: error: document 2: v1 Service web: unknown field "spek"`,
		"a:\n  b: [\n": "-:7: error: document 2: yaml: did not find",
	} {
		if out, _, _ := lbc(t, first+more, "lint", "-"); !strings.Contains(out, want) {
			t.Errorf("%s, want %s", out, want)
		}
		want = strings.Replace(want, "error: ", "", 1)
		for _, command := range []string{"plan", "explain"} {
			if _, _, err := lbc(t, first+more, command, "-f", "-"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("lbc %s: %v, want %s", command, err, want)
			}
		}
	}
}

func TestEveryUnreadableFileOfADirectoryIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "kind: [", "b.json": `{"Version": "2012-10-17"}`,
		"c.yaml": misspelt, "d.txt": "kind: ["} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, _, err := lbc(t, "", "lint", dir)
	var code exitCode
	if !errors.As(err, &code) || strings.Count(out, "[InvalidManifest]") != 2 ||
		!strings.Contains(out, filepath.Join(dir, "c.yaml")+":") ||
		!strings.Contains(out, filepath.Join(dir, "a.yaml")+":1: error: ") ||
		!strings.Contains(out, filepath.Join(dir, "b.json")+":1: note: document 1: this is not a Kubernetes object") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPlanLeavesAFileOutThatItCannotReadAndNamesIt(t *testing.T) {
	t.Parallel()
	shop, err := os.ReadFile("../../examples/nlb.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, status := range map[string]error{"replicas: 3\n": nil, "kind: [": exitInvalid,
		"kind: Service\n": exitInvalid, "a: b\n---\nkind: Service\napiVersion: v1\n": exitInvalid} {
		dir := t.TempDir()
		for file, text := range map[string]string{"a.yaml": name, "b.yaml": string(shop)} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, errOut, err := lbc(t, "", "plan", dir)
		if !errors.Is(err, status) || !strings.Contains(out, "CreateLoadBalancer") ||
			!strings.Contains(errOut, filepath.Join(dir, "a.yaml")+":1: document 1: ") ||
			!strings.Contains(errOut, "the file is left out\n") {
			t.Errorf("%q: %v\n%s%s", name, err, out, errOut)
		}
	}
}

// TestLintChecksTargetGroupWithoutService lints Ingresses whose Services are in other files.
func TestLintChecksTargetGroupWithoutService(t *testing.T) {
	t.Parallel()
	const alone = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    alb.ingress.kubernetes.io/healthcheck-interval-seconds: %q
    alb.ingress.kubernetes.io/healthcheck-port: metrics
    alb.ingress.kubernetes.io/actions.split: '{"type": "forward", "forwardConfig": {"targetGroups": [{"serviceName": "blue", "servicePort": "http", "weight": 1}, {"serviceName": "green", "servicePort": 80, "weight": 1}]}}'
spec: {ingressClassName: alb, %s}
`
	for name, backend := range map[string]string{
		"path":            `rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: front, port: {number: 80}}}}]}}]`,
		"default backend": `defaultBackend: {service: {name: front, port: {name: http}}}`,
		"action":          `rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: split, port: {name: use-annotation}}}}]}}]`,
	} {
		var code exitCode
		out, _, err := lbc(t, fmt.Sprintf(alone, "15s", backend), "lint", "-")
		if !errors.As(err, &code) || code != exitInvalid || strings.Count(out, " error: ") != 1 ||
			!strings.Contains(out, "-:7: error: Ingress default/shop: "+
				"alb.ingress.kubernetes.io/healthcheck-interval-seconds: \"15s\" is not a whole number") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		out, _, err = lbc(t, fmt.Sprintf(alone, "15", backend), "lint", "-")
		if err != nil || !strings.Contains(out, "does not exist") {
			t.Errorf("%s, when all is well but for the Service: %v\n%s", name, err, out)
		}
	}
}

// TestObjectInNoFileIsAWarning has routes that name a Service which no file has, or a port which the Service of the
// files lacks: another file may have the first, and none the second.
func TestObjectInNoFileIsAWarning(t *testing.T) {
	t.Parallel()
	const files = `
{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: alb}, spec: {controllerName: gateway.k8s.aws/alb}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web}, spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r}, spec: {parentRefs: [{name: web}], rules: [{backendRefs: [%s]}]}}
`
	for backend, want := range map[string]string{
		"{name: web, port: 80}":  "",
		"{name: gone, port: 80}": "warning: HTTPRoute default/r: Service default/gone does not exist",
		"{name: web, port: 81}":  "error: HTTPRoute default/r: Service default/web has no port 81",
	} {
		out, _, err := lbc(t, fmt.Sprintf(files, backend), "lint", "-")
		elsewhere := strings.Contains(out, "[BackendUnresolved]\n  → "+ifElsewhere)
		if !strings.Contains(out, want) || elsewhere != strings.HasPrefix(want, "warning") ||
			(err != nil) != strings.HasPrefix(want, "error") {
			t.Errorf("%s: %v\n%s", backend, err, out)
		}
	}
}

// TestWhatNoAPIServerStoresIsAnError has one Ingress per rule of the API server.
func TestWhatNoAPIServerStoresIsAnError(t *testing.T) {
	t.Parallel()
	const good = `{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}`
	for name, tc := range map[string]struct{ host, path, want string }{
		"all is well": {`"*.example.com"`, good, ""},
		"no host": {
			`""`, `{pathType: ImplementationSpecific, backend: {service: {name: s, port: {name: http}}}}`, ""},
		"two wildcards": {`"*.*.example.com"`, good, `spec.rules[0].host`},
		"capitals":      {`Shop.example.com`, good, `spec.rules[0].host`},
		"an address":    {`192.0.2.1`, good, `host "192.0.2.1" is an address`},
		"no pathType": {`a.test`, `{path: /, backend: {service: {name: s, port: {number: 80}}}}`,
			"pathType is missing"},
		"a relative path": {
			`a.test`, `{path: shop, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}`,
			`path "shop" does not begin with /`},
		"a path with two //": {
			`a.test`, `{path: /a//b, pathType: Exact, backend: {service: {name: s, port: {number: 80}}}}`,
			`spec.rules[0].http.paths[0].path`},
		"// in a pattern": {
			`a.test`, `{path: /a//b, pathType: ImplementationSpecific, backend: {service: {name: s, port: {number: 80}}}}`, ""},
		"no port": {`a.test`, `{path: /, pathType: Prefix, backend: {service: {name: s}}}`,
			"either a name or a number"},
		"name and number": {
			`a.test`, `{path: /, pathType: Prefix, backend: {service: {name: s, port: {name: http, number: 80}}}}`,
			"either a name or a number"},
		"a port that is none": {
			`a.test`, `{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 70000}}}}`,
			"70000 is not a port"},
		"a number as a name": {
			`a.test`, `{path: /, pathType: Prefix, backend: {service: {name: s, port: {name: "80"}}}}`,
			"write the number 80 without quotes"},
		"no Service": {`a.test`, `{path: /, pathType: Prefix, backend: {}}`, "there is no backend"},
		"a Service without name": {`a.test`, `{path: /, pathType: Prefix, backend: {service: {port: {number: 80}}}}`,
			"the Service has no name"},
	} {
		out, _, err := lbc(t, fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec: {ingressClassName: alb, rules: [{host: %s, http: {paths: [%s]}}]}
`, tc.host, tc.path), "lint", "-")
		told := strings.Contains(out, "the API server refuses the object: ") && strings.Contains(out, "[InvalidManifest]")
		if (tc.want != "") != told || !strings.Contains(out, tc.want) || (tc.want != "") != (err != nil) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestServicesThatNoAPIServerStoresFail has Services, and keys of annotations, that the API server refuses: lint reports
// them, and plan fails.
func TestServicesThatNoAPIServerStoresFail(t *testing.T) {
	t.Parallel()
	service := func(annotations, ports string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: web, annotations: {%s}}\n"+
			"spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: s}, ports: [%s]}\n", annotations,
			ports)
	}
	for _, c := range []struct{ annotations, ports, want string }{
		{"", "{name: http, port: 80, targetPort: web}", ""},
		{"", "{name: http, port: 80}, {name: dns, port: 80, protocol: UDP}", ""},
		{"Example.com/Key_1.x: a", "{port: 80}", ""},
		{"", "", "there is no port (spec.ports)"},
		{"", "{port: 80}, {port: 81}", "each needs a name (spec.ports[0])"},
		{"", "{name: HTTP, port: 80}", `"HTTP" is not the name of a port (spec.ports[0].name)`},
		{"", "{name: a, port: 80}, {name: a, port: 81}", "two ports have the name a (spec.ports[1].name)"},
		{"", "{name: a, port: 80}, {name: b, port: 80}", "two ports are 80/TCP (spec.ports[1])"},
		{"", "{port: 70000}", "70000 is not a port (spec.ports[0].port)"},
		{"", "{port: 80, targetPort: 70000}", "70000 is not a port (spec.ports[0].targetPort)"},
		{"", `{port: 80, targetPort: "8080"}`, "write the number 8080 without quotes"},
		{`"a:b": c`, "{port: 80}", `write a: "b=c"`},
		{`"a b": c`, "{port: 80}", `"a b" is not the key of an annotation (metadata.annotations[a b])`},
	} {
		in := service(c.annotations, c.ports)
		out, _, err := lbc(t, in, "lint", "-")
		if told := strings.Contains(out, "[InvalidManifest]"); (c.want != "") != told || !strings.Contains(out, c.want) ||
			told != (err != nil) {
			t.Errorf("lint %s %s: %v\n%s", c.annotations, c.ports, err, out)
		}
		if _, errOut, err := lbc(t, in, "plan", "-"); (c.want != "") != errors.Is(err, exitInvalid) ||
			c.want != "" && !strings.Contains(errOut, "the API server refuses the object: ") {
			t.Errorf("plan %s %s: %v\n%s", c.annotations, c.ports, err, errOut)
		}
	}
}

func TestConfigurationsOfGatewaysThatNoAPIServerStoresAreErrors(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"LoadBalancerConfiguration {scheme: internal, listenerConfigurations: [{protocolPort: 'HTTP:80'}]}": "",
		"LoadBalancerConfiguration {scheme: public}":                                                        `:5: error: LoadBalancerConfiguration web/c: the API server refuses the object: "public" is not one of internal, internet-facing (spec.scheme) [InvalidManifest]`,
		"LoadBalancerConfiguration {listenerConfigurations: [{protocolPort: HTTP-80}]}":                     `"HTTP-80" does not match`,
		"TargetGroupConfiguration {defaultConfiguration: {targetType: pod}}":                                `"pod" is not one of instance, ip (spec.defaultConfiguration.targetType)`,
		"ListenerRuleConfiguration {actions: [{type: forward}]}":                                            "forwardConfig must be set when type is forward, and only then (spec.actions[0])",
	} {
		kind, spec, _ := strings.Cut(spec, " ")
		out, _, err := lbc(t, fmt.Sprintf("apiVersion: gateway.k8s.aws/v1\nkind: %s\nmetadata: {name: c, namespace: "+
			"web}\n# the\nspec: %s\n", kind, spec), "lint", "-")
		if refused := strings.Contains(out, "the API server refuses the object: "); (want != "") != refused ||
			!strings.Contains(out, want) || (want != "") != (err != nil) {
			t.Errorf("%s: %v\n%s", spec, err, out)
		}
	}
}

func TestHealthChecksThatNothingAnswersAreNoted(t *testing.T) {
	t.Parallel()
	const service = "{apiVersion: v1, kind: Service, metadata: {name: dns}, spec: {type: LoadBalancer%s, ports: [{name: " +
		"dns, port: 53, protocol: UDP, nodePort: 30053}]}}"
	for name, text := range map[string]string{
		"Service default/dns": fmt.Sprintf(service, ", loadBalancerClass: service.k8s.aws/nlb"),
		"UDPRoute default/r": fmt.Sprintf(service, "") + `
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: nlb}, spec: {controllerName: gateway.k8s.aws/nlb}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web}, spec: {gatewayClassName: nlb, listeners: [{name: a, port: 53, protocol: UDP}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: UDPRoute, metadata: {name: r}, spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: dns, port: 53}]}]}}`,
	} {
		out, _, err := lbc(t, text, "lint", "-")
		if !strings.Contains(out, "[UnansweredHealthCheck]") || !strings.Contains(out, "note: "+name) || err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestLintFindsRulesBeyondQuota has 120 rules that no merging brings below the 100
// that AWS allows, and as many paths of one backend, which fit when merged.
func TestLintFindsRulesBeyondQuota(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: " +
		"[{port: 80}]}\n---\n" +
		"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: many, namespace: shop, annotations: " +
		"{alb.ingress.kubernetes.io/target-type: ip}}\nspec:\n  ingressClassName: alb\n  rules:\n"
	for rule, found := range map[string]bool{
		"  - {host: h%d.example.com, http: {paths: [{path: /p%[1]d, pathType: Exact, backend: {service: {name: web, port: " +
			"{number: 80}}}}]}}\n": true,
		"  - {http: {paths: [{path: /p%d, pathType: Exact, backend: {service: {name: web, port: {number: 80}}}}]}}\n": false,
	} {
		var manifest strings.Builder
		manifest.WriteString(head)
		for i := range 120 {
			fmt.Fprintf(&manifest, rule, i)
		}
		for _, command := range [][]string{{"lint", "-"}, {"plan", "-f", "-"}} {
			out, _, err := lbc(t, manifest.String(), command...)
			var code exitCode
			if invalid := errors.As(err, &code) && code == exitInvalid; invalid != found ||
				strings.Contains(out, "[QuotaExceeded]") != found {
				t.Errorf("%v of %q: %v\n%.500s", command, rule, err, out)
			}
		}
	}
}

func TestLintNamesFieldAndRemedyOfABindingOnce(t *testing.T) {
	t.Parallel()
	const manifest = "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: web, namespace: " +
		"shop}\nspec:\n" +
		"  targetGroupARN: arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/1234567890abcdef\n" +
		"  targetType: ip\n  nodeSelector: {}\n  serviceRef: {name: web, port: 80}\n"
	out, _, _ := lbc(t, manifest, "lint", "-")
	if strings.Count(out, "spec.nodeSelector") != 1 || strings.Count(out, "remove nodeSelector") != 1 ||
		!strings.Contains(out, "\n  → remove nodeSelector") {
		t.Errorf("%s", out)
	}
}

// divided has an Ingress with one host for each rule of the last document, an Ingress.
func divided(manifest string) string {
	at := strings.LastIndex(manifest, "---\n")
	lines := strings.Split(strings.TrimSuffix(manifest[at:], "\n"), "\n")
	first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "  - {host:") })
	out := strings.Builder{}
	out.WriteString(manifest[:at])
	for i, rule := range lines[first:] {
		head := strings.Join(lines[:first], "\n")
		fmt.Fprintf(&out, "%s\n%s\n", strings.Replace(head, "name: many,", fmt.Sprintf("name: one-%03d,", i), 1), rule)
	}
	return out.String()
}

// TestAGroupOverSeveralLoadBalancersIsPlannedAsTheyAre has 120 rules of as many hosts, and a class whose group may have
// two load balancers.
func TestAGroupOverSeveralLoadBalancersIsPlannedAsTheyAre(t *testing.T) {
	t.Parallel()
	var manifest strings.Builder
	manifest.WriteString(`apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: front}}
---
apiVersion: elbv2.k8s.aws/v1beta1
kind: IngressClassParams
metadata: {name: front}
spec: {group: {name: front, shards: 2}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: many, namespace: shop, annotations: {alb.ingress.kubernetes.io/target-type: ip}}
spec:
  ingressClassName: alb
  rules:
`)
	for i := range 120 {
		fmt.Fprintf(&manifest, "  - {host: h%03d.example.com, http: {paths: [{path: /p%[1]d, pathType: Exact, backend: "+
			"{service: {name: web, port: {number: 80}}}}]}}\n", i)
	}
	out, _, err := lbc(t, manifest.String(), "plan", "-f", "-")
	if err != nil || !strings.Contains(out, "ingress.k8s.aws:front_1") || strings.Contains(out, "[QuotaExceeded]") {
		t.Errorf("plan: %v\n%s", err, out)
	}
	if out, _, err := lbc(t, manifest.String(), "lint", "-"); err != nil ||
		!strings.Contains(out, "[SeveralLoadBalancers]") || strings.Contains(out, "[QuotaExceeded]") {
		t.Errorf("lint: %v\n%s", err, out)
	}
	if out, _, err := lbc(t, divided(manifest.String()), "lint", "-"); err != nil ||
		strings.Contains(out, "[SeveralLoadBalancers]") {
		t.Errorf("lint of Ingresses with one host each: %v\n%s", err, out)
	}
	for path, status := range map[string]string{"h000.example.com/p0": "forward", "h119.example.com/p119": "forward"} {
		if out, _, err := lbc(t, manifest.String(), "explain", "ingress", "shop/many", "-f", "-", "--request", "GET http://"+
			path); err != nil || !strings.Contains(out, status) {
			t.Errorf("explain %s: %v\n%s", path, err, out)
		}
	}
}

func TestPlanAndExplainWarnOfWAFClassic(t *testing.T) {
	t.Parallel()
	text := strings.Replace(misspelt, "traget-type: ip", "waf-acl-id: 00000000-0000-4000-8000-000000000001", 1)
	const want = "  warning: Ingress default/shop: annotation alb.ingress.kubernetes.io/waf-acl-id has no effect: AWS " +
		"ended WAF Classic on 2025-09-30"
	for _, args := range [][]string{{"plan", "-f", "-"}, {"explain", "-f", "-", "ingress/shop", "-n", "default"}} {
		if out, _, err := lbc(t, text, args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", args[0], err, out)
		}
	}
}
