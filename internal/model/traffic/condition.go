package traffic

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// view is a request with the parts that conditions compare.
type view struct {
	*Request
	host  string // without its port, in lower case; IPv6 literals have brackets
	path  string // normalised
	query []pair
}

type pair struct{ key, value string }

// newView computes the parts. The raw query is split at & and the first =, in lower case, without any decoding and
// without characters that are not printable ASCII.
func newView(r *Request) view {
	v := view{Request: r, host: r.hostname(), path: NormalizePath(r.Path)}
	for part := range strings.SplitSeq(strings.ToLower(visible(r.RawQuery)), "&") {
		if key, value, _ := strings.Cut(part, "="); part != "" {
			v.query = append(v.query, pair{key, value})
		}
	}
	return v
}

// condition reports whether a request fulfils a compiled condition.
type condition func(*view) bool

// compilers has the comparison of each field. Errors name values that can never match; AWS rejects such values.
var compilers = map[stack.ConditionField]func(stack.Condition) (condition, error){
	stack.HostHeader:    compileHost,
	stack.PathPattern:   compilePath,
	stack.HTTPHeader:    compileHeader,
	stack.RequestMethod: compileMethod,
	stack.QueryString:   compileQuery,
	stack.SourceIP:      compileSource,
}

func never(*view) bool { return false }

func compile(c stack.Condition) (condition, error) {
	f, ok := compilers[c.Field]
	if !ok {
		return never, fmt.Errorf("condition field %q is unknown: the condition never holds", c.Field)
	}
	return f(c)
}

// texts compares one text with any of a condition's patterns and regular expressions.
type texts struct {
	patterns []pattern
	regexes  []*regexp.Regexp
	fold     bool // patterns compare without regard to case
}

func compileTexts(c stack.Condition, fold bool) (texts, error) {
	t := texts{fold: fold}
	for _, v := range c.Values {
		if fold {
			v = strings.ToLower(v)
		}
		t.patterns = append(t.patterns, compilePattern(v, false))
	}
	var bad []error
	for _, v := range c.Regex {
		re, err := compileExpression(v)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s condition: regular expression %q never matches: %w", c.Field, v, err))
			continue
		}
		t.regexes = append(t.regexes, re)
	}
	return t, errors.Join(bad...)
}

func (t *texts) match(s string) bool {
	folded := s
	if t.fold && len(t.patterns) > 0 {
		folded = strings.ToLower(s)
	}
	return slices.ContainsFunc(t.patterns, func(p pattern) bool { return p.match(folded) }) ||
		slices.ContainsFunc(t.regexes, func(re *regexp.Regexp) bool { return re.MatchString(s) })
}

// mostSteps bounds the programs of regular expressions: a load balancer may have thousands, each of 100 MB otherwise.
const mostSteps = 5000

func compileExpression(v string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(v, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if overlap.Steps(parsed) > mostSteps {
		return nil, errors.New("it repeats so much that requests are not compared with it")
	}
	return regexp.Compile(v)
}

// compileHost compares the host without its port in lower case, also with regular expressions.
func compileHost(c stack.Condition) (condition, error) {
	t, err := compileTexts(c, true)
	t.fold = false // the host is in lower case already
	return func(v *view) bool { return t.match(v.host) }, err
}

// compilePath compares the normalised path without the query, with regard to case.
func compilePath(c stack.Condition) (condition, error) {
	t, err := compileTexts(c, false)
	return func(v *view) bool { return t.match(v.path) }, err
}

// compileHeader compares each header line of a name by itself. An absent header never matches.
func compileHeader(c stack.Condition) (condition, error) {
	t, err := compileTexts(c, true)
	return func(v *view) bool { return slices.ContainsFunc(v.header(c.HeaderName), t.match) }, err
}

// compileMethod compares exactly, without wildcards.
func compileMethod(c stack.Condition) (condition, error) {
	return func(v *view) bool { return slices.Contains(c.Values, v.Method) }, nil
}

// compileQuery compares the raw text without regard to case. With a key, the value of that key must match. Without one,
// any key or value may match.
func compileQuery(c stack.Condition) (condition, error) {
	type query struct {
		key, value pattern
		anyKey     bool
	}
	queries := make([]query, len(c.Query))
	for i, q := range c.Query {
		queries[i] = query{
			key:    compilePattern(strings.ToLower(q.Key), true),
			value:  compilePattern(strings.ToLower(q.Value), true),
			anyKey: q.Key == "",
		}
	}
	return func(v *view) bool {
		return slices.ContainsFunc(v.query, func(p pair) bool {
			return slices.ContainsFunc(queries, func(q query) bool {
				return q.value.match(p.value) && (q.anyKey || q.key.match(p.key)) || q.anyKey && q.value.match(p.key)
			})
		})
	}, nil
}

// compileSource compares the address of the TCP peer, never X-Forwarded-For. Host bits in a CIDR are ignored.
func compileSource(c stack.Condition) (condition, error) {
	var ranges []netip.Prefix
	var bad []error
	for _, s := range c.Values {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			bad = append(bad, fmt.Errorf("source-ip condition: %q never matches: %w", s, err))
			continue
		}
		ranges = append(ranges, p.Masked())
	}
	return func(v *view) bool {
		ip := v.SourceIP.Unmap()
		return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(ip) })
	}, errors.Join(bad...)
}
