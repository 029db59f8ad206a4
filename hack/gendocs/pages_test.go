package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesHoldTheirTables compares pages with the tables that they come from.
func TestPagesHoldTheirTables(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"annotations.md":            annotations(),
		"support.md":                supported(),
		"operations/reconciling.md": budgets(),
		"tasks/going-back.md":       additions(),
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/%s differs from its table; run: go run ./hack/gendocs", page)
		}
	}
}
