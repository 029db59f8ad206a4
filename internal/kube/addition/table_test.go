package addition_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
)

// existing is a list of testdata of what the existing controller v3.5 has, which was checked by hand.
func existing(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// named are the rows of some sorts, by kind and name. A row of a few values is not about the field or annotation: see
// TestEachValueIsKnownOrARow.
func named(sorts ...addition.Sort) map[string]bool {
	out := map[string]bool{}
	for _, r := range addition.Table() {
		if slices.Contains(sorts, r.Sort) && len(r.Only) == 0 {
			out[r.Name] = true
			out[r.On+" "+r.Name] = true
		}
	}
	return out
}

// check compares what this controller has with what the existing one has and the rows.
func check(t *testing.T, what string, have, theirs []string, rows map[string]bool) {
	t.Helper()
	for _, name := range have {
		switch ours, known := rows[name], slices.Contains(theirs, name); {
		case ours && known:
			t.Errorf("%s %s is a row of the table, and the existing controller has it", what, name)
		case !ours && !known:
			t.Errorf("%s %s is new: add a row to internal/kube/addition that says what becomes of it under the "+
				"existing controller", what, name)
		}
	}
	for _, name := range theirs {
		if !slices.Contains(have, name) {
			t.Errorf("%s %s of the existing controller does not exist here", what, name)
		}
	}
}

func TestEachAnnotationIsKnownOrARow(t *testing.T) {
	t.Parallel()
	var have []string
	for _, e := range annotation.Entries() {
		have = append(have, string(e.Key))
	}
	check(t, "annotation", have, existing(t, "annotations.txt"), named(addition.Annotation))
}

func TestEachFieldIsKnownOrARow(t *testing.T) {
	t.Parallel()
	rows, kinds := named(addition.Field), named(addition.Kind)
	var have []string
	for _, d := range definition.Own() {
		if kinds[d.Kind] {
			continue
		}
		for _, fields := range d.Versions {
			for _, f := range fields {
				if strings.HasPrefix(f, "spec.") {
					have = append(have, d.Kind+" "+f)
				}
			}
		}
	}
	slices.Sort(have)
	have = slices.Compact(have)
	theirs := strings.Split(strings.TrimSpace(read(t, "fields.txt")), "\n")
	ours := map[string]bool{}
	for _, f := range have {
		for row := range rows {
			// a row is about what is below it, too
			if f == row || strings.HasPrefix(f, row+".") || strings.HasPrefix(f, row+"[]") {
				ours[f] = true
			}
		}
	}
	check(t, "field", have, theirs, ours)
}

// TestEachFieldOfTheGatewayAPIIsKnownOrARow: fields of its kinds are additions where only this controller reads them.
func TestEachFieldOfTheGatewayAPIIsKnownOrARow(t *testing.T) {
	t.Parallel()
	known := slices.DeleteFunc(strings.Split(strings.TrimSpace(read(t, "gateway.txt")), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "#")
	})
	used := map[string]bool{}
	for _, plural := range []string{"gateways", "listenersets", "httproutes", "grpcroutes"} {
		kind, versions := schemas(t, filepath.Join("playground", "cluster", "gatewayapi", "crd",
			"gateway.networking.k8s.io_"+plural+".yaml"))
		for _, v := range versions {
			for _, f := range v.leaves(kind + " spec") {
				below := func(p string) bool { return f == p || strings.HasPrefix(f, p+".") || strings.HasPrefix(f, p+"[]") }
				at := slices.IndexFunc(known, below)
				if at >= 0 {
					used[known[at]] = true
				}
				row := slices.ContainsFunc(addition.Table(), func(r addition.Row) bool { return below(r.On + " " + r.Name) })
				if row == (at >= 0) {
					t.Errorf("%s has a row: %t, and is in testdata/gateway.txt: %t", f, row, at >= 0)
				}
			}
		}
	}
	for _, p := range known {
		if !used[p] {
			t.Errorf("testdata/gateway.txt has %s, which is no field", p)
		}
	}
}

