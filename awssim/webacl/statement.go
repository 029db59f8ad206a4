package webacl

import (
	"net/netip"
	"strings"
	"sync/atomic"
)

// verdict is whether a statement matches. What contains an unknown statement may be unknown itself, which counts as no
// match.
type verdict int

const (
	no verdict = iota
	yes
	unknown
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// Statement is a condition on requests.
type Statement interface {
	match(r *Request) verdict
}

// Unknown is a statement that this package cannot decide.
type Unknown struct{}

func (Unknown) match(*Request) verdict { return unknown }

// All matches when each of its statements does.
type All []Statement

func (s All) match(r *Request) verdict { return fold(r, s, yes, no) }

// Any matches when one of its statements does.
type Any []Statement

func (s Any) match(r *Request) verdict { return fold(r, s, no, yes) }

// fold is the first decisive verdict, else unknown if there is one, else otherwise.
func fold(r *Request, all []Statement, otherwise, decisive verdict) verdict {
	for _, s := range all {
		switch s.match(r) {
		case decisive:
			return decisive
		case unknown:
			otherwise = unknown
		default:
		}
	}
	return otherwise
}

// Not matches when its statement does not.
type Not struct{ Statement Statement }

func (s Not) match(r *Request) verdict {
	switch s.Statement.match(r) {
	case yes:
		return no
	case no:
		return yes
	default:
		return unknown
	}
}

// From matches clients whose address is in a set.
type From struct{ Set *AddressSet }

func (s From) match(r *Request) verdict { return verdictOf(s.Set.Contains(r.Client)) }

// AddressSet is a set of client addresses that can change under the rules that refer to it. The zero value is empty.
type AddressSet struct {
	ranges atomic.Pointer[[]netip.Prefix]
}

// Set replaces the ranges.
func (s *AddressSet) Set(ranges []netip.Prefix) { s.ranges.Store(&ranges) }

// Contains reports whether an address is in the set.
func (s *AddressSet) Contains(ip netip.Addr) bool {
	ranges := s.ranges.Load()
	if ranges == nil {
		return false
	}
	for _, p := range *ranges {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// Part is the part of a request that bytes are looked for in.
type Part int

// The parts.
const (
	Path Part = iota
	Query
	Method
	Header
)

// Position is where the bytes must be.
type Position int

// The positions, as AWS WAF defines them. A word is bounded by anything but letters, digits and the underscore.
const (
	Exactly Position = iota
	StartsWith
	EndsWith
	Contains
	ContainsWord
)

// Bytes matches a text in a part of the request.
type Bytes struct {
	Part       Part
	Name       string // of the header
	Position   Position
	Text       string
	Transforms []func(string) string // applied to the part, in order
}

func (s Bytes) match(r *Request) verdict {
	in := s.in(r)
	for _, f := range s.Transforms {
		in = f(in)
	}
	switch s.Position {
	case Exactly:
		return verdictOf(in == s.Text)
	case StartsWith:
		return verdictOf(strings.HasPrefix(in, s.Text))
	case EndsWith:
		return verdictOf(strings.HasSuffix(in, s.Text))
	case Contains:
		return verdictOf(strings.Contains(in, s.Text))
	case ContainsWord:
		return verdictOf(containsWord(in, s.Text))
	}
	return unknown
}

func (s Bytes) in(r *Request) string {
	switch s.Part {
	case Path:
		return r.Path
	case Query:
		return r.Query
	case Method:
		return r.Method
	default:
	}
	if strings.EqualFold(s.Name, "host") {
		return r.Host
	}
	return strings.Join(r.Header.Values(s.Name), ",")
}

func containsWord(in, word string) bool {
	for from := 0; ; {
		i := strings.Index(in[from:], word)
		if i < 0 {
			return false
		}
		start := from + i
		end := start + len(word)
		if (start == 0 || !wordByte(in[start-1])) && (end == len(in) || !wordByte(in[end])) {
			return true
		}
		from = start + 1
	}
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
