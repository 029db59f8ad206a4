// Package definition compares CustomResourceDefinitions with those of config/crd: which fields each version has. lbc
// doctor compares the definitions that a cluster stores; the controller compares the schemas that its API server
// publishes.
package definition

import (
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/config/crd"
)

// Definition has the parts of a CustomResourceDefinition that are compared.
type Definition struct {
	Kind     string
	Bundle   string              // version of the Gateway API that it is of
	Versions map[string][]string // the fields of each version that is served, as paths, sorted
}

// Of reads a CustomResourceDefinition.
func Of(object map[string]any) (name string, d Definition) {
	meta, spec := child(object, "metadata"), child(object, "spec")
	name, _ = meta["name"].(string)
	d.Kind, _ = child(spec, "names")["kind"].(string)
	d.Bundle, _ = child(meta, "annotations")["gateway.networking.k8s.io/bundle-version"].(string)
	d.Versions = map[string][]string{}
	versions, _ := spec["versions"].([]any)
	for _, x := range versions {
		v, _ := x.(map[string]any)
		if served, _ := v["served"].(bool); !served {
			continue
		}
		n, _ := v["name"].(string)
		d.Versions[n] = Fields(child(child(v, "schema"), "openAPIV3Schema"))
	}
	return name, d
}

// Fields returns the fields of a schema, as paths, sorted.
func Fields(schema map[string]any) []string {
	fields := map[string]bool{}
	collect(fields, "", schema)
	return slices.Sorted(maps.Keys(fields))
}

// Lacks returns the fields that a version should have and has not; both lists are sorted.
func Lacks(has, wants []string) (out []string) {
	for _, field := range wants {
		if _, ok := slices.BinarySearch(has, field); !ok {
			out = append(out, field)
		}
	}
	return out
}

// collect adds the paths of a schema's fields.
func collect(into map[string]bool, at string, schema map[string]any) {
	for name, x := range child(schema, "properties") {
		path := name
		if at != "" {
			path = at + "." + name
		}
		into[path] = true
		if s, ok := x.(map[string]any); ok {
			collect(into, path, s)
		}
	}
	for _, of := range []string{"items", "additionalProperties"} {
		if s := child(schema, of); s != nil {
			collect(into, at+"[]", s)
		}
	}
}

func child(of map[string]any, key string) map[string]any {
	m, _ := of[key].(map[string]any)
	return m
}

// Own returns the definitions of config/crd, by name.
func Own() map[string]Definition {
	out := map[string]Definition{}
	for _, text := range crd.All() {
		var object map[string]any
		if err := yaml.Unmarshal(text, &object); err != nil {
			panic(err) // the files are in the binary
		}
		name, d := Of(object)
		out[name] = d
	}
	return out
}
