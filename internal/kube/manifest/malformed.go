package manifest

import (
	"bytes"
	"encoding/json"
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrForeign is wrapped by the error about a document that is not a Kubernetes object, such as the values of a
// chart.
var ErrForeign = errors.New("this is not a Kubernetes object")

// MalformedError says that a document cannot be read. Line is the line of the mistake in the manifests, as near as
// can be determined; 0 = not known.
type MalformedError struct {
	Document, Line int
	Err            error
}

func (e *MalformedError) Error() string { return fmt.Sprintf("document %d: %v", e.Document, e.Err) }

func (e *MalformedError) Unwrap() error { return e.Err }

// mistake is an error about a field of a document.
type mistake struct {
	// path leads to the field, as in spec.rules[0].host; an index that is not known is left out. Empty = the whole.
	path string
	// kind is what JSON calls the value that is wrong there ("string", "object" …), and inside says that it is rather one
	// that the field contains; empty = not known.
	kind   string
	inside bool
	err    error
}

func (m *mistake) Error() string { return m.err.Error() }

func (m *mistake) Unwrap() error { return m.err }

func at(path string, err error) error { return &mistake{path: path, err: err} }

// within puts an error of a part of a document where the part is.
func within(path string, err error) error {
	var m *mistake
	if !errors.As(err, &m) {
		return at(path, err)
	}
	out := *m
	out.path, out.err = strings.TrimSuffix(path+"."+m.path, "."), err
	return &out
}

// malformed finds the line of an error of a document.
func malformed(d document, n int, err error) error {
	var m *mistake
	if errors.As(err, &m) {
		return &MalformedError{Document: n, Line: d.line + lineOf(d.text, m) - 1, Err: err}
	}
	line, text := yamlLine(err.Error())
	return &MalformedError{Document: n, Line: d.line + line - 1, Err: errors.New(text)}
}

// lineNumber is how the YAML decoder names a line, counted from where the document begins.
var lineNumber = regexp.MustCompile(`(?:^|\s)line (\d+): `)

// yamlLine takes the line out of an error of the YAML decoder; of several errors the first counts. One that names none
// is about the first line.
func yamlLine(text string) (line int, rest string) {
	text = strings.TrimPrefix(strings.TrimPrefix(plain(errors.New(text)).Error(), "yaml: "), "unmarshal errors:\n")
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	m := lineNumber.FindStringSubmatchIndex(text)
	if m == nil {
		return 1, "yaml: " + text
	}
	line, _ = strconv.Atoi(text[m[2]:m[3]]) // digits
	return line, "yaml: " + text[:m[0]] + text[m[1]:]
}

// steps are the parts of a path: names and indices.
var steps = regexp.MustCompile(`[^.\[\]]+`)

// lineOf is the line of a document where a mistake is, or of what is written nearest around it.
func lineOf(text []byte, m *mistake) int {
	var root yaml.Node
	if yaml.NewDecoder(bytes.NewReader(text)).Decode(&root) != nil || len(root.Content) != 1 {
		return 1
	}
	found := []place{{root.Content[0].Line, root.Content[0]}}
	for _, step := range steps.FindAllString(m.path, -1) {
		var next []place
		for _, p := range found {
			next = append(next, p.under(step)...)
		}
		if len(next) == 0 {
			return found[0].line
		}
		found = next
	}
	for _, inside := range []bool{m.inside, !m.inside} {
		for _, p := range found {
			if line, ok := p.find(m.kind, inside); ok {
				return line
			}
		}
	}
	return found[0].line
}

// place is a value of a document and the line of its key.
type place struct {
	line int
	node *yaml.Node
}

func (p place) resolved() *yaml.Node {
	if p.node.Kind == yaml.AliasNode {
		return p.node.Alias
	}
	return p.node
}

// children are the values of a mapping, of one key if there is one given, or of a list.
func (p place) children(key string) (out []place) {
	n := p.resolved()
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key == "" || n.Content[i].Value == key {
				out = append(out, place{n.Content[i].Line, n.Content[i+1]})
			}
		}
		return out
	}
	for _, item := range n.Content { // a list's; a scalar has none
		out = append(out, place{item.Line, item})
	}
	return out
}

