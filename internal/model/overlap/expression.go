package overlap

import (
	"regexp"
	"regexp/syntax"
)

// costly are the parts of a regular expression that may be ranges of thousands of characters. To parse one without
// regard to case takes milliseconds.
var costly = regexp.MustCompile(`\\[pPx]|\\[0-7][0-7]|[^ -~]`)

// Parse parses a regular expression of a user. Nil without an error = it may be valid, and is not parsed, because that
// may take long.
func Parse(expression string) (*syntax.Regexp, error) {
	if costly.MatchString(expression) {
		return nil, nil
	}
	return syntax.Parse(expression, syntax.Perl)
}

// Steps estimates the length of the program of an expression. A short text may have millions, as each repetition has
// copies of what it repeats.
func Steps(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, sub := range re.Sub {
		n += Steps(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max) + 1
	}
	return n
}
