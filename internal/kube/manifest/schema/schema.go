// Package schema checks objects against the schemas and rules of CustomResourceDefinitions, like the API server
// before it stores them. It supports what this project's definitions use: no formats, no references, no rules about
// old values. It imports no package of this project.
package schema

import (
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"
)

// Schema is the schema of a value.
type Schema struct {
	Type                 string            `json:"type"`
	Format               string            `json:"format"` // not checked
	Pattern              string            `json:"pattern"`
	Enum                 []any             `json:"enum"`
	Default              any               `json:"default"`
	Minimum              *int64            `json:"minimum"`
	Maximum              *int64            `json:"maximum"`
	MinLength            *int64            `json:"minLength"`
	MaxLength            *int64            `json:"maxLength"`
	MinItems             *int64            `json:"minItems"`
	MaxItems             *int64            `json:"maxItems"`
	MaxProperties        *int64            `json:"maxProperties"`
	Properties           map[string]Schema `json:"properties"`
	Items                *Schema           `json:"items"`
	AdditionalProperties *Schema           `json:"additionalProperties"`
	Required             []string          `json:"required"`
	MapType              string            `json:"x-kubernetes-map-type"`
	Rules                []Rule            `json:"x-kubernetes-validations"`
}

// Rule is a rule in CEL about a value.
type Rule struct {
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// Definition has the parts of a CustomResourceDefinition that are read.
type Definition struct {
	Kind   string
	Schema Schema // of the version that is stored
}

// Parse reads a CustomResourceDefinition.
func Parse(text []byte) (Definition, error) {
	var d struct {
		Spec struct {
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
			Versions []struct {
				Storage bool `json:"storage"`
				Schema  struct {
					OpenAPIV3Schema Schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		return Definition{}, fmt.Errorf("the definition is not valid: %w", err)
	}
	for _, v := range d.Spec.Versions {
		if v.Storage {
			return Definition{d.Spec.Names.Kind, v.Schema.OpenAPIV3Schema}, nil
		}
	}
	return Definition{}, errors.New("the definition has no version that is stored")
}
