package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const changelog = "# Changelog\n\n## Unreleased\n\n- soon\n\n## v1.2.3 (2026-01-02)\n\n- this\n- that\n\n## " +
	"v1.2.2\n\n- before\n"

// repository is a commit with a change log, whose tags are given.
func repository(t *testing.T, tags ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"CHANGELOG.md": changelog, "LICENSE": "as it is",
		"THIRD_PARTY_NOTICES": "theirs", ".gitignore": "/dist/\n"} {
		put(t, filepath.Join(dir, name), text)
	}
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "all")
	for _, tag := range tags {
		git(t, dir, "tag", tag)
	}
	return dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	//nolint:gosec // a test
	cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com", "-c",
		"commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestAVersionIsReleasedFromItsTagWithItsNotesOnly(t *testing.T) {
	t.Parallel()
	tagged, untagged, changed, moved := repository(t, "v1.2.3"), repository(t), repository(t, "v1.2.3"),
		repository(t, "v1.2.3")
	put(t, filepath.Join(changed, "LICENSE"), "changed")
	put(t, filepath.Join(moved, "more"), "more")
	git(t, moved, "add", "-A")
	git(t, moved, "commit", "-q", "-m", "more")
	for _, tt := range []struct {
		dir, version string
		dry          bool
		want         string // of the error; empty: none
	}{
		{tagged, "v1.2.3", false, ""},
		{tagged, "1.2.3", false, "not of the form v1.2.3"},
		{tagged, "v1.2.4", false, `CHANGELOG.md has no text below "## v1.2.4", only sections`},
		{untagged, "v1.2.3", false, "there is no tag v1.2.3: git tag -s v1.2.3"},
		{untagged, "v1.2.3", true, ""},
		{changed, "v1.2.3", false, "not committed"},
		{changed, "v1.2.3", true, ""},
		{moved, "v1.2.3", false, "not at HEAD"},
		{moved, "v1.2.3", true, "not at HEAD"},
		{untagged, "v2.0.0-rc.1", true, ""}, // with the notes of what is unreleased
	} {
		r := release{dir: tt.dir, version: tt.version, dry: tt.dry, report: func(string) {}}
		err := r.check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
}

