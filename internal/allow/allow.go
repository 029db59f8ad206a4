// Package allow decides which names the objects of a namespace may use: allow-lists of patterns, each for all namespaces or for one, as
// flags give them. What a name is (a role, a target group, a load balancer) its users know. It imports the standard library only.
package allow

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// List is an allow-list. The zero value allows nothing.
type List []entry

// entry allows the objects of a namespace what fits a pattern.
type entry struct {
	namespace string // empty: all
	pattern   string // * stands for any characters, also for none
}

// Patterns of everything, and of nothing.
const (
	Any  = "*"
	None = "none"
)

var namespaceForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Parse reads an allow-list: patterns, each for all namespaces or, as NAMESPACE=PATTERN, for one. check refuses patterns that cannot be meant;
// it is not called for * and none. what completes "give ..., or NAMESPACE=PATTERN".
func Parse(list []string, what string, check func(pattern string) error) (List, error) {
	out := List{}
	for _, item := range list {
		e := entry{pattern: strings.TrimSpace(item)}
		if namespace, pattern, ok := strings.Cut(e.pattern, "="); ok && !strings.Contains(namespace, ":") {
			e = entry{namespace, pattern}
			if !namespaceForm.MatchString(namespace) {
				return nil, fmt.Errorf("%q is not the name of a namespace, in %q: give %s, or NAMESPACE=PATTERN", namespace, item, what)
			}
		}
		if e.namespace == "" && (e.pattern == "" || e.pattern == None) {
			continue
		}
		if e.pattern != Any {
			if err := check(e.pattern); err != nil {
				return nil, fmt.Errorf("%q: %w", item, err)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// Everything is the list that allows every namespace everything.
func Everything() List { return List{{pattern: Any}} }

// Allow reports whether the objects of a namespace may use something that has any of these names.
func (l List) Allow(namespace string, names ...string) bool {
	return slices.ContainsFunc(l, func(e entry) bool {
		return (e.namespace == "" || e.namespace == namespace) &&
			slices.ContainsFunc(names, func(name string) bool { return name != "" && matches(e.pattern, name) })
	})
}

// Unlimited reports whether every namespace may use everything.
func (l List) Unlimited() bool {
	return slices.ContainsFunc(l, func(e entry) bool { return e.namespace == "" && e.pattern == Any })
}

// Patterns are those of all namespaces, each once, without *, which names nothing.
func (l List) Patterns() (out []string) {
	for _, e := range l {
		if e.pattern != Any && !slices.Contains(out, e.pattern) {
			out = append(out, e.pattern)
		}
	}
	return out
}

// For are the patterns that hold for a namespace.
func (l List) For(namespace string) (out []string) {
	for _, e := range l {
		if e.namespace == "" || e.namespace == namespace {
			out = append(out, e.pattern)
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

// targetGroupForm is a pattern of names or ARNs of target groups.
var targetGroupForm = regexp.MustCompile(`^(arn:[A-Za-z0-9:/*-]+|[A-Za-z0-9*-]{1,32})$`)

// TargetGroups reads an allow-list of target groups: patterns of their names, or of their ARNs if they begin with "arn:".
func TargetGroups(list []string) (List, error) {
	return Parse(list, "the name or the ARN of a target group", func(pattern string) error {
		if !targetGroupForm.MatchString(pattern) {
			return fmt.Errorf("%q is neither *, nor the name of a target group such as web-*, nor an ARN such as arn:aws:elasticloadbalancing:*:*:targetgroup/web/*", pattern)
		}
		return nil
	})
}
