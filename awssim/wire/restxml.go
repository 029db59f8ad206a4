package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// route is how a REST service is asked for an action. Labels of the path, such as {Id}, are fields of the input, as are
// the members of query, by their names in the URL; what is neither is in the body.
type route struct {
	action, method, path string
	query                map[string]string
	location             bool // a success is 201 Created, and the output's Location a header
}

// restXML is the REST protocol with XML bodies (Route 53): the action follows from method and path.
type restXML struct {
	namespace string
	routes    []boundRoute
	body      *naming // of what is in bodies
}

// boundRoute is a route with its path in steps.
type boundRoute struct {
	route
	steps []string
	bound map[string]bool // fields of the input that are in the URL
}

const xmlContent = "text/xml"

// maxElementDepth bounds the nesting of a body; no action needs half of it.
const maxElementDepth = 32

func newRESTXML(namespace, prefix string, routes []route, names, items map[string]string) *restXML {
	x := &restXML{namespace: namespace, body: newNaming(names, same)}
	x.body.items = items
	for _, r := range routes {
		b := boundRoute{route: r, steps: strings.Split(strings.TrimPrefix(r.path, prefix+"/"), "/"), bound: map[string]bool{}}
		for _, step := range b.steps {
			if label, ok := strings.CutPrefix(step, "{"); ok {
				b.bound[strings.TrimSuffix(label, "}")] = true
			}
		}
		for _, field := range r.query {
			b.bound[field] = true
		}
		x.routes = append(x.routes, b)
	}
	return x
}

// stepsOf are the unescaped steps of a request's path below the version.
func stepsOf(r *request) []string {
	steps := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for i, step := range steps {
		if plain, err := url.PathUnescape(step); err == nil {
			steps[i] = plain
		}
	}
	return steps[1:]
}

// find is the route that fits the request; a literal step goes before a label.
func (x *restXML) find(r *request) (boundRoute, error) {
	steps := stepsOf(r)
	best, literals, otherMethod := -1, -1, false
	for i, candidate := range x.routes {
		n, ok := candidate.fits(steps)
		switch {
		case !ok:
		case candidate.method != r.Method:
			otherMethod = true
		case n > literals:
			best, literals = i, n
		}
	}
	switch {
	case best >= 0:
		return x.routes[best], nil
	case otherMethod:
		return boundRoute{}, apierr.WithStatus(http.StatusMethodNotAllowed, "MethodNotAllowed",
			"The method %s is not allowed against this resource.", r.Method)
	}
	return boundRoute{}, x.unknownAction(r.URL.Path)
}

// fits reports whether the path has the route's form, and how many steps are the same to the letter.
func (b boundRoute) fits(steps []string) (literals int, ok bool) {
	if len(steps) != len(b.steps) {
		return 0, false
	}
	for i, step := range b.steps {
		switch {
		case step == steps[i]:
			literals++
		case !strings.HasPrefix(step, "{") || steps[i] == "":
			return 0, false
		}
	}
	return literals, true
}

func (x *restXML) action(r *request) (string, error) {
	found, err := x.find(r)
	return found.action, err
}

func (x *restXML) decode(r *request, in reflect.Value) error {
	found, err := x.find(r)
	if err != nil {
		return err
	}
	err = x.fromURL(r, found, in)
	if err == nil && len(bytes.TrimSpace(r.body)) > 0 {
		err = x.fromBody(r.body, found, in)
	}
	var m *mistake
	if errors.As(err, &m) {
		return apierr.New("InvalidInput", "%s", m.Error())
	}
	return err
}

func (x *restXML) fromURL(r *request, found boundRoute, in reflect.Value) error {
	steps := stepsOf(r)
	for i, step := range found.steps {
		if label, ok := strings.CutPrefix(step, "{"); ok {
			label = strings.TrimSuffix(label, "}")
			if err := setScalar(steps[i], label, in.FieldByName(label)); err != nil {
				return err
			}
		}
	}
	for name, field := range found.query {
		if values, ok := r.form[name]; ok && len(values) > 0 {
			if err := setScalar(values[0], name, in.FieldByName(field)); err != nil {
				return err
			}
		}
	}
	return nil
}

func setScalar(text, path string, into reflect.Value) error {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	return scalar(text, path, into)
}

func (x *restXML) fromBody(body []byte, found boundRoute, in reflect.Value) error {
	root, err := parseElements(body)
	if err != nil {
		return apierr.New("MalformedInput", "The XML in the request is not well-formed: %v", err)
	}
	if want := found.action + "Request"; root.name != want {
		return apierr.New("MalformedInput", "Unexpected element: the body is a %s, not a %s", root.name, want)
	}
	return x.structure(root, "", in, found.bound)
}

// xmlElement is an element of a body.
type xmlElement struct {
	name     string
	text     strings.Builder
	children []*xmlElement
}

