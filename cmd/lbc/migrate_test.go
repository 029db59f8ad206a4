package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// migrateFile is a manifest of testdata/migrate.
func migrateFile(name string) string { return filepath.Join("testdata", "migrate", name+".yaml") }

func TestIngressesAreTranslatedWithAReportOfWhatDiffers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]exitCode{"rules": 0, "group": 0, "former": 0, "leftover": exitInvalid} {
		out, errOut, err := lbc(t, "", "migrate", "-f", migrateFile(name))
		if code := exitCode(0); !errors.As(err, &code) && err != nil || code != want {
			t.Errorf("%s: %v", name, err)
		}
		goldenfile.Compare(t, filepath.Join("testdata", "migrate", name+".gateway.yaml"), out)
		goldenfile.Compare(t, filepath.Join("testdata", "migrate", name+".report.txt"), errOut)
	}
}

func TestTheOutputDoesNotDependOnTheOrderOfTheInput(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"rules", "group", "former", "leftover"} {
		text, err := os.ReadFile(migrateFile(name))
		if err != nil {
			t.Fatal(err)
		}
		documents := strings.Split(string(text), "\n---\n")
		out, errOut, _ := lbc(t, string(text), "migrate", "-f", "-")
		for seed := range uint64(4) {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(documents), func(i, j int) {
				documents[i], documents[j] = documents[j],
					documents[i]
			})
			other, otherErr, _ := lbc(t, strings.Join(documents, "\n---\n"), "migrate", "-f", "-")
			if other != out || otherErr != errOut {
				t.Fatalf("%s, seed %d: the output differs:\n%s\n%s", name, seed, other, otherErr)
			}
		}
	}
}

// comparisons translates manifests, with further arguments, and returns the comparisons of the report.
func comparisons(t *testing.T, manifests string, args ...string) []proof {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	if _, errOut, err := lbc(t, manifests, append([]string{"migrate", "-f", "-", "-o", "json", "--report", report},
		args...)...); err != nil {
		t.Fatalf("%v\n%s\n%s", err, errOut, manifests)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Comparisons []proof }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d.Comparisons
}

func TestTheIngressesOfTheGuidesAreAnsweredAlikeByTheirGateways(t *testing.T) {
	t.Parallel()
	expectGuidesAlike(t, "kind: Ingress\n", 15)
}

// expectGuidesAlike translates the guides that contain a text, and expects that no load balancer differs from the one
// that it becomes, and that so many are compared.
func expectGuidesAlike(t *testing.T, containing string, atLeast int, args ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "examples", "guides", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(containing)) {
			continue
		}
		for _, p := range comparisons(t, string(text), args...) {
			compared++
			if p.Unproven != "" || len(p.Differences) > 0 || p.Requests == 0 {
				t.Errorf("%s: %s: %+v", f, p.From, p)
			}
		}
	}
	if compared < atLeast {
		t.Errorf("only %d load balancers were compared", compared)
	}
}

// randomIngress is an Ingress of hosts with paths of their own, and actions of all kinds.
func randomIngress(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	var b strings.Builder
	b.WriteString("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  namespace: shop\n  name: i\n  " +
		"annotations:\n")
	b.WriteString("    alb.ingress.kubernetes.io/actions.both: " +
		"'{\"type\":\"forward\",\"forwardConfig\":{\"targetGroups\":[{\"serviceName\":\"a\",\"servicePort\":80,\"weight\":3},{\"serviceName\":\"b\",\"servicePort\":\"web\",\"weight\":1}]}}'\n")
	b.WriteString("    alb.ingress.kubernetes.io/actions.away: " +
		"'{\"type\":\"redirect\",\"redirectConfig\":{\"host\":\"away.example.com\",\"statusCode\":\"HTTP_301\"}}'\n")
	b.WriteString("    alb.ingress.kubernetes.io/actions.gone: " +
		"'{\"type\":\"fixed-response\",\"fixedResponseConfig\":{\"statusCode\":\"410\"}}'\n")
	b.WriteString("    alb.ingress.kubernetes.io/conditions.c: " +
		"'[{\"field\":\"http-header\",\"httpHeaderConfig\":{\"httpHeaderName\":\"X-A\",\"values\":[\"one\",\"t*\"]}}]'\n")
	if r.IntN(2) == 0 {
		b.WriteString("    alb.ingress.kubernetes.io/listen-ports: '[{\"HTTP\":80},{\"HTTPS\":443},{\"HTTP\":8080}]'\n")
		b.WriteString("    alb.ingress.kubernetes.io/certificate-arn: " +
			"arn:aws:acm:us-west-2:123456789012:certificate/00000000-0000-4000-8000-000000000001\n")
		if r.IntN(2) == 0 {
			b.WriteString("    alb.ingress.kubernetes.io/ssl-redirect: \"443\"\n")
		}
	}
	b.WriteString("spec:\n  ingressClassName: alb\n")
	backend := func() string {
		if r.IntN(3) == 0 {
			return "{service: {name: " + pick("both", "away", "gone") + ", port: {name: use-annotation}}}"
		}
		return "{service: {name: " + pick("a", "b", "c") + ", port: {" + pick("number: 80", "name: web") + "}}}"
	}
	if r.IntN(2) == 0 {
		// conditions of a Service that is only the default backend would keep the Ingress from serving
		b.WriteString("  defaultBackend: " + strings.ReplaceAll(backend(), "name: c,", "name: a,") + "\n")
	}
	b.WriteString("  rules:\n")
	hosts := []string{"x.example.com", "y.example.com", "*.example.com", ""}
	r.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	for _, h := range hosts[r.IntN(len(hosts)):] {
		if r.IntN(4) == 0 && h != "" {
			continue
		}
		fmt.Fprintf(&b, "    - %shttp:\n        paths:\n", map[bool]string{
			true: "", false: fmt.Sprintf("host: %q\n      ", h)}[h == ""])
		paths := []string{"/", "/p", "/p/q", "/p/q/", "/r", "/rr"}
		r.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		for _, p := range paths[:1+r.IntN(len(paths))] {
			fmt.Fprintf(&b, "          - {path: %s, pathType: %s, backend: %s}\n", p, pick("Exact", "Prefix", "Prefix",
				"ImplementationSpecific"), backend())
		}
	}
	for _, s := range []string{"a", "b", "c"} {
		fmt.Fprintf(&b, "---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: %s}, spec: {type: "+
			"NodePort, ports: [{name: web, port: 80}]}}\n", s)
	}
	return b.String()
}

