package timeline

import (
	"fmt"
	"unicode/utf8"
)

// short is a text of at most mostText bytes.
func short(s string) string {
	if len(s) <= mostText {
		return s
	}
	cut := mostText
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func furtherSteps(n int) string { return fmt.Sprintf("and %d more", n) }
