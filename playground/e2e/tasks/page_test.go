package tasks

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/k8s-lbc/lbc/playground/e2e/markdown"
)

// blocks are the fenced blocks of a page. The language of a block decides what it is for:
//
//	sh           commands, run in one shell after the other blocks; "sh eventually" is repeated until it succeeds and prints what follows
//	text         what the commands before it print: these lines in this order, others between them; … stands for anything in a line
//	yaml         a file that the commands use; its first line is a comment with the name
//	console      commands for a real cluster or account, which are not run; their flags and values are checked by the tests of each program and of the chart
func blocks(page string) (out []markdown.Block, err error) {
	for _, b := range markdown.Blocks(page) {
		switch {
		case b.Indented:
			continue
		case b.Open:
			return nil, fmt.Errorf("line %d: the block does not end", b.Line)
		case b.Language == "text" && (len(out) == 0 || out[len(out)-1].Language != "sh"):
			return nil, fmt.Errorf("line %d: no commands print this", b.Line)
		case b.Language == "yaml" && b.File() == "":
			return nil, fmt.Errorf("line %d: the file has no name", b.Line)
		case b.Language != "sh" && b.Language != "text" && b.Language != "yaml" && b.Language != "console":
			return nil, fmt.Errorf("line %d: a block of kind %q", b.Line, b.Language)
		}
		out = append(out, b)
	}
	return out, nil
}

// missing is the first line of want that the output lacks, in the order of want; "" if it has all of them.
func missing(want, output string) string {
	lines := strings.Split(output, "\n")
	for _, w := range strings.Split(strings.TrimSpace(want), "\n") {
		fields := strings.Fields(w)
		for i, f := range fields {
			fields[i] = strings.ReplaceAll(regexp.QuoteMeta(f), "…", ".*")
		}
		pattern := regexp.MustCompile(`^\s*` + strings.Join(fields, `\s+`) + `\s*$`)
		for len(lines) > 0 && !pattern.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return w
		}
		lines = lines[1:]
	}
	return ""
}
