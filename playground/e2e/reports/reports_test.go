// Package reports shows end to end what holds of inputs after public reports about controllers of this kind. Each file
// of testdata says in its header where it comes from and what must hold.
package reports

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Parallel(4); harness.Main(m) }

// told is an event that an object gets.
type told struct {
	kind, object string
	texts        []string // that it has
}

// answer is a request to the load balancer of an object.
type answer struct{ kind, object, scheme, path, host string }

// report is a row: an input, and what the user hears.
type report struct {
	file   string
	events []told
	// lint and plan are what the command line says of the file. Each text is in one line.
	lint, plan []string
	// invalid reports that lint finds errors.
	invalid bool
	// never is in no event of the namespace.
	never []string
	// answers are requests that get 200.
	answers []answer
	check   func(*testing.T, *harness.Cluster)
}

func (r report) namespace() string { return namespaces[r.file] }

var namespaces = map[string]string{
	"02-regex-route": "rx", "03-regex-ingress": "rxi", "04-mesh-clusterip": "mesh",
	"08-action-for-annotation": "mix", "11-external-name": "shopk",
	"16-attribute-of-a-listener": "at", "19-cors-headers": "cors", "21-http-codes-for-grpc": "gr",
	"23-forward-without-target":    "wl",
	"25-acme-challenge-on-gateway": "acme", "26-acme-challenge-on-ingress": "cmi", "28-no-node-has-the-labels": "nl",
	"32-certificate-comes-later": "awc",
	"36-one-name-for-two":        "twn", "40-rules-of-the-pods-by-hand": "mbs", "44-two-certificates-for-a-host": "crt",
	"50-refused-for-good": "gone",
}

const doubled = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de0d0-0000-4000-8000-00000000000"

