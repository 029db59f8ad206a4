package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

func TestExplanationsAreAsRecorded(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"explain-group":    "explain ingress front -n shop -f ../../examples/shop.yaml",
		"explain-service":  "explain svc/echo -n nlb -f ../../examples/nlb.yaml",
		"explain-settings": "explain ingress web/settings -f testdata/settings.yaml",
		"request-forward":  "explain ingress shop/front -f ../../examples/shop.yaml --request https://shop.example.com/cart",
		"request-redirect": "explain ing shop/front -f ../../examples/shop.yaml --request http://shop.example.com/cart?x=1",
		"request-follow": "explain ing shop/front -f ../../examples/shop.yaml --request " +
			"http://shop.example.com/cart?x=1 -L",
		"request-default": "explain ingress/web/settings -f testdata/settings.yaml --request http://api.example.com/none",
		"request-header": "explain ingress/web/settings -f testdata/settings.yaml --request " +
			"http://api.example.com/v1/x -H X-Env:dev",
		"request-refused": "explain ingress/web/settings -f testdata/settings.yaml --request http://api.example.com:8081/",
		"request-shut": "explain ingress/web/settings -f testdata/settings.yaml --request http://api.example.com/v1/x " +
			"--from 203.0.113.9",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := lbc(t, "", strings.Fields(args)...)
			if err != nil {
				t.Fatal(err)
			}
			goldenfile.Compare(t, "testdata/"+name+".txt", out)
		})
	}
}

func TestExplanationsOfGatewaysAndTheirPartsAreAsRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args string
		want error
	}{
		"explain-gateway":          {"explain gateway -f testdata/gateway.yaml", exitInvalid},
		"explain-gateway-network":  {"explain gateway shop/db -f testdata/gateway-network.yaml", nil},
		"explain-httproute":        {"explain httproute shop/front -f testdata/gateway.yaml", nil},
		"explain-httproute-broken": {"explain httproute broken -n shop -f testdata/gateway.yaml", exitInvalid},
		"explain-httproute-lost":   {"explain httproute lost -f testdata/gateway.yaml", exitInvalid},
		"explain-tcproute":         {"explain tcproute -f testdata/gateway-network.yaml", nil},
		"explain-listenerset":      {"explain listenerset team/more -f testdata/gateway.yaml", nil},
		"request-httproute": {"explain httproute shop/front -f testdata/gateway.yaml --request " +
			"https://shop.example.com/cart -H X-Env:dev", nil},
		"request-isolation": {"explain gateway shop/web -f testdata/gateway.yaml --request http://any.example.org/",
			exitInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := lbc(t, "", strings.Fields(c.args)...)
			if !errors.Is(err, c.want) {
				t.Fatal(err)
			}
			goldenfile.Compare(t, "testdata/"+name+".txt", out)
		})
	}
}

// TestExplanationTellsOfRuleThatNoRequestReaches explains the route of a public report and its Gateway.
func TestExplanationTellsOfRuleThatNoRequestReaches(t *testing.T) {
	t.Parallel()
	for _, object := range []string{"httproute rx/users", "gateway rx/edge"} {
		out, _, err := lbc(t, "", strings.Fields("explain "+object+
			" -f ../../playground/e2e/reports/testdata/02-regex-route.yaml")...)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"HTTPRoute rx/users: no request reaches this rule", "spec.rules[1] of HTTPRoute rx/users",
			"(spec.rules[0])", "write that path as a regular expression in a later rule", "[HiddenRule]"} {
			if !strings.Contains(out, text) {
				t.Errorf("explain %s lacks %q:\n%s", object, text, out)
			}
		}
	}
}

// TestAGatewayWithALongNameIsPlannedAndExplained has one whose tag and labels are shortened.
func TestAGatewayWithALongNameIsPlannedAndExplained(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/gateway-network.yaml")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("d", 253)
	text := strings.NewReplacer("name: db,", "name: "+long+",").Replace(string(content))
	for _, args := range []string{"explain gateway shop/" + long + " -f -", "explain tcproute -f -", "plan -f -"} {
		out, _, err := lbc(t, text, strings.Fields(args)...)
		if err != nil || !strings.Contains(out, "k8s-shop-dddddddd-") {
			t.Errorf("lbc %s: %v\n%s", args, err, out)
		}
	}
}

func TestExplainRouteAsJSON(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", strings.Fields("explain httproute shop/front -f testdata/gateway.yaml -o json")...)
	if err != nil {
		t.Fatal(err)
	}
	var got explain.Part
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Gateways) != 1 || got.Object != "HTTPRoute shop/front" {
		t.Fatalf("%s", out)
	}
	g := got.Gateways[0]
	if g.Gateway.Name != "Gateway shop/web" || len(g.Gateway.Listeners) != 2 || len(g.Gateway.Routes) != 1 ||
		g.Gateway.Routes[0].Parents[1].Listeners[0] != "https (shop.example.com)" {
		t.Errorf("%+v", g.Gateway)
	}
	if r := g.Listeners[0].Rules[4]; !r.Mine || r.Configuration != "ListenerRuleConfiguration shop/office" ||
		r.Source != "spec.rules[0]" {
		t.Errorf("%+v", r)
	}
}

