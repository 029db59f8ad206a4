package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// event is a line of go test -json; see "go doc test2json".
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build that fails
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

// key names a test of a package; the test is empty for the package as a whole.
type key struct{ pkg, test string }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.pkg, other.pkg), cmp.Compare(k.test, other.test))
}

// record is what a suite has shown so far.
type record struct {
	output  map[key][]string
	running map[key]time.Time
	failed  []key
	passed  int
	skipped int
	ended   map[string]float64 // packages with the seconds they took
	builds  []string           // output of builds that failed
	tests   []timing
}

// timing is how long a test or package took, as it is kept in a file.
type timing struct {
	Package string  `json:"package"`
	Test    string  `json:"test,omitempty"`
	Seconds float64 `json:"seconds"`
	// Processor is the time of a package's test binary on processors, in seconds; 0 if it was not measured.
	Processor float64 `json:"processor,omitempty"`
}

func newRecord() *record {
	return &record{output: map[key][]string{}, running: map[key]time.Time{}, ended: map[string]float64{}}
}

// add notes an event. It returns the text to print for it now: a package's line, and the output of its failed tests.
func (r *record) add(e event, now time.Time) string {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		r.builds = append(r.builds, e.Output)
		return e.Output
	case "start", "run", "cont":
		r.running[k] = now
	case "pause":
		delete(r.running, k)
	case "output":
		r.output[k] = append(r.output[k], e.Output)
	case "pass", "fail", "skip":
		delete(r.running, k)
		if k.test != "" {
			return r.endTest(k, e)
		}
		return r.endPackage(k, e, now)
	}
	return ""
}

// endPackage notes the end of a package.
func (r *record) endPackage(k key, e event, now time.Time) string {
	r.ended[k.pkg] = e.Elapsed
	r.tests = append(r.tests, timing{Package: k.pkg, Seconds: e.Elapsed})
	defer delete(r.output, k)
	lines := r.output[k]
	if e.Action != "fail" {
		return lastLine(lines, "ok", "?")
	}
	cut := r.cut(k.pkg, now)
	if !slices.ContainsFunc(r.failed, func(f key) bool { return f.pkg == k.pkg }) {
		r.failed = append(r.failed, k)
		return cut + strings.Join(lines, "") // a panic outside tests, a time-out, or a signal
	}
	return cut + lastLine(lines, "FAIL")
}

// cut returns what to print of the tests that a package has begun and not ended: since when each runs, and its output.
// go test gives a time-out or the signal that killed the package to one of these tests.
func (r *record) cut(pkg string, now time.Time) string {
	var b strings.Builder
	for _, k := range slices.SortedFunc(maps.Keys(r.output), key.compare) {
		if k.pkg != pkg || k.test == "" {
			continue
		}
		began, runs := r.running[k]
		lines := tail(slices.DeleteFunc(r.output[k], func(line string) bool { return strings.HasPrefix(line, "=== ") }))
		delete(r.output, k)
		delete(r.running, k)
		if runs {
			fmt.Fprintf(&b, "%s %s ran for %s and has no result\n", short(pkg), k.test, now.Sub(began).Round(time.Second))
		} else if len(lines) > 0 {
			fmt.Fprintf(&b, "%s %s waited for its turn and has no result\n", short(pkg), k.test)
		}
		b.WriteString(strings.Join(lines, ""))
	}
	return b.String()
}

// stopped returns what to print of the packages that had no result when go test ended. total is the number of packages
// of the suite.
func (r *record) stopped(now time.Time, total int) string {
	var b strings.Builder
	for _, k := range slices.SortedFunc(maps.Keys(r.running), key.compare) {
		if k.test != "" {
			continue
		}
		total--
		fmt.Fprintf(&b, "%s ran for %s and has no result\n%s%s", short(k.pkg), now.Sub(r.running[k]).Round(time.Second),
			r.cut(k.pkg, now), strings.Join(tail(r.output[k]), ""))
	}
	if total -= len(r.ended); total > 0 {
		fmt.Fprintf(&b, "%d packages did not begin\n", total)
	}
	return b.String()
}

