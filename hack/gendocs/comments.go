package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// rowComments returns the comments above the rows of the tables in a directory, without their full stop, by the value of the
// constant that names the row: the key of the row, or its field Key. A comment "As Name." stands for that of the row
// of another constant.
func rowComments(dir string) (map[string]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	texts, values := map[string]string{}, map[string]string{} // by the name of the constant
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		above := map[place]string{}
		for _, c := range f.Comments {
			above[place{files.Position(c.End()).Line + 1, files.Position(c.Pos()).Column}] = commentText(c)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, c := range n.Names {
					if v, ok := constantValue(n, i, values); ok {
						values[c.Name] = v
					}
				}
			case *ast.CompositeLit:
				for _, row := range n.Elts {
					at := files.Position(row.Pos())
					if said := above[place{at.Line, at.Column}]; said != "" {
						texts[constantOf(row)] = said
					}
				}
			}
			return true
		})
	}
	out := map[string]string{}
	for name, said := range texts {
		if other, ok := another(said); ok {
			said = texts[other]
			if _, again := another(said); said == "" || again {
				return nil, fmt.Errorf("%s: comment \"As %s\" names no row with a text of its own", dir, other)
			}
		}
		if values[name] != "" {
			out[values[name]] = said
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no table with comments above its rows", dir)
	}
	return out, nil
}

// place is where a row is below its comment. A comment behind the row before begins in another column.
type place struct{ line, column int }

// another is the constant of the row whose text a comment stands for.
func another(said string) (constant string, ok bool) {
	constant, ok = strings.CutPrefix(said, "As ")
	return constant, ok && token.IsIdentifier(constant)
}

// commentText is a comment as one line, without its full stop.
func commentText(c *ast.CommentGroup) string {
	return strings.TrimSuffix(strings.Join(strings.Fields(c.Text()), " "), ".")
}

// constantValue is the value of a constant of text, made of literals and constants before it.
func constantValue(s *ast.ValueSpec, i int, known map[string]string) (string, bool) {
	if i >= len(s.Values) {
		return "", false
	}
	var of func(ast.Expr) (string, bool)
	of = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			v, err := strconv.Unquote(e.Value)
			return v, err == nil && e.Kind == token.STRING
		case *ast.Ident:
			v, ok := known[e.Name]
			return v, ok
		case *ast.BinaryExpr:
			x, isText := of(e.X)
			y, ok := of(e.Y)
			return x + y, isText && ok
		}
		return "", false
	}
	return of(s.Values[i])
}

// constantOf is the name of the constant that names a row; empty = none does.
func constantOf(row ast.Expr) string {
	switch row := row.(type) {
	case *ast.KeyValueExpr:
		if c, ok := row.Key.(*ast.Ident); ok {
			return c.Name
		}
	case *ast.CompositeLit:
		for _, e := range row.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && constantOf(kv) == "Key" {
				if c, ok := kv.Value.(*ast.Ident); ok {
					return c.Name
				}
			}
		}
	}
	return ""
}
