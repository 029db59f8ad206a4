package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const dir = "release-notes/unreleased/"

func TestFragmentsBecomeSectionOfVersion(t *testing.T) {
	t.Parallel()
	at := repository(t)
	put(t, filepath.Join(at, dir+"2-wait.md"), "---\nkind: Added\n---\n`lbc wait` waits until an edit\nis in effect.\n")
	put(t, filepath.Join(at, dir+"1-tags.md"), "---\nkind: Security\n---\nTags of others are refused.\n")
	put(t, filepath.Join(at, dir+"3-more.md"), "---\nkind: Added\n---\nMore.\n")
	r := release{dir: at, version: "v1.2.4", report: func(string) {}}
	if err := r.check(); err == nil || !strings.Contains(err.Error(),
		"has 3 changes that no section of CHANGELOG.md has: make changelog VERSION=v1.2.4") {
		t.Errorf("check before: %v", err)
	}
	if err := r.join(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(at, changeLog))
	want := "# Changelog\n\n## v1.2.4\n\n### Security\n\n- Tags of others are refused.\n\n### Added\n\n- `lbc wait` " +
		"waits until an edit is in effect.\n- More.\n\n## Unreleased\n"
	if err != nil || !strings.HasPrefix(string(got), want) || !strings.HasSuffix(string(got), "- before\n") {
		t.Errorf("%v\n%s", err, got)
	}
	if left, err := os.ReadDir(filepath.Join(at, dir)); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := r.join(); err == nil || !strings.Contains(err.Error(), "no fragments") {
		t.Errorf("twice: %v", err)
	}
}

func TestFragmentsThatAreWrongAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"- a line":                             "begin with",
		"---\nkind: Added\n- a line":           "begin with",
		"---\nkind: Add\n---\na":               `kind "Add" is none of Breaking, Security`,
		"---\nkind: Added\nsort: x\n---\na":    "front matter",
		"---\nkind: Fixed\n---\n \n":           "no text",
		"---\nkind: Deprecated\n---\n`--a`.\n": "",
	} {
		at := repository(t, "v1.2.3")
		put(t, filepath.Join(at, dir+"a.md"), text)
		_, _, err := (&release{dir: at}).fragments()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestJoinNeedsVersionWithoutSection(t *testing.T) {
	t.Parallel()
	at := repository(t)
	put(t, filepath.Join(at, dir+"a.md"), "---\nkind: Fixed\n---\nA.\n")
	for version, want := range map[string]string{"1.2.3": "not of the form", "v1.2.3": "has a section v1.2.3 already",
		"v1.2.2": "has a section v1.2.2 already"} {
		if err := (&release{dir: at, version: version}).join(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// TestFragmentsOfRepositoryAreWellFormed holds what contributors write.
func TestFragmentsOfRepositoryAreWellFormed(t *testing.T) {
	t.Parallel()
	by, _, err := (&release{dir: "../.."}).fragments()
	if err != nil {
		t.Error(err)
	}
	for _, lines := range by {
		for _, line := range lines {
			if n := len(strings.Fields(line)); n > 40 {
				t.Errorf("%d words, at most 40: %s", n, line)
			}
		}
	}
}
