// Package testlist checks lists that lead from a fact or a behaviour to the test that shows it: it finds tests, the
// rows of their tables in the source, and golden cases. It runs no test and does not interpret the facts of a list. For
// tests only; it imports only the standard library.
package testlist

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Tests are the tests of the packages below a directory; packages are parsed at their first use. Not for concurrent
// use.
type Tests struct {
	root string
	pkgs map[string]*pkg
}

// pkg is what a package declares at its top level, by name.
type pkg struct {
	decls map[string]ast.Node // values, and functions and methods of tests
	tests map[string]bool
	rows  map[string]map[string]bool // the strings of a test, from its first use on
}

// Under answers the tests below root, a directory with a go.mod.
func Under(root string) *Tests { return &Tests{root: root, pkgs: map[string]*pkg{}} }

// Find reports whether there is the test, named "directory.TestName" or "directory.TestName/row". The directory is
// relative to the root, with slashes. A row is a string in the source of the test or of a declaration that it uses,
// directly or not: the name of a subtest, written with spaces, or the key of a row in a table that has no subtests; or
// it is a golden case of a test that reads testdata, "case" or "case: text", where the text is in what is expected of
// the case. It is nil if there is.
func (t *Tests) Find(name string) error {
	dir, test, ok := strings.Cut(name, ".")
	if !ok {
		return fmt.Errorf("%q is no test: write directory.TestName or directory.TestName/row", name)
	}
	test, row, hasRow := strings.Cut(test, "/")
	p, err := t.load(dir)
	switch {
	case err != nil:
		return err
	case !p.tests[test]:
		return fmt.Errorf("%s has no %s", dir, test)
	case !hasRow || p.strings(test)[row]:
		return nil
	case p.readsTestdata(test):
		return t.findCase(dir, test, row)
	}
	return fmt.Errorf("%s of %s has no row %q", test, dir, row)
}

// readsTestdata reports whether a test names the directory of golden cases.
func (p *pkg) readsTestdata(test string) bool {
	for s := range p.strings(test) {
		if dir, _, _ := strings.Cut(s, "/"); dir == "testdata" {
			return true
		}
	}
	return false
}

// findCase looks for a golden case, testdata/case.in.yaml and .out.yaml, and for a text of the latter, however its
// lines are broken.
func (t *Tests) findCase(dir, test, row string) error {
	name, text, _ := strings.Cut(row, ": ")
	file := filepath.Join(t.root, filepath.FromSlash(dir), "testdata", name)
	if _, err := os.Stat(file + ".in.yaml"); err != nil {
		return fmt.Errorf("%s of %s has no row and no case %q: %w", test, dir, name, err)
	}
	raw, err := os.ReadFile(file + ".out.yaml")
	if err != nil {
		return fmt.Errorf("read what case %q of %s expects: %w", name, dir, err)
	}
	if !strings.Contains(words(string(raw)), words(text)) {
		return fmt.Errorf("case %q of %s does not expect %q", name, dir, text)
	}
	return nil
}

// words is a text with one space between words.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// load parses a directory.
func (t *Tests) load(dir string) (*pkg, error) {
	if p, ok := t.pkgs[dir]; ok {
		return p, nil
	}
	files, err := filepath.Glob(filepath.Join(t.root, filepath.FromSlash(dir), "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list the sources of %s: %w", dir, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no package %s", dir)
	}
	p := &pkg{decls: map[string]ast.Node{}, tests: map[string]bool{}, rows: map[string]map[string]bool{}}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the tests of %s: %w", dir, err)
		}
		for _, d := range f.Decls {
			p.declare(d, strings.HasSuffix(file, "_test.go"))
		}
	}
	t.pkgs[dir] = p
	return p, nil
}

func (p *pkg) declare(d ast.Decl, test bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !test { // what is tested is no test's row
			return
		}
		p.decls[d.Name.Name] = d
		if d.Recv == nil && (strings.HasPrefix(d.Name.Name, "Test") || strings.HasPrefix(d.Name.Name, "Fuzz")) {
			p.tests[d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok {
				continue
			}
			for i, name := range v.Names {
				if i < len(v.Values) {
					p.decls[name.Name] = v.Values[i]
				}
			}
		}
	}
}

