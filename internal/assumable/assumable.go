// Package assumable decides which IAM roles the TargetGroupBindings of a namespace may name: an allow-list of patterns, as the flag
// --assumable-roles gives it, and the form of a role's ARN. Whether AWS lets the controller assume a role is not known here.
// It imports the standard library only.
package assumable

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Roles is an allow-list. The zero value allows none.
type Roles []entry

// entry allows the bindings of a namespace roles that fit a pattern.
type entry struct {
	namespace string // empty: all
	pattern   string // of an ARN; * stands for any characters, also for none
}

// Patterns of every role, and of none.
const (
	Any  = "*"
	None = "none"
)

var (
	namespaceForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	// arnForm is that of the ARN of a role (STS API Reference, AssumeRole, RoleArn): its partition, account, and path with name.
	arnForm = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role/((?:[\w+=,.@/-]*/)?[\w+=,.@-]{1,64})$`)
)

// Parse reads an allow-list: patterns of ARNs of roles, each for the bindings of all namespaces, or of one as NAMESPACE=PATTERN. The name of a
// role may hold an equals sign, but none comes before "arn:".
func Parse(list []string) (Roles, error) {
	var out Roles
	for _, item := range list {
		e := entry{pattern: strings.TrimSpace(item)}
		if namespace, pattern, ok := strings.Cut(e.pattern, "="); ok && !strings.Contains(namespace, ":") {
			e = entry{namespace, pattern}
			if !namespaceForm.MatchString(namespace) {
				return nil, fmt.Errorf("%q is not the name of a namespace, in %q: give the ARN of a role, or NAMESPACE=ARN", namespace, item)
			}
		}
		switch {
		case e.namespace == "" && (e.pattern == "" || e.pattern == None):
			continue
		case e.pattern != Any && (!strings.HasPrefix(e.pattern, "arn:") || !strings.Contains(e.pattern, ":role/")):
			return nil, fmt.Errorf("%q is neither * nor the ARN of a role such as arn:aws:iam::123456789012:role/targets, in which * stands for any characters", item)
		}
		out = append(out, e)
	}
	return out, nil
}

// Allow reports whether the bindings of a namespace may name a role.
func (r Roles) Allow(namespace, role string) bool {
	for _, e := range r {
		if (e.namespace == "" || e.namespace == namespace) && matches(e.pattern, role) {
			return true
		}
	}
	return false
}

// Unlimited reports whether the bindings of every namespace may name every role.
func (r Roles) Unlimited() bool {
	for _, e := range r {
		if e.namespace == "" && e.pattern == Any {
			return true
		}
	}
	return false
}

// Patterns are those of ARNs, without *, which names no role: what the controller's role is to be allowed.
func (r Roles) Patterns() (out []string) {
	for _, e := range r {
		if e.pattern != Any && !slices.Contains(out, e.pattern) {
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

// Account is the id of the account of a role; ok is false of what is not the ARN of a role.
func Account(role string) (id string, ok bool) {
	m := arnForm.FindStringSubmatch(role)
	if m == nil {
		return "", false
	}
	return m[2], true
}

// externalIDForm is that of an external id (STS API Reference, AssumeRole, ExternalId).
var externalIDForm = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)

// longestExternalID is counted in characters.
const longestExternalID = 1224

// ExternalID reports whether AWS takes a text as an external id.
func ExternalID(id string) bool {
	return len(id) <= longestExternalID && externalIDForm.MatchString(id)
}
