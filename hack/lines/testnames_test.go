package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testNameLength is how many characters the name of a test may have.
const testNameLength = 60

// TestNamesOfTestsAreShort reads the names of the tests of all modules.
func TestNamesOfTestsAreShort(t *testing.T) {
	t.Parallel()
	declaration := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	all := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, m := range declaration.FindAllSubmatch(content, -1) {
			if all++; len(m[1]) > testNameLength {
				t.Errorf("%s: %s has %d characters, want at most %d", path, m[1], len(m[1]), testNameLength)
			}
		}
		return err
	})
	if err != nil || all == 0 {
		t.Errorf("%d tests, %v", all, err)
	}
}