// TestRandomIngressesAreAnsweredAlikeByTheirGateways has rules in any order, also in others than Gateways have.
func TestRandomIngressesAreAnsweredAlikeByTheirGateways(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(15, 60)) {
		text := randomIngress(rand.New(rand.NewPCG(seed, 1)))
		for _, p := range comparisons(t, text) {
			if p.Unproven != "" || len(p.Differences) > 0 {
				t.Errorf("seed %d: %+v\n%s", seed, p, text)
			}
		}
	}
}

func TestMigrateNeverReplacesAFileUnasked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"migrate", "-f", migrateFile("group"), "--output-dir", dir, "--split", "namespace"}
	_, errOut, err := lbc(t, "", args...)
	if err != nil || !strings.Contains(errOut, "Generated 1 resource(s) in "+filepath.Join(dir, "gatewayclass.yaml")) {
		t.Fatalf("%v\n%s", err, errOut)
	}
	theirs := filepath.Join(dir, "shop", "gateway-resources.yaml")
	if err := os.WriteFile(theirs, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "gatewayclass.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "blog")); err != nil {
		t.Fatal(err)
	}
	_, _, err = lbc(t, "", args...)
	if err == nil || !strings.Contains(err.Error(), theirs+" exists") {
		t.Errorf("%v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("files were written beside one that exists: %v", entries)
	}
	if _, _, err := lbc(t, "", append(args, "--overwrite")...); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(theirs); string(text) == "theirs" {
		t.Error("--overwrite left the file")
	}
}

