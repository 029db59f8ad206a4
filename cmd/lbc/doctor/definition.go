package doctor

import (
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/config/crd"
)

// Definition is what is compared of a CustomResourceDefinition.
type Definition struct {
	Kind     string
	Bundle   string              // version of the Gateway API that it is of
	Versions map[string][]string // the fields of each version that is served, as paths, sorted
}

// DefinitionOf reads a CustomResourceDefinition.
func DefinitionOf(object map[string]any) (name string, d Definition) {
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
		fields := map[string]bool{}
		collect(fields, "", child(child(v, "schema"), "openAPIV3Schema"))
		d.Versions[n] = slices.Sorted(maps.Keys(fields))
	}
	return name, d
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

// ownDefinitions are those of config/crd.
func ownDefinitions() map[string]Definition {
	out := map[string]Definition{}
	files, err := crd.All.ReadDir(".")
	if err != nil {
		panic(err) // the files are in the binary
	}
	for _, f := range files {
		text, err := crd.All.ReadFile(f.Name())
		if err != nil {
			panic(err) // as above
		}
		var object map[string]any
		if err := yaml.Unmarshal(text, &object); err != nil {
			panic(err) // as above
		}
		name, d := DefinitionOf(object)
		out[name] = d
	}
	return out
}
