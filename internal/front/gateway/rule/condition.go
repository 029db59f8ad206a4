// Package rule turns the matches and filters of HTTPRoutes and GRPCRoutes into conditions, transforms and the order
// of an ALB's rules, by one of several constructions. It is pure, and knows neither listeners nor target groups.
package rule

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Construction is how to build rules from routes. A Gateway keeps its construction, as another one changes most rules.
type Construction string

// The constructions.
const (
	// Compatible makes the rules of the existing controller.
	Compatible Construction = "compatible"
	// Standard makes rules that match what the Gateway API says: hosts with a port, and wildcard characters as what they
	// are.
	Standard Construction = "standard"
	// PlainHosts is Standard with plain values for hosts on the ports of HTTP and HTTPS, 80 and 443, to which clients send
	// no port. They do not match a host with a port.
	PlainHosts Construction = "plain-hosts"
)

// Valid reports whether a text names a construction.
func (c Construction) Valid() bool { return c == Compatible || c == Standard || c == PlainHosts }

// At returns the construction of hosts at a port, by the protocol of its listeners.
func (c Construction) At(protocol string, port int32) Construction {
	switch {
	case c != PlainHosts:
		return c
	case protocol == "HTTP" && port == 80, protocol == "HTTPS" && port == 443:
		return Compatible
	}
	return Standard
}

// Rules returns the construction of everything but hosts.
func (c Construction) Rules() Construction {
	if c == PlainHosts {
		return Standard
	}
	return c
}

// maxValue is the longest value of a condition, in characters.
const maxValue = 128

// Host returns the condition of a hostname, which may begin with a wildcard.
func (c Construction) Host(hostname string) stack.Condition {
	if c == Standard {
		text := regexp.QuoteMeta(hostname)
		if suffix, ok := strings.CutPrefix(hostname, "*."); ok {
			text = `[^.].*\.` + regexp.QuoteMeta(suffix)
		}
		if text = "^" + text + "(:[0-9]+)?$"; len(text) <= maxValue {
			return stack.Condition{Field: stack.HostHeader, Regex: []string{text}}
		}
	}
	return stack.Condition{Field: stack.HostHeader, Values: []string{hostname}}
}

// HTTP returns the conditions of a match of an HTTPRoute. The error says what an ALB cannot match.
func (c Construction) HTTP(m gatewayv1.HTTPRouteMatch) ([]stack.Condition, error) {
	var out []stack.Condition
	if m.Path != nil {
		path, err := c.path(m.Path)
		if err != nil {
			return nil, err
		}
		out = append(out, path)
	}
	for _, h := range m.Headers {
		header, err := c.header(string(h.Name), h.Value, h.Type != nil && *h.Type == gatewayv1.HeaderMatchRegularExpression)
		if err != nil {
			return nil, err
		}
		out = append(out, header)
	}
	for _, q := range m.QueryParams {
		if c == Standard && q.Type != nil && *q.Type == gatewayv1.QueryParamMatchRegularExpression {
			return nil, fmt.Errorf("query parameter %s: a load balancer matches no regular expressions in queries; "+
				"use type Exact", q.Name)
		}
		v := stack.QueryValue{Key: c.literal(string(q.Name)), Value: c.literal(q.Value)}
		if len(v.Key) > maxValue || len(v.Value) > maxValue {
			return nil, fmt.Errorf("query parameter %s: name and value may have %d characters each", q.Name, maxValue)
		}
		out = append(out, stack.Condition{Field: stack.QueryString, Query: []stack.QueryValue{v}})
	}
	if m.Method != nil {
		out = append(out, stack.Condition{Field: stack.RequestMethod, Values: []string{string(*m.Method)}})
	}
	return out, nil
}

// Cover returns conditions for all requests that a match may have which a load balancer cannot match: those on its
// path, or the beginning of the path, and on its method. grpc is nil for a match of an HTTPRoute.
func (c Construction) Cover(http gatewayv1.HTTPRouteMatch, grpc *gatewayv1.GRPCRouteMatch) []stack.Condition {
	if grpc != nil {
		if path, err := c.grpcMethod(grpc.Method); err == nil {
			return []stack.Condition{path}
		}
		if m := grpc.Method; m != nil && ptr.Deref(m.Type, "") != gatewayv1.GRPCMethodMatchRegularExpression {
			return beginning("/" + ptr.Deref(m.Service, ""))
		}
		return beginning("/")
	}
	out, err := c.HTTP(gatewayv1.HTTPRouteMatch{Path: http.Path, Method: http.Method})
	if err == nil && len(out) > 0 {
		return out
	}
	if p := http.Path; p != nil && ptr.Deref(p.Type, "") != gatewayv1.PathMatchRegularExpression {
		return beginning(ptr.Deref(p.Value, "/"))
	}
	return beginning("/")
}

// beginning is the condition of the paths that begin as one does.
func beginning(path string) []stack.Condition {
	end := 0
	for end < len(path) && end < maxValue-1 && plainPath(path[end:end+1]) {
		end++
	}
	return []stack.Condition{{Field: stack.PathPattern, Values: []string{path[:end] + "*"}}}
}

