package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// hostile is what a tenant may write in an annotation: sequences that clear the screen, set the title and the colour, a
// line that looks like the program's own, and characters that turn the direction of text.
const hostile = "\x1b[2J\x1b]0;title\x07\u009b31m\rnothing\nload balancer payroll: 0 to delete\u202e</details>"

// TestHostileValuesStayOnTheirLines has the outputs of commands quote values that tenants write.
func TestHostileValuesStayOnTheirLines(t *testing.T) {
	t.Parallel()
	object := func(name string, annotations map[string]string, path string) string {
		text, err := json.Marshal(map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": map[string]any{"namespace": "mal", "name": name,
				"annotations": annotations},
			"spec": map[string]any{"ingressClassName": "alb", "rules": []any{
				map[string]any{"http": map[string]any{"paths": []any{
					map[string]any{"path": path, "pathType": "ImplementationSpecific", "backend": map[string]any{
						"service": map[string]any{"name": "act", "port": map[string]any{"name": "use-annotation"}}}},
				}}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(escaped(text)) // no YAML may have them unescaped
	}
	action := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	redirect := action(map[string]any{"type": "redirect", "redirectConfig": map[string]string{
		"host": hostile, "query": hostile, "statusCode": "HTTP_301"}})
	const prefix = "alb.ingress.kubernetes.io/"
	files := filepath.Join(t.TempDir(), "hostile.yaml")
	all := strings.Join([]string{
		object("redirect", map[string]string{prefix + "actions.act": redirect}, "/a"),
		object("type", map[string]string{prefix + "actions.act": action(map[string]string{"type": hostile})}, "/a"),
		object("group", map[string]string{
			prefix + "actions.act": action(map[string]string{"type": "forward", "targetGroupName": hostile})}, "/a"),
		object("path", map[string]string{prefix + "actions.act": redirect, prefix + "tags": "note=" +
			strings.ReplaceAll(hostile, ",", "")}, "/a"+hostile),
		object("scheme", map[string]string{prefix + "actions.act": redirect, prefix + "scheme": hostile}, "/a"),
	}, "\n---\n")
	if err := os.WriteFile(files, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"plan", "-f", files}, {"plan", "--details", "-f", files}, {"plan", "-f", files, "-o", "markdown"},
		{"plan", "-f", files, "-o", "json"}, {"plan", "-f", files, "-o", "yaml"},
		{"lint", files}, {"lint", files, "-o", "github"}, {"lint", files, "-o", "json"}, {"lint", files, "-o", "yaml"},
		{"explain", "ingress", "path", "-n", "mal", "-f", files}, {"explain", "ingress", "redirect", "-n", "mal", "-f",
			files}, {"explain", "ingress", "path", "-n", "mal", "-f", files, "-o", "yaml"},
		{"migrate", "-f", files},
	} {
		t.Run(strings.ReplaceAll(strings.Join(args, " "), files, "FILE"), func(t *testing.T) {
			t.Parallel()
			out, errs, _ := lbc(t, "", args...)
			if !strings.Contains(out, "title") {
				t.Fatalf("the value is not quoted: %s%s", out, errs)
			}
			if strings.ContainsAny(out, "\x1b\x07\r\u009b") || strings.Contains(out, "\nload balancer payroll") {
				t.Errorf("%q", out)
			}
			switch args[len(args)-1] {
			case "yaml":
				var v any
				if err := yaml.Unmarshal([]byte(out), &v); err != nil {
					t.Error(err)
				}
			case "json":
				if !json.Valid([]byte(out)) || !strings.Contains(out, `\u009b`) || !strings.Contains(out, `\u202e`) {
					t.Errorf("not valid, or not escaped: %s", out)
				}
			}
		})
	}
}

func TestAScreenShowsControlCharacters(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	text := "NAME\tTAG\n\x1b[32mweb\x1b[0m\t" + "a\x1b[2Jb\u202e" + "\r\n"
	n, err := (&screen{&b}).Write([]byte(text))
	if want := "NAME\tTAG\n\x1b[32mweb\x1b[0m\t" + `a\u001b[2Jb\u202e\r` + "\n"; err != nil || n != len(text) ||
		b.String() != want {
		t.Errorf("%q, %d, %v", b.String(), n, err)
	}
}
