package wire

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// node is one step of the dotted names of a form: Conditions.member.1.Field is a path of four.
type node struct {
	value    string
	given    bool // a parameter ends here
	used     bool
	children map[string]*node
}

func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	return n.children[name]
}

// maxSteps is how deep a parameter's name may go; the deepest of AWS's has about a dozen steps. It bounds what a
// hostile name costs.
const maxSteps = 32

func treeOf(form url.Values) (*node, error) {
	root := &node{}
	for key, values := range form {
		if strings.Count(key, ".") >= maxSteps {
			return nil, &mistake{key[:maxSteps] + "…", "", fmt.Sprintf("a name of at most %d steps", maxSteps)}
		}
		n := root
		for step := range strings.SplitSeq(key, ".") {
			next := n.children[step]
			if next == nil {
				next = &node{}
				if n.children == nil {
					n.children = map[string]*node{}
				}
				n.children[step] = next
			}
			n = next
		}
		n.given = true
		if len(values) > 0 {
			n.value = values[0]
		}
	}
	return root, nil
}

// unused is the name of a parameter that nothing asked for, "" if there is none.
func (n *node) unused(path string) string {
	if n.given && !n.used {
		return path
	}
	names := make([]string, 0, len(n.children))
	for name := range n.children {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		full := name
		if path != "" {
			full = path + "." + name
		}
		if found := n.children[name].unused(full); found != "" {
			return found
		}
	}
	return ""
}

// mistake is a parameter whose value does not fit its type.
type mistake struct{ parameter, value, want string }

func (m *mistake) Error() string {
	return fmt.Sprintf("parameter %s: %q is not %s", m.parameter, m.value, m.want)
}

// formDecoder reads a form into SDK structs.
type formDecoder struct {
	names *naming
	flat  bool // list items directly below the list's name (EC2), not below "member"
}

func (d formDecoder) structure(n *node, path string, into reflect.Value) error {
	n.used = true
	for _, m := range d.names.members(into.Type()) {
		if c := n.child(m.name); c != nil {
			if err := d.value(c, join(path, m.name), into.Field(m.index)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d formDecoder) value(n *node, path string, into reflect.Value) error {
	switch into.Kind() {
	case reflect.Pointer:
		v := reflect.New(into.Type().Elem())
		if err := d.value(n, path, v.Elem()); err != nil {
			return err
		}
		into.Set(v)
		return nil
	case reflect.Struct:
		if into.Type() != timeType {
			if n.given {
				return &mistake{path, n.value, "a structure"}
			}
			return d.structure(n, path, into)
		}
	case reflect.Slice:
		if into.Type().Elem().Kind() != reflect.Uint8 {
			return d.list(n, path, into)
		}
	case reflect.Map:
		return d.entries(n, path, into)
	default: // a scalar, below
	}
	n.used = true
	if !n.given {
		return &mistake{path, "", "a single value"}
	}
	return scalar(n.value, path, into)
}

func (d formDecoder) list(n *node, path string, into reflect.Value) error {
	n.used = true
	if n.given && n.value != "" {
		return &mistake{path, n.value, "a list"}
	}
	if !d.flat {
		if n = n.child("member"); n == nil {
			into.Set(reflect.MakeSlice(into.Type(), 0, 0)) // "Name=" is the empty list
			return nil
		}
		path = join(path, "member")
	}
	items, err := numbered(n, path)
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(into.Type(), len(items), len(items))
	for i, item := range items {
		if err := d.value(item.node, item.path, list.Index(i)); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

func (d formDecoder) entries(n *node, path string, into reflect.Value) error {
	n.used = true
	into.Set(reflect.MakeMap(into.Type()))
	if n = n.child("entry"); n == nil {
		return nil
	}
	items, err := numbered(n, join(path, "entry"))
	if err != nil {
		return err
	}
	for _, item := range items {
		key, value := reflect.New(into.Type().Key()).Elem(), reflect.New(into.Type().Elem()).Elem()
		for part, target := range map[string]reflect.Value{"key": key, "value": value} {
			if c := item.node.child(part); c != nil {
				if err := d.value(c, join(item.path, part), target); err != nil {
					return err
				}
			}
		}
		into.SetMapIndex(key, value)
	}
	return nil
}

type numberedNode struct {
	number int
	path   string
	node   *node
}

// numbered are n's children in the order of their numbers; gaps close up, as in AWS.
func numbered(n *node, path string) ([]numberedNode, error) {
	var items []numberedNode
	for name, c := range n.children {
		number, err := strconv.Atoi(name)
		if err != nil || number < 1 {
			return nil, &mistake{path, name, "the number of a list item"}
		}
		items = append(items, numberedNode{number, join(path, name), c})
	}
	slices.SortFunc(items, func(a, b numberedNode) int { return a.number - b.number })
	return items, nil
}

var timeType = reflect.TypeFor[time.Time]()

// scalar parses text by the type of into.
func scalar(text, path string, into reflect.Value) error {
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return &mistake{path, text, "true or false"}
		}
		into.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, into.Type().Bits())
		if err != nil {
			return &mistake{path, text, "an integer of its size"}
		}
		into.SetInt(i)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, into.Type().Bits())
		if err != nil {
			return &mistake{path, text, "a number"}
		}
		into.SetFloat(f)
	case reflect.Slice:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return &mistake{path, text, "in base64"}
		}
		into.SetBytes(b)
	case reflect.Struct:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return &mistake{path, text, "a time such as 2006-01-02T15:04:05Z"}
		}
		into.Set(reflect.ValueOf(t))
	default:
		return fmt.Errorf("parameter %s: the codec has no form for %s", path, into.Type())
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
