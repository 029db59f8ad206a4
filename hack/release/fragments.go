package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// fragmentsDir has a file for each change since the last release: its kind in the front matter, and one sentence for
// users.
const fragmentsDir = "release-notes/unreleased"

// kinds are the headings of a release in CHANGELOG.md, in this order.
var kinds = []string{"Breaking", "Security", "Added", "Changed", "Deprecated", "Removed", "Fixed"}

// fragments are the texts of the changes since the last release by kind, in the order of their files. All errors are
// reported at once.
func (r *release) fragments() (by map[string][]string, files []string, err error) {
	entries, err := os.ReadDir(filepath.Join(r.dir, fragmentsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	by = map[string][]string{}
	var wrong []error
	for _, e := range entries {
		if path.Ext(e.Name()) != ".md" {
			continue
		}
		file := path.Join(fragmentsDir, e.Name())
		text, err := os.ReadFile(filepath.Join(r.dir, file))
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		kind, body, err := parseFragment(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", file, err))
			continue
		}
		by[kind], files = append(by[kind], body), append(files, file)
	}
	return by, files, errors.Join(wrong...)
}

// parseFragment separates a fragment's kind from its text, which becomes one line.
func parseFragment(text []byte) (kind, body string, err error) {
	front, rest, ok := bytes.Cut(bytes.TrimPrefix(text, []byte("---\n")), []byte("\n---\n"))
	if !ok || !bytes.HasPrefix(text, []byte("---\n")) {
		return "", "", errors.New(`begin with "---", a line "kind: Added", and "---"`)
	}
	var matter struct {
		Kind string `json:"kind"`
	}
	if err := yaml.UnmarshalStrict(front, &matter); err != nil {
		return "", "", fmt.Errorf("front matter: %w", err)
	}
	if !slices.Contains(kinds, matter.Kind) {
		return "", "", fmt.Errorf("kind %q is none of %s", matter.Kind, strings.Join(kinds, ", "))
	}
	body = strings.Join(strings.Fields(string(rest)), " ")
	if body == "" {
		return "", "", errors.New("there is no text below the front matter")
	}
	return matter.Kind, body, nil
}

// section is the text of a release in CHANGELOG.md, made of fragments.
func section(by map[string][]string) string {
	var b strings.Builder
	for _, kind := range kinds {
		if len(by[kind]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n", kind)
		for _, line := range by[kind] {
			fmt.Fprintf(&b, "- %s\n", line)
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String())
}

// join writes the section of a version at the top of CHANGELOG.md, of the fragments, and removes these.
func (r *release) join() error {
	if !semantic.MatchString(r.version) {
		return fmt.Errorf("version %q is not of the form v1.2.3 or v1.2.3-rc.1", r.version)
	}
	by, files, err := r.fragments()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no fragments to join", fragmentsDir)
	}
	log := filepath.Join(r.dir, changeLog)
	text, err := os.ReadFile(filepath.Clean(log))
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), "\n## ")
	if !ok {
		return fmt.Errorf("%s has no section", changeLog)
	}
	if strings.HasPrefix(rest, r.version+" ") || strings.HasPrefix(rest, r.version+"\n") ||
		strings.Contains(rest, "\n## "+r.version) {
		return fmt.Errorf("%s has a section %s already", changeLog, r.version)
	}
	out := head + "\n## " + r.version + "\n\n" + section(by) + "\n\n## " + rest
	if err := os.WriteFile(log, []byte(out), 0o644); err != nil { //nolint:gosec // readable as all files of the repository
		return err
	}
	for _, f := range files {
		if err := os.Remove(filepath.Join(r.dir, f)); err != nil {
			return err
		}
	}
	return nil
}
