// Package links checks that the links of the repository's pages lead to files and headings that are there, and parses
// pages for it and for the site. It imports goldmark and package pages.
package links

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/k8s-lbc/lbc/hack/pages"
)

// Markdown is the dialect of forges, as far as the pages use it.
func Markdown() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
}

// Parse returns the nodes of a page. Headings have the ids that links name.
func Parse(page []byte) ast.Node {
	return Markdown().Parser().Parse(text.NewReader(page), parser.WithContext(parser.NewContext(parser.WithIDs(&ids{}))))
}

type ids struct{ anchors pages.Anchors }

func (i *ids) Generate(heading []byte, _ ast.NodeKind) []byte {
	return []byte(i.anchors.Next(string(heading)))
}

func (i *ids) Put([]byte) {}

// Walk calls visit for each link and image of a page, with the place of its destination.
func Walk(page ast.Node, visit func(destination *[]byte) error) error {
	return ast.Walk(page, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var err error
		switch n := n.(type) {
		case *ast.Link:
			err = visit(&n.Destination)
		case *ast.Image:
			err = visit(&n.Destination)
		}
		return ast.WalkContinue, err
	})
}

// Local is the file of the repository and the anchor that a link of a page leads to. It is false for a link to
// elsewhere.
func Local(page, link string) (file, anchor string, local bool) {
	file, anchor, _ = strings.Cut(link, "#")
	switch {
	case strings.Contains(file, ":"):
		return "", "", false
	case file == "":
		return page, anchor, true
	}
	return path.Join(path.Dir(page), file), anchor, true
}

// Check returns an error for each link of the pages that leads nowhere.
func Check(repository fs.FS) error {
	all, err := pages.Read(repository)
	if err != nil {
		return err
	}
	parsed, anchors := map[string]ast.Node{}, map[string][]string{}
	for name, page := range all {
		parsed[name] = Parse([]byte(page))
		anchors[name] = headings(parsed[name])
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		err := Walk(parsed[name], func(destination *[]byte) error {
			file, anchor, local := Local(name, string(*destination))
			if !local {
				return nil
			}
			if info, err := fs.Stat(repository, file); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: the link %s leads nowhere: %w", name, *destination, err))
			} else if info.IsDir() && pages.Is(path.Join(file, "README.md")) {
				file = path.Join(file, "README.md")
			}
			if anchor != "" && !slices.Contains(anchors[file], anchor) {
				wrong = append(wrong, fmt.Errorf("%s: %s has no heading %s", name, file, anchor))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(wrong...)
}

// headings are the anchors of a page.
func headings(page ast.Node) (out []string) {
	_ = ast.Walk(page, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering {
			id, _ := h.AttributeString("id")
			name, _ := id.([]byte)
			out = append(out, string(name))
		}
		return ast.WalkContinue, nil
	})
	return out
}
