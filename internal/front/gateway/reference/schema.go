package reference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/manifest/schema"
)

// field is a field of a definition's spec.
type field struct {
	path     string // such as listenerConfigurations[].protocolPort
	schema   schema.Schema
	required bool // by the object that contains it
}

// fields returns the fields of the spec of version v1, in the order of their paths. It does not descend into label
// selectors.
func fields(crd []byte) ([]field, error) {
	d, err := schema.Parse(crd)
	if err != nil {
		return nil, err
	}
	return fieldsOf(d.Schema.Properties["spec"], ""), nil
}

func fieldsOf(s schema.Schema, prefix string) (out []field) {
	for name, p := range s.Properties {
		at := field{path: prefix + name, schema: p, required: slices.Contains(s.Required, name)}
		inside, below := p, "."
		if p.Items != nil {
			inside, below = *p.Items, "[]."
		}
		out = append(out, at)
		if inside.MapType == "" { // label selectors are atomic
			out = append(out, fieldsOf(inside, at.path+below)...)
		}
	}
	slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.path, b.path) })
	return out
}

// text is the type of a field with what its values are held to.
func text(s schema.Schema) string {
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
		name = "list of " + plural(text(*s.Items))
	case s.AdditionalProperties != nil:
		name = "map to " + text(*s.AdditionalProperties)
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