// Of tests without a result, the last lines of the output are printed, and the first ones of a dump of goroutines.
const (
	maxTail = 40
	maxDump = 1000
)

// tail returns the last lines of an output, and the beginning of the dump of goroutines that ends it.
func tail(lines []string) []string {
	dump := slices.IndexFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") ||
			strings.HasPrefix(line, "SIGQUIT: ")
	})
	if dump < 0 {
		dump = len(lines)
	}
	return lines[max(0, dump-maxTail):min(len(lines), dump+maxDump)]
}

func (r *record) endTest(k key, e event) string {
	lines := r.output[k]
	delete(r.output, k)
	if !strings.Contains(k.test, "/") {
		r.tests = append(r.tests, timing{Package: k.pkg, Test: k.test, Seconds: e.Elapsed})
		switch e.Action {
		case "pass":
			r.passed++
		case "skip":
			r.skipped++
		}
	}
	if e.Action != "fail" {
		return ""
	}
	// A parent fails with its sub-tests: the sub-tests are what to repeat.
	if !slices.ContainsFunc(r.failed, func(f key) bool {
		return f.pkg == k.pkg && strings.HasPrefix(f.test, k.test+"/")
	}) {
		r.failed = append(r.failed, k)
	}
	return strings.Join(lines, "")
}

// lastLine returns the last line that begins with one of the words, as go test prints for each package.
func lastLine(lines []string, words ...string) string {
	for _, line := range slices.Backward(lines) {
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(line, w) }) {
			return line
		}
	}
	return ""
}

// longest returns the running test or package that began first.
func (r *record) longest(now time.Time) (name string, d time.Duration) {
	for k, began := range r.running {
		if k.test == "" || strings.Contains(k.test, "/") {
			continue
		}
		if since := now.Sub(began); since > d {
			name, d = short(k.pkg)+" "+k.test, since
		}
	}
	return name, d
}

// short is a package's path below the module.
func short(pkg string) string { return "./" + strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/") }

// store keeps the times of a suite in dir.
func store(dir, suite string, tests []timing) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(tests, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, strings.ReplaceAll(suite, " ", "-")+".json"), text, 0o600)
}

// load returns the times of a suite's last run; none if it was never run here.
func load(dir, suite string) ([]timing, error) {
	return read(filepath.Join(dir, strings.ReplaceAll(suite, " ", "-")+".json"))
}

func read(file string) (tests []timing, err error) {
	text, err := os.ReadFile(file) //nolint:gosec // below bin/
	if err != nil {
		return nil, err
	}
	return tests, json.Unmarshal(text, &tests)
}

// printTimes writes the dearest tests and packages of the last run of each suite.
func printTimes(out io.Writer, dir string, rows int) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no suite was run yet: %s has no times; run \"make test\" first", dir)
	}
	for _, file := range files {
		all, err := read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Fprintf(out, "%s\n", strings.TrimSuffix(filepath.Base(file), ".json")) //nolint:errcheck // a terminal
		slices.SortStableFunc(all, func(a, b timing) int { return cmp.Compare(b.Seconds, a.Seconds) })
		printed := 0
		for _, t := range all {
			if t.Test == "" {
				fmt.Fprintf(out, "  %8.1f s  %s  %s\n", t.Seconds, processor(t), short(t.Package)) //nolint:errcheck // a terminal
			} else if printed < rows {
				printed++
				//nolint:errcheck // a terminal
				fmt.Fprintf(out, "  %8.1f s            %s %s\n", t.Seconds, short(t.Package), t.Test)
			}
		}
	}
	return nil
}

// processor is the text of a package's processor time.
func processor(t timing) string {
	if t.Processor == 0 {
		return "        "
	}
	return fmt.Sprintf("%6.1f s", t.Processor)
}
