package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestABuildIsListedWithItsFlagsAndPackages(t *testing.T) {
	t.Parallel()
	const json = " -e -deps -json=ImportPath,Dir,GoFiles,CgoFiles,Stale,Name "
	for _, tt := range []struct{ args, list, build string }{
		{"go build -ldflags -s -o bin/ ./cmd/a ./cmd/b", "go list -ldflags -s" + json + "./cmd/a ./cmd/b",
			"go build -ldflags -s -v -o bin/ ./cmd/a ./cmd/b"},
		{"go build -C x -o ../bin/ ./c", "go list -C x" + json + "./c", "go build -C x -v -o ../bin/ ./c"},
		{"go test -C x ./...", "", ""},
		{"go build -o x", "", ""},
	} {
		list, build := commands(strings.Fields(tt.args))
		if strings.Join(list, " ") != tt.list || strings.Join(build, " ") != tt.build {
			t.Errorf("%s: %q, %q", tt.args, list, build)
		}
	}
}

func TestTheRestIsEstimatedFromTheSourcesThatAreCompiled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	var listed strings.Builder
	for i := range 401 {
		fmt.Fprintf(&listed, `{"ImportPath": "example.com/%d", "Dir": %q, "GoFiles": ["a.go"], "Stale": %v}`, i, dir, i > 0)
	}
	w := work{size: map[string]int64{}, began: time.Unix(0, 0)}
	if err := w.read(strings.NewReader(listed.String())); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		compiled int // packages
		after    time.Duration
		want     string
	}{
		{0, 15 * time.Second, "… at work for 20s"},
		{21, 20 * time.Second, "… 21 of 400 packages, 5%"}, // too early for an estimate
		{101, 50 * time.Second, "… 101 of 400 packages, 25%, about 2m30s left"},
	} {
		for n := len(w.begun) + 1; n <= c.compiled; n++ {
			if !w.begin(fmt.Sprintf("example.com/%d", n)) {
				t.Fatalf("%d is no package", n)
			}
		}
		if got := w.line(w.began.Add(c.after)); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if w.begin("example.com/0") || w.begin("# example.com/1") {
		t.Error("what is in the cache, or an error of the compiler, is taken for a package that is compiled")
	}
	if err := w.read(strings.NewReader(listed.String()[:600])); err == nil {
		t.Error("half an answer is taken for a whole one")
	}
}

func TestABuildKeepsItsOutputAndItsStatus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	progress := filepath.Join(dir, "progress")
	if out, err := exec.Command("go", "build", "-o", progress, ".").CombinedOutput(); err != nil { //nolint:gosec // a test
		t.Fatalf("%v\n%s", err, out)
	}
	for name, text := range map[string]string{"go.mod": "module example.com/wrong\n\ngo 1.26.0\n",
		"main.go": "package main\n\nfunc main() { undefined() }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args   string
		status int
		want   string
	}{
		{"/does/not/exist build -o x .", 1, "no such file"},
		{"go build -C " + dir + " -o x .", 1, "undefined: undefined"},
		{"", 2, "usage"},
	} {
		cmd := exec.Command(progress, strings.Fields(tt.args)...) //nolint:gosec // a test
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != tt.status || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%q: status %d\n%s", tt.args, got, out.String())
		}
	}
}