var reports = []report{
	{file: "02-regex-route", events: []told{
		{"HTTPRoute", "users", []string{"no request reaches this rule", "spec.rules[1] of HTTPRoute rx/users"}}},
		lint: []string{"[HiddenRule]"}, plan: []string{"[HiddenRule]"}, check: explained("httproute rx/users",
			"no request reaches this rule", "spec.rules[1] of HTTPRoute rx/users", "write that path as a regular expression")},
	{file: "03-regex-ingress", events: []told{{"Ingress", "shop", []string{"no request reaches this rule", "/stock/"}},
		{"Ingress", "shop", []string{"no request reaches this rule", "/orders", "paths[3] of Ingress rxi/shop"}},
		{"Ingress", "shop", []string{"no request reaches this rule", "/legacy/"}}},
		lint: []string{"path regex ^/orders(/.*)?$"}, plan: []string{"[HiddenRule]"}},
	{file: "04-mesh-clusterip", events: []told{{"Service", "edge-istio", []string{"[AddressNotShown]",
		"remove annotation service.beta.kubernetes.io/aws-load-balancer-type", "ServiceTypeLoadBalancerOnly"}}},
		answers: []answer{{"Ingress", "edge", "http", "/", ""}}},
	{file: "08-action-for-annotation", events: []told{
		{"Ingress", "web", []string{"did you mean alb.ingress.kubernetes.io/ssl-redirect", "served without a redirect"}}},
		lint: []string{"served without a redirect"}, never: []string{"annotation.Action"}},
	{file: "11-external-name", events: []told{{"Ingress", "scaled", []string{"ExternalName", "[NoTargets]"}},
		{"HTTPRoute", "scaled", []string{"ExternalName", "[NoTargets]"}}},
		lint: []string{"[NoTargets]"}, plan: []string{"[NoTargets]"},
		answers: []answer{{"Ingress", "scaled", "http", "/", ""}}, check: examined("targets-absent",
			"Service shopk/interceptor-proxy is of type ExternalName", "name a Service that selects the pods")},
	{file: "16-attribute-of-a-listener", invalid: true, events: []told{{"Service", "web", []string{
		"tcp.idle_timeout.seconds is not an attribute of a target group", "listener-attributes", "target-group-attributes"}}},
		lint: []string{"tcp.idle_timeout.seconds is not an attribute of a target group",
			"did you mean service.beta.kubernetes.io/aws-load-balancer-healthcheck-interval?",
			"did you mean service.beta.kubernetes.io/aws-load-balancer-attributes: zonal_shift"}, plan: []string{
			"tcp.idle_timeout.seconds is not an attribute"}, check: delayIsSet},
	{file: "19-cors-headers", invalid: true, events: []told{{"Ingress", "cors-quoted", []string{`GET\,POST\,OPTIONS`}},
		{"Ingress", "cors-plain", []string{`header_value=GET\,POST`}},
		{"Ingress", "wrong-key", []string{"listener-attributes.HTTP-80"}}}, lint: []string{`GET\,POST`},
		answers: []answer{{"Ingress", "cors-escaped", "http", "/", "cors-escaped.example.com"}}, check: headersAreSent},
	{file: "21-http-codes-for-grpc", invalid: true, events: []told{
		{"Ingress", "api", []string{"speaks gRPC", "backend-protocol-version of Ingress gr/api"}}}, lint: []string{
		"speaks gRPC"}},
	{file: "23-forward-without-target", invalid: true, events: []told{{"Ingress", "admin", []string{`"type":"forward"`,
		"forwardConfig"}}}, lint: []string{`"type":"forward"`}, never: []string{"redirectConfig"}, check: notOpened},
	{file: "25-acme-challenge-on-gateway", never: []string{"none is named"}, lint: []string{
		"secret acme/app-tls does not exist"}, events: []told{
		{"Gateway", "edge", []string{"secret acme/app-tls", "[SecretRefused]"}},
		{"HTTPRoute", "app", []string{"secret acme/app-tls", "[SecretRefused]"}},
	}, answers: []answer{{"Gateway", "edge", "http", "/.well-known/acme-challenge/tok3n", "app.acme.test"}}},
	{file: "26-acme-challenge-on-ingress", events: []told{
		{"Ingress", "cm-acme-http-solver-9qz4v", []string{"port 80 redirects all requests", "listen-ports"}}}, lint: []string{
		"[HiddenRule]"}},
	{file: "28-no-node-has-the-labels", events: []told{{"Ingress", "web", []string{"no node has the labels " +
		"karpenter.sh/nodepool=web", "[NoTargets]"}}}, check: bindingHears},
	{file: "32-certificate-comes-later", never: []string{"no certificate found for host: late.pending.test " +
		"(spec.listeners)"}, events: []told{
		{"HTTPRoute", "late", []string{"no certificate found for host: late.pending.test", "spec.hostnames"}},
		{"Gateway", "edge", []string{"late.pending.test of HTTPRoute awc/late", "[HostWithoutCertificate]"}},
	}, answers: []answer{{"Gateway", "edge", "https", "/", "web.example.com"}}},
	{file: "36-one-name-for-two", invalid: true, events: []told{{"Service", "edge-two", []string{
		"shared-edge belongs to Service twn/edge-one", "[NameTaken]"}}}, never: []string{"delete what holds it"},
		lint: []string{`load balancer name "shared-edge" is taken: Service twn/edge-one`}, plan: []string{"[NameTaken]"},
		answers: []answer{{"Service", "edge-one", "http", "/", ""}}, check: noTargetGroupOfSecond},
	{file: "40-rules-of-the-pods-by-hand", events: []told{
		{"Service", "edge", []string{"manage-backend-security-group-rules has no effect without"}}}, lint: []string{
		"manage-backend-security-group-rules"}},
	{file: "44-two-certificates-for-a-host", events: []told{{"Ingress", "found", []string{"2 certificates cover " +
		"twice.doubled.test", "[SeveralCertificates]"}}}, check: planIsEmpty},
	{file: "50-refused-for-good", invalid: true, events: []told{
		{"Ingress", "files", []string{`path "/files|old" has a character`, "[InvalidRule]"}}}, lint: []string{
		`path "/files|old" has a character`},
		plan: []string{`path "/files|old" has a character`}, never: []string{"[HiddenRule]"}},
}

// TestReportedInputsAreToldAsTheyShould shows that users hear of each input on the right object, with
// cause and remedy, in events, lint and plan.
func TestReportedInputsAreToldAsTheyShould(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays all inputs; pure tests and tests of internal/controller/lab show each kind")
	}
	c := harness.Start(t, harness.Options{})
	a := c.Simulator.Account
	a.Lock()
	for n, domain := range []string{"twice.doubled.test", "*.doubled.test"} {
		a.AddCertificate(&account.Certificate{ARN: doubled + fmt.Sprint(n), Domain: domain, AlternativeNames: []string{
			domain}, Status: "ISSUED", Type: "AMAZON_ISSUED", KeyAlgorithm: "RSA_2048"})
	}
	a.Unlock()
	for _, r := range reports {
		t.Run(r.file, func(t *testing.T) {
			t.Parallel()
			r.play(t, c)
		})
	}
	t.Cleanup(func() { wantNoneRefused(t, c) }) // after the parallel ones
}

