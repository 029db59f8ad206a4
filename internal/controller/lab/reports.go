package lab

import (
	"slices"
	"strings"
)

// Saw reports whether an event of an object has all the texts.
func (l *Lab) Saw(object string, texts ...string) bool {
	return slices.ContainsFunc(l.Events, func(e string) bool {
		return strings.HasPrefix(e, object+" ") && !slices.ContainsFunc(texts, func(text string) bool {
			return !strings.Contains(e, text)
		})
	})
}