func TestAnExplanationForProgramsNamesSourcesAndTheWinningRule(t *testing.T) {
	t.Parallel()
	args := strings.Fields("explain ingress shop/front -f ../../examples/shop.yaml --request " +
		"https://shop.example.com/preview -o ")
	var got struct {
		LoadBalancer struct {
			Fields []struct{ Name, Value, Source string }
		}
		Request struct {
			Tried []struct{ Rule, Owner, Failed string }
		}
	}
	for format, decode := range map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": func(b []byte, v any) error { return yaml.Unmarshal(b, v) },
	} {
		out, _, err := lbc(t, "", append(args[:len(args):len(args)], format)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		tried := got.Request.Tried
		if len(tried) != 1 || tried[0].Failed != "" || tried[0].Owner != "Ingress shop/preview" {
			t.Errorf("%s: tried %+v", format, tried)
		}
		if f := got.LoadBalancer.Fields[1]; f.Name != "scheme" ||
			!strings.Contains(f.Source, "alb.ingress.kubernetes.io/scheme] of Ingress shop/preview") {
			t.Errorf("%s: field %+v", format, f)
		}
	}
}

func TestObjectsOfEachKindOfOwnerAreFound(t *testing.T) {
	t.Parallel()
	for _, k := range owner.Kinds {
		for _, name := range k.Names {
			if kind, ok := explained(strings.ToUpper(name)); !ok || string(kind) != k.Kind {
				t.Errorf("%s is of kind %q, %v", name, kind, ok)
			}
		}
		o, ok := readable.Kinds[objects.Kind(k.Kind)].Object.DeepCopyObject().(metav1.Object)
		if !ok {
			t.Fatalf("objects of kind %s are not read", k.Kind)
		}
		key := stack.Key{Owner: k.Owner, ID: stack.ID{Namespace: "shop", Name: "web"}}
		o.SetNamespace("shop")
		o.SetName("web")
		o.SetFinalizers([]string{naming.Finalizer(key)})
		v, c := objects.FromObjects([]any{o}), &config.Config{}
		if got := offline.KeysOf(v, c, o); !slices.Contains(got, key) {
			t.Errorf("%s depends on its object, not %v", key, got)
		}
		var planned []stack.Key
		_, err := offline.Planner{Config: c}.Plans(t.Context(), v, func(key stack.Key) bool {
			planned = append(planned, key)
			return false
		})
		if err != nil || !slices.Contains(planned, key) {
			t.Errorf("%s is not planned, only %v: %v", key, planned, err)
		}
	}
}

