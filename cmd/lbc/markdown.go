package main

import (
	"fmt"
	"html"
	"strings"
)

// markdownLimit is how many characters GitHub takes in a comment. Bytes are counted, of which there are at least as
// many.
const markdownLimit = 65536

// section is a part of a text in Markdown that is folded: its title, and text as it is.
type section struct{ title, text string }

// markdown is a comment of a pull request: a line for all, tables that matter more than the rest, and a section for
// each. What does not fit is left out, and said to be.
func markdown(head, tables string, sections []section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n%s", html.EscapeString(head), shortenedTables(tables))
	const reserve = 200 // for what is said about the rest
	for n, s := range sections {
		fence := "```"
		for strings.Contains(s.text, fence) {
			fence += "`"
		}
		open := fmt.Sprintf("\n<details><summary>%s</summary>\n\n%stext\n", html.EscapeString(s.title), fence)
		end := fence + "\n\n</details>\n"
		room := markdownLimit - reserve - b.Len() - len(open) - len(end)
		if len(s.text) <= room {
			b.WriteString(open + s.text + end)
			continue
		}
		if cut := strings.LastIndex(s.text[:max(0, room)], "\n") + 1; cut > 0 {
			b.WriteString(open + s.text[:cut] + end)
		}
		fmt.Fprintf(&b, "\nThe rest, from %s on, is left out, with %d further sections: a comment has %d characters at "+
			"most. `lbc plan` prints all.\n", shortened(html.EscapeString(s.title)), len(sections)-n-1, markdownLimit)
		break
	}
	return b.String()
}

// shortenedTables are tables of at most half of a comment.
func shortenedTables(tables string) string {
	if len(tables) <= markdownLimit/2 {
		return tables
	}
	cut := strings.LastIndex(tables[:markdownLimit/2], "\n") + 1
	return tables[:cut] + fmt.Sprintf("\n%d further rows are left out. `lbc plan` prints all.\n",
		strings.Count(tables[cut:], "\n"))
}

func shortened(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
