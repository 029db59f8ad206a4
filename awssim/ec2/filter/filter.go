package filter

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// EC2's limits on the filters of one call.
const (
	maxFilters      = 50
	maxFilterValues = 200
)

// Accessor reads what a resource has under a filter's name; none means that no value can match.
type Accessor[R any] func(a *account.Account, r R) []string

// One is the accessor of an attribute that has exactly one value.
func One[R any](f func(R) string) Accessor[R] {
	return func(_ *account.Account, r R) []string { return []string{f(r)} }
}

// Flag is the accessor of a boolean.
func Flag[R any](f func(R) bool) Accessor[R] {
	return func(_ *account.Account, r R) []string {
		if f(r) {
			return []string{"true"}
		}
		return []string{"false"}
	}
}

// Condition is one filter, compiled.
type Condition[R any] struct {
	read  Accessor[R]
	tags  func(tags map[string]string) []string // in place of read, of a filter for tags
	exact map[string]bool                       // values without wildcards
	globs []glob
}

func (c Condition[R]) matches(a *account.Account, r R, tags map[string]string) bool {
	var values []string
	if c.tags != nil {
		values = c.tags(tags)
	} else {
		values = c.read(a, r)
	}
	for _, v := range values {
		if c.exact[v] {
			return true
		}
		for _, g := range c.globs {
			if g.matches(v) {
				return true
			}
		}
	}
	return false
}

// CompileFilters checks the filters of a call against the table of its accessors and, for resources that have tags,
// those of tags.
func CompileFilters[R any](filters []types.Filter, table map[string]Accessor[R], tagged bool) ([]Condition[R], error) {
	if len(filters) > maxFilters {
		return nil, apierr.New("FilterLimitExceeded", "The maximum number of filters specified on a single call is %d",
			maxFilters)
	}
	total := 0
	conditions := make([]Condition[R], 0, len(filters))
	for _, f := range filters {
		name := aws.ToString(f.Name)
		c := Condition[R]{read: table[name], exact: map[string]bool{}}
		if c.read == nil && tagged {
			c.tags = tagAccessor(name)
		}
		if c.read == nil && c.tags == nil {
			return nil, request.InvalidValue("The filter '%s' is invalid", name)
		}
		if len(f.Values) == 0 {
			return nil, request.InvalidValue("The filter '%s' is null", name)
		}
		if total += len(f.Values); total > maxFilterValues {
			return nil, apierr.New("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d",
				maxFilterValues)
		}
		for _, v := range f.Values {
			if g := parseGlob(v); g.literal {
				c.exact[g.text()] = true
			} else {
				c.globs = append(c.globs, g)
			}
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// tagAccessor reads what a filter for tags compares, nil for other filters.
func tagAccessor(name string) func(tags map[string]string) []string {
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		return func(tags map[string]string) []string {
			if v, ok := tags[key]; ok {
				return []string{v}
			}
			return nil
		}
	}
	switch name {
	case "tag-key":
		return func(tags map[string]string) []string { return slices.Sorted(maps.Keys(tags)) }
	case "tag-value":
		return func(tags map[string]string) []string { return slices.Collect(maps.Values(tags)) }
	}
	return nil
}

// glob is a filter value: * stands for any run of characters, ? for one, \ takes the next character as it is.
type glob struct {
	parts   []globPart
	literal bool // no wildcard in it
}

type globPart struct {
	char rune
	any  bool // *
	one  bool // ?
}

func parseGlob(s string) glob {
	g := glob{literal: true}
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			g.parts = append(g.parts, globPart{char: r})
			escaped = false
		case r == '\\':
			escaped = true
		case r == '*':
			g.parts = append(g.parts, globPart{any: true})
			g.literal = false
		case r == '?':
			g.parts = append(g.parts, globPart{one: true})
			g.literal = false
		default:
			g.parts = append(g.parts, globPart{char: r})
		}
	}
	if escaped {
		g.parts = append(g.parts, globPart{char: '\\'})
	}
	return g
}

// text is the value of a literal glob.
func (g glob) text() string {
	var b strings.Builder
	for _, p := range g.parts {
		b.WriteRune(p.char)
	}
	return b.String()
}

// matches goes back to the last * when a later part fails, which is linear in practice and quadratic at worst.
func (g glob) matches(s string) bool {
	text := []rune(s)
	i, p := 0, 0
	star, mark := -1, 0
	for i < len(text) {
		switch {
		case p < len(g.parts) && g.parts[p].any:
			star, mark = p, i
			p++
		case p < len(g.parts) && (g.parts[p].one || g.parts[p].char == text[i]):
			i, p = i+1, p+1
		case star >= 0:
			mark++
			i, p = mark, star+1
		default:
			return false
		}
	}
	for p < len(g.parts) && g.parts[p].any {
		p++
	}
	return p == len(g.parts)
}
