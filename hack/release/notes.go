package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/hack/pages/links"
)

const changeLog = "CHANGELOG.md"

// notes are the section of a version in CHANGELOG.md, with links that lead to the files of the version from anywhere.
func (r *release) notes() (string, error) {
	text, err := os.ReadFile(filepath.Join(r.dir, changeLog))
	if err != nil {
		return "", err
	}
	sections := map[string]string{}
	var names []string
	for part := range strings.SplitSeq("\n"+string(text), "\n## ") {
		heading, body, _ := strings.Cut(part, "\n")
		name, _, _ := strings.Cut(strings.Trim(heading, "[] "), " ")
		sections[strings.Trim(name, "[]")] = strings.TrimSpace(body)
		names = append(names, name)
	}
	if s := sections[r.version]; s != "" {
		return r.absolute(s)
	}
	if r.dry {
		by, files, err := r.fragments()
		if err != nil {
			return "", err
		}
		if len(files) > 0 {
			r.report("CHANGELOG.md has no section " + r.version + ": its notes are the fragments of " + fragmentsDir)
			return r.absolute(section(by))
		}
		if i := slices.IndexFunc(names, func(n string) bool { return sections[n] != "" && semantic.MatchString(n) }); i >= 0 {
			r.report("CHANGELOG.md has no section " + r.version + ": its notes are those of " + names[i])
			return r.absolute(sections[names[i]])
		}
	}
	return "", fmt.Errorf("CHANGELOG.md has no text below \"## %s\", only sections %s", r.version,
		strings.Join(slices.DeleteFunc(names, func(n string) bool { return n == "" }), ", "))
}

// absolute replaces links to files of the repository by URLs of these files at the version's tag.
func (r *release) absolute(notes string) (string, error) {
	out := notes
	err := links.Walk(links.Parse([]byte(notes)), func(destination *[]byte) error {
		link := string(*destination)
		file, anchor, local := links.Local(changeLog, link)
		if !local {
			return nil
		}
		info, err := os.Stat(filepath.Join(r.dir, filepath.FromSlash(file)))
		if err != nil {
			return fmt.Errorf("the link %s of the notes leads nowhere: %w", link, err)
		}
		kind := "blob"
		if info.IsDir() {
			kind = "tree"
		}
		url := strings.Join([]string{r.url, kind, r.version, file}, "/")
		if anchor != "" {
			url += "#" + anchor
		}
		out = strings.ReplaceAll(out, "]("+link+")", "]("+url+")")
		return nil
	})
	return out, err
}
