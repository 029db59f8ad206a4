package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

const repository = "../.."

func TestEveryCommandWithJSONIsInTheFamily(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, m := range family {
		known[m.command] = true
	}
	for _, c := range rootCommand().Commands() {
		f := c.Flag("output")
		if f == nil || apart[c.Name()] != "" {
			continue
		}
		if strings.Contains(f.Usage, "json") && !known[c.Name()] {
			t.Errorf("lbc %s prints JSON of no kind: add it to the family", c.Name())
		}
	}
}

func TestTheSchemasOfTheDocumentationAreThoseOfTheCommand(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(repository, "docs", "schema")
	for _, m := range family {
		name := strings.ToLower(string(m.kind)) + ".json"
		out, _, err := lbc(t, "", "schema", string(m.kind))
		if err != nil {
			t.Fatal(err)
		}
		goldenfile.Compare(t, filepath.Join(dir, name), out)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != len(family) {
		t.Errorf("%d files for %d kinds, %v", len(files), len(family), err)
	}
}

// validate holds a document against the schema of its kind.
func validate(t *testing.T, what, document string, kind documentKind) {
	t.Helper()
	n := slices.IndexFunc(family, func(m member) bool { return m.kind == kind })
	text, err := schemaOf(family[n].kind, family[n].about, family[n].fields)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err == nil {
		err = compiled.Validate(value)
	}
	if err != nil {
		t.Errorf("%s: %v\n%.2000s", what, err, document)
	}
}

func TestDocumentsOfCommandsMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	guides := filepath.Join(repository, "examples", "guides")
	for _, c := range []struct {
		args string
		kind documentKind
	}{
		{"plan -f " + guides, planKind},
		{"plan -f testdata/gateway.yaml", planKind},
		{"plan -f testdata/settings.yaml", planKind},
		{"plan -f testdata/lint.yaml", planKind},
		{"lint testdata/lint.yaml", lintKind},
		{"lint " + guides, lintKind},
		{"explain httproute shop/front -f testdata/gateway.yaml", routeExplanationKind},
		{"explain gateway shop/web -f testdata/gateway.yaml", explanationKind},
		{"explain gateway shop/web -f testdata/gateway.yaml --request https://shop.example.com/cart", explanationKind},
		{"plan" + acceleratorFile + acceleratorGate, planKind},
		{"plan" + bindingFile, planKind},
		{"explain targetgroupbinding shop/web" + bindingFile, bindingExplanationKind},
		{"explain globalaccelerator shop/front" + acceleratorFile + acceleratorGate, acceleratorExplanationKind},
		{"version", versionKind},
		{"plan -f /nonexistent", errorKind},
		{"lint /nonexistent", errorKind},
		{"doctor --kubeconfig /nonexistent", errorKind},
	} {
		for _, format := range []string{"json", "yaml"} {
			if c.args == "version" && format == "yaml" {
				continue
			}
			out, errOut, err := executed(t, append(strings.Fields(c.args), "-o", format)...)
			if code := exitCode(0); err != nil && !errors.As(err, &code) && c.kind != errorKind {
				t.Errorf("%s: %v\n%s", c.args, err, errOut)
				continue
			}
			if format == "yaml" {
				text, err := yaml.YAMLToJSON([]byte(out))
				if err != nil {
					t.Fatal(err)
				}
				out = string(text)
			}
			validate(t, c.args, out, c.kind)
		}
	}
}

func TestTheReportOfAMigrationMatchesItsSchema(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"rules", "group", "leftover"} {
		report := filepath.Join(t.TempDir(), "report.json")
		_, errOut, err := lbc(t, "", "migrate", "-f", migrateFile(name), "-o", "json", "--report", report)
		if code := exitCode(0); err != nil && !errors.As(err, &code) {
			t.Fatalf("%v\n%s", err, errOut)
		}
		text, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, name, string(text), migrationKind)
	}
}

func TestOrphansAndTheirCleanupMatchTheirSchemas(t *testing.T) {
	_, account := leftBehind(t)
	out, _, _ := lbc(t, "", append([]string{"orphans", "-o", "json"}, account...)...)
	validate(t, "orphans", out, orphansKind)
	out, errOut, err := lbc(t, "no\n", append([]string{"cleanup", "--all", "-o", "json"}, account...)...)
	if err == nil {
		t.Errorf("nothing was confirmed: %s", errOut)
	}
	validate(t, "cleanup", out, cleanupKind)
}

func TestTheReportOfADoctorMatchesItsSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../internal/lbc/checks/testdata/sick.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := withHead(diagnosisKind, json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	validate(t, "doctor", string(document), diagnosisKind)
}

func TestADocumentIsTheOnlyOneOnItsOutput(t *testing.T) {
	_, account := leftBehind(t)
	out, _, err := executed(t, append([]string{"cleanup", "--all", "-o", "json"}, account...)...)
	var d struct{ Kind string }
	if err == nil || json.Unmarshal([]byte(out), &d) != nil || d.Kind != string(cleanupKind) {
		t.Errorf("a refused cleanup prints its plan alone: %v\n%s", err, out)
	}
	if out, _, err = executed(t, "plan", "-f", "/nonexistent"); err == nil || out != "" {
		t.Errorf("text has no document of an error: %v\n%s", err, out)
	}
}

func TestASchemaOfNoKindIsRefusedWithTheKinds(t *testing.T) {
	t.Parallel()
	if _, _, err := lbc(t, "", "schema", "Plans"); err == nil || !strings.Contains(err.Error(),
		"there is no kind \"Plans\"; there are Plan, ") {
		t.Error(err)
	}
	if out, _, err := lbc(t, "", "schema"); err != nil || strings.Count(out, "\n") != len(family) {
		t.Errorf("%v\n%s", err, out)
	}
}

// executed runs the program as main does.
func executed(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := rootCommand()
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(""))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	err = execute(func() (*cobra.Command, error) { return cmd.ExecuteContextC(t.Context()) }, cmd)
	return o.String(), e.String(), err
}
