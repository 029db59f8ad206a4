package traffic

import "strings"

// pattern is a compiled wildcard pattern: * is any run of bytes, ? exactly one. It matches whole strings, bytewise.
type pattern struct {
	text    string // the pattern after escapes were taken out
	wild    []bool // wild[i]: text[i] is a wildcard and not a literal; nil: no wildcard at all
	prefix  string // literal run before the first wildcard
	onlyEnd bool   // the only wildcard is one * at the end
}

// compilePattern compiles a condition value. With escapes, a backslash makes the next *, ? or backslash literal, as in
// query-string conditions.
func compilePattern(s string, escapes bool) pattern {
	text := make([]byte, 0, len(s))
	wild := make([]bool, 0, len(s))
	some := false
	for i := 0; i < len(s); i++ {
		c, w := s[i], false
		switch {
		case escapes && c == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			c = s[i]
		case c == '*' || c == '?':
			w, some = true, true
		}
		if w && c == '*' && len(text) > 0 && text[len(text)-1] == '*' && wild[len(wild)-1] {
			continue // ** is *
		}
		text = append(text, c)
		wild = append(wild, w)
	}
	p := pattern{text: string(text)}
	if !some {
		return p
	}
	p.wild = wild
	first := 0
	for !wild[first] {
		first++
	}
	p.prefix = p.text[:first]
	p.onlyEnd = first == len(wild)-1 && p.text[first] == '*'
	return p
}

// match reports whether all of s fits. Time is at most len(s) times len(pattern).
func (p *pattern) match(s string) bool {
	switch {
	case p.wild == nil:
		return s == p.text
	case !strings.HasPrefix(s, p.prefix):
		return false
	case p.onlyEnd:
		return true
	}
	return p.matchFrom(s, len(p.prefix))
}

// matchFrom is the greedy two-pointer match: on a mismatch the last * consumes one more byte.
func (p *pattern) matchFrom(s string, start int) bool {
	i, j := start, start
	star, resume := -1, 0
	for i < len(s) {
		switch {
		case j < len(p.text) && p.wild[j] && p.text[j] == '*':
			star, resume = j, i
			j++
		case j < len(p.text) && (p.wild[j] || p.text[j] == s[i]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = resume, star+1
		default:
			return false
		}
	}
	for j < len(p.text) && p.wild[j] && p.text[j] == '*' {
		j++
	}
	return j == len(p.text)
}