// path is the condition of a path. Type and value have the API's defaults.
func (c Construction) path(m *gatewayv1.HTTPPathMatch) (stack.Condition, error) {
	kind, value := gatewayv1.PathMatchPathPrefix, "/"
	if m.Type != nil {
		kind = *m.Type
	}
	if m.Value != nil {
		value = *m.Value
	}
	switch kind {
	case gatewayv1.PathMatchExact:
		return c.exactPath(value)
	case gatewayv1.PathMatchPathPrefix:
		return c.prefix(value)
	case gatewayv1.PathMatchRegularExpression:
		return regex(stack.Condition{Field: stack.PathPattern}, value, "path "+value)
	}
	return stack.Condition{}, fmt.Errorf("path match of type %s: use Exact, PathPrefix or RegularExpression", kind)
}

func (c Construction) exactPath(value string) (stack.Condition, error) {
	if c == Standard && !plainPath(value) {
		return regex(stack.Condition{Field: stack.PathPattern}, "^"+regexp.QuoteMeta(value)+"$", "path "+value)
	}
	return paths("path "+value, value)
}

func (c Construction) prefix(value string) (stack.Condition, error) {
	trimmed := strings.TrimSuffix(value, "/")
	switch {
	case trimmed == "":
		return paths("path /", "/*")
	case c == Standard && !plainPath(value):
		return regex(stack.Condition{Field: stack.PathPattern}, "^"+regexp.QuoteMeta(trimmed)+"(/.*)?$", "path "+value)
	case strings.ContainsAny(value, "*?"):
		return stack.Condition{}, fmt.Errorf("path %s: a prefix may not have * or ?", value)
	}
	return paths("path "+value, trimmed, trimmed+"/*")
}

// header is the condition of a header. The existing controller takes an exact value with commas for several values.
func (c Construction) header(name, value string, expression bool) (stack.Condition, error) {
	const maxName = 40
	if len(name) > maxName {
		return stack.Condition{}, fmt.Errorf("header %s: a load balancer matches names of at most %d characters",
			name, maxName)
	}
	out := stack.Condition{Field: stack.HTTPHeader, HeaderName: name}
	what := "header " + name
	switch {
	case expression:
		return regex(out, value, what)
	case c == Compatible:
		out.Values = splitAtCommas(value)
	case strings.ContainsAny(value, `*?\`):
		return regex(out, "^"+regexp.QuoteMeta(value)+"$", what)
	default:
		out.Values = []string{value}
	}
	return limited(out, what)
}

// splitAtCommas splits at commas; a backslash takes the next character as it is.
func splitAtCommas(s string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == ',':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(out, b.String())
}

// literal is text in a glob, where the existing controller does not distinguish.
func (c Construction) literal(s string) string {
	if c == Compatible {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(s)
}

// GRPC returns the conditions of a match of a GRPCRoute.
func (c Construction) GRPC(m gatewayv1.GRPCRouteMatch) ([]stack.Condition, error) {
	path, err := c.grpcMethod(m.Method)
	if err != nil {
		return nil, err
	}
	out := []stack.Condition{path}
	for _, h := range m.Headers {
		expression := c == Standard && h.Type != nil && *h.Type == gatewayv1.GRPCHeaderMatchRegularExpression
		header, err := c.header(string(h.Name), h.Value, expression)
		if err != nil {
			return nil, err
		}
		out = append(out, header)
	}
	return out, nil
}

func (c Construction) grpcMethod(m *gatewayv1.GRPCMethodMatch) (stack.Condition, error) {
	if m == nil {
		return paths("method", "/*")
	}
	var service, method string
	if m.Service != nil {
		service = *m.Service
	}
	if m.Method != nil {
		method = *m.Method
	}
	what := fmt.Sprintf("method /%s/%s", service, method)
	expression := m.Type != nil && *m.Type == gatewayv1.GRPCMethodMatchRegularExpression
	switch {
	case service == "" && method == "":
		return stack.Condition{}, fmt.Errorf("a method match needs a service, a method or both")
	case c == Standard && expression:
		part := func(s string) string {
			if s == "" {
				return "[^/]+"
			}
			return "(" + s + ")"
		}
		return regex(stack.Condition{Field: stack.PathPattern}, "^/"+part(service)+"/"+part(method)+"$", what)
	case service == "":
		service = "*"
	case method == "":
		method = "*"
	}
	return paths(what, "/"+service+"/"+method)
}

// plainPath reports whether a path can be a value of a path-pattern condition and stands for itself there.
func plainPath(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			!strings.ContainsRune("_-.$/~\"'@:+&", r)
	})
}

func paths(what string, all ...string) (stack.Condition, error) {
	return limited(stack.Condition{Field: stack.PathPattern, Values: all}, what)
}

func regex(c stack.Condition, expression, what string) (stack.Condition, error) {
	if _, err := overlap.Parse(expression); err != nil { // its program may be large
		return stack.Condition{}, fmt.Errorf("%s: %w; a load balancer takes expressions of RE2", what, err)
	}
	c.Regex = []string{expression}
	return limited(c, what)
}

func limited(c stack.Condition, what string) (stack.Condition, error) {
	for _, v := range append(c.Values, c.Regex...) {
		if len(v) > maxValue {
			return stack.Condition{}, fmt.Errorf("%s: %q has %d characters, and a load balancer matches at most %d", what, v,
				len(v), maxValue)
		}
	}
	return c, nil
}