// wantNoneRefused expects that AWS refuses no call of the controller for what it says. Which names of load balancers
// are taken, only AWS knows. When a namespace ends, targets may be deregistered while their target group is deleted.
func wantNoneRefused(t *testing.T, c *harness.Cluster) {
	t.Helper()
	deleted := map[string]bool{}
	for _, call := range c.Simulator.Gate.Calls(gate.Filter{Caller: harness.ControllerKey, Action: "DeleteTargetGroup"}) {
		if in, ok := call.Input.(*elbv2.DeleteTargetGroupInput); ok {
			deleted[aws.ToString(in.TargetGroupArn)] = true
		}
	}
	for _, call := range c.Simulator.Gate.Calls(gate.Filter{Caller: harness.ControllerKey, Failed: true}) {
		if call.Code == "ValidationError" || strings.HasPrefix(call.Code, "Invalid") ||
			strings.HasSuffix(call.Code, "NotFound") && !harness.IsRead(call.Action) {
			if in, ok := call.Input.(*elbv2.DeregisterTargetsInput); ok && deleted[aws.ToString(in.TargetGroupArn)] {
				continue
			}
			t.Errorf("AWS refuses %s: %s %s", call.Action, call.Code, call.Message)
		}
	}
}

// notOpened expects no load balancer of an Ingress whose guard is invalid.
func notOpened(t *testing.T, c *harness.Cluster) {
	t.Helper()
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if lb.Tags["ingress.k8s.aws/stack"] == "wl/admin" {
			t.Errorf("load balancer %s serves without the guard", lb.Name)
		}
	}
}

func (r report) play(t *testing.T, c *harness.Cluster) {
	t.Helper()
	path := filepath.Join("testdata", r.file+".yaml")
	status := 0
	if r.invalid {
		status = invalidStatus
	}
	want(t, "lint", lbc(t, c, []int{status}, "lint", path), r.lint)
	want(t, "plan", lbc(t, c, []int{0, invalidStatus}, "plan", "-f", path), r.plan) // which reads the account, too
	c.ApplyFile(t, path)
	for _, e := range r.events {
		waitTold(t, c, r.namespace(), e)
	}
	for _, a := range r.answers {
		c.WaitAnswer(t, a.request(t, c, r.namespace()), 200, "")
	}
	if r.check != nil {
		r.check(t, c)
	}
	list, err := c.TryKubectl(t, "get", "events", "-n", r.namespace(), "-o", "jsonpath={.items[*].message}")
	for _, text := range r.never {
		if err != nil || strings.Contains(strings.ToLower(list), strings.ToLower(text)) {
			t.Errorf("an event has %q: %v", text, err)
		}
	}
}

func (a answer) request(t *testing.T, c *harness.Cluster, namespace string) harness.Request {
	t.Helper()
	address := map[string]func() string{
		"Ingress": func() string { return c.IngressAddress(t, namespace, a.object) },
		"Service": func() string { return c.ServiceAddress(t, namespace, a.object) },
		"Gateway": func() string { return scene.GatewayAddress(t, c, namespace, a.object) },
	}[a.kind]()
	return harness.Request{Target: a.scheme + "://" + address + a.path, Host: a.host}
}

// headersAreSent expects the header whose value has commas.
func headersAreSent(t *testing.T, c *harness.Cluster) {
	t.Helper()
	a := answer{"Ingress", "cors-escaped", "http", "/", "cors-escaped.example.com"}
	r := c.WaitAnswer(t, a.request(t, c, "cors"), 200, "")
	if got := r.Header.Get("Access-Control-Allow-Methods"); got != "GET,POST,OPTIONS" {
		t.Errorf("methods %q", got)
	}
}

func want(t *testing.T, what, out string, texts []string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%s lacks %q:\n%s", what, text, out)
		}
	}
}

func waitTold(t *testing.T, c *harness.Cluster, namespace string, e told) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("an event of %s %s with %q", e.kind, e.object, e.texts), func(context.Context) error {
		var seen []string
		for _, x := range c.Events(t, e.kind, namespace, e.object) {
			seen = append(seen, x.Message)
			if !slices.ContainsFunc(e.texts, func(text string) bool { return !strings.Contains(x.Message, text) }) {
				return nil
			}
		}
		return fmt.Errorf("%q", seen)
	})
}