func parseElements(body []byte) (*xmlElement, error) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	var root *xmlElement
	var open []*xmlElement
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && root != nil && len(open) == 0:
			return root, nil
		case err != nil:
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &xmlElement{name: t.Name.Local}
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			case root == nil:
				root = n
			default:
				return nil, errors.New("there are two root elements")
			}
			if open = append(open, n); len(open) > maxElementDepth {
				return nil, fmt.Errorf("elements are nested more than %d deep", maxElementDepth)
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text.Write(t)
			}
		case xml.Directive:
			return nil, errors.New("document type declarations are not allowed")
		}
	}
}

// structure reads a struct; fields in without are not in the body.
func (x *restXML) structure(n *xmlElement, path string, into reflect.Value, without map[string]bool) error {
	known := map[string]member{}
	for _, m := range x.body.members(into.Type()) {
		if !without[into.Type().Field(m.index).Name] {
			known[m.name] = m
		}
	}
	for _, child := range n.children {
		m, ok := known[child.name]
		if !ok {
			return apierr.New("MalformedInput", "Unexpected element %s", join(path, child.name))
		}
		if err := x.value(child, join(path, child.name), m.item, into.Field(m.index)); err != nil {
			return err
		}
	}
	return nil
}

func (x *restXML) value(n *xmlElement, path, item string, into reflect.Value) error {
	switch into.Kind() {
	case reflect.Pointer:
		v := reflect.New(into.Type().Elem())
		if err := x.value(n, path, item, v.Elem()); err != nil {
			return err
		}
		into.Set(v)
		return nil
	case reflect.Struct:
		if into.Type() != timeType {
			return x.structure(n, path, into, nil)
		}
	case reflect.Slice:
		if into.Type().Elem().Kind() != reflect.Uint8 {
			return x.list(n, path, item, into)
		}
	default: // a scalar, below
	}
	if len(n.children) > 0 {
		return apierr.New("MalformedInput", "Unexpected element %s", join(path, n.children[0].name))
	}
	return scalar(n.text.String(), path, into)
}

func (x *restXML) list(n *xmlElement, path, item string, into reflect.Value) error {
	if item == "" {
		item = "member"
	}
	list := reflect.MakeSlice(into.Type(), len(n.children), len(n.children))
	for i, child := range n.children {
		if child.name != item {
			return apierr.New("MalformedInput", "Unexpected list element %s in %s: use %s", child.name, path, item)
		}
		if err := x.value(child, join(path, item), "", list.Index(i)); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

func (x *restXML) routeOf(action string) boundRoute {
	for _, r := range x.routes {
		if r.action == action {
			return r
		}
	}
	return boundRoute{}
}

func (x *restXML) head(action string, out reflect.Value) (status int, headers map[string]string) {
	if !x.routeOf(action).location || out.IsNil() {
		return http.StatusOK, nil
	}
	at, _ := out.Elem().FieldByName("Location").Interface().(*string)
	if at == nil {
		return http.StatusCreated, nil
	}
	return http.StatusCreated, map[string]string{"Location": *at}
}

func (x *restXML) encode(action string, out reflect.Value, _ string) (string, []byte, error) {
	e := xmlEncoder{names: x.body, item: "member"}
	e.WriteString(declaration + "<" + action + `Response xmlns="` + x.namespace + `">`)
	if !out.IsNil() {
		v := out.Elem()
		for _, m := range x.body.members(v.Type()) {
			if m.name == "Location" && x.routeOf(action).location {
				continue
			}
			if err := e.element(m.name, m.item, v.Field(m.index)); err != nil {
				return "", nil, err
			}
		}
	}
	e.close(action + "Response")
	return xmlContent, e.Bytes(), nil
}

// fail writes an error. InvalidChangeBatch lists what is wrong with each change; its message is that list in brackets.
func (x *restXML) fail(err *apierr.Error, id string) (string, []byte) {
	var e xmlEncoder
	e.WriteString(declaration + `<ErrorResponse xmlns="` + x.namespace + `">`)
	e.open("Error")
	e.text("Type", fault(err))
	e.text("Code", err.Code)
	e.text("Message", err.Message)
	if len(err.Messages) > 0 {
		e.open("Messages")
		for _, m := range err.Messages {
			e.text("Message", m)
		}
		e.close("Messages")
	}
	e.close("Error")
	e.text("RequestId", id)
	e.close("ErrorResponse")
	return xmlContent, e.Bytes()
}

func (x *restXML) refusal(p problem) *apierr.Error { return refusal(queryRefusals, p) }

func (x *restXML) unknownAction(action string) *apierr.Error {
	return apierr.WithStatus(http.StatusNotFound, "UnknownOperationException", "There is no operation at %s", action)
}
