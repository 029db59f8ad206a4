package facts

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// vars are the values of ${NAME} in steps.
type vars map[string]any

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand replaces references in all strings of a value. A string that is one reference becomes the value itself,
// of its type.
func (v vars) expand(value any) (any, error) {
	switch x := value.(type) {
	case string:
		return v.expandText(x)
	case []any:
		list := make([]any, len(x))
		for i, item := range x {
			var err error
			if list[i], err = v.expand(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := map[string]any{}
		for key, item := range x {
			expanded, err := v.expand(item)
			if err != nil {
				return nil, err
			}
			object[key] = expanded
		}
		return object, nil
	}
	return value, nil
}

func (v vars) expandText(text string) (any, error) {
	if m := reference.FindStringSubmatch(text); m != nil && m[0] == text {
		return v.value(m[1])
	}
	return v.text(text)
}

// text replaces references within a text.
func (v vars) text(s string) (string, error) {
	var failed error
	expanded := reference.ReplaceAllStringFunc(s, func(found string) string {
		value, err := v.value(found[2 : len(found)-1])
		if err != nil {
			failed = err
		}
		return text(value)
	})
	return expanded, failed
}

// value is the value of a name, or of one of two functions: repeat:TEXT:N and tags:N.
func (v vars) value(name string) (any, error) {
	function, argument, _ := strings.Cut(name, ":")
	switch function {
	case "repeat":
		what, times, _ := strings.Cut(argument, ":")
		n, err := strconv.Atoi(times)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %w", name, err)
		}
		return strings.Repeat(what, n), nil
	case "tags":
		n, err := strconv.Atoi(argument)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %w", name, err)
		}
		list := make([]any, n)
		for i := range list {
			list[i] = map[string]any{"Key": fmt.Sprintf("k%d", i), "Value": "v"}
		}
		return list, nil
	}
	value, ok := v[name]
	if !ok {
		return nil, fmt.Errorf("${%s} is not known", name)
	}
	return value, nil
}

// with returns the values with others added, which may refer to them.
func (v vars) with(more map[string]any) (vars, error) {
	all := maps.Clone(v)
	for name, value := range more {
		expanded, err := v.expand(value)
		if err != nil {
			return nil, err
		}
		all[name] = expanded
	}
	return all, nil
}

// generic turns an answer of the SDK into JSON's types.
func generic(answer any) (any, error) {
	content, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	var value any
	return value, json.Unmarshal(content, &value)
}

var element = regexp.MustCompile(`^([^.\[\]]*)((?:\[[^\]]*\])*)(?:\.|$)`)

// lookup finds a value by its path: "A.B" for fields, "A[0]" for the item of a list, "A[Key=x]" and "A[Key!=x]"
// for the first item whose field has, or has not, a value, and "A.#" for the length of a list.
func lookup(value any, path string) any {
	for path != "" && value != nil {
		m := element.FindStringSubmatch(path)
		if m == nil {
			return nil
		}
		path = path[len(m[0]):]
		if m[1] != "" {
			value = field(value, m[1])
		}
		for _, selector := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '[' || r == ']' }) {
			value = item(value, selector)
		}
	}
	return value
}

func field(value any, name string) any {
	switch x := value.(type) {
	case map[string]any:
		return x[name]
	case []any:
		if name == "#" {
			return float64(len(x))
		}
	case nil:
		if name == "#" {
			return float64(0)
		}
	}
	return nil
}

func item(value any, selector string) any {
	list, ok := value.([]any)
	if !ok {
		return nil
	}
	key, want, found := strings.Cut(selector, "=")
	if !found {
		if i, err := strconv.Atoi(selector); err == nil && i < len(list) {
			return list[i]
		}
		return nil
	}
	key, other := strings.CutSuffix(key, "!")
	for _, x := range list {
		if (text(field(x, key)) == want) != other {
			return x
		}
	}
	return nil
}

// text is how a value is written in a report.
func text(value any) string {
	switch x := value.(type) {
	case nil:
		return ""
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	}
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(content)
}

// matches compares a value with what is expected: "*" is any value, "absent" none or an empty one, "~REGEXP" a
// text that matches, and anything else the value itself. Numbers and texts with the same digits are equal.
func matches(want, got any) bool {
	expected, ok := want.(string)
	switch {
	case ok && expected == "*":
		return !empty(got)
	case ok && expected == "absent":
		return empty(got)
	case ok && strings.HasPrefix(expected, "~"):
		re, err := regexp.Compile(expected[1:])
		return err == nil && got != nil && re.MatchString(text(got))
	}
	return text(want) == text(got) || reflect.DeepEqual(want, got)
}

func empty(value any) bool {
	switch x := value.(type) {
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return value == nil || value == ""
}

// save reads a value to keep from an answer.
func save(answer any, from string) (any, error) {
	path, pattern, part := strings.Cut(from, " ~ ")
	value := lookup(answer, path)
	if empty(value) {
		return nil, fmt.Errorf("the answer has no %s", path)
	}
	if !part {
		return value, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	m := re.FindStringSubmatch(text(value))
	if m == nil {
		return nil, fmt.Errorf("%s is %q, which does not match %s", path, text(value), pattern)
	}
	return m[len(m)-1], nil
}

// differences compares an answer with a step's expectations.
func differences(s Step, answer any) []Difference {
	var found []Difference
	for _, path := range slices.Sorted(maps.Keys(s.Expect)) {
		if got := lookup(answer, path); !matches(s.Expect[path], got) {
			found = append(found, Difference{Step: s.title(), What: path, Want: text(s.Expect[path]),
				Got: shorten(text(got))})
		}
	}
	return found
}

// shorten cuts a long text for a report.
func shorten(s string) string {
	const most = 300
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
