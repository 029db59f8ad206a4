package annotation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknownMember is a member of a JSON value that no field stands for, and the field that it most likely means. instead
// is true if the value lacks that field. within are the fields in addition to it that have a field of its name.
type unknownMember struct {
	path, meant string
	instead     bool
	within      []string
}

func unknownMembers(path string, value any, of reflect.Type) (out []unknownMember) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch v := value.(type) {
	case []any:
		if of.Kind() == reflect.Slice {
			for i, e := range v[:min(len(v), mostElements)] {
				out = append(out, unknownMembers(fmt.Sprintf("%s[%d]", path, i), e, of.Elem())...)
			}
		}
	case map[string]any:
		if of.Kind() != reflect.Struct || implementsJSON(of) {
			return nil
		}
		names := fieldsOf(of)
		members := slices.Sorted(maps.Keys(v))
		for _, name := range members[:min(len(members), mostElements)] {
			at := strings.TrimPrefix(path+"."+name, ".")
			if f, known := names[strings.ToLower(name)]; known {
				out = append(out, unknownMembers(at, v[name], f.of)...)
				continue
			}
			m := unknownMember{path: at, within: fieldsWith(names, name)}
			if len(m.within) == 0 {
				m.meant = cmp.Or(names[nearestOf(strings.ToLower(name), names)].name, longer(name, names))
			}
			m.instead = m.meant != "" && !slices.ContainsFunc(members, func(other string) bool {
				return strings.EqualFold(other, m.meant)
			})
			out = append(out, m)
		}
	}
	return out
}

// longer is the only field whose name ends with another one; empty if there is none.
func longer(name string, among map[string]member) (found string) {
	const short = 5 // a name of so few characters may end by chance with it
	for lower, m := range among {
		if len(name) > short && strings.HasSuffix(lower, strings.ToLower(name)) {
			if found != "" {
				return ""
			}
			found = m.name
		}
	}
	return found
}

// member is a field of a struct as JSON names it.
type member struct {
	name string
	of   reflect.Type
}

// fieldsOf are the fields of a struct by their names in lower case.
func fieldsOf(of reflect.Type) map[string]member {
	names := map[string]member{}
	for _, f := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names[strings.ToLower(name)] = member{name, f.Type}
		} else if name == "" && f.IsExported() && !f.Anonymous {
			names[strings.ToLower(f.Name)] = member{f.Name, f.Type}
		}
	}
	return names
}

// fieldsWith are the paths from some fields, sorted, to those whose own fields include one of a name.
func fieldsWith(among map[string]member, name string) (out []string) {
	for _, f := range among {
		of := f.of
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || implementsJSON(of) {
			continue
		}
		own := fieldsOf(of)
		if _, has := own[strings.ToLower(name)]; has {
			out = append(out, f.name)
			continue
		}
		for _, deeper := range fieldsWith(own, name) {
			out = append(out, f.name+"."+deeper)
		}
	}
	slices.Sort(out)
	return out
}

func implementsJSON(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}
