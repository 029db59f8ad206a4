package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const thisFile = "hack/docs/names_test.go"

// goNames are the names in the Go files of the repository.
type goNames struct {
	files    map[string]map[string]bool // what each file declares: name, and Type.name of methods and fields
	packages map[string]map[string]bool // what the packages of a directory name declare, in the same form
	types    map[string]bool
	words    map[string]bool // all identifiers, the words of string literals but those here, and of manifests
}

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// readNames parses all Go files, with tests.
var readNames = sync.OnceValues(func() (*goNames, error) {
	n := &goNames{files: map[string]map[string]bool{}, packages: map[string]map[string]bool{}, types: map[string]bool{},
		words: map[string]bool{}}
	for _, dir := range []string{"api", "awssim", "bench", "charts", "cmd", "config", "hack", "internal",
		"playground"} {
		if err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			if strings.HasSuffix(path, ".yaml") {
				return n.addWords(path)
			}
			if !strings.HasSuffix(path, ".go") {
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				relative, _ := filepath.Rel(root, path)
				n.add(filepath.ToSlash(relative), file)
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	return n, nil
})

// addWords adds the words of a manifest.
func (n *goNames) addWords(path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // ours
	for _, w := range word.FindAllString(string(text), -1) {
		n.words[w] = true
	}
	return err
}

func (n *goNames) add(path string, file *ast.File) {
	declared := map[string]bool{}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			declared[f.Name.Name] = true
			if f.Recv != nil {
				declared[receiver(f.Recv.List[0].Type)+"."+f.Name.Name] = true
			}
		}
	}
	ast.Inspect(file, func(x ast.Node) bool {
		switch x := x.(type) {
		case *ast.TypeSpec:
			n.types[x.Name.Name], declared[x.Name.Name] = true, true
			for _, member := range members(x.Type) {
				declared[member], declared[x.Name.Name+"."+member] = true, true
			}
		case *ast.ValueSpec:
			for _, name := range x.Names {
				declared[name.Name] = true
			}
		case *ast.Ident:
			n.words[x.Name] = true
		case *ast.BasicLit:
			if text, err := strconv.Unquote(x.Value); err == nil && path != thisFile {
				for _, w := range word.FindAllString(text, -1) {
					n.words[w] = true
				}
			}
		}
		return true
	})
	n.files[path] = declared
	name := filepath.Base(filepath.Dir(path))
	if n.packages[name] == nil {
		n.packages[name] = map[string]bool{}
	}
	maps.Copy(n.packages[name], declared)
}

// receiver is the name of the type of a method.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// members are the names of the fields of a struct, of the types that it embeds, and of the methods of an interface.
func members(e ast.Expr) (out []string) {
	var list *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		list = e.Fields
	case *ast.InterfaceType:
		list = e.Methods
	default:
		return nil
	}
	for _, f := range list.List {
		for _, name := range f.Names {
			out = append(out, name.Name)
		}
	}
	return out
}

var (
	quoted = regexp.MustCompile("`([^`\n]+)`")
	goFile = regexp.MustCompile(`^[a-z0-9_/]+\.go$`)
	goPath = regexp.MustCompile(`^(?:api|awssim|bench|cmd|hack|internal|playground)/[a-z0-9_/]*[a-z0-9_]$`)
	goName = regexp.MustCompile(`^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$`)
	// inFile is a name with the file that declares it.
	inFile = regexp.MustCompile("`([A-Za-z_][\\w.]*)` (?:in|of|\\() ?`([a-z0-9_/]+\\.go)`")
	// ofFile is a file with names that it declares.
	ofFile = regexp.MustCompile("`([a-z0-9_/]+\\.go)`: ((?:`[A-Za-z_]\\w*`(?:, | and |))+)(?:\\W|$)")
	mixed  = regexp.MustCompile(`^[A-Za-z]*(?:[a-z][A-Z]|[A-Z][a-z]+[A-Z])[A-Za-z0-9]*$`)
)

// section is what the lines from a heading on name so far.
type section struct {
	names *goNames
	dirs  []string // directories, the last one first
}

// path is the path from the root of a file that a page names by its end; empty = there is none. A file without a
// directory is in one that the section names, if it names any.
func (s *section) path(name string) string {
	for _, dir := range s.dirs {
		if _, ok := s.names.files[dir+"/"+name]; ok {
			return dir + "/" + name
		}
	}
	if len(s.dirs) > 0 && !strings.Contains(name, "/") {
		return ""
	}
	for path := range s.names.files {
		if path == name || strings.HasSuffix(path, "/"+name) {
			return path
		}
	}
	return ""
}

