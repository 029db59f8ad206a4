package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// object is a JSON object of a schema.
type object = map[string]any

// sharedSchemas are the schemas of types that write their JSON themselves, or that share one. All findings share one,
// so that a document with a finding of another shape does not match.
var sharedSchemas = map[string]object{
	"finding": {
		"type": "object", "additionalProperties": false, "required": []string{"severity", "reason", "message"},
		"properties": object{
			"severity": object{"enum": []string{severityError, severityWarning, severityNote}},
			"object":   object{"type": "string", "description": "Kind namespace/name, or the name of a resource"},
			"field":    object{"type": "string"},
			"reason":   object{"type": "string", "description": "one word for programs"},
			"message":  object{"type": "string"},
			"remedy":   object{"type": "string"},
			"evidence": object{"type": "array", "items": object{"type": "string"}},
			"file":     object{"type": "string"},
			"line":     object{"type": "integer", "minimum": 1},
		},
	},
	"step": {
		"type": "object", "additionalProperties": false, "required": []string{"id", "action", "resource", "operation",
			"arguments", "lane"},
		"properties": object{
			"id": object{"type": "string"}, "action": object{"type": "string"}, "operation": object{"type": "string"},
			"lane":      object{"type": "string"},
			"resource":  object{"type": "object"},
			"arguments": object{"type": "object", "description": "of the operation of AWS"},
			"needs":     object{"type": "array", "items": object{"type": "string"}},
			"after":     object{"type": "array", "items": object{"type": "string"}},
			"why":       object{"type": "array", "items": object{"type": "string"}},
			"guard":     object{"type": "object"},
			"notBefore": object{"type": "string", "format": "date-time"},
		},
	},
}

// shared names the schemas of types.
var shared = map[reflect.Type]string{
	reflect.TypeFor[finding]():         "finding",
	reflect.TypeFor[explain.Finding](): "finding",
	reflect.TypeFor[doctor.Finding]():  "finding",
	reflect.TypeFor[migrate.Finding](): "finding",
	reflect.TypeFor[plan.Step]():       "step",
}

// schemaOf is the JSON Schema of a kind. Its objects are closed: a version of lbc prints no other fields.
func schemaOf(kind documentKind, about string, fields reflect.Type) ([]byte, error) {
	s := schemas{defs: object{}}
	root := s.structure(fields)
	properties, _ := root["properties"].(object)
	properties["apiVersion"], properties["kind"] = object{"const": apiVersion}, object{"const": kind}
	required, _ := root["required"].([]string)
	root["required"] = append([]string{"apiVersion", "kind"}, required...)
	root["$schema"], root["title"], root["description"] = "https://json-schema.org/draft/2020-12/schema", kind, about
	if len(s.defs) > 0 {
		root["$defs"] = s.defs
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", kind, err)
	}
	return b.Bytes(), nil
}

// schemas are the schemas of Go types, as encoding/json writes them; structs are definitions, since they may hold
// themselves.
type schemas struct{ defs object }

func (s *schemas) of(t reflect.Type) object {
	if name, ok := shared[t]; ok {
		s.defs[name] = sharedSchemas[name]
		return reference(name)
	}
	text := reflect.TypeFor[encoding.TextMarshaler]()
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Implements(text) && t.Kind() != reflect.Interface:
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		name := strings.ToLower(t.Name()[:1]) + t.Name()[1:]
		if _, ok := s.defs[name]; !ok {
			s.defs[name] = object{} // for what it holds of itself
			s.defs[name] = s.structure(t)
		}
		return reference(name)
	case reflect.Slice, reflect.Array:
		return object{"type": []string{"array", "null"}, "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	default:
		return object{"type": "integer"}
	}
}

func reference(name string) object { return object{"$ref": "#/$defs/" + name} }

func (s *schemas) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" || !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		properties[name] = s.of(f.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties, "required": required}
}
