package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestABuildIsListedWithTheSamePackagesAndPrintsTheirNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, list, verbose string }{
		{"go build -ldflags -s -o bin/ ./cmd/a ./cmd/b", "go list -e -deps -json=… ./cmd/a ./cmd/b",
			"go build -v -ldflags -s -o bin/ ./cmd/a ./cmd/b"},
		{"/usr/bin/go build -C x -o ../bin/ -trimpath ./c", "/usr/bin/go list -C x -e -deps -json=… ./c",
			"/usr/bin/go build -C x -v -o ../bin/ -trimpath ./c"},
		{"env CGO_ENABLED=0 go build .", "env CGO_ENABLED=0 go list -e -deps -json=… .", "env CGO_ENABLED=0 go build -v ."},
		{"go test -C x ./...", "", ""},
		{"build it", "", ""},
	} {
		b, ok := parse(strings.Fields(tt.args))
		for i, a := range b.list {
			if strings.HasPrefix(a, "-json=") {
				b.list[i] = "-json=…"
			}
		}
		if got := strings.Join(b.list, " "); ok != (tt.list != "") || got != tt.list || strings.Join(b.verbose, " ") !=
			tt.verbose {
			t.Errorf("%s: %v, %s, %v", tt.args, ok, got, b.verbose)
		}
	}
}

func TestCommandsAreSeparatedByTwoDashes(t *testing.T) {
	t.Parallel()
	got := split(strings.Fields("go build . -- go build -C x . --"))
	if len(got) != 2 || !slices.Equal(got[0], []string{"go", "build", "."}) ||
		!slices.Equal(got[1], []string{"go", "build", "-C", "x", "."}) {
		t.Errorf("%q", got)
	}
}

// packages are n packages of a size in directories of their own, and those of them that are in the cache.
func packages(t *testing.T, n, size int, cached map[int]bool) string {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.go", i)), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, `{"ImportPath": "example.com/%d", "Dir": %q, "GoFiles": ["%d.go"], "Stale": %v}`, i, dir,
			i, !cached[i])
	}
	return b.String()
}

func TestTheRestIsEstimatedFromTheSourcesThatAreCompiled(t *testing.T) {
	t.Parallel()
	w := newWork()
	if err := w.read(strings.NewReader(packages(t, 401, 1000, map[int]bool{0: true}))); err != nil {
		t.Fatal(err)
	}
	if got := w.announce(); !strings.HasPrefix(got, "400 packages are to be compiled") {
		t.Error(got)
	}
	at := time.Unix(0, 0)
	w.start(at)
	if got := w.line(at.Add(10*time.Second), 15*time.Second); got != "… at work for 20 s" {
		t.Error(got)
	}
	compile := func(from, to int) {
		for i := from; i <= to; i++ {
			if !w.started(fmt.Sprintf("example.com/%d", i)) {
				t.Fatalf("%d is no package", i)
			}
		}
	}
	compile(1, 21)
	if got := w.line(at.Add(10*time.Second), 15*time.Second); got != "… 21 of 400 packages, 5%" {
		t.Error(got) // too early for an estimate
	}
	compile(20, 101) // two of them in the second build again
	if got := w.line(at.Add(50*time.Second), 55*time.Second); got != "… 101 of 400 packages, 25%, about 2 min 30 s left" {
		t.Error(got)
	}
	if w.started("example.com/0") || w.started("# example.com/1") {
		t.Error("what is in the cache, or an error of the compiler, is taken for a package that is compiled")
	}
}

func TestAFewPackagesAreNotAnnounced(t *testing.T) {
	t.Parallel()
	w := newWork()
	if err := w.read(strings.NewReader(packages(t, 60, 1000, map[int]bool{})[:600])); err == nil {
		t.Error("half an answer is taken for a whole one")
	}
	if got := w.announce(); got != "" {
		t.Error(got)
	}
}

func TestDurationsAreRounded(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{0.2: "1 s", 7: "7 s", 23: "20 s", 59: "1 min 0 s", 187: "3 min 10 s",
		640: "11 min"} {
		if got := rounded(time.Duration(seconds * float64(time.Second))); got != want {
			t.Errorf("%v s: %s, want %s", seconds, got, want)
		}
	}
}

// program compiles this command.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "progress")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil { //nolint:gosec // a test
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func TestACommandKeepsItsOutputAndItsStatus(t *testing.T) {
	t.Parallel()
	progress, dir := program(t), t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/wrong\n\ngo 1.26.0\n",
		"main.go": "package main\n\nfunc main() { undefined() }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"sh", "-c", "echo out; echo err >&2; exit 3", "--", "echo", "never"}, 3, "out\nerr\n"},
		{[]string{"echo", "one", "--", "echo", "two"}, 0, "one\ntwo\n"},
		{[]string{"/does/not/exist"}, 1, "no such file"},
		{[]string{"go", "build", "-C", dir, "-o", "x", "."}, 1, "undefined: undefined"},
		{nil, 2, "name a command"},
	} {
		cmd := exec.Command(progress, tt.args...) //nolint:gosec // a test
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != tt.status || !strings.Contains(out.String(), tt.want) ||
			strings.Contains(out.String(), "never") {
			t.Errorf("%q: status %d\n%s", tt.args, got, out.String())
		}
	}
}
