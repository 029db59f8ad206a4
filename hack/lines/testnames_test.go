package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// longTestNames is how many tests have names of more than testNameLength characters. It only becomes smaller.
const longTestNames, testNameLength = 0, 60

// TestNamesOfTestsAreShort counts the tests whose names are too long, in all modules.
func TestNamesOfTestsAreShort(t *testing.T) {
	t.Parallel()
	declaration := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	long, all := 0, 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, m := range declaration.FindAllSubmatch(content, -1) {
			if all++; len(m[1]) > testNameLength {
				long++
			}
		}
		return err
	})
	if err != nil || all == 0 || long > longTestNames {
		t.Errorf("%v; %d of %d tests have names of more than %d characters, want at most %d: shorten the new one", err, long,
			all, testNameLength, longTestNames)
	}
}
