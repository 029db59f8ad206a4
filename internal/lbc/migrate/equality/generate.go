package equality

import (
	"net/netip"
	"net/textproto"
	"net/url"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// elsewhere is the address of clients that no condition names: of TEST-NET-1.
var elsewhere = netip.AddrFrom4([4]byte{192, 0, 2, 77})

// maxRequests bounds the requests for one listener. Beyond, hosts and paths are combined only as rules do.
const maxRequests = 20000

// Requests makes requests for a listener: each path, and paths near it, at each host, and those with what other
// conditions ask for.
func Requests(l stack.Listener, rules []stack.Rule) (out []traffic.Request) {
	base := traffic.Request{Scheme: strings.ToLower(l.Protocol), Port: l.Port, Method: "GET", SourceIP: elsewhere}
	hosts, paths := []string{"nobody.invalid"}, []string{"/", "/nothing-has-this-path"}
	for _, r := range rules {
		h, p := hostsAndPaths(r)
		hosts, paths = append(hosts, h...), append(paths, p...)
	}
	hosts, paths = unique(hosts), unique(paths)
	if len(hosts)*len(paths) <= maxRequests {
		for _, h := range hosts {
			for _, p := range paths {
				one := base
				one.Host, one.Path = h, p
				out = append(out, one)
			}
		}
	}
	for _, r := range rules {
		h, p := hostsAndPaths(r)
		if len(h) == 0 {
			h = []string{"nobody.invalid", hosts[len(hosts)-1]}
		}
		if len(p) == 0 {
			p = []string{"/", "/nothing-has-this-path"}
		}
		for _, host := range h {
			for _, path := range p {
				one := base
				one.Host, one.Path = host, path
				out = append(out, special(one, r)...)
			}
		}
	}
	return out
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// hostsAndPaths are hosts and paths that a rule matches, and some near them.
func hostsAndPaths(r stack.Rule) (hosts, paths []string) {
	for _, c := range r.Conditions {
		switch c.Field {
		case stack.HostHeader:
			hosts = append(hosts, matching(c)...)
		case stack.PathPattern:
			for _, v := range c.Values {
				paths = append(paths, beside(v)...)
			}
			for _, e := range c.Regex {
				if s, ok := example(e); ok && strings.HasPrefix(s, "/") {
					paths = append(paths, s, s+"x", s+"/x")
				}
			}
		case stack.HTTPHeader, stack.RequestMethod, stack.QueryString, stack.SourceIP:
		}
	}
	return hosts, paths
}

// variants are texts that a pattern matches.
func variants(pattern string) []string {
	if !strings.ContainsAny(pattern, "*?") {
		return []string{pattern}
	}
	one := strings.ReplaceAll(pattern, "?", "q")
	return []string{strings.ReplaceAll(one, "*", "any"), strings.ReplaceAll(one, "*", "some.more")}
}

// beside are paths that a pattern matches, and the nearest that it may not.
func beside(pattern string) (out []string) {
	one := strings.ReplaceAll(pattern, "?", "q")
	for _, star := range []string{"", "any", "some/more"} {
		p := strings.ReplaceAll(one, "*", star)
		if !strings.HasPrefix(p, "/") {
			p = "/" + p
		}
		out = append(out, p, p+"x", p+"/", strings.TrimSuffix(p, "/"))
	}
	return slices.DeleteFunc(out, func(p string) bool { return p == "" })
}

// special are requests with what the conditions of a rule ask for in addition to host and path: all of it, and all but
// one.
func special(base traffic.Request, r stack.Rule) []traffic.Request {
	all := []traffic.Request{base}
	for _, c := range r.Conditions {
		var set []func(*traffic.Request)
		switch c.Field {
		case stack.HTTPHeader:
			for _, v := range matching(c) {
				set = append(set, func(q *traffic.Request) {
					h := map[string][]string{textproto.CanonicalMIMEHeaderKey(c.HeaderName): {v}}
					for k, x := range q.Header {
						h[k] = x
					}
					q.Header = h
				})
			}
		case stack.RequestMethod:
			for _, v := range c.Values {
				set = append(set, func(q *traffic.Request) { q.Method = v })
			}
		case stack.QueryString:
			for _, v := range c.Query {
				key := v.Key
				if key == "" {
					key = "any"
				}
				pair := url.QueryEscape(variants(key)[0]) + "=" + url.QueryEscape(variants(v.Value)[0])
				set = append(set, func(q *traffic.Request) { q.RawQuery = strings.TrimPrefix(q.RawQuery+"&"+pair, "&") })
			}
		case stack.SourceIP:
			for _, v := range c.Values {
				if p, err := netip.ParsePrefix(v); err == nil { // a wider range has another first or last address
					set = append(set, func(q *traffic.Request) { q.SourceIP = p.Masked().Addr() },
						func(q *traffic.Request) { q.SourceIP = last(p) })
				}
			}
		case stack.HostHeader, stack.PathPattern:
			continue
		}
		var next []traffic.Request
		for _, q := range all {
			next = append(next, q)
			for _, f := range set {
				one := q
				f(&one)
				next = append(next, one)
			}
		}
		if all = next; len(all) > 200 {
			break
		}
	}
	return all[1:]
}

// last is the last address of a range.
func last(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	out, _ := netip.AddrFromSlice(bytes)
	return out
}

// matching are values that a condition matches, and some near them.
func matching(c stack.Condition) (out []string) {
	for _, v := range c.Values {
		out = append(out, variants(v)...)
	}
	for _, e := range c.Regex {
		if s, ok := example(e); ok {
			out = append(out, s)
		}
	}
	return out
}

// example is a text that a regular expression matches; ok is false if none was found.
func example(expression string) (text string, ok bool) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	ok = write(&b, re)
	return b.String(), ok
}

func write(b *strings.Builder, re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(pick(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpPlus:
		return write(b, re.Sub[0])
	case syntax.OpRepeat:
		for range max(re.Min, 0) {
			if !write(b, re.Sub[0]) {
				return false
			}
		}
	case syntax.OpConcat:
		for _, s := range re.Sub {
			if !write(b, s) {
				return false
			}
		}
	case syntax.OpAlternate:
		return write(b, re.Sub[0])
	case syntax.OpStar, syntax.OpQuest, syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText,
		syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
	case syntax.OpNoMatch:
		return false
	}
	return true
}

// pick is a character of a class, a letter if it has one.
func pick(ranges []rune) rune {
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] <= 'a' && 'a' <= ranges[i+1] {
			return 'a'
		}
	}
	return ranges[0]
}
