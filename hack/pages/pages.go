// Package pages reads the Markdown pages of the repository: which there are, the anchors of their headings, their
// blocks of code and the shell commands in these. Tests of programs hold the commands to their flags. It imports the
// standard library only; links are in package links.
package pages

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
)

// patterns are the pages, by their path in the repository.
var patterns = []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md", "examples/*/*.md"}

// Is reports whether a file of the repository is a page.
func Is(name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
}

// Read returns the text of each page by its path in the repository.
func Read(repository fs.FS) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range patterns {
		found, err := fs.Glob(repository, p)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			text, err := fs.ReadFile(repository, name)
			if err != nil {
				return nil, err
			}
			out[name] = string(text)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no pages %s", strings.Join(patterns, ", "))
	}
	return out, nil
}

// Anchors makes the anchors of the headings of one page, as forges make them.
type Anchors struct{ seen map[string]int }

// Next is the anchor of the next heading: the second of the same text ends in -1.
func (a *Anchors) Next(heading string) string {
	if a.seen == nil {
		a.seen = map[string]int{}
	}
	anchor := slug(heading)
	n := a.seen[anchor]
	a.seen[anchor]++
	if n > 0 {
		return fmt.Sprintf("%s-%d", anchor, n)
	}
	return anchor
}

// slug is a heading as links name it: lower case, without punctuation, with hyphens for spaces.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
			return r
		}
		return -1
	}, strings.ToLower(heading))
}
