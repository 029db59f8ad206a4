// Package main builds the static site of the documentation: the pages of docs/ and of the repository's root, with
// navigation, search and checked links. docs/README.md is the table of contents. It imports goldmark and the packages
// of hack/pages.
package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"

	"github.com/k8s-lbc/lbc/hack/pages"
	"github.com/k8s-lbc/lbc/hack/pages/links"
)

//go:embed theme
var theme embed.FS

// contents is the page whose lists are the navigation.
const contents = "docs/README.md"

// page is one page of the site.
type page struct {
	Source   string // its path in the repository
	Title    string
	Body     template.HTML
	Sections []section // for the search
	files    []string  // of the repository, which it links to and which are no pages
}

// section is a heading with the text below it, up to the next one.
type section struct {
	ID      string `json:"id"`
	Heading string `json:"heading"`
	Text    string `json:"text"`
}

// target is the path of a page in the site. Pages of docs/ are at its root.
func target(source string) string {
	switch source {
	case "README.md":
		return "index.html"
	case contents:
		return "contents.html"
	}
	return strings.TrimSuffix(strings.TrimPrefix(source, "docs/"), ".md") + ".html"
}

// root is the way from a page of the site to its root.
func root(of string) string { return strings.Repeat("../", strings.Count(of, "/")) }

// build renders the site of a repository: the content of each file by its path in the site.
func build(repository fs.FS, repositoryURL string) (map[string][]byte, error) {
	if err := links.Check(repository); err != nil {
		return nil, err
	}
	sources, err := pages.Read(repository)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var rendered []page
	for _, s := range slices.Sorted(maps.Keys(sources)) {
		p, err := render(repository, repositoryURL, s, []byte(sources[s]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		for _, l := range p.files {
			if files[l], err = fs.ReadFile(repository, l); err != nil {
				return nil, fmt.Errorf("%s links to %s: %w", s, l, err)
			}
		}
		rendered = append(rendered, p)
	}
	outline, err := navigation(repository)
	if err != nil {
		return nil, err
	}
	layout, err := template.ParseFS(theme, "theme/page.html")
	if err != nil {
		return nil, err
	}
	var index []entry
	for _, p := range rendered {
		at := target(p.Source)
		var b bytes.Buffer
		if err := layout.Execute(&b, map[string]any{"Page": p, "Path": at, "Root": root(at), "Navigation": outline,
			"Source": repositoryURL + "/blob/main/" + p.Source}); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Source, err)
		}
		files[at] = b.Bytes()
		index = append(index, entry{at, p.Title, p.Sections})
	}
	encoded, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	// A script instead of JSON: a browser reads it also from a directory, without a server.
	files["search-index.js"] = slices.Concat([]byte("window.searchIndex = "), encoded, []byte(";\n"))
	for _, name := range []string{"style.css", "search.js"} {
		if files[name], err = theme.ReadFile("theme/" + name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// entry is what the search knows of a page.
type entry struct {
	Path     string    `json:"path"`
	Title    string    `json:"title"`
	Sections []section `json:"sections"`
}

var errHTML = errors.New("HTML among the Markdown: write &lt; or code")

func render(repository fs.FS, repositoryURL, source string, content []byte) (page, error) {
	p := page{Source: source, Title: source}
	doc := links.Parse(content)
	if err := refuseHTML(doc); err != nil {
		return p, err
	}
	err := links.Walk(doc, func(destination *[]byte) error {
		to, file, err := relocate(repository, repositoryURL, source, string(*destination))
		*destination = []byte(to)
		if file != "" {
			p.files = append(p.files, file)
		}
		return err
	})
	if err != nil {
		return p, err
	}
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			id, _ := h.AttributeString("id")
			name, _ := id.([]byte)
			p.Sections = append(p.Sections, section{ID: string(name), Heading: plain(h, content)})
			if h.Level == 1 {
				p.Title = plain(h, content)
			}
			continue
		}
		if len(p.Sections) > 0 {
			s := &p.Sections[len(p.Sections)-1]
			s.Text = strings.TrimSpace(s.Text + " " + plain(n, content))
		}
	}
	var b bytes.Buffer
	err = links.Markdown().Renderer().Render(&b, content, doc)
	p.Body = template.HTML(b.String()) //nolint:gosec // our own pages
	return p, err
}

// refuseHTML returns an error for HTML among the Markdown. Comments are admitted: generated parts of pages are between
// them.
func refuseHTML(doc ast.Node) error {
	return ast.Walk(doc, func(n ast.Node, _ bool) (ast.WalkStatus, error) {
		if _, ok := n.(*ast.RawHTML); ok {
			return ast.WalkStop, errHTML
		}
		if b, ok := n.(*ast.HTMLBlock); ok && b.HTMLBlockType != ast.HTMLBlockType2 {
			return ast.WalkStop, errHTML
		}
		return ast.WalkContinue, nil
	})
}

// plain is the text of a node without its marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			if n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				b.Write(line.Value(source))
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// relocate is a link of a page as the site has it. file is the file of the repository, if the link is to one that is no
// page.
func relocate(repository fs.FS, repositoryURL, source, link string) (to, file string, err error) {
	name, anchor, local := links.Local(source, link)
	if !local || strings.HasPrefix(link, "#") {
		return link, "", nil
	}
	if anchor != "" {
		anchor = "#" + anchor
	}
	info, err := fs.Stat(repository, name)
	if err != nil {
		return "", "", fmt.Errorf("the link %s leads nowhere: %w", link, err)
	}
	back := root(target(source))
	if info.IsDir() {
		if found, _ := fs.Glob(repository, name+"/README.md"); len(found) == 0 {
			return repositoryURL + "/tree/main/" + name, "", nil
		}
		name += "/README.md"
	}
	if pages.Is(name) {
		return back + target(name) + anchor, "", nil
	}
	return back + name + anchor, name, nil
}

// chapter is a heading of the contents with the pages below it.
type chapter struct {
	Title string
	Pages []link
}

type link struct{ Title, Path string }

// navigation reads the chapters of the contents: headings of the second level, and the first link of each item of the
// lists below them.
func navigation(repository fs.FS) (out []chapter, err error) {
	source, err := fs.ReadFile(repository, contents)
	if err != nil {
		return nil, err
	}
	err = ast.Walk(links.Parse(source), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			if n.Level == 2 {
				out = append(out, chapter{Title: plain(n, source)})
			}
		case *ast.ListItem:
			l := firstLink(n)
			if l == nil || len(out) == 0 {
				return ast.WalkSkipChildren, nil
			}
			c := &out[len(out)-1]
			c.Pages = append(c.Pages, link{plain(l, source), target(path.Join(path.Dir(contents), string(l.Destination)))})
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return out, err
}

func firstLink(n ast.Node) (first *ast.Link) {
	_ = ast.Walk(n, func(n ast.Node, _ bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok {
			first = l
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	return first
}

// write puts the files of a site into a directory, which it creates.
func write(dir string, files map[string][]byte) error {
	for name, content := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil { //nolint:gosec // a public site
			return err
		}
		if err := os.WriteFile(at, content, 0o644); err != nil { //nolint:gosec // a public site
			return err
		}
	}
	return nil
}