func TestNotesAreTheSectionOfTheVersion(t *testing.T) {
	t.Parallel()
	r := release{dir: repository(t), version: "v1.2.3"}
	if got, err := r.notes(); err != nil || got != "- this\n- that" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLinksOfNotesLeadToTheFilesOfTheVersion(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	put(t, filepath.Join(dir, "docs", "a.md"), "# A")
	for name, c := range map[string]struct{ notes, want, err string }{
		"a file":         {"- [a](docs/a.md)", "- [a](https://forge.example.com/x/blob/v1.2.4/docs/a.md)", ""},
		"a heading":      {"- [a](docs/a.md#b)", "- [a](https://forge.example.com/x/blob/v1.2.4/docs/a.md#b)", ""},
		"a directory":    {"- [a](docs)", "- [a](https://forge.example.com/x/tree/v1.2.4/docs)", ""},
		"the change log": {"- [a](#v122)", "- [a](https://forge.example.com/x/blob/v1.2.4/CHANGELOG.md#v122)", ""},
		"another site":   {"- [a](https://example.org/b)", "- [a](https://example.org/b)", ""},
		"code":           {"- `[a](docs/b.md)`", "- `[a](docs/b.md)`", ""},
		"nothing":        {"- [a](docs/b.md)", "", "the link docs/b.md of the notes leads nowhere"},
	} {
		put(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## v1.2.4\n\n"+c.notes+"\n")
		r := release{dir: dir, version: "v1.2.4", url: "https://forge.example.com/x"}
		got, err := r.notes()
		if got != c.want && c.err == "" || (err == nil) != (c.err == "") || err != nil &&
			!strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// packed is what pack makes, in a directory of its own.
func packed(t *testing.T) map[string]string {
	t.Helper()
	dir := repository(t)
	out := filepath.Join(dir, "dist")
	for name, text := range map[string]string{
		"bin/linux-amd64/lbc": "for amd64", "bin/darwin-arm64/lbc": "for arm64",
		"bin/linux-amd64/controller": "in the image only", "image/index.json": "{}", "image/blobs/sha256/0": "blob",
		"v1_2_3_full.yaml": "all",
	} {
		put(t, filepath.Join(out, name), text)
	}
	for name, text := range map[string]string{
		"Chart.yaml":  "name: x\nversion: 0.0.0\nappVersion: v0.0.0\nkubeVersion: \">= 1.22\"\n",
		"values.yaml": "image:\n  # ours\n  repository: here\n  tag: \"\"\n", "templates/all.yaml": "all",
		".helmignore": "# not for Helm\ncrds/kustomization.yaml\nold/\n*.orig\n", "crds/kustomization.yaml": "no definition",
		"old/x": "", "templates/all.yaml.orig": ""} {
		put(t, filepath.Join(dir, "charts", chartName, name), text)
	}
	r := release{dir: dir, version: "v1.2.3", out: out, image: "registry.example.com/lbc",
		url: "https://forge.example.com/x", report: func(string) {}}
	if err := r.pack(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range files {
		if !f.IsDir() {
			text, err := os.ReadFile(filepath.Join(out, f.Name())) //nolint:gosec // a test
			if err != nil {
				t.Fatal(err)
			}
			all[f.Name()] = string(text)
		}
	}
	cmd := exec.Command("sha256sum", "-c", "--quiet", "checksums.txt")
	cmd.Dir = out
	if report, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, report)
	}
	return all
}

func TestTheManifestForKrewHasTheArchivesAndTheirSums(t *testing.T) {
	t.Parallel()
	all := packed(t)
	var m struct {
		Metadata struct{ Name string }
		Spec     struct {
			Version   string
			Platforms []struct {
				Selector         struct{ MatchLabels map[string]string }
				URI, SHA256, Bin string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(all["krew.yaml"]), &m); err != nil {
		t.Fatalf("%v\n%s", err, all["krew.yaml"])
	}
	if m.Metadata.Name != "lbc" || m.Spec.Version != "v1.2.3" || len(m.Spec.Platforms) != 2 {
		t.Fatalf("%s", all["krew.yaml"])
	}
	for _, p := range m.Spec.Platforms {
		name := "lbc_v1.2.3_" + p.Selector.MatchLabels["os"] + "_" + p.Selector.MatchLabels["arch"] + ".tar.gz"
		sum := sha256.Sum256([]byte(all[name]))
		if p.URI != "https://forge.example.com/x/releases/download/v1.2.3/"+name || p.SHA256 != hex.EncodeToString(sum[:]) ||
			p.Bin != "lbc" || all[name] == "" {
			t.Errorf("%+v, want %s", p, name)
		}
	}
}

func TestWhatIsPublishedIsCompleteAndTheSameEachTime(t *testing.T) {
	t.Parallel()
	first, second := packed(t), packed(t)
	if !maps.Equal(first, second) {
		t.Error("the same input makes other bytes")
	}
	want := []string{"aws-load-balancer-controller-1.2.3.tgz", "checksums.txt", "image.tar", "krew.yaml",
		"lbc_v1.2.3_darwin_arm64.tar.gz", "lbc_v1.2.3_linux_amd64.tar.gz", "release-notes.md", "v1_2_3_full.yaml"}
	if got := slices.Sorted(maps.Keys(first)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := strings.Count(first["checksums.txt"], "\n"); n != len(want)-1 {
		t.Errorf("%d checksums of %d files", n, len(want)-1)
	}
	for file, want := range map[string][]string{
		"lbc_v1.2.3_linux_amd64.tar.gz": {"lbc -rwxr-xr-x for amd64", "LICENSE -rw-r--r-- as it is",
			"THIRD_PARTY_NOTICES -rw-r--r-- theirs"},
		"aws-load-balancer-controller-1.2.3.tgz": {
			"aws-load-balancer-controller/Chart.yaml -rw-r--r-- name: x\nversion: 1.2.3\nappVersion: v1.2.3\nkubeVersion: " +
				"\">= 1.22\"\n",
			"aws-load-balancer-controller/.helmignore -rw-r--r-- # not for Helm\ncrds/kustomization.yaml\nold/\n*.orig\n",
			"aws-load-balancer-controller/templates/all.yaml -rw-r--r-- all",
			"aws-load-balancer-controller/values.yaml -rw-r--r-- image:\n  # ours\n  repository: " +
				"registry.example.com/lbc\n  tag: \"\"\n",
		},
	} {
		if got := unpacked(t, first[file]); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", file, got, want)
		}
	}
}

// unpacked are the files of an archive with their modes and contents.
func unpacked(t *testing.T, archive string) (out []string) {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h.Name+" "+h.FileInfo().Mode().String()+" "+string(text))
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	out := filepath.Join(dir, "dist")
	r := release{dir: dir, version: "v1.2.3", out: out, report: func(string) {}}
	put(t, filepath.Join(out, "x"), "")
	if err := r.pack(); err == nil || !strings.Contains(err.Error(), "make binaries first") {
		t.Error(err)
	}
	put(t, filepath.Join(out, "bin/linux-amd64/lbc"), "")
	if err := r.pack(); err == nil || !strings.Contains(err.Error(), "make image first") {
		t.Error(err)
	}
}
