package rule

import (
	"cmp"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
)

// Position is what decides the place of a rule among those of its listener: one match of a route at one hostname.
type Position struct {
	Listener string              // hostname of the Gateway's listener; empty = any
	Host     attachment.Hostname // Name is empty for any

	specificity

	Created         time.Time // of the route
	Kind            gatewayv1.Kind
	Namespace, Name string
	Rule, Match     int
}

// specificity is how much a match asks for; more comes first.
type specificity struct {
	path      int // 3 exact, 2 prefix, 1 regular expression, 0 none
	primary   int // length of the path, or of the gRPC service
	secondary int // length of the gRPC method
	method    bool
	headers   int
	queries   int
}

const (
	anyPath = iota
	regexPath
	prefixPath
	exactPath
)

// OfHTTP sets what a match of an HTTPRoute asks for.
func (p *Position) OfHTTP(m gatewayv1.HTTPRouteMatch) {
	p.specificity = specificity{method: m.Method != nil, headers: len(m.Headers), queries: len(m.QueryParams)}
	if m.Path == nil {
		return
	}
	p.path, p.primary = prefixPath, 1
	if m.Path.Type != nil {
		switch *m.Path.Type {
		case gatewayv1.PathMatchExact:
			p.path = exactPath
		case gatewayv1.PathMatchRegularExpression:
			p.path = regexPath
		case gatewayv1.PathMatchPathPrefix:
		}
	}
	if m.Path.Value != nil {
		p.primary = len(*m.Path.Value)
	}
}

// OfGRPC sets what a match of a GRPCRoute asks for.
func (p *Position) OfGRPC(m gatewayv1.GRPCRouteMatch) {
	p.specificity = specificity{headers: len(m.Headers)}
	if m.Method == nil {
		return
	}
	p.path = exactPath
	if m.Method.Type != nil && *m.Method.Type == gatewayv1.GRPCMethodMatchRegularExpression {
		p.path = regexPath
	}
	if m.Method.Service != nil {
		p.primary = len(*m.Method.Service)
	}
	if m.Method.Method != nil {
		p.secondary = len(*m.Method.Method)
	}
}

// Compare orders rules of one port: negative if a comes first. It is zero only for the same match at the same hostname.
func (c Construction) Compare(a, b Position) int {
	order := 0
	if c == Standard {
		order = compareHosts(a.Listener, b.Listener)
	}
	order = cmp.Or(order, compareHosts(a.Host.Name, b.Host.Name))
	if c == Standard {
		order = cmp.Or(order, compareHosts(a.Host.Own, b.Host.Own))
	}
	return cmp.Or(order,
		cmp.Compare(b.path, a.path), cmp.Compare(b.primary, a.primary), cmp.Compare(b.secondary, a.secondary),
		compareBool(b.method, a.method), cmp.Compare(b.headers, a.headers), cmp.Compare(b.queries, a.queries),
		a.Created.Compare(b.Created), strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name), strings.Compare(string(a.Kind), string(b.Kind)),
		cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Match, b.Match),
		strings.Compare(a.Host.Name, b.Host.Name), strings.Compare(a.Listener, b.Listener))
}

// compareHosts puts the more specific hostname first: exact before wildcard, more labels, more characters; any comes last. Hostnames
// that are equally specific are equal: no request has two of them.
func compareHosts(a, b string) int {
	return cmp.Or(
		compareBool(b != "", a != ""),
		compareBool(strings.HasPrefix(a, "*."), strings.HasPrefix(b, "*.")),
		cmp.Compare(strings.Count(b, "."), strings.Count(a, ".")),
		cmp.Compare(len(b), len(a)))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
