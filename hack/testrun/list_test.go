package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryEndToEndTestSaysWhatOnlyItShows(t *testing.T) {
	t.Parallel()
	tests, err := endToEndTests(filepath.Join("../..", filepath.FromSlash(endToEndDir)))
	if err != nil {
		t.Error(err)
	}
	if len(tests) == 0 {
		t.Errorf("no test is below %s", endToEndDir)
	}
	seen := map[string]string{}
	for _, x := range tests {
		if other := seen[x.shows]; other != "" && x.shows != "" {
			t.Errorf("%s.%s says that it shows the same as %s", x.pkg, x.name, other)
		}
		seen[x.shows] = x.pkg + "." + x.name
	}
}

func TestTheTableHasPackageFormAndSentence(t *testing.T) {
	t.Parallel()
	tests, err := testsOf("a/b", []byte(`package b

// TestA shows that a
// thing happens. It takes an hour.
func TestA(t *testing.T) {
	longtest.Long(t, "an hour")
}

// TestB shows another.
func TestB(t *testing.T) {}

// TestC is about nothing.
func TestC(t *testing.T) {
	t.Parallel()
}

func TestD(t *testing.T) {
	t.Run("row", func(t *testing.T) { longtest.Long(t, "it is not the whole test") })
}

// TestE shows `+strings.Repeat("a ", 26)+`.
func TestE(t *testing.T) {}

func TestMain(m *testing.M) {}

func helper(t *testing.T) {}
`))
	want := []endToEnd{
		{"a/b", "TestA", true, "that a thing happens"}, {"a/b", "TestB", false, "another"}, {"a/b", "TestC", false, ""},
		{"a/b", "TestD", false, ""},
		{"a/b", "TestE", false, strings.TrimSpace(strings.Repeat("a ", 26)) + " "},
	}
	if len(tests) != len(want) {
		t.Fatalf("%+v", tests)
	}
	for i, w := range want {
		if got := tests[i]; got.name != w.name || got.long != w.long || strings.TrimSpace(got.shows) != strings.TrimSpace(
			w.shows) || got.pkg != w.pkg {
			t.Errorf("got %+v, want %+v", got, w)
		}
	}
	for _, fault := range []string{"a/b.TestC: begin its comment", "a/b.TestD: begin its comment",
		"a/b.TestE: the first sentence of its comment has 26 words"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is not in %v", fault, err)
		}
	}
	if err != nil && strings.Count(err.Error(), "\n") != 2 {
		t.Error(err)
	}
}
