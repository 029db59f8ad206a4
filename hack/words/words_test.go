// Package words holds the test that identifiers and documents use one word for one meaning. It imports the standard library only.
package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// root is the repository, seen from here.
const root = "../.."

// replaced are words that identifiers, file names and documents do not use, with the word of the field that stands for them. A word counts in any of its
// forms that are listed.
var replaced = []struct {
	words   string // separated by spaces, in lower case
	instead string
}{
	{"entrance entrances", "load balancer"},
	{"wish wishes wished", "desired, input or spec"},
	{"rehearse rehearses rehearsed rehearsal", "dry run"},
	{"shelf shelves", "cache"},
	{"tale tales", "report"},
	{"heir heirs", "successor"},
	{"rival rivals", "conflicting"},
	{"outranked", "superseded"},
	{"shunned silenced", "rejected, frozen"},
	{"linger lingers lingering", "transfer"},
	{"anew", "recreate"},
	{"distrust", "invalidate"},
}

// TestNoWordComesBackThatWasReplaced looks at identifiers and names of files, and at the documents without the change log, which reports what was.
func TestNoWordComesBackThatWasReplaced(t *testing.T) {
	t.Parallel()
	instead := map[string]string{}
	for _, r := range replaced {
		for _, w := range strings.Fields(r.words) {
			instead[w] = r.instead
		}
	}
	for _, dir := range []string{"internal", "cmd", "docs"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, _ := filepath.Rel(root, path)
			report := func(line int, what string, words []string) {
				for _, w := range words {
					if better, ok := instead[strings.ToLower(w)]; ok {
						t.Errorf("%s:%d: %s; write: %s", rel, line, what, better)
					}
				}
			}
			report(0, "name of the file", wordsOf(strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))))
			switch filepath.Ext(path) {
			case ".go":
				return identifiers(path, func(line int, name string) { report(line, "identifier "+name, wordsOf(name)) })
			case ".md":
				return lines(path, func(n int, line string) { report(n, line, word.FindAllString(line, -1)) })
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

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
