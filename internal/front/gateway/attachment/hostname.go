package attachment

import "strings"

// Covers reports whether all names of hostname b are names of hostname a. An empty hostname has all names.
func Covers(a, b string) bool { return a == "" || a == b || within(b, a) }

// Narrower returns the one of two hostnames that lies in the other, either of which may be any; ok is false if they
// have nothing in common.
func Narrower(a, b string) (string, bool) {
	if b == "" {
		return a, true
	}
	return narrower(a, b)
}

// narrower is the one of two hostnames that lies in the other. A wildcard stands for one label or more.
func narrower(a, b string) (string, bool) {
	switch {
	case a == "" || a == b:
		return b, true
	case within(a, b):
		return a, true
	case within(b, a):
		return b, true
	}
	return "", false
}

// within reports whether all names of a hostname match a wildcard.
func within(name, wildcard string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && strings.HasSuffix(name, suffix) && name != wildcard
}