func TestWhatMigrateIsAskedForIsCheckedFirst(t *testing.T) {
	t.Parallel()
	values := t.TempDir()
	if err := os.WriteFile(filepath.Join(values, "values.yaml"), []byte("replicas: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"values.yaml:1: document 1: this is not a K": {"-f", values},
		"no manifests and no cluster":                {},
		`--output-format "xml": must be yaml`:        {"-f", "x", "--output-format", "xml"},
		`--split "kind": must be namespace`:          {"-f", "x", "--split", "kind"},
		"--split makes several files":                {"-f", "x", "--split", "namespace"},
		"--ingress-name requires exactly one":        {"-f", "x", "--ingress-name", "a", "--namespaces", "b,c"},
		"--ingress-name accepts a single":            {"-f", "x", "--ingress-name", "a,b", "--namespaces", "c"},
		`--output "table": must be text, json or ya`: {"-f", "x", "-o", "table"},
	} {
		if _, _, err := lbc(t, "", append([]string{"migrate"}, args...)...); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestOnlySelectedIngressesAreTranslated(t *testing.T) {
	t.Parallel()
	out, errOut, err := lbc(t, "", "migrate", "-f", migrateFile("group"), "--namespaces", "shop",
		"--ingress-name", "front")
	if err != nil || !strings.Contains(errOut, "warning: Ingress shop/admin: it is a member of group everyone "+
		"and not selected") {
		t.Errorf("%v\n%s", err, errOut)
	}
	if strings.Contains(out, "namespace: blog") || strings.Contains(out, "authenticate-oidc") {
		t.Errorf("others are translated:\n%s", out)
	}
	if out, errOut, err = lbc(t, "", "migrate", "-f", migrateFile("group"), "--namespaces", "nobody"); out != "" ||
		err != nil || errOut != noIngress+"\n" {
		t.Errorf("%q %q %v", out, errOut, err)
	}
}

func TestADifferenceEndsInAnExitStatusOfItsOwnIfAskedFor(t *testing.T) {
	t.Parallel()
	if _, _, err := lbc(t, "", "migrate", "-f", migrateFile("rules"), "--diff-exit"); !errors.Is(err, exitChanges) {
		t.Error(err)
	}
	if _, _, err := lbc(t, "", "migrate", "-f", migrateFile("group"), "--diff-exit"); err != nil {
		t.Error(err)
	}
}

// TestTranslatedManifestsAreWithoutErrorsInLint also checks them against the schemas of the configurations.
func TestTranslatedManifestsAreWithoutErrorsInLint(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"rules", "group"} {
		out, _, err := lbc(t, "", "migrate", "-f", migrateFile(name), "--dry-run=false")
		if err != nil {
			t.Fatal(err)
		}
		out += "---\n{apiVersion: v1, kind: Secret, metadata: {namespace: shop, name: login}, stringData: {clientID: id, " +
			"clientSecret: secret}}\n"
		if found, _, err := lbc(t, out, "lint", "-"); err != nil {
			t.Errorf("%s: %v\n%s", name, err, found)
		}
		if strings.Contains(out, "gateway.k8s.aws/dry-run") {
			t.Errorf("%s: a Gateway is marked as a dry run", name)
		}
	}
}

// tool runs the program under the name lbc-migrate.
func tool(t *testing.T, args ...string) (errOut string, err error) {
	t.Helper()
	cmd := program(append([]string{filepath.Join("bin", migrateTool)}, args...))
	var o, e bytes.Buffer
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	err = cmd.ExecuteContext(t.Context())
	return e.String(), err
}

func TestTheToolHasItsOwnFlagsAndComplaints(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		args []string
		want string
	}{
		{nil, "must specify at least one of: --file (-f), --input-dir, or --from-cluster"},
		{[]string{"-f", "a", "--from-cluster"}, "--from-cluster cannot be used with --file or --input-dir"},
		{[]string{"-f", "a", "--kubeconfig", "k", "--all-namespaces"},
			"--all-namespaces can only be used with --from-cluster"},
		{[]string{"-f", "a", "--namespaces", "n"}, "--namespaces can only be used with --from-cluster"},
		{[]string{"--from-cluster", "--namespaces", "n", "--all-namespaces"},
			"--namespaces and --all-namespaces are mutually exclusive"},
		{[]string{"--from-cluster", "--ingress-name", "a,b"}, "--ingress-name accepts a single Ingress name"},
		{[]string{"--from-cluster", "--ingress-name", "a", "--all-namespaces"},
			"--ingress-name and --all-namespaces are mutually exclusive"},
		{[]string{"--from-cluster", "--ingress-name", "a"}, "--ingress-name requires exactly one --namespaces value"},
		{[]string{"-f", "a", "--output-format", "xml"}, "must be yaml or json"},
		{[]string{"-f", "a", "--split", "kind"}, "must be namespace"},
		{[]string{"-f", filepath.Join("testdata", "nothing-here.yaml")}, "no such file"},
	} {
		_, err := tool(t, x.args...)
		if code := exitCode(0); err == nil || errors.As(err, &code) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v: %v", x.args, err)
		}
	}
}

func TestMigrateTranslatesFilesAndDirectories(t *testing.T) {
	t.Parallel()
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "new", "gateways")
	text, err := os.ReadFile(migrateFile("leftover"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, "LEFT.YAML"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, "values.yml"), []byte("replicas: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	errOut, err := tool(t, "--input-dir", in, "-f", migrateFile("group")+","+migrateFile("rules"), "--output-dir", out,
		"--output-format", "json")
	if err != nil {
		t.Fatalf("%v\n%s", err, errOut)
	}
	var list struct{ Items []struct{ Kind string } }
	if text, err = os.ReadFile(filepath.Join(out, "gateway-resources.json")); err == nil {
		err = json.Unmarshal(text, &list)
	}
	gateways := 0
	for _, x := range list.Items {
		if x.Kind == "Gateway" {
			gateways++
		}
	}
	if err != nil || gateways != 3 || !slices.ContainsFunc(strings.Split(errOut, "\n"),
		func(l string) bool { return strings.HasPrefix(l, "Found 7 Ingress(es), ") }) {
		t.Errorf("%v, %d gateways\n%s", err, gateways, errOut)
	}
	if !strings.Contains(errOut, "Skipping unrecognized resource in input: "+filepath.Join(in, "values.yml")) {
		t.Errorf("the values of a chart are not named:\n%s", errOut)
	}
	empty := t.TempDir()
	if errOut, err = tool(t, "--input-dir", empty); err != nil || errOut != noIngress+"\n" {
		t.Errorf("%q %v", errOut, err)
	}
}