// under are the values that a step of a path leads to: of each item, where it is a name and the value is a list.
func (p place) under(step string) (out []place) {
	if p.resolved().Kind != yaml.SequenceNode {
		return p.children(step)
	}
	items := p.children("")
	if n, err := strconv.Atoi(step); err == nil {
		if n < len(items) {
			out = items[n : n+1]
		}
		return out
	}
	for _, item := range items {
		if item.resolved().Kind == yaml.MappingNode {
			out = append(out, item.children(step)...)
		}
	}
	return out
}

// find returns the line of the value, or of the first one inside it, that is of a kind of JSON's.
func (p place) find(kind string, inside bool) (line int, ok bool) {
	if !inside {
		return p.line, jsonKind(p.resolved()) == kind
	}
	for _, c := range p.children("") {
		if jsonKind(c.resolved()) == kind {
			return c.line, true
		}
	}
	return 0, false
}

func jsonKind(n *yaml.Node) string {
	if kind := jsonKinds[n.ShortTag()]; kind != "" {
		return kind
	}
	return "string"
}

var jsonKinds = map[string]string{"!!map": "object", "!!seq": "array", "!!int": "number", "!!float": "number",
	"!!bool": "bool"}

// mistyped finds the field of an object that has a value of the wrong type; nil if none has.
func mistyped(raw []byte, o any) error {
	var where *jsonv2.SemanticError
	err := jsonv2.Unmarshal(raw, o, json.DefaultOptionsV1(), json.ReportErrorsWithLegacySemantics(false))
	if !errors.As(err, &where) {
		return nil
	}
	kind, typ := jsonWords[where.JSONKind], where.GoType
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(where.Err, &wrong): // of a type that reads itself, as a number or a name
		kind, _, _ = strings.Cut(wrong.Value, " ")
		typ = wrong.Type
	case typ == nil || where.Err != nil && !errors.Is(where.Err, strconv.ErrRange) &&
		!errors.Is(where.Err, strconv.ErrSyntax):
		return nil
	}
	wanted := typeWords[typ.Kind()]
	if typ == reflect.TypeFor[[]byte]() { // as of a Secret
		wanted = "a string"
	}
	scalar := wanted != aMapping && wanted != aList
	if wanted == "" {
		wanted = "a " + typ.String()
	}
	path, known := pathOf(where.JSONPointer)
	text := fmt.Sprintf("%s: %s where %s belongs", path, kindWords[kind], wanted)
	if typ.Kind() == reflect.String && (kind == "bool" || kind == "number") {
		text += "; put it into quotes"
	}
	return &mistake{path: known, kind: kind, inside: scalar, err: errors.New(text)}
}

// plainKey is a step of a path that needs no quotes.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// pathOf is a pointer of JSON in words, as in spec.rules[0].host. known is the part of it before the first key that is
// no plain name, such as that of an annotation.
func pathOf(p jsontext.Pointer) (path, known string) {
	odd := false
	for step := range p.Tokens() {
		_, err := strconv.Atoi(step)
		switch {
		case err == nil && path != "":
			path += "[" + step + "]"
		case plainKey.MatchString(step):
			path = strings.TrimPrefix(path+"."+step, ".")
		default:
			path += "[" + strconv.Quote(step) + "]"
			odd = true
		}
		if !odd {
			known = path
		}
	}
	return path, known
}

const aMapping, aList = "a mapping", "a list"

var jsonWords = map[jsontext.Kind]string{
	jsontext.KindBeginObject: "object", jsontext.KindBeginArray: "array", jsontext.KindString: "string",
	jsontext.KindNumber: "number",
	jsontext.KindTrue:   "bool", jsontext.KindFalse: "bool",
}

var kindWords = map[string]string{"object": aMapping, "array": aList, "string": "a string", "number": "a number",
	"bool": "true or false"}

var typeWords = map[reflect.Kind]string{
	reflect.Struct: aMapping, reflect.Map: aMapping, reflect.Pointer: aMapping, reflect.Slice: aList,
	reflect.String: "a string", reflect.Bool: "true or false",
	reflect.Int: "a whole number", reflect.Int32: "a whole number", reflect.Int64: "a whole number",
}
