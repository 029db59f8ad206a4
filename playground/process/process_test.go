package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func start(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Options{Path: "/bin/sh", Args: []string{"-c", script}, Env: os.Environ(),
		Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestTheErrorOfAChildThatEndsHasItsStatusAndOutput(t *testing.T) {
	t.Parallel()
	p := start(t, "echo starting; echo unable to load controller config >&2; exit 3")
	<-p.Done()
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(),
		"unable to load") {
		t.Errorf("got %v", err)
	}
}

func TestTheErrorOfAChildThatEndsHasNoOutputOfAFormerOne(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("former\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Start(Options{Path: "/bin/sh", Args: []string{"-c", "echo unknown flag; exit 2"},
		Env: os.Environ(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "unknown flag") ||
		strings.Contains(err.Error(), "former") {
		t.Errorf("got %v", err)
	}
}

func TestStopEndsAChildThatListens(t *testing.T) {
	t.Parallel()
	p := start(t, "exec sleep 600")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p.Stop(ctx)
	if ctx.Err() != nil || p.Err() != nil || Alive(p.PID()) {
		t.Errorf("context %v, error %v, alive %t", ctx.Err(), p.Err(), Alive(p.PID()))
	}
}

func TestStopKillsAChildThatDoesNotListen(t *testing.T) {
	t.Parallel()
	p := start(t, "trap '' TERM; while :; do sleep 1; done")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.Stop(ctx)
	if Alive(p.PID()) {
		t.Error("alive")
	}
}

func TestABinaryThatIsMissingIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := Start(Options{Path: "/nonexistent", Log: filepath.Join(t.TempDir(), "log")}); err == nil {
		t.Error("no error")
	}
}

func TestTailGivesTheLastLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 100<<10)+"\na\nb\nc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Tail(path, 2); got != "b\nc" {
		t.Errorf("got %q", got)
	}
}

// Flags that only some controllers have must not end the others.
//
// It is not parallel: a child that another test starts at the moment has a file open that is being written, and the
// kernel executes no file that is open for writing.
func TestAProgramHasTheFlagsOfItsHelp(t *testing.T) {
	dir := t.TempDir()
	program := func(name, script string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	helpful := program("helpful", `[ "$1" = --help ] || exit 1; echo "  --webhook-bind-host string   where" >&2; exit 2`)
	for _, tt := range []struct {
		path, flag string
		want       bool
	}{
		{helpful, "webhook-bind-host", true}, {helpful, "webhook-bind", false},
		{program("silent", "exit 1"), "webhook-bind-host", false}, {filepath.Join(dir, "missing"),
			"webhook-bind-host", false},
	} {
		if got := HasFlag(tt.path, tt.flag); got != tt.want {
			t.Errorf("%s has --%s: %v, want %v", tt.path, tt.flag, got, tt.want)
		}
	}
}

// TestPortsComeBackAfterAllOthers has callers that share a file, as processes do.
func TestPortsComeBackAfterAllOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ports")
	if err := os.WriteFile(path, []byte("32700"), 0o600); err != nil { // close to the last port
		t.Fatal(err)
	}
	const callers, each = 8, 20
	got := make(chan int, callers*each)
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for range each {
				port, err := nextPort(path)
				if err != nil {
					t.Error(err)
				}
				got <- port
			}
		})
	}
	done.Wait()
	close(got)
	seen := map[int]bool{}
	for port := range got {
		if seen[port] || port < firstPort || port >= firstPort+ports {
			t.Errorf("port %d: twice %v", port, seen[port])
		}
		seen[port] = true
	}
	for _, content := range []string{"", "x", "99999999", "80"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if port, err := nextPort(path); err != nil || port < firstPort || port >= firstPort+ports {
			t.Errorf("after %q: port %d, error %v", content, port, err)
		}
	}
}
