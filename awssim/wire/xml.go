package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// timeLayout is how AWS's XML writes times: UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// xmlEncoder writes SDK structs as XML elements. What is nil is left out, but for the lists that AWS sends always; an
// empty list is an empty element.
type xmlEncoder struct {
	bytes.Buffer
	names *naming
	item  string // the name of list items: "member" or "item"
}

func (e *xmlEncoder) structure(v reflect.Value) error {
	for _, m := range e.names.members(v.Type()) {
		f := v.Field(m.index)
		if absent(f) && m.always {
			e.open(m.name)
			e.close(m.name)
			continue
		}
		if err := e.element(m.name, m.item, f); err != nil {
			return err
		}
	}
	return nil
}

func (e *xmlEncoder) element(name, item string, v reflect.Value) error {
	if absent(v) {
		return nil
	}
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	e.open(name)
	if err := e.content(v, item); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	e.close(name)
	return nil
}

// content writes what is inside an element; item is what items of a list are called, "" for the encoder's own name.
func (e *xmlEncoder) content(v reflect.Value, item string) error {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() != timeType {
			return e.structure(v)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			break
		}
		if item == "" {
			item = e.item
		}
		for i := range v.Len() {
			e.open(item)
			if err := e.content(v.Index(i), ""); err != nil {
				return err
			}
			e.close(item)
		}
		return nil
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			e.open("entry")
			e.text("key", k.String())
			if err := e.element("value", "", v.MapIndex(k)); err != nil {
				return err
			}
			e.close("entry")
		}
		return nil
	case reflect.Pointer:
		return e.content(v.Elem(), item)
	default: // a scalar, below
	}
	s, err := scalarText(v)
	if err != nil {
		return err
	}
	return xml.EscapeText(e, []byte(s))
}

func (e *xmlEncoder) open(name string)  { e.WriteString("<" + name + ">") }
func (e *xmlEncoder) close(name string) { e.WriteString("</" + name + ">") }

func (e *xmlEncoder) text(name, s string) {
	e.open(name)
	_ = xml.EscapeText(e, []byte(s)) // a buffer does not fail
	e.close(name)
}

// absent reports whether v is not sent: a nil pointer, list, map or interface, or an enumeration's empty string.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	default:
		return false
	}
}

func scalarText(v reflect.Value) (string, error) {
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), nil
	case reflect.Slice:
		return base64.StdEncoding.EncodeToString(v.Bytes()), nil
	case reflect.Struct:
		return v.Interface().(time.Time).UTC().Format(timeLayout), nil
	default:
		return "", fmt.Errorf("the codec has no form for %s", v.Type())
	}
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		return bytes.Compare([]byte(a.String()), []byte(b.String()))
	})
	return keys
}
