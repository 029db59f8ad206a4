package plan

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// arguments writes an operation as JSON. Its fields have the names of the Go structs in lower camel case, like all
// other fields of plans: IPAddressType is ipAddressType. Keys of maps, such as tags, do not change.
type arguments struct{ Operation }

// MarshalJSON writes fields in the order of their structs.
func (a arguments) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := writeValue(&b, reflect.ValueOf(a.Operation))
	return b.Bytes(), err
}

func writeValue(b *bytes.Buffer, v reflect.Value) error {
	if !v.IsValid() {
		b.WriteString("null")
		return nil
	}
	switch v.Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return writeJSON(b, v)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return writeValue(b, v.Elem())
	case reflect.Struct:
		b.WriteByte('{')
		if _, err := writeFields(b, v, true); err != nil {
			return err
		}
		b.WriteByte('}')
		return nil
	case reflect.Map:
		return writeMap(b, v)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 || v.Kind() == reflect.Slice && v.IsNil() {
			return writeJSON(b, v)
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeValue(b, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	default:
		return writeJSON(b, v)
	}
}

func writeJSON(b *bytes.Buffer, v reflect.Value) error {
	text, err := json.Marshal(v.Interface())
	b.Write(text)
	return err
}

// writeFields writes the exported fields of a struct, including those of embedded structs. first says whether no
// field precedes them; the result says the same for the fields that follow.
func writeFields(b *bytes.Buffer, v reflect.Value, first bool) (_ bool, err error) {
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" && value.Kind() == reflect.Struct {
			if first, err = writeFields(b, value, first); err != nil {
				return first, err
			}
			continue
		}
		if !f.IsExported() || tag == "-" || strings.Contains(options, "omit") && value.IsZero() {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := writeJSON(b, reflect.ValueOf(cmp.Or(tag, lowerCamel(f.Name)))); err != nil {
			return first, err
		}
		b.WriteByte(':')
		if err := writeValue(b, value); err != nil {
			return first, err
		}
	}
	return first, nil
}

// writeMap writes the entries by their keys.
func writeMap(b *bytes.Buffer, v reflect.Value) error {
	if v.IsNil() {
		b.WriteString("null")
		return nil
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	var entries []entry
	for k, value := range v.Seq2() {
		name, err := keyText(k)
		if err != nil {
			return err
		}
		entries = append(entries, entry{name, value})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	b.WriteByte('{')
	for i, e := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeJSON(b, reflect.ValueOf(e.key)); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := writeValue(b, e.value); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func keyText(k reflect.Value) (string, error) {
	if m, ok := k.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	text, err := json.Marshal(k.Interface())
	return string(text), err
}

// lowerCamel returns the name of a field with its first word in lower case: ipAddressType for IPAddressType, arns for
// ARNs, ipv6 for IPv6.
func lowerCamel(name string) string {
	if rest, ok := strings.CutPrefix(name, "IPv"); ok {
		return "ipv" + rest
	}
	runes := []rune(name)
	n := 0 // leading capitals
	for n < len(runes) && unicode.IsUpper(runes[n]) {
		n++
	}
	switch rest := string(runes[n:]); {
	case n > 1 && rest != "" && rest != "s":
		n-- // the last one begins the next word
	}
	return strings.ToLower(string(runes[:n])) + string(runes[n:])
}
