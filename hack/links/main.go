// Command links checks the Markdown pages of the repository: relative links lead to files and headings that exist, and
// commands of our programs have flags that exist. It runs in the root of the repository.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

func main() {
	wrong, err := check(".")
	for _, w := range wrong {
		fmt.Println(w)
	}
	if err != nil {
		fmt.Println(err)
	}
	if err != nil || len(wrong) > 0 {
		os.Exit(1)
	}
}

// page is a parsed page.
type page struct {
	name     string
	headings []string // anchors
	links    []string
	code     []string // spans, and blocks
}

// check returns what is wrong on the pages of a directory.
func check(dir string) (wrong []string, err error) {
	known, err := flags(dir)
	if err != nil {
		return nil, err
	}
	pages := map[string]page{}
	err = walk(dir, ".md", func(name string, source []byte) { pages[name] = parse(name, source) })
	if err != nil {
		return nil, err
	}
	for _, p := range pages {
		for _, link := range p.links {
			file, anchor, _ := strings.Cut(link, "#")
			if strings.Contains(file, ":") {
				continue // elsewhere
			}
			to := p.name
			if file != "" {
				to = path.Join(path.Dir(p.name), file)
			}
			info, err := os.Stat(filepath.Join(dir, to))
			if err != nil {
				wrong = append(wrong, p.name+": the link "+link+" leads nowhere")
				continue
			}
			if info.IsDir() {
				to = path.Join(to, "README.md")
			}
			if anchor != "" && !slices.Contains(pages[to].headings, anchor) {
				wrong = append(wrong, p.name+": "+to+" has no heading "+anchor)
			}
		}
		for _, code := range p.code {
			for _, f := range flagsOf(code) {
				if !known[f] {
					wrong = append(wrong, p.name+": no program has the flag --"+f)
				}
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong), nil
}

// walk calls f for each file with an extension.
func walk(dir, extension string, f func(name string, source []byte)) error {
	return filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			if n := e.Name(); file != dir && (strings.HasPrefix(n, ".") || n == "bin" || n == "dist" || n == "testdata") {
				return filepath.SkipDir
			}
			return nil
		case filepath.Ext(file) != extension:
			return nil
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, file)
		f(filepath.ToSlash(name), source)
		return err
	})
}

// parse reads a page.
func parse(name string, source []byte) page {
	p := page{name: name}
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	seen := map[string]int{}
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function returns no error
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			anchor := slug(string(n.Lines().Value(source)))
			if k := seen[anchor]; k > 0 {
				p.headings = append(p.headings, fmt.Sprintf("%s-%d", anchor, k))
			} else {
				p.headings = append(p.headings, anchor)
			}
			seen[anchor]++
		case *ast.Link:
			p.links = append(p.links, string(n.Destination))
		case *ast.Image:
			p.links = append(p.links, string(n.Destination))
		case *ast.CodeSpan:
			var b strings.Builder
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				if t, ok := c.(*ast.Text); ok {
					b.Write(t.Value(source))
				}
			}
			p.code = append(p.code, b.String())
		case *ast.FencedCodeBlock:
			p.code = append(p.code, string(n.Lines().Value(source)))
		case *ast.CodeBlock:
			p.code = append(p.code, string(n.Lines().Value(source)))
		}
		return ast.WalkContinue, nil
	})
	return p
}

// slug is the anchor of a heading: lower case, without punctuation, with hyphens for spaces.
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

var (
	// definition is a flag in source code: its name is the second argument, or the first.
	definition = regexp.MustCompile(`\b(?:\w*Var\w*|String\w*|Bool\w*|Int\w*|Duration\w*|Float\w*)\((?:[\w.()*&]+,\s*)?"([a-z][a-z0-9-]+)"`)
	// command is a command of ours, up to the next command.
	command = regexp.MustCompile(`(?m)(?:^|[|;&(] *|\$ )(?:[A-Z_]+=\S+ )*(?:bin/)?(?:kubectl lbc|lbc|awssim|controller|playground (?:up|down|status|bench|apply))\b[^|;&\n]*`)
	flag    = regexp.MustCompile(`(?:^|\s)--([a-z][a-z0-9-]+)`)
	alone   = regexp.MustCompile(`^--[a-z0-9-]+(=\S*)?$`)
)

// flags are the names of flags in the source code of programs.
func flags(dir string) (map[string]bool, error) {
	known := map[string]bool{"help": true}
	for _, d := range []string{"cmd", "internal/controller/config", "internal/lbc", "playground/cmd"} {
		err := walk(filepath.Join(dir, d), ".go", func(_ string, source []byte) {
			for _, m := range definition.FindAllSubmatch(source, -1) {
				known[string(m[1])] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

// flagsOf are the flags of our programs' commands in code.
func flagsOf(code string) (out []string) {
	commands := command.FindAllString(strings.ReplaceAll(code, "\\\n", " "), -1)
	if alone.MatchString(code) {
		commands = append(commands, code)
	}
	for _, c := range commands {
		for _, m := range flag.FindAllStringSubmatch(c, -1) {
			out = append(out, m[1])
		}
	}
	return out
}
