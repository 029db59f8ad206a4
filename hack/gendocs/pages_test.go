package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesHoldTheirTables compares pages with the tables that they come from.
func TestPagesHoldTheirTables(t *testing.T) {
	t.Parallel()
	keys, err := annotations("../..")
	if err != nil {
		t.Fatal(err)
	}
	codes, err := findings("../..")
	if err != nil {
		t.Fatal(err)
	}
	gateways, err := configurations("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"annotations.md", keys},
		{"gateway-reference.md", gateways},
		{"findings.md", codes},
		{"support.md", supported()},
		{"operations/reconciling.md", budgets()},
		{"tasks/going-back.md", additions()},
		{"lbc.md", unitsTable()},
		{"lbc.md", kindsTable()},
	} {
		page, want := c[0], c[1]
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/%s differs from its table; run: go run ./hack/gendocs", page)
		}
	}
}

func TestPlacesOfActionsAreThoseOfThePolicy(t *testing.T) {
	t.Parallel()
	want, err := statementsSource()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join("..", "..", statementsFile)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s differs from the rules of iampolicy; run: go run ./hack/gendocs (%v)", statementsFile, err)
	}
}
