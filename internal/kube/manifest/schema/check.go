package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is why the API server refuses a value. Path leads to it, as in spec.actions[0].type.
type Problem struct{ Path, Text, Remedy string }

// Check returns the problems of a value in JSON, by a schema and its rules. It does not report fields that the
// schema lacks, and does not evaluate rules about a value while something in it is wrong.
func (s *Schema) Check(value any) []Problem { return s.check("", withoutNulls(value)) }

// withoutNulls is a value without fields that are null, which the API server takes for absent. Entries of lists stay.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutNulls(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			if e != nil {
				out[name] = withoutNulls(e)
			}
		}
		return out
	}
	return value
}

func (s *Schema) check(path string, value any) []Problem {
	out := s.checkType(path, value)
	if len(out) > 0 {
		return out
	}
	add := func(remedy, format string, args ...any) {
		out = append(out, Problem{path, fmt.Sprintf(format, args...), remedy})
	}
	switch v := value.(type) {
	case string:
		s.checkString(v, add)
	case float64:
		if s.Minimum != nil && v < float64(*s.Minimum) || s.Maximum != nil && v > float64(*s.Maximum) {
			add("write a number within the bounds", "%v is not %s", v, bounds(s.Minimum, s.Maximum))
		}
	case []any:
		if s.MinItems != nil && int64(len(v)) < *s.MinItems || s.MaxItems != nil && int64(len(v)) > *s.MaxItems {
			add("write as many as are admitted", "it has %d entries, not %s", len(v), bounds(s.MinItems, s.MaxItems))
		}
		for i := range v {
			if s.Items != nil {
				out = append(out, s.Items.check(fmt.Sprintf("%s[%d]", path, i), v[i])...)
			}
		}
	case map[string]any:
		out = append(out, s.checkFields(path, v)...)
	}
	if len(out) == 0 {
		for _, r := range s.Rules {
			if !r.holds(value) {
				add("correct it as the message says", "%s", r.Message)
			}
		}
	}
	return out
}

func (s *Schema) checkType(path string, value any) []Problem {
	name, fits := "", false
	switch v := value.(type) {
	case nil:
		name = "null"
	case string:
		name, fits = "string", s.Type == "string"
	case bool:
		name, fits = "boolean", s.Type == "boolean"
	case float64:
		name, fits = "number", s.Type == "number" || s.Type == "integer" && v == float64(int64(v))
	case []any:
		name, fits = "array", s.Type == "array"
	case map[string]any:
		name, fits = "object", s.Type == "object"
	}
	if fits || s.Type == "" {
		return nil
	}
	return []Problem{{path, fmt.Sprintf("it is of type %s, not %s", name, s.Type), "write a value of type " + s.Type}}
}

func (s *Schema) checkString(v string, add func(remedy, format string, args ...any)) {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, any(v)) {
		add("write one of them", "%q is not one of %s", v, list(s.Enum))
	}
	if n := int64(utf8.RuneCountInString(v)); s.MinLength != nil && n < *s.MinLength || s.MaxLength != nil &&
		n > *s.MaxLength {
		add("write a value of another length", "it has %d characters, not %s", n, bounds(s.MinLength, s.MaxLength))
	} else if s.Pattern != "" {
		if p, err := regexp.Compile(s.Pattern); err == nil && !p.MatchString(v) {
			add("write a value that matches", "%q does not match %s", v, s.Pattern)
		}
	}
}

func (s *Schema) checkFields(path string, v map[string]any) (out []Problem) {
	if s.MaxProperties != nil && int64(len(v)) > *s.MaxProperties {
		out = append(out, Problem{path, fmt.Sprintf("it has %d entries, not %s", len(v), bounds(nil, s.MaxProperties)),
			"remove some"})
	}
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			out = append(out, Problem{path, name + " is missing", "add it"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		of, ok := s.Properties[name]
		switch {
		case ok:
			out = append(out, of.check(strings.TrimPrefix(path+"."+name, "."), v[name])...)
		case s.AdditionalProperties != nil:
			out = append(out, s.AdditionalProperties.check(path+"."+name, v[name])...)
		}
	}
	return out
}

func list(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

func bounds(low, high *int64) string {
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf("%d to %d", *low, *high)
	case low != nil:
		return fmt.Sprintf("at least %d", *low)
	}
	return fmt.Sprintf("at most %d", *high)
}
