// Package golden supports the golden cases of front ends: it reads a case's objects, renders intents as short YAML
// without unset fields and with sources on one line, and compares the YAML with the expected file, which -update
// rewrites. Only tests import it.
package golden

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Cases lists the cases of a directory: the files <case>.in.yaml, without the ending.
func Cases(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.in.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".in.yaml")
	}
	return files
}

// Input reads a case. A document of kind Config is decoded into config, the others are objects, filled in as the API
// server would.
func Input(t *testing.T, name string, config any) []metav1.Object {
	t.Helper()
	data, err := os.ReadFile(name + ".in.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		if strings.Contains(document, "\nkind: Config\n") || strings.HasPrefix(document, "kind: Config\n") {
			if err := yaml.Unmarshal([]byte(document), config); err != nil {
				t.Fatal(err)
			}
		}
	}
	objs, skipped, err := manifest.Decode(data, "default")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range skipped {
		if s != "lbc.test/v1 Config" {
			t.Fatalf("%s: %s cannot be read by a front end", name, s)
		}
	}
	manifest.FillIn(objs)
	return objs
}

// Compare compares the result of a case with the expected file.
func Compare(t *testing.T, name string, got any) {
	t.Helper()
	text, err := Render(got)
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, name+".out.yaml", text)
}

// Render returns the YAML form of any value built of intents and diagnostics.
func Render(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	return yaml.Marshal(brief(tree))
}

func brief(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, brief(e))
		}
		return out
	case map[string]any:
		return briefMap(v)
	}
	return v
}

func briefMap(m map[string]any) any {
	switch {
	case has(m, "Kind", "Namespace", "Name", "UID"):
		return object(m)
	case has(m, "Object", "Path"):
		return source(m)
	case has(m, "Value", "Set", "Source"):
		if m["Set"] != true {
			return nil
		}
		return map[string]any{"value": brief(m["Value"]), "from": brief(m["Source"])}
	case has(m, "Object", "Path", "Port", "Code", "Text", "Remedy", "RequestID", "Class", "Phase", "Scope"):
		scope := ""
		if m["Scope"] != "" {
			scope = fmt.Sprintf(" (%s)", m["Scope"])
		}
		return fmt.Sprintf("%s %s%s, %s: %s; %s", m["Class"], m["Code"], scope, source(m), m["Text"], m["Remedy"])
	}
	out := map[string]any{}
	for k, e := range m {
		if b := brief(e); !empty(b) || k == "Weight" && b != nil {
			out[k] = b
		}
	}
	return out
}

func has(m map[string]any, keys ...string) bool {
	if len(m) != len(keys) {
		return false
	}
	for _, k := range keys {
		if _, ok := m[k]; !ok {
			return false
		}
	}
	return true
}

func source(m map[string]any) string {
	o, _ := m["Object"].(map[string]any)
	if s := object(o) + ": " + fmt.Sprint(m["Path"]); s != ": " {
		return s
	}
	return ""
}

func object(m map[string]any) string {
	text := func(k string) string { s, _ := m[k].(string); return s }
	o := diag.Object{Kind: text("Kind"), Namespace: text("Namespace"), Name: text("Name")}
	if o == (diag.Object{}) {
		return ""
	}
	return o.String()
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
