// Package allowlist decides what the objects of a namespace may name, by the list of a flag. Flags that end in -roles,
// -load-balancers and -target-groups list patterns of AWS resources, --binding-networking lists ports and sources, and
// --endpoints-without-pods lists ranges of addresses. It imports the standard library only.
package allowlist

import (
	"fmt"
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
