package constraint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Cover are conditions that AWS allows and that hold for every request of conditions that AWS refuses: no wider rule
// may answer these requests. If it is not certain which requests a refused condition matches, Cover holds for more of
// them.
func Cover(all []stack.Condition) (out []stack.Condition) {
	for _, c := range all {
		if OfConditions([]stack.Condition{c}) == "" {
			out = append(out, c)
			continue
		}
		if c.Field != stack.HostHeader && c.Field != stack.PathPattern {
			continue // without it the rule holds for more requests
		}
		if c, certain := cover(c); certain {
			out = append(out, c)
		}
	}
	if !slices.ContainsFunc(out, func(c stack.Condition) bool {
		return c.Field == stack.HostHeader || c.Field == stack.PathPattern
	}) {
		out = append(out, stack.Condition{Field: stack.PathPattern, Values: []string{"/*"}})
	}
	return out
}

// cover replaces the values of a condition on host or path that AWS refuses by regular expressions for at least the
// same requests. certain is false if a value may match any host or path.
func cover(c stack.Condition) (out stack.Condition, certain bool) {
	out.Field = c.Field
	for _, v := range c.Values {
		e, ok := expressionOf(v)
		if !ok {
			head, tail, _ := overlap.Ends(v)
			if e, ok = enclosed(head, tail); !ok {
				return out, false
			}
		}
		out.Regex = append(out.Regex, e)
	}
	for _, v := range c.Regex {
		if v == "" || expression(v, maxValue) != "" {
			var ok bool
			if v, ok = enclosed(literalEnds(v)); !ok {
				return out, false
			}
		}
		out.Regex = append(out.Regex, v)
	}
	return out, true
}

// enclosed is a regular expression for all texts that begin and end with some texts, or with parts of these. ok is
// false if both are empty.
func enclosed(head, tail string) (e string, ok bool) {
	const most = maxValue / 2
	for begin := []rune(head); ; begin = begin[:len(begin)-1] {
		if e = regexp.QuoteMeta(string(begin)); utf8.RuneCountInString(e) < most-len("^.*$") {
			break
		}
	}
	for end := []rune(tail); ; end = end[1:] {
		if quoted := regexp.QuoteMeta(string(end)); utf8.RuneCountInString(quoted) < most {
			return "^" + e + ".*" + quoted + "$", e+quoted != ""
		}
	}
}

// special are the characters of a regular expression that do not stand for themselves. caseless is a group that sets
// flags, such as one without regard to case, or that has a name.
const special = `\.+*?()|[]{}^$`

var caseless = regexp.MustCompile(`\(\?[A-Za-z^-]`)

// literalEnds are the texts with which everything begins or ends that a refused regular expression may be meant to
// match: its literal characters behind ^, or else those before $. Alternatives and quotations make both uncertain.
func literalEnds(v string) (head, tail string) {
	if strings.Contains(v, `\Q`) || strings.Contains(v, "|") && !grouped(v) {
		return "", ""
	}
	all := []rune(v)
	if strings.HasPrefix(v, "^") {
		run, next := literalRun(all[1:])
		if len(run) > 0 && next < len(all)-1 && strings.ContainsRune("*?{", all[1+next]) { // it may be absent
			run = run[:len(run)-1]
		}
		if len(run) > 0 {
			return string(run), ""
		}
	}
	if !strings.HasSuffix(v, "$") || caseless.MatchString(v) || !grouped(v) {
		return "", ""
	}
	for at := 0; at < len(all); at++ {
		run, next := literalRun(all[at:])
		at += next
		switch {
		case at == len(all): // the last character is \$, which is no end
			return "", ""
		case at == len(all)-1:
			return "", string(run)
		case all[at] == '\\' && !strings.ContainsRune("dDwWsSbB", all[at+1]):
			return "", ""
		case all[at] == '\\':
			at++
		}
	}
	return "", ""
}

// literalRun are the literal characters at the beginning of a part of a regular expression, and where the next special
// one is.
func literalRun(part []rune) (run []rune, next int) {
	for ; next < len(part); next++ {
		r := part[next]
		if r == '\\' && next+1 < len(part) && part[next+1] < utf8.RuneSelf && !alphanumeric(part[next+1]) {
			next++
			r = part[next]
		} else if strings.ContainsRune(special, r) {
			return run, next
		}
		run = append(run, r)
	}
	return run, next
}

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// grouped reports whether all parentheses of a regular expression are certainly in pairs, and enclose all alternatives.
func grouped(v string) bool {
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '[', '#':
			return false
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth < 1 {
				return false
			}
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

// expressionOf is a regular expression for the requests of a value. If AWS does not allow its length, the expression
// has the number of characters in the place of those in the middle of the longest part without a wildcard. ok is false
// if that is too long, too.
func expressionOf(v string) (e string, ok bool) {
	all := []rune(v)
	from, to := literalOf(all)
	for n := 0; n <= to-from; n++ {
		left := (from + to - n) / 2
		e = "^" + globOf(all[:left])
		if n > 0 {
			e += fmt.Sprintf(".{%d}", n)
		}
		if e += globOf(all[left+n:]) + "$"; utf8.RuneCountInString(e) <= maxValue {
			return e, true
		}
	}
	return "", false
}

// literalOf is the longest part of a value without a wildcard.
func literalOf(all []rune) (from, to int) {
	for at := 0; at < len(all); at++ {
		end := at
		for end < len(all) && all[end] != '*' && all[end] != '?' {
			end++
		}
		if end-at > to-from {
			from, to = at, end
		}
		at = end
	}
	return from, to
}

// globOf is the regular expression of a part of a value.
func globOf(part []rune) string {
	return strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(string(part)))
}
