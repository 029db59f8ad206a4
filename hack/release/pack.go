package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// pack makes files of directories below out, and the notes and checksums:
//
//	image/               → image.tar
//	bin/SYSTEM-MACHINE/lbc → lbc_VERSION_SYSTEM_MACHINE.tar.gz, with licences, and krew.yaml, by which krew installs them
//
// and, of the repository's chart if there is one, NAME-VERSION.tgz.
//
// The same input makes the same bytes.
func (r *release) pack() error {
	notes, err := r.notes()
	if err != nil {
		return err
	}
	//nolint:gosec // published
	if err := os.WriteFile(filepath.Join(r.out, "release-notes.md"), []byte(notes+"\n"), 0o644); err != nil {
		return err
	}
	programs, err := filepath.Glob(filepath.Join(r.out, "bin", "*", "lbc"))
	if err != nil {
		return err
	}
	if len(programs) == 0 {
		return fmt.Errorf("%s has no bin/SYSTEM-MACHINE/lbc: make binaries first", r.out)
	}
	for _, p := range programs {
		platform := filepath.Base(filepath.Dir(p))
		name := fmt.Sprintf("lbc_%s_%s.tar.gz", r.version, strings.ReplaceAll(platform, "-", "_"))
		entries := []entry{{path: p, name: "lbc", mode: 0o755}}
		for _, n := range []string{"LICENSE", "THIRD_PARTY_NOTICES"} {
			entries = append(entries, entry{path: filepath.Join(r.dir, n), name: n, mode: 0o644})
		}
		if err := archive(filepath.Join(r.out, name), entries, true); err != nil {
			return err
		}
	}
	if err := r.krew(); err != nil {
		return err
	}
	layout, err := below(filepath.Join(r.out, "image"))
	if err != nil {
		return fmt.Errorf("the image: make image first: %w", err)
	}
	if err := archive(filepath.Join(r.out, "image.tar"), layout, false); err != nil {
		return err
	}
	if err := r.chart(); err != nil {
		return err
	}
	return r.checksums()
}

// chartName is the name of the chart and of its directory; definitionsChart that of the chart of its definitions.
const (
	chartName        = "aws-load-balancer-controller"
	definitionsChart = chartName + "-crds"
)

var (
	chartVersions = regexp.MustCompile(`(?m)^(version|appVersion):.*$`)
	// chartImage is the repository in the chart's values, which is one line of the block "image:".
	chartImage = regexp.MustCompile(`(?m)(^image:\n(?:  .*\n)*?  repository: ).*$`)
)

// chart packs both charts.
func (r *release) chart() error {
	return errors.Join(r.archiveChart(chartName), r.archiveChart(definitionsChart))
}

// archiveChart packs a chart as Helm does, with the version and the image of the release.
func (r *release) archiveChart(name string) error {
	dir := filepath.Join(r.dir, "charts", name)
	text, err := os.ReadFile(filepath.Join(dir, "Chart.yaml")) //nolint:gosec // ours
	if errors.Is(err, fs.ErrNotExist) {
		if name == chartName {
			r.report("there is no chart in " + dir)
		}
		return nil
	}
	if err != nil {
		return err
	}
	number := strings.TrimPrefix(r.version, "v")
	definition := chartVersions.ReplaceAllFunc(text, func(line []byte) []byte {
		if strings.HasPrefix(string(line), "version:") {
			return []byte("version: " + number)
		}
		return []byte("appVersion: " + r.version)
	})
	files, err := below(dir)
	if err != nil {
		return err
	}
	entries := []entry{{name: name + "/Chart.yaml", content: definition, mode: 0o644}} // Helm reads it first
	ignored, err := helmIgnored(dir)
	if err != nil {
		return err
	}
	for _, e := range files {
		if e.name == "Chart.yaml" || ignored(e.name) {
			continue
		}
		if e.name == "values.yaml" && r.image != "" && name == chartName {
			if e, err = r.values(e); err != nil {
				return err
			}
		}
		e.name = name + "/" + e.name
		entries = append(entries, e)
	}
	return archive(filepath.Join(r.out, name+"-"+number+".tgz"), entries, true)
}

// helmIgnored reports which files .helmignore keeps out of the chart: Helm reads the rules in directories only, and
// takes what is in an archive.
func helmIgnored(dir string) (func(name string) bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, ".helmignore")) //nolint:gosec // ours
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			if strings.HasPrefix(line, "!") || strings.HasPrefix(line, "/") {
				return nil, fmt.Errorf(".helmignore: %q is not supported here", line)
			}
			patterns = append(patterns, line)
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			if d, ok := strings.CutSuffix(p, "/"); ok {
				return strings.HasPrefix(name, p) || strings.Contains(name, "/"+d+"/")
			}
			subject := name
			if !strings.Contains(p, "/") {
				subject = path.Base(name)
			}
			match, err := path.Match(p, subject)
			return match && err == nil
		})
	}, nil
}

// values is the chart's values.yaml with the repository of the release's image.
func (r *release) values(e entry) (entry, error) {
	text, err := os.ReadFile(e.path)
	if err != nil {
		return entry{}, err
	}
	if !chartImage.Match(text) {
		return entry{}, fmt.Errorf("%s has no image.repository", e.path)
	}
	return entry{name: e.name, content: chartImage.ReplaceAll(text, []byte("${1}"+r.image)), mode: e.mode}, nil
}

// entry is a file of an archive.
type entry struct {
	path    string // of its content, unless that is given
	content []byte
	name    string
	mode    int64
}

func below(dir string) (out []entry, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		out = append(out, entry{path: path, name: filepath.ToSlash(rel), mode: 0o644})
		return err
	})
	return out, err
}

// archive writes files without what differs from machine to machine: owners, times.
func archive(to string, entries []entry, compressed bool) (err error) {
	f, err := os.Create(to) //nolint:gosec // ours
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := io.Writer(f)
	if compressed {
		z := gzip.NewWriter(f)
		defer func() { err = errors.Join(err, z.Close()) }()
		out = z
	}
	w := tar.NewWriter(out)
	for _, e := range entries {
		content := e.content
		if e.path != "" {
			if content, err = os.ReadFile(e.path); err != nil {
				return err
			}
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(content)),
			Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return w.Close()
}

// sums is the file with the checksums of all others, as sha256sum -c reads it.
const sums = "checksums.txt"

func (r *release) checksums() error {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, f := range slices.DeleteFunc(files, func(f fs.DirEntry) bool { return f.IsDir() || f.Name() == sums }) {
		content, err := os.ReadFile(filepath.Join(r.out, f.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(sum[:]), f.Name())
	}
	return os.WriteFile(filepath.Join(r.out, sums), []byte(b.String()), 0o644) //nolint:gosec // published
}
