package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// described is what the reference has of a schema in a definition.
type described struct {
	Description          string
	Type                 string
	Enum                 []string
	Default              any
	Minimum, Maximum     *int64
	MinLength, MaxLength *int64
	MinItems, MaxItems   *int64
	Required             []string
	Properties           map[string]*described
	AdditionalProperties *described
	IntOrString          bool `json:"x-kubernetes-int-or-string"`
	Items                *described
	Rules                []struct{ Message string } `json:"x-kubernetes-validations"`
}

const acceleratorHead = `# Reference of GlobalAccelerators

For teams who declare accelerators of AWS Global Accelerator.
Afterwards you know each field, its default and its limits.

` + generated + `The fields of kind GlobalAccelerator in API group ` + "`aga.k8s.aws`" + `, version ` + "`v1beta1`" +
	`. The kind is namespaced.
[global-accelerator.md](tasks/global-accelerator.md) says how to use GlobalAccelerators.
` + "`lbc lint`" + ` checks manifests without a cluster. Required fields are in bold.

`

// accelerators is the page about GlobalAccelerators, made of their definition.
func accelerators() (string, error) {
	text, err := os.ReadFile(filepath.Join("config", "crd", "aga.k8s.aws_globalaccelerators.yaml"))
	if err != nil {
		return "", err
	}
	var d kind
	if err := yaml.Unmarshal(text, &d); err != nil {
		return "", err
	}
	root := d.Spec.Versions[0].Schema.OpenAPIV3Schema
	var b strings.Builder
	b.WriteString(acceleratorHead)
	for _, part := range []string{"spec", "status"} {
		fmt.Fprintf(&b, "## %s\n\n| Field | Type | Default | Meaning |\n|---|---|---|---|\n", part)
		root.Properties[part].rows(&b, "")
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// rows are the fields below a schema, those of lists after the list itself. Conditions are Kubernetes'.
func (s *described) rows(b *strings.Builder, path string) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		f := s.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		label := "`" + at + "`"
		if slices.Contains(s.Required, name) {
			label = "**" + label + "**"
		}
		absent := ""
		if f.Default != nil {
			absent = fmt.Sprintf("`%v`", f.Default)
		}
		meaning := strings.ReplaceAll(strings.ReplaceAll(f.Description, "\n", " "), "|", "\\|")
		if f.Items != nil {
			for _, r := range f.Items.Rules {
				meaning += " For each entry: " + r.Message + "."
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", label, f.kind(), absent, meaning)
		if f.Items != nil && name != "conditions" {
			f.Items.rows(b, at+"[]")
		}
		f.rows(b, at)
	}
}

// kind is the type of a value, with its bounds.
func (s *described) kind() string {
	if len(s.Enum) > 0 {
		return "`" + strings.Join(s.Enum, "`, `") + "`"
	}
	text := map[string]string{"integer": "number", "boolean": "bool", "object": "map of strings"}[s.Type]
	switch {
	case s.IntOrString:
		text = "number or string"
	case len(s.Properties) > 0:
		text = "object"
	case s.AdditionalProperties != nil && s.AdditionalProperties.Type != "string":
		text = "map"
	case text == "":
		text = s.Type
	}
	if s.Items != nil {
		of := map[string]string{"object": "objects", "string": "strings"}[s.Items.Type]
		text = "list of " + of
	}
	for _, bounds := range []struct {
		from, to *int64
		of       string
	}{{s.Minimum, s.Maximum, ""}, {s.MinLength, s.MaxLength, " characters"}, {s.MinItems, s.MaxItems, ""}} {
		switch {
		case bounds.from != nil && bounds.to != nil:
			text += fmt.Sprintf(", %d to %d%s", *bounds.from, *bounds.to, bounds.of)
		case bounds.to != nil:
			text += fmt.Sprintf(", at most %d%s", *bounds.to, bounds.of)
		}
	}
	return text
}
