// Command release joins the fragments of release-notes/unreleased to a section of CHANGELOG.md, checks that a version
// can be released, and gathers what is published of it: notes from CHANGELOG.md, archives of the command line, the
// image as a file, and checksums of everything. It publishes nothing: the workflow of the forge does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

func main() {
	version := flag.String("version", "", "version to release, as v1.2.3")
	out := flag.String("out", "dist", "directory of what is published")
	image := flag.String("image", "", "repository of the image, which the chart then names")
	url := flag.String("repository", "https://github.com/k8s-lbc/lbc",
		"URL of the repository, for links of the notes to its files")
	dry := flag.Bool("dry-run", false, "take the notes of what is unreleased if the version has none, and report "+
		"instead of refusing what only matters to a release")
	flag.Parse()
	r := release{version: *version, out: *out, image: *image, url: *url, dry: *dry,
		report: func(s string) { fmt.Fprintln(os.Stderr, "release:", s) }}
	var err error
	switch flag.Arg(0) {
	case "join":
		err = r.join()
	case "check":
		err = r.check()
	case "chart":
		err = r.chart()
	case "pack":
		err = r.pack()
	default:
		err = errors.New("name what to do: join, check, chart or pack")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is a version that is about to be published from the working directory.
type release struct {
	dir     string // of the repository; empty: the working directory
	version string
	out     string
	image   string // repository; empty: the chart's own
	url     string // of the repository on its forge
	dry     bool
	report  func(string)
}

var semantic = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)

// check reports all that keeps a version from being released.
func (r *release) check() error {
	var wrong []error
	refuse := func(err error) {
		if r.dry {
			r.report("not refused in a dry run: " + err.Error())
			return
		}
		wrong = append(wrong, err)
	}
	if !semantic.MatchString(r.version) {
		wrong = append(wrong, fmt.Errorf("version %q is not of the form v1.2.3 or v1.2.3-rc.1", r.version))
	}
	if _, err := r.notes(); err != nil {
		wrong = append(wrong, err)
	}
	if _, files, err := r.fragments(); err != nil {
		wrong = append(wrong, err)
	} else if len(files) > 0 {
		refuse(fmt.Errorf("%s has %d changes that no section of CHANGELOG.md has: make changelog VERSION=%s", fragmentsDir,
			len(files), r.version))
	}
	if status, err := r.git("status", "--porcelain"); err != nil {
		wrong = append(wrong, err)
	} else if status != "" {
		refuse(fmt.Errorf("there are changes that are not committed:\n%s", status))
	}
	head, err := r.git("rev-parse", "HEAD")
	if err != nil {
		return errors.Join(append(wrong, err)...)
	}
	switch at, err := r.git("rev-parse", "--verify", "--quiet", "refs/tags/"+r.version+"^{commit}"); {
	case err != nil:
		refuse(fmt.Errorf("there is no tag %s: git tag -s %s", r.version, r.version))
	case at != head:
		wrong = append(wrong, fmt.Errorf("tag %s is at %s, not at HEAD, %s", r.version, at, head))
	}
	return errors.Join(wrong...)
}

func (r *release) git(args ...string) (string, error) {
	cmd := exec.Command("git", args...) //nolint:gosec // ours
	cmd.Dir = r.dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
