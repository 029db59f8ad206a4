package reference

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// definition is what is read of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Versions []struct {
			Name   string `json:"name"`
			Schema struct {
				OpenAPIV3Schema schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// schema is what is read of the schema of a field.
type schema struct {
	Type                 string            `json:"type"`
	Format               string            `json:"format"`
	Enum                 []any             `json:"enum"`
	Default              any               `json:"default"`
	Minimum              *int64            `json:"minimum"`
	Maximum              *int64            `json:"maximum"`
	MinLength            *int64            `json:"minLength"`
	MaxLength            *int64            `json:"maxLength"`
	MinItems             *int64            `json:"minItems"`
	MaxItems             *int64            `json:"maxItems"`
	MaxProperties        *int64            `json:"maxProperties"`
	Properties           map[string]schema `json:"properties"`
	Items                *schema           `json:"items"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Required             []string          `json:"required"`
	MapType              string            `json:"x-kubernetes-map-type"`
}

// field is a field of a definition's spec.
type field struct {
	path     string // such as listenerConfigurations[].protocolPort
	schema   schema
	required bool // by the object that contains it
}

// fields are those of the spec of version v1, in the order of their paths. Label selectors are not opened.
func fields(crd []byte) ([]field, error) {
	var d definition
	if err := yaml.Unmarshal(crd, &d); err != nil {
		return nil, err
	}
	for _, v := range d.Spec.Versions {
		if v.Name == "v1" {
			return v.Schema.OpenAPIV3Schema.Properties["spec"].fields(""), nil
		}
	}
	return nil, errors.New("the definition has no version v1")
}

func (s schema) fields(prefix string) (out []field) {
	for name, p := range s.Properties {
		at := field{path: prefix + name, schema: p, required: slices.Contains(s.Required, name)}
		inside, below := p, "."
		if p.Items != nil {
			inside, below = *p.Items, "[]."
		}
		out = append(out, at)
		if inside.MapType == "" { // label selectors are atomic
			out = append(out, inside.fields(at.path+below)...)
		}
	}
	slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.path, b.path) })
	return out
}

// text is the type of a field with what its values are held to.
func (s schema) text() string {
	var limits []string
	bound := func(format string, low, high *int64) {
		switch {
		case low != nil && high != nil:
			limits = append(limits, fmt.Sprintf(format, fmt.Sprintf("%d to %d", *low, *high)))
		case low != nil:
			limits = append(limits, fmt.Sprintf(format, fmt.Sprintf("at least %d", *low)))
		case high != nil:
			limits = append(limits, fmt.Sprintf(format, fmt.Sprintf("at most %d", *high)))
		}
	}
	bound("%s", s.Minimum, s.Maximum)
	bound("characters: %s", s.MinLength, s.MaxLength)
	bound("entries: %s", s.MinItems, s.MaxItems)
	bound("entries: %s", nil, s.MaxProperties)
	name := s.Type
	switch {
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", v))
		}
		name = strings.Join(values, ", ")
	case s.Items != nil:
		name = "list of " + plural(s.Items.text())
	case s.AdditionalProperties != nil:
		name = "map to " + s.AdditionalProperties.text()
	case s.MapType != "":
		name = "label selector"
	case s.Type == "integer":
		name = cmp.Or(s.Format, "int")
	case s.Type == "boolean":
		name = "bool"
	}
	if len(limits) > 0 {
		name += ", " + strings.Join(limits, ", ")
	}
	return name
}

func plural(name string) string {
	first, rest, limited := strings.Cut(name, ",")
	if strings.HasPrefix(name, "`") {
		return name
	}
	if limited {
		return first + "s," + rest
	}
	return name + "s"
}
