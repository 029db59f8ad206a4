package diag

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns a text on one line without what a terminal, a log or a page carries out or hides: control characters,
// line breaks, and characters without a form, such as those that turn the direction of text, are written as escapes.
// Values of annotations, hosts and paths are whatever somebody has written, and findings and plans quote them.
func Visible(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !hidden(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// hidden reports whether a character has no form of its own. It is true for invalid UTF-8.
func hidden(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// style is what texts of this program use to change colours.
var style = regexp.MustCompile(`\x1b\[(0|1|2|3[1-6])m`)

// VisibleStyled is Visible of a text that may have colours of this program.
func VisibleStyled(s string) string {
	var b strings.Builder
	for {
		at := style.FindStringIndex(s)
		if at == nil {
			b.WriteString(Visible(s))
			return b.String()
		}
		b.WriteString(Visible(s[:at[0]]) + s[at[0]:at[1]])
		s = s[at[1]:]
	}
}
