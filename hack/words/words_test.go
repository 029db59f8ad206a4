// Package words has the test that identifiers, documents and comments use one word for one meaning. It imports the standard library only.
package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is the repository, seen from here.
const root = "../.."

// rule is words that are not used any more, with the words that replace them. A word counts in any of its forms that are listed.
type rule struct {
	words   string // separated by spaces, in lower case
	instead string
	// todo are directories in which the words are not replaced yet, each with all below it.
	todo []string
}

// replaced are rules for identifiers, names of files and documents.
var replaced = []rule{
	{"entrance entrances", "load balancer", nil},
	{"wish wishes wished", "desired, input or spec", nil},
	{"rehearse rehearses rehearsed rehearsal", "dry run", nil},
	{"shelf shelves", "cache", nil},
	{"tale tales", "report", nil},
	{"heir heirs", "successor", nil},
	{"rival rivals", "conflicting", nil},
	{"outranked", "superseded", nil},
	{"shunned silenced", "rejected, frozen", nil},
	{"linger lingers lingering", "transfer", nil},
	{"anew", "recreate", nil},
	{"distrust", "invalidate", nil},
	{"board boards", "status writer", nil},
	{"bid bids bidder bidders", "candidate", nil},
	{"ruling rulings", "resolution", nil},
	{"unguarded", "without restriction", nil},
	{"unclaimed", "untouched", nil},
	{"verdict verdicts", "decision, outcome or summary", nil},
	{"patience impatient", "timeout, pause", nil},
	{"hears heard", "receives, is called with", nil},
}

// persons are rules for comments outside tests: their subject is the thing in the code.
var persons = []rule{
	{"nobody somebody someone whoever everybody everyone", "the thing in the code", nil},
	{"tells told hears heard", "reports, logs, returns, writes, receives", nil},
}

// testNames are rules for the names of tests, besides persons.
var testNames = []rule{
	{"tell say says said knows", "reports, names, lists, shows, defines, finds", nil},
}

// check reports the words of rules in a line of a file.
func check(t *testing.T, rules []rule, path string, line int, what string, words []string) {
	t.Helper()
	for _, w := range words {
		w = strings.ToLower(w)
		for _, r := range rules {
			if slices.Contains(strings.Fields(r.words), w) && !slices.ContainsFunc(r.todo, func(dir string) bool { return strings.HasPrefix(path, dir+"/") }) {
				t.Errorf("%s:%d: %s: %q; write: %s", path, line, what, w, r.instead)
			}
		}
	}
}

// walk calls visit with each file below directories of the repository, by its path from there.
func walk(t *testing.T, dirs []string, visit func(path string) error) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			return visit(rel)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoWordComesBackThatWasReplaced checks identifiers and names of files, and the documents except the change log, which describes the past.
func TestNoWordComesBackThatWasReplaced(t *testing.T) {
	t.Parallel()
	walk(t, []string{"internal", "cmd", "docs"}, func(path string) error {
		check(t, replaced, path, 0, "name of the file", wordsOf(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))))
		switch filepath.Ext(path) {
		case ".go":
			return identifiers(filepath.Join(root, path), func(line int, name string) {
				check(t, replaced, path, line, "identifier "+name, wordsOf(name))
			})
		case ".md":
			return lines(filepath.Join(root, path), func(n int, line string) {
				check(t, replaced, path, n, line, word.FindAllString(line, -1))
			})
		}
		return nil
	})
}

// TestNoPersonStandsForCodeInAComment checks comments outside tests.
func TestNoPersonStandsForCodeInAComment(t *testing.T) {
	t.Parallel()
	walk(t, []string{"api", "awssim", "cmd", "hack", "internal", "playground"}, func(path string) error {
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, filepath.Join(root, path), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, group := range f.Comments {
			for _, c := range group.List {
				check(t, persons, path, set.Position(c.Pos()).Line, "comment", word.FindAllString(c.Text, -1))
			}
		}
		return nil
	})
}

// TestNoPersonStandsForCodeInTheNameOfATest checks the names of tests as sentences about the thing in the code.
func TestNoPersonStandsForCodeInTheNameOfATest(t *testing.T) {
	t.Parallel()
	walk(t, []string{"api", "awssim", "bench", "cmd", "hack", "internal", "playground"}, func(path string) error {
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		return lines(filepath.Join(root, path), func(n int, line string) {
			if m := testName.FindStringSubmatch(line); m != nil {
				check(t, slices.Concat(persons, testNames), path, n, "test "+m[1], wordsOf(m[1]))
			}
		})
	})
}

// testName finds the declaration of a test, benchmark, fuzz test or example in a line.
var testName = regexp.MustCompile(`^func ((?:Test|Benchmark|Fuzz|Example)\w*)\(`)

// identifiers calls found with each identifier of a file, once for each line.
func identifiers(path string, found func(line int, name string)) error {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	type place struct {
		line int
		name string
	}
	seen := map[place]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if p := (place{set.Position(id.Pos()).Line, id.Name}); !seen[p] {
				seen[p] = true
				found(p.line, p.name)
			}
		}
		return true
	})
	return nil
}

func lines(path string, found func(n int, line string)) error {
	content, err := os.ReadFile(path)
	for i, line := range strings.Split(string(content), "\n") {
		found(i+1, line)
	}
	return err
}

var word = regexp.MustCompile(`[A-Za-z]+`)

// wordsOf takes an identifier or file name apart at capitals, underscores and hyphens, in lower case.
func wordsOf(name string) (out []string) {
	start := 0
	runes := []rune(name)
	cut := func(end int) {
		if w := strings.Trim(string(runes[start:end]), "_-."); w != "" {
			out = append(out, strings.ToLower(w))
		}
		start = end
	}
	for i := 1; i < len(runes); i++ {
		r, starts := runes[i], i+1 < len(runes) && unicode.IsLower(runes[i+1]) // of the last two capitals in AWish, the second one begins a word
		if unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || starts) || r == '_' || r == '-' {
			cut(i)
		}
	}
	cut(len(runes))
	return out
}

func TestAnIdentifierConsistsOfWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"wishOf": "wish of", "TestAWishIsRead": "test a wish is read", "HTTPServer": "http server", "load_balancer": "load balancer", "0014-what-may-delete": "0014 what may delete", "x": "x", "": "",
	} {
		if got := strings.Join(wordsOf(name), " "); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