// line returns what is wrong with a line.
func (s *section) line(text string) (wrong []string) {
	if strings.HasPrefix(text, "#") {
		s.dirs = nil
	}
	pieces := quoted.FindAllStringSubmatch(text, -1)
	for _, m := range pieces {
		dir := m[1]
		if goFile.MatchString(dir) {
			dir = filepath.ToSlash(filepath.Dir(dir))
		}
		if goPath.MatchString(dir) {
			s.dirs = append([]string{dir}, s.dirs...)
		}
	}
	for _, m := range pieces {
		switch {
		case goFile.MatchString(m[1]):
			if s.path(m[1]) == "" {
				wrong = append(wrong, "no file "+m[1])
			}
		case !s.names.has(m[1], s.dirs):
			wrong = append(wrong, "no name "+m[1])
		}
	}
	for _, m := range inFile.FindAllStringSubmatch(text, -1) {
		wrong = append(wrong, s.lacks(m[2], m[1])...)
	}
	for _, m := range ofFile.FindAllStringSubmatch(text, -1) {
		for _, name := range quoted.FindAllStringSubmatch(m[2], -1) {
			wrong = append(wrong, s.lacks(m[1], name[1])...)
		}
	}
	return wrong
}

// lacks reports that a file does not declare a name. A name with a package needs only its end there.
func (s *section) lacks(file, name string) []string {
	declared := s.names.files[s.path(file)]
	_, end, _ := strings.Cut(name, ".")
	if declared[name] || end != "" && declared[end] {
		return nil
	}
	return []string{file + " declares no " + name}
}

// has reports whether a piece of code is no name of Go, or one that exists. dirs are the directories that a section
// names.
func (n *goNames) has(text string, dirs []string) bool {
	if !goName.MatchString(text) {
		return true
	}
	first, rest, dotted := strings.Cut(text, ".")
	switch {
	case !dotted:
		return !mixed.MatchString(text) || n.words[text]
	case n.packages[first] != nil && ast.IsExported(rest):
		return n.packages[first][rest]
	case n.types[first] && ast.IsExported(first):
		return slices.ContainsFunc(slices.Collect(maps.Values(n.packages)), func(declared map[string]bool) bool {
			return declared[text]
		})
	}
	if !n.types[first] || ast.IsExported(rest) {
		return true // of another library
	}
	// a field of an object, unless a directory that the section names has the type
	has := func(name string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return n.packages[filepath.Base(dir)][name] })
	}
	return !has(first) || has(text)
}

// TestGoNamesOfTheArchitectureExist reads the pages about the code and the decisions.
func TestGoNamesOfTheArchitectureExist(t *testing.T) {
	t.Parallel()
	names, err := readNames()
	if err != nil {
		t.Fatal(err)
	}
	for page, text := range allPages(t) {
		if page != "docs/architecture.md" && !strings.HasPrefix(page, "docs/architecture/") &&
			!strings.HasPrefix(page, "docs/decisions/") {
			continue
		}
		s := section{names: names}
		for i, line := range strings.Split(text, "\n") {
			for _, wrong := range s.line(line) {
				t.Errorf("%s:%d: %s", page, i+1, wrong)
			}
		}
	}
}

func TestGoNamesThatDoNotExistAreFound(t *testing.T) {
	t.Parallel()
	names, err := readNames()
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"`section.line` (`hack/docs/names_test.go`)":             "",
		"`section.row` (`hack/docs/names_test.go`)":              "no name section.row",
		"`readFigures` (`hack/docs/names_test.go`)":              "no name readFigures",
		"`goNames` (`hack/docs/docs_test.go`)":                   "hack/docs/docs_test.go declares no goNames",
		"`hack/docs`: `names_test.go` and `numbers_test.go`":     "no file numbers_test.go",
		"`hack/docs/names_test.go`: `goFile` and `allPages`":     "hack/docs/names_test.go declares no allPages",
		"`pages.Read` of `hack/pages`, and `metadata.namespace`": "",
		"`pages.Write` of `hack/pages`":                          "no name pages.Write",
		"`DescribeListeners` and `make check`":                   "",
	} {
		s := section{names: names}
		if got := strings.Join(s.line(line), "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
