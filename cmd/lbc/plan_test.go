package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// lbcPlan runs "lbc plan" and returns what it prints.
func lbcPlan(t *testing.T, stdin string, args ...string) (out, errOut string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := planCommand()
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

func TestPlansAreAsRecorded(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"examples": "../../examples", "plan-gateway": "testdata/gateway.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, _, err := lbcPlan(t, "", "-f", file)
			if want := map[string]error{"plan-gateway": exitInvalid}[name]; !errors.Is(err, want) {
				t.Fatal(err)
			}
			goldenfile.Compare(t, "testdata/"+name+".txt", out)
		})
	}
}

func TestWithoutItsClassAGatewayIsPlannedByItsListeners(t *testing.T) {
	t.Parallel()
	const gateway = `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "web"}, "spec": {"gatewayClassName": "any",
		"listeners": [{"name": "a", "port": 80, "protocol": "%s"}]}}`
	for protocol, want := range map[string]string{"HTTP": "gateway.k8s.aws.alb:default/web:",
		"TCP": "gateway.k8s.aws.nlb:default/web:"} {
		out, errOut, err := lbcPlan(t, fmt.Sprintf(gateway, protocol), "-f", "-")
		if err != nil || !strings.Contains(out, want) ||
			!strings.Contains(errOut, "GatewayClass any is in none of the files") {
			t.Errorf("%s: %v\n%s%s", protocol, err, out, errOut)
		}
	}
}

func TestAPlanOfFilesAndAClusterHasTheGatewaysThatTheFilesConcern(t *testing.T) {
	t.Parallel()
	read := func(text string) []metav1.Object {
		out, _, err := manifest.Decode([]byte(text), "shop")
		if err != nil {
			t.Fatal(err)
		}
		manifest.FillIn(out)
		return out
	}
	const route = `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": {"parentRefs": [{"name": "%s"}]}}`
	reader := objects.Snapshot{}
	for _, o := range read(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: one}
spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: two}
spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]}
`) {
		reader.Put(o)
	}
	c := &config.Config{}
	config.FlagSet(c)
	for _, test := range []struct{ former, now, want string }{
		{"", fmt.Sprintf(route, "one"), "one"},
		{fmt.Sprintf(route, "one"), fmt.Sprintf(route, "two"), "one two"},
		{"", `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "unused"}}`, ""},
		{"", `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "alb"}}`,
			"one two"},
	} {
		p := placed{object: read(test.now)[0]}
		if test.former != "" {
			p.former = read(test.former)[0]
		}
		reader.Put(p.object)
		only := concerning(reader, c, []placed{p})
		var got []string
		for _, name := range []string{"one", "two"} {
			if only(stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: name}}) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s after %s concerns %v, want %s", test.now, test.former, got, test.want)
		}
	}
}

func TestThePlanAsJSONNamesTheOperations(t *testing.T) {
	t.Parallel()
	out, _, err := lbcPlan(t, "", "-f", "../../examples/nlb.yaml", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Stacks []struct {
			Plan struct {
				Steps []struct{ Action, Operation string }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Stacks) != 1 || len(got.Stacks[0].Plan.Steps) == 0 || got.Stacks[0].Plan.Steps[0].Operation !=
		"CreateSecurityGroup" {
		t.Errorf("%s", out)
	}
}

func TestThePlanAsJSONCountsTheStepsOfAllAndOfEachLoadBalancer(t *testing.T) {
	t.Parallel()
	out, _, err := lbcPlan(t, "", "-f", "../../examples/nlb.yaml", "-f", "../../examples/shop.yaml", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Cluster, Region, VPC string
		Counts               counts
		Stacks               []struct {
			Counts counts
			Plan   struct{ Steps []json.RawMessage }
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Cluster != "demo-cluster" || got.Region != "us-west-2" || got.VPC == "" || len(got.Stacks) != 2 {
		t.Errorf("%+v", got)
	}
	all := 0
	for _, s := range got.Stacks {
		if n := len(s.Plan.Steps); s.Counts.Create != n {
			t.Errorf("%d steps, counted %+v", n, s.Counts)
		}
		all += s.Counts.Create
	}
	if got.Counts.Create != all || all == 0 {
		t.Errorf("%d steps in all, counted %+v", all, got.Counts)
	}
}

func TestAPlanIsWrittenToAFileWithTheDigestsByWhichItIsApproved(t *testing.T) {
	t.Parallel()
	file, held := filepath.Join(t.TempDir(), "plan.json"), filepath.Join(t.TempDir(), "held.yaml")
	text, err := os.ReadFile("../../examples/nlb.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asking := func(value string) string {
		return strings.Replace(string(text), "  annotations:\n",
			"  annotations:\n    service.beta.kubernetes.io/aws-load-balancer-approved-plan: \""+value+"\"\n", 1)
	}
	write := func(text string) {
		if err := os.WriteFile(held, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(asking("none"))
	out, _, err := lbcPlan(t, "", "-f", held, "--out", file)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Kind   string
		Stacks []struct{ Digest string }
	}
	if err := json.Unmarshal(content, &got); err != nil || got.Kind != "Plan" || len(got.Stacks) != 1 {
		t.Fatalf("%v: %s", err, content)
	}
	if want := "aws-load-balancer-approved-plan: " + got.Stacks[0].Digest + " on one"; !strings.Contains(out,
		"NOT APPROVED") || !strings.Contains(out, want) {
		t.Errorf("the text has no %q:\n%s", want, out)
	}
	write(asking(got.Stacks[0].Digest))
	if out, _, err = lbcPlan(t, "", "-f", held); err != nil || strings.Contains(out, "APPROVED") ||
		strings.Contains(out, "refused") {
		t.Errorf("approved: %v\n%s", err, out)
	}
	if _, _, err := lbcPlan(t, "", "-f", held, "--out", filepath.Join(t.TempDir(), "no", "plan.json")); err == nil ||
		!strings.HasPrefix(err.Error(), "--out: ") {
		t.Errorf("a file that cannot be written: %v", err)
	}
}

const badIngress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    alb.ingress.kubernetes.io/scheme: publik
    alb.ingress.kubernetes.io/traget-type: ip
spec:
  ingressClassName: alb
  defaultBackend: {service: {name: web, port: {number: 80}}}
`

