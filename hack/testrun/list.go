package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// endToEndDir is the directory below which every test says what only it shows.
const endToEndDir = "playground/e2e"

// maxWords is how many words that sentence has at most, as every sentence of the project.
const maxWords = 25

// endToEnd is an end-to-end test.
type endToEnd struct {
	pkg, name string
	long      bool
	shows     string // what only the test shows; without the name of the test
}

// printTests prints a table of the end-to-end tests below the root of the repository: package, test, core or long, and
// what only the test shows.
func printTests(w io.Writer, root string) error {
	tests, faults := endToEndTests(filepath.Join(root, filepath.FromSlash(endToEndDir)))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	core := 0
	for _, t := range tests {
		form := "long"
		if !t.long {
			form = "core"
			core++
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", t.pkg, t.name, form, t.shows); err != nil {
			return fmt.Errorf("print the tests: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the tests: %w", err)
	}
	_, err := fmt.Fprintf(w, "%d tests, %d core\n", len(tests), core)
	return errors.Join(err, faults)
}

// endToEndTests reads the tests below a directory, in the order of their packages, files and lines. The error names
// each test whose comment does not begin with "TestName shows …".
func endToEndTests(dir string) (tests []endToEnd, faults error) {
	var all []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		pkg, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // a source of ours
		if err != nil {
			return err
		}
		found, err := testsOf(filepath.ToSlash(pkg), text)
		tests = append(tests, found...)
		if err != nil {
			all = append(all, err)
		}
		return nil
	})
	return tests, errors.Join(append(all, err)...)
}

// testsOf reads the tests of a source.
func testsOf(pkg string, text []byte) ([]endToEnd, error) {
	f, err := parser.ParseFile(token.NewFileSet(), pkg, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read the tests of %s: %w", pkg, err)
	}
	_, long := testsIn(string(text))
	var tests []endToEnd
	var faults []error
	for _, d := range f.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if !ok || decl.Recv != nil || !strings.HasPrefix(decl.Name.Name, "Test") || decl.Name.Name == "TestMain" {
			continue
		}
		name := decl.Name.Name
		shows, err := onlyShows(name, decl.Doc.Text())
		if err != nil {
			faults = append(faults, fmt.Errorf("%s.%s: %w", pkg, name, err))
		}
		tests = append(tests, endToEnd{pkg: pkg, name: name, long: slices.Contains(long, name), shows: shows})
	}
	return tests, errors.Join(faults...)
}

// onlyShows returns the first sentence of the comment of a test after "TestName shows".
func onlyShows(name, doc string) (string, error) {
	rest, ok := strings.CutPrefix(strings.Join(strings.Fields(doc), " "), name+" shows ")
	if !ok {
		return "", fmt.Errorf("begin its comment with %q and what only this test shows; delete the test if a cheaper one "+
			"shows as much", "// "+name+" shows …")
	}
	sentence, _, _ := strings.Cut(rest, ". ")
	sentence = strings.TrimSuffix(sentence, ".")
	if n := len(strings.Fields(sentence)); n > maxWords {
		return sentence, fmt.Errorf("the first sentence of its comment has %d words: write at most %d", n, maxWords)
	}
	return sentence, nil
}
