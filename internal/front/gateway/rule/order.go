package rule

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
)

// Position is what decides the place of a rule among those of its listener: one match of a route at one hostname.
type Position struct {
	Listener string              // hostname of the Gateway's listener; empty = any
	Host     attachment.Hostname // Name is empty for any
	// hostname for which the compatible construction has the match at a hostname inside of it, too
	Wide string

	specificity

	Created         time.Time // of the route
	Kind            gatewayv1.Kind
	Namespace, Name string
	Rule, Match     int
	// Last marks the rule that comes after the others of its listener's hostname.
	Last bool
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

// Expression reports whether the match compares the path with a regular expression.
func (p *Position) Expression() bool { return p.path == regexPath }

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
	if n := slices.Compare(c.Precedence(a), c.Precedence(b)); n != 0 {
		return n
	}
	return a.CompareOrigin(&b)
}

// CompareOrigin orders positions of equal precedence by where they come from.
func (p *Position) CompareOrigin(o *Position) int {
	return cmp.Or(p.Created.Compare(o.Created), strings.Compare(p.Namespace+"/"+p.Name, o.Namespace+"/"+o.Name),
		strings.Compare(string(p.Kind), string(o.Kind)),
		cmp.Compare(p.Rule, o.Rule), cmp.Compare(p.Match, o.Match),
		strings.Compare(p.Host.Name, o.Host.Name), strings.Compare(p.Listener, o.Listener))
}

// Precedence returns what Compare looks at before the route: positions with a lower one come first, compared element by
// element. It depends on nothing but the position, so that it holds among routes of different versions.
func (c Construction) Precedence(p Position) []int32 {
	match := []int32{
		hostRank(p.Host.Name), first(p.path == exactPath)<<2 | first(p.path == prefixPath)<<1 | first(p.path == regexPath),
		less(p.primary), less(p.secondary),
		first(p.method), less(p.headers), less(p.queries),
	}
	switch {
	case c == Compatible && p.Listener != "": // behind what is for that hostname alone
		return append([]int32{hostRank(p.Listener), 8 + 1 - first(p.Last), hostRank(p.Wide)}, match[1:]...)
	case c == Compatible:
		return match
	}
	return append([]int32{hostRank(p.Listener), 1 - first(p.Last), match[0], hostRank(p.Host.Own)}, match[1:]...)
}

// hostRank is lower for more specific hostnames: exact before wildcard, more labels, more characters; any comes last.
// Hostnames that are equally specific are equal: no request has two of them.
func hostRank(h string) int32 {
	if h == "" {
		return 1 << 30
	}
	const most = 255 // characters and labels of a hostname
	return first(!strings.HasPrefix(h, "*."))<<20 | int32(most-min(most, strings.Count(h, ".")))<<10 | int32(
		most-min(most, len(h)))
}

// first is lower for what has a property.
func first(has bool) int32 {
	if has {
		return 0
	}
	return 1
}

// less is lower for more.
func less(n int) int32 { return math.MaxInt16 - int32(min(n, math.MaxInt16)) }