// invalidStatus is that of lbc if an object is invalid, and of lbc doctor if it finds errors. Status 1 is lbc's own
// failure.
const invalidStatus = 2

// lbc runs the command line, which exits with one of some statuses.
func lbc(t *testing.T, c *harness.Cluster, statuses []int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(string(c.Repo), "bin", "lbc"), args...)
	cmd.Env = c.Environ()
	out, err := cmd.CombinedOutput()
	status := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(statuses, status) {
		t.Errorf("lbc %q exits with status %d, want %d:\n%s", args, status, statuses, out)
	}
	return string(out)
}

// bindingHears waits until the binding of the target group without targets has the event, too.
func bindingHears(t *testing.T, c *harness.Cluster) {
	t.Helper()
	name := c.Kubectl(t, "get", "targetgroupbindings", "-n", "nl", "-o", "jsonpath={.items[0].metadata.name}")
	waitTold(t, c, "nl", told{"TargetGroupBinding", name, []string{"no node has the labels karpenter.sh/nodepool=web"}})
}

func noTargetGroupOfSecond(t *testing.T, c *harness.Cluster) {
	t.Helper()
	for _, tg := range c.Simulator.Resources().TargetGroups {
		if strings.HasPrefix(tg.Name, "k8s-twn-edgetwo") {
			t.Errorf("target group %s is made", tg.Name)
		}
	}
}

// delayIsSet waits until the other attribute of the list is in effect.
func delayIsSet(t *testing.T, c *harness.Cluster) {
	t.Helper()
	c.WaitFor(t, "the delay of 30 seconds", func(context.Context) error {
		for _, tg := range c.Simulator.Resources().TargetGroups {
			if strings.HasPrefix(tg.Name, "k8s-at-web") && tg.Attributes["deregistration_delay.timeout_seconds"] == "30" {
				return nil
			}
		}
		return errChanges
	})
}

var errChanges = errors.New("what is wanted is not so")

// explained expects what lbc explain says of an object.
func explained(object string, texts ...string) func(*testing.T, *harness.Cluster) {
	return func(t *testing.T, c *harness.Cluster) {
		t.Helper()
		want(t, "explain", lbc(t, c, []int{0, invalidStatus},
			append(strings.Fields("explain "+object), scope(c)...)...), texts)
	}
}

// examined waits until lbc doctor says something in a check.
func examined(check string, texts ...string) func(*testing.T, *harness.Cluster) {
	return func(t *testing.T, c *harness.Cluster) {
		t.Helper()
		c.WaitFor(t, "a finding of doctor", func(context.Context) error {
			out := lbc(t, c, []int{0, invalidStatus, 4}, append([]string{"doctor", "--check", check}, scope(c)...)...)
			for _, text := range texts {
				if !strings.Contains(out, text) {
					return fmt.Errorf("%w: it lacks %q: %s", errChanges, text, out)
				}
			}
			return nil
		})
	}
}

// scope are the flags for the cluster and its account.
func scope(c *harness.Cluster) []string {
	return []string{"--kubeconfig", c.Env.Kubeconfig, "--aws-region", "us-west-2", "--aws-vpc-id",
		c.Simulator.Seed().VPC.ID, "--cluster-name", c.Simulator.Seed().Cluster.Name}
}

// planIsEmpty waits until lbc, which knows only what AWS holds, plans nothing: plan and controller agree. A touch
// changes nothing.
func planIsEmpty(t *testing.T, c *harness.Cluster) {
	t.Helper()
	c.Kubectl(t, "label", "-n", "crt", "ingress/named", "ingress/found", "example.com/touched=true")
	c.WaitFor(t, "an empty plan", func(context.Context) error {
		if out := lbc(t, c, []int{0}, append([]string{"plan", "-n", "crt"}, scope(c)...)...); !strings.Contains(out,
			"0 to create, 0 to change, 0 to replace, 0 to delete") && !strings.Contains(out, "nothing to do") {
			return fmt.Errorf("%w: %s", errChanges, out)
		}
		return nil
	})
	out := lbc(t, c, []int{0}, append([]string{"explain", "ingress", "crt/found"}, scope(c)...)...)
	want(t, "explain", out, []string{"certificate-arn] of Ingress crt/named", "found in ACM for the hosts of " +
		"Ingress crt/found"})
}
