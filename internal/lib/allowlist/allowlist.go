// Package allowlist decides what the objects of a namespace may name, by the list of a flag. Flags that end in -roles,
// -load-balancers and -target-groups list patterns of AWS resources, --binding-networking lists ports and sources, and
// --endpoints-without-pods lists ranges of addresses. It imports the standard library only.
package allowlist

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// List is an allow-list. The zero value allows nothing.
type List []Entry

// Entry allows the objects of a namespace what fits a pattern.
type Entry struct {
	Namespace string // empty: all
	Pattern   string // * stands for any characters, also for none
}

// Patterns of everything, and of nothing.
const (
	Any  = "*"
	None = "none"
)

var namespaceForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Parse reads a list of PATTERN and NAMESPACE=PATTERN. An equals sign behind a colon belongs to the pattern, as ARNs
// may have one. kind names what the patterns are of, for messages, and check returns why a pattern other than * has no
// meaning.
func Parse(list []string, kind string, check func(pattern string) error) (List, error) {
	var out List
	for _, item := range list {
		e := Entry{Pattern: strings.TrimSpace(item)}
		if namespace, pattern, ok := strings.Cut(e.Pattern, "="); ok && !strings.Contains(namespace, ":") {
			e = Entry{namespace, pattern}
			if !namespaceForm.MatchString(namespace) {
				return nil, fmt.Errorf("%q is not the name of a namespace, in %q: give %s, or NAMESPACE= in front of it",
					namespace, item, kind)
			}
		}
		if e.Namespace == "" && (e.Pattern == "" || e.Pattern == None) {
			continue
		}
		if e.Pattern != Any {
			if err := check(e.Pattern); err != nil {
				return nil, fmt.Errorf("in %q: %w", item, err)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// Match returns the entries that allow the objects of a namespace a text.
func (l List) Match(namespace, text string) (out List) {
	for _, e := range l {
		if (e.Namespace == "" || e.Namespace == namespace) && matches(e.Pattern, text) {
			out = append(out, e)
		}
	}
	return out
}

// Allow reports whether the objects of a namespace may name what has any of these names. What has no name is not
// allowed.
func (l List) Allow(namespace string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return name != "" && len(l.Match(namespace, name)) > 0 })
}

// For returns the patterns that hold for a namespace.
func (l List) For(namespace string) (out []string) {
	for _, e := range l {
		if e.Namespace == "" || e.Namespace == namespace {
			out = append(out, e.Pattern)
		}
	}
	return out
}

// Unlimited reports whether the objects of every namespace are allowed everything.
func (l List) Unlimited() bool { return slices.Contains(l, Entry{Pattern: Any}) }

// Patterns returns the patterns of the entries without *, each once.
func (l List) Patterns() (out []string) {
	for _, e := range l {
		if e.Pattern != Any && !slices.Contains(out, e.Pattern) {
			out = append(out, e.Pattern)
		}
	}
	return out
}

// matches reports whether a text fits a pattern in which * stands for any characters.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) || len(text) < len(first)+len(last) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, p := range parts[1 : len(parts)-1] { // the first place is as good as any later one
		_, rest, found := strings.Cut(text, p)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

// What the networking of a TargetGroupBinding may be allowed beyond its limits.
const (
	AnyPort   = "any-port"   // ports at which no target listens, or at which nodes themselves serve
	AnySource = "any-source" // any number of public addresses
)

// Networking reads an allow-list of AnyPort and AnySource.
func Networking(list []string) (List, error) {
	return Parse(list, AnyPort+" or "+AnySource, func(pattern string) error {
		if pattern != AnyPort && pattern != AnySource {
			return fmt.Errorf("%q is neither %s, nor %s, nor *, nor %s", pattern, AnyPort, AnySource, None)
		}
		return nil
	})
}

// targetGroupForm is a pattern of names or ARNs of target groups.
var targetGroupForm = regexp.MustCompile(`^(arn:[A-Za-z0-9:/*-]+|[A-Za-z0-9*-]{1,32})$`)

// TargetGroups reads an allow-list of target groups: patterns of their names, or of their ARNs if they begin with
// "arn:".
func TargetGroups(list []string) (List, error) {
	return Parse(list, "the name or the ARN of a target group", func(pattern string) error {
		if !targetGroupForm.MatchString(pattern) {
			return fmt.Errorf("%q is neither *, nor the name of a target group such as web-*, nor an ARN such as "+
				"arn:aws:elasticloadbalancing:*:*:targetgroup/web/*", pattern)
		}
		return nil
	})
}

// Addresses is an allow-list of ranges of addresses. The zero value allows none.
type Addresses []Range

// Range allows the objects of a namespace the addresses of a range.
type Range struct {
	Namespace string       // empty: all
	Prefix    netip.Prefix // not valid: every address
}

// AddressRanges reads an allow-list of ranges of addresses: CIDR and NAMESPACE=CIDR.
func AddressRanges(list []string) (Addresses, error) {
	entries, err := Parse(list, "a range of addresses such as 10.0.64.0/20", func(pattern string) error {
		_, err := rangeOf(pattern)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(Addresses, 0, len(entries))
	for _, e := range entries {
		r := Range{Namespace: e.Namespace}
		if e.Pattern != Any {
			r.Prefix, _ = rangeOf(e.Pattern) // Parse has checked it
		}
		out = append(out, r)
	}
	return out, nil
}

// rangeOf reads one range. One whose address has bits beyond its length may be meant as a single address or as the
// range around it.
func rangeOf(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is neither * nor a range of addresses such as 10.0.64.0/20, 10.0.0.10/32 or 2001:db8::/56",
			text)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%q is a range of IPv4 addresses in the form of IPv6: give it in the form of IPv4", text)
	case p != p.Masked():
		return p, fmt.Errorf("%q is not a range, as its address has bits beyond /%d: give %s, or %s/%d for the one address",
			text, p.Bits(), p.Masked(), p.Addr(), p.Addr().BitLen())
	}
	return p, nil
}

// Allow reports whether the objects of a namespace may name an address. An IPv4 address in the form of IPv6 is in no
// range.
func (l Addresses) Allow(namespace string, a netip.Addr) bool {
	if !a.IsValid() || a.Is4In6() {
		return false
	}
	return slices.ContainsFunc(l, func(r Range) bool {
		return (r.Namespace == "" || r.Namespace == namespace) && (!r.Prefix.IsValid() || r.Prefix.Contains(a))
	})
}
