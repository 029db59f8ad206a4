package chart

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/spf13/cobra"
	"helm.sh/helm/v4/pkg/chart/common"
	"k8s.io/kubectl/pkg/util/templates"
)

// methods are those of hack/overlay/methods.txt, which templates can call in programs that make builds.
func methods(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../hack/overlay/methods.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// encoders are methods that no template calls: they take or return bytes for other packages.
var encoders = regexp.MustCompile(`^((Un)?[Mm]arshal|Gob|Scan$|Value$|AppendText$|AppendBinary$)`)

func TestTemplatesFindMethodsOfTheirValues(t *testing.T) {
	t.Parallel()
	listed := methods(t)
	for _, typ := range []reflect.Type{
		reflect.TypeFor[common.VersionSet](), reflect.TypeFor[*common.KubeVersion](), reflect.TypeFor[common.Values](),
		reflect.TypeFor[*semver.Version](), reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration](),
		reflect.TypeFor[time.Month](),
	} {
		for i := range typ.NumMethod() {
			m := typ.Method(i)
			usable := m.Type.NumOut() == 1 || m.Type.NumOut() == 2 && m.Type.Out(1) == reflect.TypeFor[error]()
			if !encoders.MatchString(m.Name) && usable && !slices.Contains(listed, m.Name) {
				t.Errorf("hack/overlay/methods.txt lacks %s of %s, which templates of a chart can call", m.Name, typ)
			}
		}
	}
}

func TestTemplatesOfKubectlFindTheirMethods(t *testing.T) {
	t.Parallel()
	listed := methods(t)
	all := templates.MainHelpTemplate() + templates.MainUsageTemplate() + templates.OptionsHelpTemplate() +
		templates.OptionsUsageTemplate()
	for _, name := range regexp.MustCompile(`\.([A-Z]\w*)`).FindAllStringSubmatch(all, -1) {
		if _, isField := reflect.TypeFor[cobra.Command]().FieldByName(name[1]); !isField &&
			!slices.Contains(listed, name[1]) {
			t.Errorf("hack/overlay/methods.txt lacks %s, which kubectl's help calls", name[1])
		}
	}
}

// TestTemplatesCallListedMethods renders what the playground links: with make's flags its templates find listed methods
// only.
func TestTemplatesCallListedMethods(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeChart(t, dir, map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: methods\nversion: 1.0.0\n",
		"note.txt":   "first\nsecond\n",
		"templates/m.yaml": `kind: ConfigMap
apiVersion: v1
metadata: {name: m}
data:
  has: {{ .Capabilities.APIVersions.Has "v1" | quote }}
  kubernetes: {{ .Capabilities.KubeVersion.GitVersion }}
  get: {{ .Files.Get "note.txt" | quote }}
  lines: {{ .Files.Lines "note.txt" | join "," }}
  config: {{ (.Files.Glob "*.txt").AsConfig | quote }}
  secrets: {{ (.Files.Glob "*.txt").AsSecrets | quote }}
  values: {{ .Values.AsMap | len | quote }}
  minor: {{ (semver "1.2.3").Minor | quote }}
  compared: {{ (semver "1.2.3").Compare (semver "1.2.4") | quote }}
  year: {{ (toDate "2006-01-02" "2026-07-01").Year | quote }}
`,
	})
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Render(map[string]any{"a": "b"}, Release{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"has": "true", "kubernetes": "v1.37.0", "get": "first\nsecond\n", "lines": "first,second",
		"config":  "note.txt: |\n  first\n  second",
		"secrets": "note.txt: Zmlyc3QKc2Vjb25kCg==", "values": "1", "minor": "2", "compared": "-1", "year": "2026",
	}
	if got := r.Object("ConfigMap", "m").Object["data"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func writeChart(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
