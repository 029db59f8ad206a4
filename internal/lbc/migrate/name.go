package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Name returns the name of an object that lbc creates for another one: eight characters of the base, eight of the
// suffix, and ten of a hash of both and the namespace.
func Name(namespace, base, suffix string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + base + "/" + suffix))
	return short(base) + "-" + short(suffix) + "-" + hex.EncodeToString(sum[:])[:10]
}

// short is the beginning of a text, of characters that names of objects may have.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
	if s = strings.TrimLeft(s[:min(8, len(s))], "-"); strings.Trim(s, "-") == "" {
		return "x"
	}
	return strings.TrimRight(s, "-")
}
