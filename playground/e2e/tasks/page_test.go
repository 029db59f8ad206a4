package tasks

import (
	"fmt"
	"regexp"
	"strings"
)

// block is a fenced block of a page. Its language decides what it is for:
//
//	sh           commands, run in one shell after the other blocks; "sh eventually" is repeated until it succeeds and prints what follows
//	text         what the commands before it print: these lines in this order, others between them; … stands for anything in a line
//	yaml         a file that the commands use; its first line is a comment with the name
//	console      commands for a real cluster or account, which are not run; their flags and values are checked by the tests of each program and of the chart
type block struct {
	line       int // of the first line inside, from 1
	kind, info string
	text       string
}

var fileName = regexp.MustCompile(`^# (\S+\.yaml)\n`)

// file is the name of the file that the block shows; "" if it has none.
func (b block) file() string {
	if m := fileName.FindStringSubmatch(b.text); m != nil {
		return m[1]
	}
	return ""
}

var fence = regexp.MustCompile("^```(\\S*) ?(.*)$")

// blocks reads the fenced blocks of a page.
func blocks(page string) (out []block, err error) {
	var in *block
	for n, line := range strings.Split(page, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m == nil && in != nil:
			in.text += line + "\n"
		case m != nil && in == nil:
			in = &block{line: n + 2, kind: m[1], info: m[2]}
		case m != nil:
			out, in = append(out, *in), nil
		}
	}
	if in != nil {
		return nil, fmt.Errorf("line %d: the block does not end", in.line)
	}
	for i, b := range out {
		switch {
		case b.kind == "text" && (i == 0 || out[i-1].kind != "sh"):
			return nil, fmt.Errorf("line %d: no commands print this", b.line)
		case b.kind == "yaml" && b.file() == "":
			return nil, fmt.Errorf("line %d: the file has no name", b.line)
		case b.kind != "sh" && b.kind != "text" && b.kind != "yaml" && b.kind != "console":
			return nil, fmt.Errorf("line %d: a block of kind %q", b.line, b.kind)
		}
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