func TestAnInvalidObjectEndsWithStatusTwoAndReportsWhatIsWrong(t *testing.T) {
	t.Parallel()
	out, _, err := lbcPlan(t, badIngress, "-f", "-")
	var code exitCode
	if !errors.As(err, &code) || code != 2 {
		t.Errorf("error = %v, want exit status 2", err)
	}
	for _, want := range []string{"alb.ingress.kubernetes.io/scheme", "publik", "target-type"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestWrongUseIsExplained(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args  string
		stdin string
		want  string
	}{
		{"", "", "name files with -f, or a cluster with --kubeconfig"},
		{"-f /nonexistent.yaml", "", "no such file"},
		{"-f - -o toml", badIngress, "must be text, json, yaml, stack or markdown"},
		{"-f - --color red", badIngress, "must be auto, always or never"},
		{"-f -", "kind: [", "document 1"},
		{"-f -", "just text", "-:1: document 1: this is not a Kubernetes object"},
		{"-f -", "a: b", "it needs apiVersion and kind"},
		{"-f -", "apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: x}\n",
			"networking.k8s.io/v1beta1 Ingress x: no cluster serves this version; write apiVersion: networking.k8s.io/v1"},
		{"-f -", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspek: {}\n",
			`document 1: v1 Service x: unknown field "spek"`},
		{"-f - --account /nonexistent.yaml", badIngress, "--account: open /nonexistent.yaml: no such file"},
		{"-f - --default-target-type=pod", badIngress, "invalid value pod"},
		{"-f - --aws-region mars-1", badIngress, "--aws-region is mars-1, and the simulator's built-in account is in " +
			"us-west-2: omit the flag"},
		{"-f - --aws-vpc-id vpc-0123456789abcdef0", badIngress,
			"--aws-vpc-id: there is no VPC vpc-0123456789abcdef0 in us-west-2: aws ec2 describe-vpcs lists"},
		{"-f - --cluster-name=", badIngress, "--cluster-name is empty: name the cluster"},
		{"-f - --kubeconfig /nonexistent", badIngress, "--kubeconfig: "},
	} {
		_, _, err := lbcPlan(t, tc.stdin, strings.Fields(tc.args)...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("lbc plan %s: %v, want %q", tc.args, err, tc.want)
		}
	}
}

func TestOfAFileWithoutLoadBalancersWhatIsNeededIsPrinted(t *testing.T) {
	t.Parallel()
	out, _, err := lbcPlan(t, "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n", "-f",
		"-")
	if err != nil || !strings.Contains(out, "no object declares a load balancer") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAPlanInMarkdownIsFoldedAndNoLongerThanACommentMayBe(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", "plan", "-f", "testdata/settings.yaml", "-o", "markdown", "--color", "always")
	const head = "**Plan of 1 load balancer: 12 to create, 0 to change, 0 to replace, 0 to delete**\n\n| Bill | " +
		"Before | After |\n"
	const table = "`tcp 80 opens to 198.51.100.0/24 within the network` | `ingress.k8s.aws:web/settings` |\n\n" +
		"<details><summary>ingress.k8s.aws:web/settings: 12 to create, 0 to change, 0 to replace, 0 to " +
		"delete</summary>\n\n```text\ningress.k8s.aws:web/settings:\n"
	if err != nil || !strings.HasPrefix(out, head) || !strings.Contains(out, table) ||
		!strings.HasSuffix(out, "\n```\n\n</details>\n") || strings.Contains(out, "\x1b") {
		t.Errorf("%v\n%s", err, out)
	}
	long := markdown("all", "", []section{{"a", "```\n"}, {"b", strings.Repeat("line\n", 20000)}, {"c", "c\n"}})
	if len(long) > 65536 || len(long) < 65000 || !strings.Contains(long, "\n````text\n```\n````\n") ||
		!strings.Contains(long, "line\n```\n\n</details>\n") ||
		!strings.HasSuffix(long, "\nThe rest, from b on, is left out, with 1 further sections: a comment has 65536 "+
			"characters at most. `lbc plan` prints all.\n") {
		t.Errorf("%d: %s … %s", len(long), long[:200], long[len(long)-300:])
	}
}

func TestStacksWithoutChangesAreOneLineAndThereIsATotal(t *testing.T) {
	t.Parallel()
	key := func(name string) stack.Key {
		return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
	}
	one := plan.Plan{Key: key("new"), Steps: []plan.Step{
		{Action: plan.Delete, Resource: stack.Ref{Kind: stack.KindLoadBalancer, ID: "LoadBalancer"},
			Op: awsop.DeleteLoadBalancer{}}}}
	got := offline.Outcome{Stacks: []offline.Result{
		{Key: key("a"), Plan: plan.Plan{Key: key("a")}}, {Key: key("b"), Plan: plan.Plan{Key: key("b")}},
		{Key: key("bad"), Unbuildable: true}, {Key: key("new"), Plan: one},
	}}
	var b strings.Builder
	o := planOptions{}
	if err := o.print(&b, &source{}, judged{Outcome: got}); err != nil {
		t.Fatal(err)
	}
	want := `ingress.k8s.aws:shop/bad: cannot be built; nothing would be changed

ingress.k8s.aws:shop/new:
  - LoadBalancer LoadBalancer  DeleteLoadBalancer
0 to create, 0 to change, 0 to replace, 1 to delete

2 load balancers: nothing to do: ingress.k8s.aws:shop/a, ingress.k8s.aws:shop/b
total of 4 load balancers: 0 to create, 0 to change, 0 to replace, 1 to delete
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPlanShowsSettingsOfNewResources(t *testing.T) {
	t.Parallel()
	one, _, err := lbc(t, "", "plan", "-f", "testdata/settings.yaml")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/plan-settings.txt", one)
	for format, file := range map[string]string{"json": "plan-settings.json", "markdown": "plan-settings.md"} {
		out, _, err := lbc(t, "", "plan", "-f", "testdata/settings.yaml", "-o", format)
		if err != nil {
			t.Fatal(err)
		}
		goldenfile.Compare(t, "testdata/"+file, out)
	}
	const line = "\n      scheme: internet-facing"
	two := []string{"plan", "-f", "../../examples/nlb.yaml", "-f", "testdata/settings.yaml"}
	without, _, _ := lbc(t, "", two...)
	with, _, _ := lbc(t, "", append(two, "--details")...)
	if strings.Contains(without, line) || !strings.Contains(with, line) ||
		!strings.Contains(with, "total of 2 load balancers: ") {
		t.Errorf("without:\n%s\nwith:\n%s", without, with)
	}
}

func TestAPlanShowsALoginButNotItsSecret(t *testing.T) {
	t.Parallel()
	const manifest = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations:
    alb.ingress.kubernetes.io/scheme: internet-facing
    alb.ingress.kubernetes.io/target-type: ip
    alb.ingress.kubernetes.io/certificate-arn: arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001
    alb.ingress.kubernetes.io/auth-type: oidc
    alb.ingress.kubernetes.io/auth-idp-oidc: '{"issuer":"https://idp.example.com","authorizationEndpoint":"https://idp.example.com/authorize","tokenEndpoint":"https://idp.example.com/token","userInfoEndpoint":"https://idp.example.com/userinfo","secretName":"idp"}'
spec:
  ingressClassName: alb
  defaultBackend: {service: {name: web, port: {number: 80}}}
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: idp, namespace: shop}
stringData: {clientID: s3cret-id, clientSecret: s3cret-text}
`
	for _, form := range []string{"text", "json"} {
		out, errOut, err := lbcPlan(t, manifest, "-f", "-", "-o", form)
		if err != nil || strings.Contains(out+errOut, "s3cret") ||
			!strings.Contains(out, "log in at https://idp.example.com") {
			t.Errorf("%s: %v\n%s%s", form, err, out, errOut)
		}
	}
	// Without the Secret the plan says so, and what would answer meanwhile.
	without, _, _ := strings.Cut(manifest, "---\napiVersion: v1\nkind: Secret")
	out, _, err := lbcPlan(t, without, "-f", "-")
	if err == nil || !strings.Contains(out, "secret shop/idp does not exist") ||
		!strings.Contains(out, "fixed response 503") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestThePlanAsYAMLHasTheFieldsOfTheJSON(t *testing.T) {
	t.Parallel()
	asYAML, _, err := lbcPlan(t, "", "-f", "../../examples/nlb.yaml", "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, _, err := lbcPlan(t, "", "-f", "../../examples/nlb.yaml", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	converted, err := yaml.YAMLToJSON([]byte(asYAML))
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := errors.Join(json.Unmarshal(converted, &a), json.Unmarshal([]byte(asJSON), &b)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("(-yaml +json)\n%s", diff)
	}
}

func TestChangesEndWithStatusThreeIfThatIsAskedFor(t *testing.T) {
	t.Parallel()
	var code exitCode
	if _, _, err := lbcPlan(t, "", "-f", "../../examples/nlb.yaml", "--exit-code"); !errors.As(err, &code) ||
		code != exitChanges {
		t.Errorf("error = %v, want exit status 3", err)
	}
	if _, _, err := lbcPlan(t, badIngress, "-f", "-", "--exit-code"); !errors.As(err, &code) || code != exitInvalid {
		t.Errorf("error = %v, want exit status 2", err)
	}
	if _, _, err := lbcPlan(t, "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n", "-f",
		"-", "--exit-code"); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

func TestStacksAreOneJSONTextPerLine(t *testing.T) {
	t.Parallel()
	out, _, err := lbcPlan(t, "", "-f", "../../examples", "-o", "stack")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	ids := make([]string, 0, len(lines))
	for _, l := range lines {
		var s struct{ ID string }
		if err := json.Unmarshal([]byte(l), &s); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	if got := strings.Join(ids, " "); got != "gateway-demo/demo game-2048/game shop nlb/echo" {
		t.Errorf("stacks %s", got)
	}
}

func TestAnIngressUnderDryRunIsPlannedAndThatIsReported(t *testing.T) {
	t.Parallel()
	const manifest = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, annotations: {alb.ingress.kubernetes.io/dry-run: "true"}}
spec: {ingressClassName: alb, rules: [{host: a.example.com}]}
`
	out, _, err := lbcPlan(t, manifest, "-f", "-")
	if err != nil || !strings.Contains(out, "CreateLoadBalancer") ||
		!strings.Contains(out, "note: Ingress default/shop: annotation dry-run is set, so the controller") {
		t.Errorf("%v\n%s", err, out)
	}
}

const ownCertificate = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    alb.ingress.kubernetes.io/create-acm-cert: "true"
spec: {ingressClassName: alb, rules: [{host: shop.example.com}]}
`

func TestPlansShowTheCertificatesThatAreRequested(t *testing.T) {
	t.Parallel()
	const gate = "EnableCertificateManagement=true"
	private := strings.Replace(ownCertificate, "spec:",
		`    alb.ingress.kubernetes.io/acm-pca-arn: "arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/0a1de001-0000-4000-8000-000000000001"`+"\nspec:", 1)
	out, _, err := lbc(t, private, "plan", "-", "-o", "stack", "--feature-gates", gate)
	if err != nil ||
		!strings.Contains(out, `"AWS::ACM::Certificate":{"private/shop.example.com-5be479ca":{"spec":{"type":"PRIVATE",`) {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err = lbc(t, private, "plan", "-", "--feature-gates", gate)
	if err != nil || !strings.Contains(out, "RequestCertificate") || !strings.Contains(out, "[CertificatePending]") {
		t.Errorf("%v\n%s", err, out)
	}
	// Amazon's need a hosted zone; the simulator's own account has one for example.com.
	elsewhere := strings.Replace(ownCertificate, "shop.example.com", "shop.example.net", 1)
	out, _, err = lbc(t, elsewhere, "plan", "-", "--feature-gates", gate)
	var code exitCode
	if !errors.As(err, &code) || code != exitInvalid || !strings.Contains(out, "[HostedZoneNotFound]") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, _, err = lbc(t, elsewhere, "lint", "-", "--feature-gates", gate); err != nil {
		t.Errorf("lint cannot know the zones: %v\n%s", err, out)
	}
}

func TestAnObjectThatNothingCanBeBuiltOfIsReportedWithStatusTwo(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		`group.name: "Bad Name"`:        "error: Ingress default/shop: \"Bad Name\" is not a valid group name",
		`subnets: "subnet-1, subnet-2"`: "ingress.k8s.aws:default/shop: cannot be built; nothing would be changed\n",
	} {
		out, _, err := lbcPlan(t, strings.Replace(misspelt, "traget-type: ip", setting, 1), "-f", "-")
		var code exitCode
		if !errors.As(err, &code) || code != exitInvalid || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s, want %s", setting, err, out, want)
		}
		out, _, _ = lbcPlan(t, strings.Replace(misspelt, "traget-type: ip", setting, 1), "-o", "json", "-f", "-")
		if strings.Contains(out, "null") {
			t.Errorf("%s: programs iterate over steps:\n%s", setting, out)
		}
	}
}

// TestPlanKeepsRouteWithStrayParentRef has a route of a file, without a status, that names no Gateway any more: it stays
// a member of the Gateway whose status the route of the cluster has.
func TestPlanKeepsRouteWithStrayParentRef(t *testing.T) {
	t.Parallel()
	read := func(text string) (out []metav1.Object) {
		out, _, err := manifest.Decode([]byte(text), "shop")
		if err != nil {
			t.Fatal(err)
		}
		manifest.FillIn(out)
		return out
	}
	route := func(parent, status string) string {
		return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n" +
			"spec: {parentRefs: [{name: " + parent + "}], rules: [{filters: [{type: RequestRedirect, " +
			"requestRedirect: {hostname: a.test}}]}]}\n" + status
	}
	s := objects.Snapshot{}
	for _, o := range read(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, finalizers: [gateway.k8s.aws/alb]}
spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]}
---
` + route("web", "status: {parents: [{parentRef: {name: web}, controllerName: gateway.k8s.aws/alb, conditions: "+
		"[{type: Accepted, status: 'True', reason: Accepted, message: '', lastTransitionTime: null}]}]}")) {
		s.Put(o)
	}
	c := &config.Config{}
	config.FlagSet(c)
	members := func(file string) int {
		files := read(file)
		adopt(s, files)
		for _, o := range files {
			s.Put(o)
		}
		w := settings.Loaders(c, true)[stack.GatewayALB].Load(objects.New(s), stack.ID{Namespace: "shop", Name: "web"})
		return len(w.LoadBalancer.Members)
	}
	for _, parent := range []string{"web", "wbe"} {
		if got := members(route(parent, "")); got != 2 {
			t.Errorf("parentRef %s: %d members, want the Gateway and the route", parent, got)
		}
	}
}

func TestGatewayOfFileKeepsRecordsOfCluster(t *testing.T) {
	t.Parallel()
	const key = gateway.ConstructionAnnotation
	for written, want := range map[string]string{"": "compatible", "standard": "standard"} {
		have := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
			Annotations: map[string]string{key: "compatible", "theirs": "x"}}}
		g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		if written != "" {
			g.Annotations = map[string]string{key: written}
		}
		s := objects.Snapshot{}
		s.Put(have)
		adopt(s, []metav1.Object{g})
		if g.Annotations[key] != want || g.Annotations["theirs"] != "" {
			t.Errorf("%q in the file: %v, want %s", written, g.Annotations, want)
		}
	}
}
