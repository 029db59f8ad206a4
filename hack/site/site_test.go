package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const forge = "https://example.com/lbc"

// repository is one with the pages, besides a table of contents that lists them.
func repository(pages map[string]string) fstest.MapFS {
	out := fstest.MapFS{contents: {Data: []byte("# Documentation\n\n## Start\n\n- [Quick](quick.md): first\n- no " +
		"link\n\n## More\n\n- [Home](../README.md)\n")}}
	for name, text := range map[string]string{"README.md": "# Home\n", "docs/quick.md": "# Quick start\n"} {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range pages {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestLinksOfPagesAreThoseOfTheSite(t *testing.T) {
	t.Parallel()
	files, err := build(repository(map[string]string{
		"README.md": "# Home\n\n[quick](docs/quick.md#two-words), [file](examples/a.yaml), " +
			"[directory](hack), [reasons](docs/decisions/), [far](https://example.org/x)\n",
		"docs/quick.md": "# Quick\n\n## Two words\n\n![picture](images/a.svg) [up](../README.md) " +
			"[here](#two-words)\n",
		"docs/decisions/README.md": "# Reasons\n\n[quick](../quick.md)\n",
		"docs/images/a.svg":        "<svg/>", "examples/a.yaml": "a: b\n", "hack/x.go": "package x\n",
	}), forge)
	if err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string][]string{
		"index.html": {`href="quick.html#two-words"`, `href="examples/a.yaml"`, `href="` + forge +
			`/tree/main/hack"`, `href="decisions/README.html"`, `href="https://example.org/x"`},
		"quick.html": {`id="two-words"`, `src="docs/images/a.svg"`, `href="index.html"`, `href="#two-words"`,
			`<title>Quick</title>`},
		"decisions/README.html": {`href="../quick.html"`, `href="../style.css"`, `href="` + forge +
			`/blob/main/docs/decisions/README.md"`},
	} {
		for _, w := range want {
			if !strings.Contains(string(files[page]), w) {
				t.Errorf("%s lacks %s:\n%s", page, w, files[page])
			}
		}
	}
	for _, name := range []string{"examples/a.yaml", "docs/images/a.svg", "style.css", "search.js", "search-index.js"} {
		if len(files[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestWhatIsWrongWithAPageIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, want string }{
		"a file that is missing":    {"[x](missing.md)", "docs/quick.md: the link missing.md leads nowhere"},
		"a heading that is missing": {"[x](../README.md#nothing)", "docs/quick.md: README.md has no heading nothing"},
		"HTML":                      {"a <b>b</b>", "docs/quick.md: HTML among the Markdown"},
	} {
		if _, err := build(repository(map[string]string{"docs/quick.md": c.page}), forge); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestNavigationFollowsTheContents(t *testing.T) {
	t.Parallel()
	got, err := navigation(repository(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []chapter{{"Start", []link{{"Quick", "quick.html"}}}, {"More", []link{{"Home", "index.html"}}}}
	if !slices.EqualFunc(got, want, func(a, b chapter) bool {
		return a.Title == b.Title && slices.Equal(a.Pages, b.Pages)
	}) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTheSearchHasTheTextOfEachSection(t *testing.T) {
	t.Parallel()
	p, err := render(repository(nil), forge, "docs/quick.md",
		[]byte("# Quick\n\nFirst *words*\nhere.\n\n## Code\n\n    kubectl get lb\n\n| a | b |\n|---|---|\n| c | `d` |\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []section{{"quick", "Quick", "First words here."}, {"code", "Code", "kubectl get lb a b c d"}}
	if !slices.Equal(p.Sections, want) {
		t.Errorf("%q, want %q", p.Sections, want)
	}
}

func TestTheContentsNameEveryPageOfTheDocumentation(t *testing.T) {
	t.Parallel()
	files, err := build(os.DirFS("../.."), forge)
	if err != nil {
		t.Fatal(err)
	}
	chapters, err := navigation(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	named := []string{"contents.html"}
	for _, c := range chapters {
		for _, p := range c.Pages {
			named = append(named, p.Path)
		}
	}
	for name := range files {
		if strings.HasSuffix(name, ".html") && !slices.Contains(named, name) && !strings.HasPrefix(name, "decisions/0") &&
			!strings.HasPrefix(name, "examples/") {
			t.Errorf("%s does not name %s", contents, name)
		}
	}
}
