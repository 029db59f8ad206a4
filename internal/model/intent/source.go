package intent

import (
	"encoding/json"
	"fmt"
	"strings"
	"unique"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Source is the object and field where a value is declared; the zero value = nowhere. Sources with the same object and
// path are ==. A Source is as small as a pointer, because a member has some forty settings, most of them not set.
type Source struct{ at unique.Handle[place] }

// place is the content of a Source. Checkpoints contain its JSON.
type place struct {
	Object diag.Object
	Path   string
}

// At returns a source. A path is, for example, "metadata.annotations[alb.ingress.kubernetes.io/scheme]" or
// "spec.scheme".
func At(o diag.Object, path string) Source {
	if p := (place{o, path}); p != (place{}) {
		return Source{unique.Make(p)}
	}
	return Source{}
}

func (s Source) place() place {
	if s == (Source{}) {
		return place{}
	}
	return s.at.Value()
}

// Equal is ==, for packages that compare structs by reflection.
func (s Source) Equal(to Source) bool { return s == to }

// String returns the object and the field.
func (s Source) String() string { return strings.TrimSpace(s.Object().String() + " " + s.Path()) }

// Object returns where the value is declared.
func (s Source) Object() diag.Object { return s.place().Object }

// Path returns the field that declares the value.
func (s Source) Path() string { return s.place().Path }

// MarshalJSON implements json.Marshaler.
func (s Source) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(s.place())
	if err != nil {
		return nil, fmt.Errorf("writing where a value is declared as JSON: %w", err)
	}
	return text, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Source) UnmarshalJSON(text []byte) error {
	var p place
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("reading where a value is declared: %w", err)
	}
	*s = At(p.Object, p.Path)
	return nil
}

// OfClass reports whether the value is declared by class parameters.
func (s Source) OfClass() bool { return s.Object().Kind == "IngressClassParams" }

// OfConfiguration reports whether the value is declared by a configuration that a Gateway, its class or its routes
// name.
func (s Source) OfConfiguration() bool { return strings.HasSuffix(s.Object().Kind, "Configuration") }

// InvalidCode returns the code of a finding that the value is invalid.
func (s Source) InvalidCode() diag.Code {
	if s.OfConfiguration() {
		return diag.InvalidConfiguration
	}
	return diag.InvalidAnnotation
}

// Place returns the field path; with the object, if that is class parameters, a configuration or a ListenerSet.
func (s Source) Place() string {
	if s.OfClass() || s.OfConfiguration() || s.Object().Kind == "ListenerSet" {
		return s.Path() + " of " + s.Object().String()
	}
	return s.Path()
}

// Field is an optional setting with its provenance. The zero value is "not set".
type Field[T any] struct {
	Value  T
	Set    bool
	Source Source `json:",omitzero"`
}

// Of makes a set field.
func Of[T any](v T, s Source) Field[T] { return Field[T]{Value: v, Set: true, Source: s} }

// Entries makes a field of each entry of a map, with the map's source; nil if there are none.
func Entries(m Field[map[string]string]) map[string]Field[string] {
	if len(m.Value) == 0 {
		return nil
	}
	out := map[string]Field[string]{}
	for k, v := range m.Value {
		out[k] = Of(v, m.Source)
	}
	return out
}

// Or returns the value if it is set, otherwise def.
func (f Field[T]) Or(def T) T {
	if f.Set {
		return f.Value
	}
	return def
}

// declared returns where a set field is declared.
func (f Field[T]) declared() (Source, bool) { return f.Source, f.Set }

// sources are those of the fields that are set.
func sources(fields ...interface{ declared() (Source, bool) }) (out []Source) {
	for _, f := range fields {
		if s, set := f.declared(); set {
			out = append(out, s)
		}
	}
	return out
}
