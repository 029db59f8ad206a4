package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// json11 is AWS JSON 1.1: the action in a header, objects in and out (ACM, Resource Groups Tagging).
type json11 struct{ names *naming }

const jsonContent = "application/x-amz-json-1.1"

func (j *json11) action(r *request) (string, error) {
	_, action, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok || action == "" {
		return "", j.unknownAction("")
	}
	return action, nil
}

func (j *json11) decode(r *request, in reflect.Value) error {
	body := bytes.TrimSpace(r.body)
	if len(body) == 0 {
		body = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var given any
	if err := decoder.Decode(&given); err != nil {
		return apierr.New("SerializationException", "the body is no JSON: %v", err)
	}
	if decoder.More() {
		return apierr.New("SerializationException", "the body goes on after its JSON value")
	}
	err := j.fill(given, "", in)
	var m *mistake
	if errors.As(err, &m) {
		return apierr.New("SerializationException", "%s", m.Error())
	}
	return err
}

// fill sets into from a decoded JSON value; null leaves it as it is, members that into does not have are ignored.
func (j *json11) fill(given any, path string, into reflect.Value) error {
	if given == nil {
		return nil
	}
	wrong := func(want string) error { return &mistake{path, fmt.Sprint(given), want} }
	switch into.Kind() {
	case reflect.Pointer:
		v := reflect.New(into.Type().Elem())
		if err := j.fill(given, path, v.Elem()); err != nil {
			return err
		}
		into.Set(v)
	case reflect.Struct:
		if into.Type() == timeType {
			return fillTime(given, path, into)
		}
		object, ok := given.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		for _, m := range j.names.members(into.Type()) {
			if err := j.fill(object[m.name], join(path, m.name), into.Field(m.index)); err != nil {
				return err
			}
		}
	case reflect.Slice:
		if into.Type().Elem().Kind() == reflect.Uint8 {
			return text(given, path, into)
		}
		items, ok := given.([]any)
		if !ok {
			return wrong("a list")
		}
		return j.fillList(items, path, into)
	case reflect.Map:
		object, ok := given.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		return j.fillMap(object, path, into)
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

func fillTime(given any, path string, into reflect.Value) error {
	n, _ := given.(json.Number)
	seconds, err := n.Float64()
	if err != nil {
		return &mistake{path, fmt.Sprint(given), "a time in seconds since 1970"}
	}
	into.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()))
	return nil
}

func (j *json11) fillList(items []any, path string, into reflect.Value) error {
	list := reflect.MakeSlice(into.Type(), len(items), len(items))
	for i, item := range items {
		if err := j.fill(item, join(path, strconv.Itoa(i+1)), list.Index(i)); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

func (j *json11) fillMap(object map[string]any, path string, into reflect.Value) error {
	entries := reflect.MakeMap(into.Type())
	for k, item := range object {
		v := reflect.New(into.Type().Elem()).Elem()
		if err := j.fill(item, join(path, k), v); err != nil {
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
		return &mistake{path, fmt.Sprint(given), "a string"}
	}
	return scalar(s, path, into)
}

func (j *json11) encode(_ string, out reflect.Value, _ string) (string, []byte, error) {
	if out.IsNil() {
		return jsonContent, []byte("{}"), nil
	}
	object, err := j.plain(out.Elem())
	if err != nil {
		return "", nil, err
	}
	body, err := json.Marshal(object)
	return jsonContent, body, err
}

// plain is v as maps, lists and scalars that encoding/json writes as AWS does.
func (j *json11) plain(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Pointer:
		return j.plain(v.Elem())
	case reflect.Struct:
		if v.Type() == timeType {
			return json.Number(strconv.FormatFloat(float64(v.Interface().(time.Time).UnixMilli())/1000, 'f', -1, 64)), nil
		}
		object := map[string]any{}
		for _, m := range j.names.members(v.Type()) {
			f := v.Field(m.index)
			if absent(f) {
				if m.always {
					object[m.name] = []any{}
				}
				continue
			}
			p, err := j.plain(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			object[m.name] = p
		}
		return object, nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return base64.StdEncoding.EncodeToString(v.Bytes()), nil
		}
		list := make([]any, v.Len())
		for i := range list {
			p, err := j.plain(v.Index(i))
			if err != nil {
				return nil, err
			}
			list[i] = p
		}
		return list, nil
	case reflect.Map:
		object := map[string]any{}
		for _, k := range v.MapKeys() {
			p, err := j.plain(v.MapIndex(k))
			if err != nil {
				return nil, err
			}
			object[k.String()] = p
		}
		return object, nil
	case reflect.String:
		return v.String(), nil
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Float32,
		reflect.Float64:
		return v.Interface(), nil
	default:
		return nil, fmt.Errorf("the codec has no form for %s", v.Type())
	}
}

func (j *json11) fail(e *apierr.Error, _ string) (string, []byte) {
	body, err := json.Marshal(map[string]string{"__type": e.Code, "message": e.Message})
	if err != nil { // two strings always marshal
		body = []byte("{}")
	}
	return jsonContent, body
}

func (j *json11) refusal(p problem) *apierr.Error { return refusal(jsonRefusals, p) }

func (j *json11) unknownAction(string) *apierr.Error {
	return apierr.WithStatus(http.StatusBadRequest, "UnknownOperationException", "")
}
