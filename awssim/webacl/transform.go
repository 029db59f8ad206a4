package webacl

import (
	"strconv"
	"strings"
)

// Transform finds a text transformation by AWS WAF's name for it. It reports false for those that are not simulated.
func Transform(name string) (func(string) string, bool) {
	f, ok := transforms[name]
	return f, ok
}

var transforms = map[string]func(string) string{
	"NONE":                 func(s string) string { return s },
	"LOWERCASE":            strings.ToLower,
	"URL_DECODE":           decodeURL,
	"COMPRESS_WHITE_SPACE": compressSpace,
}

// decodeURL decodes what can be decoded and leaves the rest, as AWS WAF does.
func decodeURL(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			b.WriteByte(' ')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// compressSpace replaces white space by single spaces.
func compressSpace(s string) string {
	var b strings.Builder
	space := false
	for _, c := range []byte(s) {
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == 0xa0 {
			space = true
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteByte(c)
	}
	if space {
		b.WriteByte(' ')
	}
	return b.String()
}
