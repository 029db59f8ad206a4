package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// values maps SDK structs to trees and back, for the protocols whose bodies are trees. A tree consists of nil, bool,
// string, json.Number, []any and map[string]any.
type values struct {
	names *naming
	// binary: trees also hold []byte and time.Time. Other protocols write bytes in base64, times in seconds since 1970.
	binary bool
}

// unfit is a mistake that shows scalars only: the text of a tree can be many times as long as a request.
func unfit(given any, path, want string) error {
	switch given.(type) {
	case []any:
		given = "[…]"
	case map[string]any:
		given = "{…}"
	}
	return &mistake{path, fmt.Sprint(given), want}
}

// fill sets into from a tree; nil leaves it as it is, members that into does not have are ignored.
func (x values) fill(given any, path string, into reflect.Value) error {
	if given == nil {
		return nil
	}
	wrong := func(want string) error { return unfit(given, path, want) }
	switch into.Kind() {
	case reflect.Pointer:
		v := reflect.New(into.Type().Elem())
		if err := x.fill(given, path, v.Elem()); err != nil {
			return err
		}
		into.Set(v)
	case reflect.Struct:
		if into.Type() == timeType {
			return x.fillTime(given, path, into)
		}
		object, ok := given.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		for _, m := range x.names.members(into.Type()) {
			if err := x.fill(object[m.name], join(path, m.name), into.Field(m.index)); err != nil {
				return err
			}
		}
	case reflect.Slice:
		if into.Type().Elem().Kind() == reflect.Uint8 {
			return x.fillBytes(given, path, into)
		}
		items, ok := given.([]any)
		if !ok {
			return wrong("a list")
		}
		return x.fillList(items, path, into)
	case reflect.Map:
		object, ok := given.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		return x.fillMap(object, path, into)
	case reflect.Bool:
		b, ok := given.(bool)
		if !ok {
			return wrong("true or false")
		}
		into.SetBool(b)
	case reflect.String:
		return text(given, path, into)
	default:
		n, ok := given.(json.Number)
		if !ok {
			return wrong("a number")
		}
		return scalar(n.String(), path, into)
	}
	return nil
}

func (x values) fillTime(given any, path string, into reflect.Value) error {
	at, ok := given.(time.Time)
	if n, isNumber := given.(json.Number); isNumber && !x.binary {
		at, ok = instant(n)
	}
	if !ok {
		return unfit(given, path, "a time in seconds since 1970")
	}
	into.Set(reflect.ValueOf(at))
	return nil
}

// instant is the time so many seconds after the beginning of 1970, which must be between the years 1 and 9999.
func instant(seconds json.Number) (time.Time, bool) {
	n, err := seconds.Float64()
	if err != nil || !(math.Abs(n) < 1e15) { // NaN is no time either
		return time.Time{}, false
	}
	at := time.UnixMilli(int64(math.Round(n * 1000))).UTC()
	return at, at.Year() >= 1 && at.Year() <= 9999
}

func (x values) fillBytes(given any, path string, into reflect.Value) error {
	if !x.binary {
		return text(given, path, into)
	}
	b, ok := given.([]byte)
	if !ok {
		return unfit(given, path, "bytes")
	}
	into.SetBytes(b)
	return nil
}

func (x values) fillList(items []any, path string, into reflect.Value) error {
	list := reflect.MakeSlice(into.Type(), len(items), len(items))
	for i, item := range items {
		if err := x.fill(item, join(path, strconv.Itoa(i+1)), list.Index(i)); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

func (x values) fillMap(object map[string]any, path string, into reflect.Value) error {
	entries := reflect.MakeMap(into.Type())
	for k, item := range object {
		v := reflect.New(into.Type().Elem()).Elem()
		if err := x.fill(item, join(path, k), v); err != nil {
			return err
		}
		entries.SetMapIndex(reflect.ValueOf(k).Convert(into.Type().Key()), v)
	}
	into.Set(entries)
	return nil
}

func text(given any, path string, into reflect.Value) error {
	s, ok := given.(string)
	if !ok {
		return unfit(given, path, "a string")
	}
	return scalar(s, path, into)
}

// plain is v as a tree, with int64 and floats instead of json.Number.
func (x values) plain(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Pointer:
		return x.plain(v.Elem())
	case reflect.Struct:
		if v.Type() == timeType {
			return x.plainTime(v.Interface().(time.Time)), nil
		}
		object := map[string]any{}
		for _, m := range x.names.members(v.Type()) {
			f := v.Field(m.index)
			if absent(f) {
				if m.always {
					object[m.name] = []any{}
				}
				continue
			}
			p, err := x.plain(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			object[m.name] = p
		}
		return object, nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return x.plainBytes(v.Bytes()), nil
		}
		list := make([]any, v.Len())
		for i := range list {
			p, err := x.plain(v.Index(i))
			if err != nil {
				return nil, err
			}
			list[i] = p
		}
		return list, nil
	case reflect.Map:
		object := map[string]any{}
		for _, k := range v.MapKeys() {
			p, err := x.plain(v.MapIndex(k))
			if err != nil {
				return nil, err
			}
			object[k.String()] = p
		}
		return object, nil
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Bool, reflect.Float32, reflect.Float64:
		return v.Interface(), nil
	default:
		return nil, fmt.Errorf("the codec has no form for %s", v.Type())
	}
}

func (x values) plainTime(at time.Time) any {
	if x.binary {
		return at
	}
	return json.Number(strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', -1, 64))
}

func (x values) plainBytes(b []byte) any {
	if x.binary {
		return b
	}
	return base64.StdEncoding.EncodeToString(b)
}
