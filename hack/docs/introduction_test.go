package docs

import (
	"regexp"
	"strings"
	"testing"
)

// destinations are the targets of links, which nobody reads as words.
var destinations = regexp.MustCompile(`\]\([^)]*\)`)

// introduced reports whether a page must say in two lines for whom it is and what the reader can do afterwards: the
// pages of docs/ except the decisions, and three pages of the root.
func introduced(name string) bool {
	return name == "README.md" || name == "CONTRIBUTING.md" || name == "SECURITY.md" || strings.HasPrefix(name, "docs/") &&
		!strings.HasPrefix(name, "docs/decisions/")
}

// introductionProblem says what is wrong with the first two lines below the title of a page; empty if nothing is.
func introductionProblem(page string) string {
	title, rest, _ := strings.Cut(page, "\n\n")
	if !strings.HasPrefix(title, "# ") || strings.Contains(title, "\n") {
		return "the page does not begin with a title of one line"
	}
	paragraph, _, _ := strings.Cut(rest, "\n\n")
	lines := strings.Split(strings.TrimSpace(paragraph), "\n")
	if len(lines) != 2 {
		return "the first paragraph has not two lines"
	}
	for i, begin := range []string{"For ", "After"} {
		line := lines[i]
		if !strings.HasPrefix(line, begin) || !strings.HasSuffix(line, ".") {
			return `"` + line + `" does not begin with "` + begin + `" and end with a period`
		}
		if words := strings.Fields(destinations.ReplaceAllString(line, "]")); len(words) > 25 {
			return `"` + line + `" has more than 25 words`
		}
	}
	return ""
}

func TestPagesSayForWhomTheyAre(t *testing.T) {
	t.Parallel()
	for name, text := range allPages(t) {
		if !introduced(name) {
			continue
		}
		if problem := introductionProblem(text); problem != "" {
			t.Errorf("%s: %s; write \"For <reader>.\" and \"Afterwards you can <do>.\", a line each", name, problem)
		}
	}
}

func TestIntroductionProblemsAreFound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 25)
	for name, c := range map[string]struct{ page, want string }{
		"good":          {"# Page\n\nFor operators.\nAfterwards you can [sleep](a%20b.md#c).\n\nMore.\n", ""},
		"only two":      {"# Page\n\nFor operators.\nAfterwards you can sleep.\n", ""},
		"no title":      {"For operators.\nAfterwards you can sleep.\n", "title"},
		"one line":      {"# Page\n\nFor operators.\n", "two lines"},
		"three lines":   {"# Page\n\nFor operators.\nAfterwards you can sleep.\nMore.\n", "two lines"},
		"no reader":     {"# Page\n\nThis page is short.\nAfterwards you can sleep.\n", "For "},
		"no use":        {"# Page\n\nFor operators.\nThe page is short.\n", "After"},
		"no period":     {"# Page\n\nFor operators\nAfterwards you can sleep.\n", "period"},
		"long sentence": {"# Page\n\nFor " + long + "operators.\nAfterwards you can sleep.\n", "25 words"},
	} {
		if got := introductionProblem(c.page); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestDecisionsAreShort holds each decision to one short page. What describes behaviour is in the other pages of docs/.
func TestDecisionsAreShort(t *testing.T) {
	t.Parallel()
	const most = 8 << 10
	for name, text := range allPages(t) {
		if strings.HasPrefix(name, "docs/decisions/0") && len(text) > most {
			t.Errorf("%s has %d bytes, more than %d: keep the choice and its reasons, and move behaviour to another page",
				name, len(text), most)
		}
	}
}