func TestWrongUseOfExplainIsExplained(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"explain ingress shop -f ../../examples/shop.yaml",
			"Ingress default/shop is not found: there is shop/front, shop/preview; -n chooses the namespace"},
		{"explain ingress shop", "name files with -f, or a cluster with --kubeconfig"},
		{"explain pod shop -f ../../examples/shop.yaml",
			`"pod" cannot be explained: write ingress, service, gateway, httproute, grpcroute, tcproute, udproute, tlsroute, listenerset, globalaccelerator or targetgroupbinding`},
		{"explain shop -f ../../examples/shop.yaml", "name the kind and the object"},
		{"explain svc shop/blue -f ../../examples/shop.yaml", "shop/blue is not managed by the controller"},
		{"explain svc nlb/echo -f ../../examples/nlb.yaml --request http://x/", "a network load balancer has no rules"},
		{"explain ingress shop/front -f ../../examples/shop.yaml --request /cart",
			"write it as 'GET https://shop.example.com/path'"},
		{"explain ingress shop/front -f ../../examples/shop.yaml --request http://x/ -H nonsense",
			"write it as 'Name: value'"},
		{"explain ingress shop/front -f ../../examples/shop.yaml --from nowhere", "--from \"nowhere\" is not an IP address"},
		{"explain ingress shop/front -f ../../examples/shop.yaml -L", "need a request: add --request"},
		{"explain -f ../../examples/shop.yaml", "name one of: ingress shop/front, ingress shop/preview"},
		{"explain svc -f ../../examples/shop.yaml", "there is nothing to explain: no Ingress, no Gateway, and no Service " +
			"of type LoadBalancer"},
		{"explain ingress front -n nowhere -f ../../examples/shop.yaml",
			"Ingress nowhere/front is not found: there is shop/front"},
		{"explain udproute -f testdata/gateway-network.yaml", "there is nothing to explain"},
		{"explain tcproute shop/other -f testdata/gateway-network.yaml",
			"TCPRoute shop/other is not found: there is shop/sql"},
		{"explain tcproute -f testdata/gateway-network.yaml --request http://x/", "a network load balancer has no rules"},
		{"explain gateway -f testdata/gateway.yaml --enable-x", "unknown flag"},
	} {
		_, _, err := lbc(t, "", strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("lbc %s: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestAnInvalidIngressIsExplainedByItsFindings(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, badIngress, "explain", "ingress", "shop", "-f", "-")
	var code exitCode
	if !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v", err)
	}
	for _, want := range []string{"cannot be built; existing resources are not changed",
		`scheme: "publik" is not a valid value`, "did you mean alb.ingress.kubernetes.io/target-type?"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if _, _, err := lbc(t, badIngress, "explain", "ingress", "shop", "-f", "-", "--request", "http://x/"); err == nil ||
		!strings.Contains(err.Error(), "publik") {
		t.Errorf("error = %v", err)
	}
}

func TestShellsCompleteObjectsAndFormats(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][]string{
		"__complete explain ": {"ingress", "service"},
		"__complete explain -f ../../examples/shop.yaml -n shop ingress ":      {"front", "preview"},
		"__complete explain -f ../../examples/shop.yaml -n elsewhere ingress ": {":4"},
		"__complete timeline ":    {"ingress", "globalaccelerator", "loadbalancer"},
		"__complete timeline -o ": {"text", "json", "yaml"},
		"__complete plan -o ":     {"text", "json", "yaml", "stack"},
		"__complete lint -o ":     {"github"},
	} {
		out, _, err := lbc(t, "", append(strings.Fields(args), "")...)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains("\n"+out, "\n"+w+"\n") {
				t.Errorf("%s: %q is missing in %q", args, w, out)
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out, _, err := lbc(t, "", "completion", shell)
		if err != nil || !strings.Contains(out, "lbc") {
			t.Errorf("%s: %v", shell, err)
		}
	}
}

func TestWhatIsMeantNeedsNoFullName(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"explain -f ../../examples/nlb.yaml":                                 "Service nlb/echo\n",
		"explain ingress -f testdata/settings.yaml":                          "Ingress web/settings\n",
		"explain ingress preview -f ../../examples/shop.yaml":                "Ingress shop/preview\n",
		"explain -f testdata/settings.yaml --request http://api.example.com": "GET http://api.example.com/\n",
	} {
		out, _, err := lbc(t, "", strings.Fields(args)...)
		if err != nil || !strings.HasPrefix(out, want) {
			t.Errorf("lbc %s: %v\n%s", args, err, out)
		}
	}
}

const classSetsTargets = `
apiVersion: elbv2.k8s.aws/v1beta1
kind: IngressClassParams
metadata: {name: ips}
spec: {targetType: ip}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: ips}
spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: ips}}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {alb.ingress.kubernetes.io/target-type: instance, alb.ingress.kubernetes.io/listen-ports: '[{"HTTPS": 443}]'}
spec: {ingressClassName: ips, rules: [{host: shop.example.com}], defaultBackend: {service: {name: api, port: {number: 80}}}}
`

func TestEveryFieldNamesWhatSetIt(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, classSetsTargets, "explain", "-f", "-", "-o", "json", "--default-tags", "cost=42",
		"--default-load-balancer-scheme", "internet-facing")
	if err != nil {
		t.Fatal(err)
	}
	type fields []struct{ Name, Value, Source, Default string }
	var got struct {
		LoadBalancer struct{ Fields fields }
		Listeners    []struct{ Fields fields }
		TargetGroups []struct{ Fields fields }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	where := map[string]string{}
	for _, f := range append(append(got.LoadBalancer.Fields, got.Listeners[0].Fields...), got.TargetGroups[0].Fields...) {
		if f.Source == "" && f.Default == "" {
			t.Errorf("nothing tells where %q comes from", f.Name)
		}
		where[f.Name] = f.Value + " " + f.Source + f.Default
	}
	for name, want := range map[string]string{
		"scheme":       "internet-facing --default-load-balancer-scheme",
		"tag cost":     "42 --default-tags",
		"TLS policy":   "ELBSecurityPolicy-2016-08 --default-ssl-policy",
		"targets":      "ip spec.targetType of IngressClassParams ips",
		"port":         "1 each target has its own port: the target port of Service default/api is a name",
		"address type": "ipv4 --default-ip-address-type, for new load balancers",
		"backend":      "Service default/api port 80 spec.defaultBackend of Ingress default/shop",
	} {
		if where[name] != want {
			t.Errorf("%s: %q, want %q", name, where[name], want)
		}
	}
	if !strings.HasSuffix(where["certificates"], "found in ACM for the hosts") {
		t.Errorf("certificates: %q", where["certificates"])
	}
}

func TestTheExitStatusOfExplainIsAboutTheObjectThatWasAskedFor(t *testing.T) {
	t.Parallel()
	const group = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s, namespace: shop, annotations: {alb.ingress.kubernetes.io/group.name: shared, alb.ingress.kubernetes.io/target-type: %s}}
spec:
  ingressClassName: alb
  rules: [{host: %[1]s.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
`
	manifests := fmt.Sprintf(group, "front", "ip") + fmt.Sprintf(group, "broken", "pods") +
		"apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}]}\n"
	for name, want := range map[string]error{"front": nil, "broken": exitInvalid} {
		out, errOut, err := lbc(t, manifests, "explain", "ingress", "shop/"+name, "-f", "-")
		if !errors.Is(err, want) || !strings.Contains(out, "target-type") {
			t.Errorf("%s: %v\n%s%s", name, err, out, errOut)
		}
	}
}