// strings answers every string that a declaration holds, in its own source or in that of declarations of the package
// which it names.
func (p *pkg) strings(decl string) map[string]bool {
	if got, ok := p.rows[decl]; ok {
		return got
	}
	out, seen := map[string]bool{}, map[string]bool{decl: true}
	p.rows[decl] = out
	for todo := []string{decl}; len(todo) > 0; todo = todo[1:] {
		ast.Inspect(p.decls[todo[0]], func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if s, ok := p.value(e, 0); ok {
					out[s] = true
				}
			}
			if id, ok := n.(*ast.Ident); ok && p.decls[id.Name] != nil && !seen[id.Name] {
				seen[id.Name] = true
				todo = append(todo, id.Name)
			}
			return true
		})
	}
	return out
}

// value is the string that an expression of literals, constants and + stands for.
func (p *pkg) value(e ast.Expr, depth int) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.ParenExpr:
		return p.value(e.X, depth)
	case *ast.BinaryExpr:
		left, ok := p.value(e.X, depth)
		right, too := p.value(e.Y, depth)
		return left + right, ok && too && e.Op == token.ADD
	case *ast.Ident:
		if to, ok := p.decls[e.Name].(ast.Expr); ok && depth < 8 {
			return p.value(to, depth+1)
		}
	}
	return "", false
}

// Line is a line of a list: a fact in a few words, and what shows it.
type Line struct {
	Number int
	Fact   string
	Proofs []string // tests; "table FILE TEXT"; or one that begins with "absent " and the reason
	// Sources are where the fact is from: addresses of pages, or words where there is none.
	Sources []string
}

// Read reads a list. A line is "FACT | PROOF | PROOF…"; empty lines and those that begin with # are ignored. A list may
// name its sources: "@define KEY SOURCE" names one, "@from KEY…" is of the lines below it, and " | @KEY…" at a line's
// end is its own instead.
func Read(file string) ([]Line, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	var out []Line
	s := sources{defined: map[string]string{}, used: map[string]bool{}}
	number := 0
	for text := range strings.Lines(string(raw)) {
		number++
		if text = strings.TrimSpace(text); text == "" || text[0] == '#' {
			continue
		}
		if text[0] == '@' {
			if err := s.declare(text); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, number, err)
			}
			continue
		}
		parts := strings.Split(text, " | ")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		keys := s.from
		if last := len(parts) - 1; strings.HasPrefix(parts[last], "@") {
			keys = strings.Fields(strings.ReplaceAll(parts[last], "@", " "))
			parts = parts[:last]
		}
		from, err := s.named(keys)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		out = append(out, Line{number, parts[0], parts[1:], from})
	}
	if err := s.idle(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// Check returns the errors of the lines: a fact twice, without proof, with a proof that does not exist, or absent
// without a reason. It is nil if nothing is.
func (t *Tests) Check(lines []Line) error {
	var faults []error
	seen := map[string]int{}
	for _, l := range lines {
		if first, twice := seen[l.Fact]; twice {
			faults = append(faults, fmt.Errorf("line %d: %q is on line %d already", l.Number, l.Fact, first))
		}
		seen[l.Fact] = l.Number
		if l.Fact == "" || len(l.Proofs) == 0 || slices.Contains(l.Proofs, "") {
			faults = append(faults, fmt.Errorf("line %d: write FACT | PROOF, where PROOF is directory.TestName, "+
				"directory.TestName/row, table FILE TEXT or absent WHY", l.Number))
			continue
		}
		for _, proof := range l.Proofs {
			if err := t.check(proof, len(l.Proofs) == 1); err != nil {
				faults = append(faults, fmt.Errorf("line %d: %q: %w", l.Number, l.Fact, err))
			}
		}
	}
	return errors.Join(faults...)
}

func (t *Tests) check(proof string, only bool) error {
	kind, rest, _ := strings.Cut(proof, " ")
	switch kind {
	case "absent":
		if !only || strings.TrimSpace(rest) == "" {
			return errors.New("what is absent has a reason, and no other proof")
		}
		return nil
	case "table":
		file, text, _ := strings.Cut(rest, " ")
		if !fs.ValidPath(file) || text == "" {
			return fmt.Errorf("%q is not table FILE TEXT", proof)
		}
		raw, err := os.ReadFile(filepath.Join(t.root, filepath.FromSlash(file)))
		if err != nil {
			return fmt.Errorf("read the table: %w", err)
		}
		if !strings.Contains(string(raw), text) {
			return fmt.Errorf("%s has no %q", file, text)
		}
		return nil
	}
	return t.Find(proof)
}