// TestEachValueIsKnownOrARow: a value that only this controller has is an addition, also where the existing controller
// has the field or annotation.
func TestEachValueIsKnownOrARow(t *testing.T) {
	t.Parallel()
	kinds, have := named(addition.Kind), map[string]bool{}
	files, err := filepath.Glob(filepath.Join(repository(t), "config", "crd", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		kind, versions := schemas(t, filepath.Join("config", "crd", filepath.Base(file)))
		for _, v := range versions {
			if !kinds[kind] {
				v.values(kind+" spec", have)
			}
		}
	}
	for _, e := range annotation.Entries() {
		for _, v := range e.Values {
			have[string(e.Key)+" "+v] = true
		}
	}
	rows := map[string]bool{}
	for _, r := range addition.Table() {
		at := strings.TrimPrefix(r.On+" "+r.Name, " ")
		for _, v := range r.Only {
			rows[at+" "+v] = true
		}
		for value := range have { // a row of a field is about its values
			if len(r.Only) == 0 && strings.HasPrefix(value, at+" ") {
				rows[value] = true
			}
		}
	}
	check(t, "value", slices.Sorted(maps.Keys(have)), strings.Split(strings.TrimSpace(read(t, "values.txt")), "\n"), rows)
}

// schemaNode is a field in the schema of a definition.
type schemaNode struct {
	Properties           map[string]schemaNode
	Items                *schemaNode
	AdditionalProperties *schemaNode
	Enum                 []string
}

// schemas are the kind of a definition, and the spec of each of its versions.
func schemas(t *testing.T, path string) (kind string, specs []schemaNode) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), path))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Names    struct{ Kind string }
			Versions []struct {
				Schema struct{ OpenAPIV3Schema schemaNode }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	for _, v := range crd.Spec.Versions {
		specs = append(specs, v.Schema.OpenAPIV3Schema.Properties["spec"])
	}
	return crd.Spec.Names.Kind, specs
}

// values adds the enumerated values of a field and of those below it.
func (n schemaNode) values(path string, to map[string]bool) {
	for _, v := range n.Enum {
		to[path+" "+v] = true
	}
	for name, below := range n.Properties {
		below.values(path+"."+name, to)
	}
	for _, of := range []*schemaNode{n.Items, n.AdditionalProperties} {
		if of != nil {
			of.values(path+"[]", to)
		}
	}
}

// leaves are the fields below a field that have no fields themselves.
func (n schemaNode) leaves(path string) (out []string) {
	if n.Items != nil {
		return n.Items.leaves(path + "[]")
	}
	for name, below := range n.Properties {
		out = append(out, below.leaves(path+"."+name)...)
	}
	if len(n.Properties) == 0 {
		out = append(out, path)
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachKindIsKnownOrARow(t *testing.T) {
	t.Parallel()
	var have []string
	for _, d := range definition.Own() {
		have = append(have, d.Kind)
	}
	check(t, "kind", have, existing(t, "kinds.txt"), named(addition.Kind))
}

func TestEachFlagAndGateIsKnownOrARow(t *testing.T) {
	t.Parallel()
	var have []string
	config.FlagSet(&config.Config{}).VisitAll(func(f *pflag.Flag) { have = append(have, f.Name) })
	check(t, "flag", have, existing(t, "flags.txt"), named(addition.Flag))
	have = nil
	for _, g := range config.GateDocs() {
		have = append(have, string(g.Name))
	}
	check(t, "feature gate", have, existing(t, "gates.txt"), named(addition.Gate))
}

func TestEachFinalizerIsKnownOrARow(t *testing.T) {
	t.Parallel()
	have := []string{}
	for _, k := range owner.Kinds { // the other finalizers are among the names in the code
		have = append(have, k.Finalizer)
		if k.GroupFinalizer != "" {
			have = append(have, k.GroupFinalizer)
		}
	}
	theirs := existing(t, "finalizers.txt")
	rows := named(addition.Finalizer)
	for _, f := range have {
		if slices.Contains(theirs, f) == rows[f] {
			t.Errorf("finalizer %s: the existing controller has it: %t, the table has a row: %t", f, slices.Contains(theirs, f),
				rows[f])
		}
	}
}

// names are keys of annotations, labels, tags and finalizers as the code writes them.
var names = regexp.MustCompile(
	`"((?:alb\.ingress\.kubernetes\.io|service\.beta\.kubernetes\.io|(?:[a-z0-9]+\.)*k8s\.aws)[./][A-Za-z0-9./_-]*)"`)

func TestEachNameInTheCodeIsKnownOrARow(t *testing.T) {
	t.Parallel()
	root := repository(t)
	have := map[string]bool{}
	for _, dir := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err == nil && path == filepath.Join(root, "internal/controller/lab") {
				return fs.SkipDir // the harness of tests
			}
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				filepath.Base(filepath.Dir(path)) == "addition" {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range names.FindAllSubmatch(text, -1) {
				have[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	known := existing(t, "names.txt")
	rows := named(addition.Annotation, addition.Label, addition.Tag, addition.Finalizer, addition.Condition)
	rows[addition.AutoController] = true // a value of a field
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if !rows[name] && !slices.Contains(known, name) {
			t.Errorf("%s is new: add a row to internal/kube/addition that says what becomes of it under the existing "+
				"controller, or to testdata/names.txt if that one has it", name)
		}
	}
}

// repository is the root of the repository.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		t.Fatal("no go.mod above the test")
	}
}

func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range addition.Table() {
		id := r.On + " " + string(r.Sort) + " " + r.Name
		if seen[id] {
			t.Errorf("%s has two rows", id)
		}
		seen[id] = true
		if r.After == "" || r.Effect != addition.Ignored && r.Before == "" {
			t.Errorf("%s: after %q, before %q", id, r.After, r.Before)
		}
	}
}
