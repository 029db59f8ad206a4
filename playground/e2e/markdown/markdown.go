// Package markdown reads the blocks of code of Markdown pages, whose commands and manifests end-to-end tests try.
package markdown

import (
	"regexp"
	"strings"
)

// Block is a block of code of a page: between fences, or indented.
type Block struct {
	Line     int    // of the first line inside, from 1
	Language string // of the fence; "" if it names none, and of an indented block
	Info     string // what follows the language
	Text     string // without the indentation of the block
	Indented bool   // has no fences
	Open     bool   // has a fence that is not closed
}

var (
	fence    = regexp.MustCompile("^( *)```(\\S*) ?(.*)$")
	listItem = regexp.MustCompile(`^( *(?:[-*]|\d+\.) +)\S`)
	fileName = regexp.MustCompile(`^# (\S+\.yaml)\n`)
)

// File is the name of the file that the block shows, which its first line has as a comment; "" without one.
func (b Block) File() string {
	if m := fileName.FindStringSubmatch(b.Text); m != nil {
		return m[1]
	}
	return ""
}

// Blocks returns the blocks of code of a page. That of a fence which is not closed extends to the end of the page.
func Blocks(page string) (out []Block) {
	lines := strings.Split(page, "\n")
	list := 0 // the column of the text of the list item around the line
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if m := fence.FindStringSubmatch(line); m != nil {
			b := Block{Line: i + 2, Language: m[2], Info: m[3]}
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
				b.Text += strings.TrimPrefix(lines[i], m[1]) + "\n"
			}
			b.Open = i == len(lines)
			out = append(out, b)
			continue
		}
		if m := listItem.FindStringSubmatch(line); m != nil && indentation(line) < list+4 {
			list = len(m[1])
			continue
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indentation(line) < list {
			list = 0
		}
		if indentation(line) < list+4 || i > 0 && strings.TrimSpace(lines[i-1]) != "" {
			continue // text, or its continuation
		}
		b := Block{Line: i + 1, Indented: true}
		last := i
		for ; i < len(lines) && (strings.TrimSpace(lines[i]) == "" || indentation(lines[i]) >= list+4); i++ {
			if strings.TrimSpace(lines[i]) != "" {
				last = i
			}
		}
		for _, l := range lines[b.Line-1 : last+1] {
			b.Text += l[min(len(l), list+4):] + "\n"
		}
		i = last
		out = append(out, b)
	}
	return out
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
