// Package wafclassic keeps WAF Classic in a place of its own, and its deletion as decision 16 writes it down possible. It has tests only.
package wafclassic

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	root = "../.."
	page = root + "/docs/decisions/0016-waf-classic-apart.md"
	mark = "decision 16: WAF Classic"
	own  = "wafclassic" // is in the names of its files and directories
)

// roots are the directories of what is ours but the simulator, which simulates AWS.
var roots = []string{"api", "cmd", "hack", "internal", "playground"}

// names are those that WAF Classic goes by.
var names = regexp.MustCompile(`(?i)waf-?regional|\bWAF Regional\b|waf ?classic|classic_?(web)?acl|regionalwebacl|\bwe?[ab]f?-acl-id|noclassic|enable-?waf\b|EndedSupport`)

// others are the lines, by file, that name the simulator's WAF Classic, or the flag that every Deployment may have.
var others = map[string]*regexp.Regexp{
	"cmd/awssim/command.go":                    regexp.MustCompile(`awssim serves the APIs of`),
	"hack/importgraph/architecture_test.go":    regexp.MustCompile(`"awssim/wafregional"`),
	"playground/bench/controller.go":           regexp.MustCompile(`"--enable-waf=false"`),
	"playground/chart/refused_test.go":         regexp.MustCompile(`enable-waf: false`),
	"playground/chart/testdata/values.in.yaml": regexp.MustCompile(`enableWaf`),
	"playground/chart/testdata/values.txt":     regexp.MustCompile(`enableWaf|--enable-waf=false`),
	"playground/go.mod":                        regexp.MustCompile(`aws-sdk-go-v2/service/wafregional`),
	"playground/go.sum":                        regexp.MustCompile(`aws-sdk-go-v2/service/wafregional`),
}

// visit reads every file below dir that is ours, by its path from there.
func visit(t *testing.T, dir string, see func(path, text string)) {
	t.Helper()
	for _, r := range roots {
		err := filepath.WalkDir(filepath.Join(dir, r), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := os.ReadFile(path) //nolint:gosec // ours
			rel, _ := filepath.Rel(dir, path)
			see(filepath.ToSlash(rel), string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWAFClassicIsNamedOnlyInFilesOfItsOwnAndInMarkedLinesAndDeclarations(t *testing.T) {
	t.Parallel()
	files, marked := 0, 0
	visit(t, root, func(path, text string) {
		if strings.Contains(path, own) {
			files++
			return
		}
		declaration := false // whose comment is marked
		for n, line := range strings.Split(text, "\n") {
			switch {
			case declaration:
				declaration = line != "}"
			case strings.HasSuffix(line, mark):
				marked++
				declaration = strings.HasPrefix(line, "// ")
			case names.MatchString(line) && (others[path] == nil || !others[path].MatchString(line)):
				t.Errorf("%s:%d names WAF Classic: %s\nmove it to a file named %s…, or end the line, or the comment of the declaration, in %q if it can be deleted alone", path, n+1, line, own, "// "+mark)
			}
		}
	})
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if said := strconv.Itoa(marked) + " lines that end in"; files == 0 || !strings.Contains(string(text), said) {
		t.Errorf("%d files, %d marked lines; %s does not say %q", files, marked, page, said)
	}
}
