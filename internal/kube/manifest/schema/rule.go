package schema

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// form is a form of rules. The groups of the expression are the arguments of holds.
type form struct {
	rule  *regexp.Regexp
	holds func(self any, arg []string) bool
}

// forms are the forms of rules in the definitions of this project. CEL itself would be a dependency for twenty-eight
// rules.
var forms = []form{
	{regexp.MustCompile(`\boldSelf\b`), func(any, []string) bool { return true }}, // what is checked here is new
	{regexp.MustCompile(`^has\(self\.(\w+)\) != has\(self\.(\w+)\)$`), func(self any, arg []string) bool {
		return has(self, arg[0]) != has(self, arg[1])
	}},
	{regexp.MustCompile(`^has\(self\.(\w+)\) \|\| has\(self\.(\w+)\)$`), func(self any, arg []string) bool {
		return has(self, arg[0]) || has(self, arg[1])
	}},
	{regexp.MustCompile(`^!\(has\(self\.(\w+)\) && has\(self\.(\w+)\)\)$`), func(self any, arg []string) bool {
		return !has(self, arg[0]) || !has(self, arg[1])
	}},
	{regexp.MustCompile(`^!\(has\(self\.(\w+)\) && self\.\w+ == '([^']*)' && has\(self\.(\w+)\)\)$`),
		func(self any, arg []string) bool {
			return field(self, arg[0]) != arg[1] || !has(self, arg[2])
		}},
	{regexp.MustCompile(`^!has\(self\.(\w+)\) \|\| size\(self\.\w+\) > 0$`), func(self any, arg []string) bool {
		entries, _ := field(self, arg[0]).(map[string]any)
		return !has(self, arg[0]) || len(entries) > 0
	}},
	{regexp.MustCompile(`^has\(self\.(\w+)\) == \(self\.(\w+) == '([^']*)'\)$`), func(self any, arg []string) bool {
		return has(self, arg[0]) == (field(self, arg[1]) == arg[2])
	}},
	{regexp.MustCompile(`^self\.(\w+) != '([^']*)' \|\| has\(self\.(\w+)\)$`), func(self any, arg []string) bool {
		return field(self, arg[0]) != arg[1] || has(self, arg[2])
	}},
	{regexp.MustCompile(`^self\.(\w+) == '([^']*)' \|\| !has\(self\.(\w+)\)$`), func(self any, arg []string) bool {
		return field(self, arg[0]) == arg[1] || !has(self, arg[2])
	}},
	{regexp.MustCompile(`^!has\(self\.(\w+)\) \|\| size\(self\.\w+\.filter\(a, a\.(\w+) in \[([^\]]*)\]\)\) <= 1$`),
		func(self any, arg []string) bool {
			items, _ := field(self, arg[0]).([]any)
			n := 0
			for _, a := range items {
				if v, ok := field(a, arg[1]).(string); ok && slices.Contains(strings.Split(arg[2], ", "), "'"+v+"'") {
					n++
				}
			}
			return n <= 1
		}},
	{regexp.MustCompile(`^!has\(self\.(\w+)\) \|\| self\.\w+ == (\d+) \|\| size\(self\.(\w+)\) <= (\d+)$`),
		func(self any, arg []string) bool {
			n, _ := field(self, arg[0]).(float64)
			text, _ := field(self, arg[2]).(string)
			most, err := strconv.Atoi(arg[3])
			return !has(self, arg[0]) || strconv.FormatFloat(n, 'f', -1, 64) == arg[1] || err != nil ||
				utf8.RuneCountInString(text) <= most
		}},
	{regexp.MustCompile(`^\(self >= 200 && self <= 299\) \|\| \(self >= 400 && self <= 599\)$`),
		func(self any, _ []string) bool {
			n, _ := self.(float64)
			return n >= 200 && n <= 299 || n >= 400 && n <= 599
		}},
	{regexp.MustCompile(`^self\.(\w+) <= self\.(\w+)$`), func(self any, arg []string) bool {
		a, isA := field(self, arg[0]).(float64)
		b, isB := field(self, arg[1]).(float64)
		return !isA || !isB || a <= b // what is missing is a problem of its own
	}},
	{regexp.MustCompile(`^self\.(\w+) (!=|==) '([^']*)' \|\| \(has\(self\.(\w+)\) && !has\(self\.(\w+)\)\)$`),
		func(self any, arg []string) bool {
			return !has(self, arg[0]) || (field(self, arg[0]) == arg[2]) == (arg[1] == "==") || has(self, arg[3]) &&
				!has(self, arg[4])
		}},
}

// holds evaluates a rule. A rule of another form than the known ones holds.
func (r Rule) holds(self any) bool {
	for _, f := range forms {
		if arg := f.rule.FindStringSubmatch(r.Rule); arg != nil {
			return f.holds(self, arg[1:])
		}
	}
	return true
}

func field(self any, name string) any {
	m, _ := self.(map[string]any)
	return m[name]
}

func has(self any, name string) bool {
	m, _ := self.(map[string]any)
	_, ok := m[name]
	return ok
}
