package state

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOnePlaygroundAtATimeOwnsADirectory(t *testing.T) {
	t.Parallel()
	d := Dir(filepath.Join(t.TempDir(), "state"))
	var notRunning *NotRunningError
	if _, err := d.Running(); !errors.As(err, &notRunning) {
		t.Fatalf("before the first: %v", err)
	}
	lock, err := d.Take()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Running(); err != nil {
		t.Errorf("while it starts: %v", err)
	}
	want := Endpoints{PID: 42, Started: time.Unix(1, 0).UTC(), Ready: true, Kubeconfig: "k", Simulator: "s"}
	if err := d.Write(want); err != nil {
		t.Fatal(err)
	}
	got, err := d.Running()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	var running *RunningError
	if _, err := d.Take(); !errors.As(err, &running) || running.PID != 42 {
		t.Errorf("a second one: %v", err)
	}
	for _, name := range []string{"admin.kubeconfig", "logs/controller.log", "data/etcd", "webhook/tls.key",
		"buckets/logs/file"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(d.path(name)), 0o700), os.WriteFile(d.path(name), nil, 0o600)); err !=
			nil {
			t.Fatal(err)
		}
	}
	forked, err := syscall.Dup(int(lock.file.Fd())) // as a child has it before it executes its program
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(forked)
	lock.Release()
	if _, err := d.Running(); !errors.As(err, &notRunning) {
		t.Errorf("after the end: %v", err)
	}
	left, err := filepath.Glob(d.path("*"))
	if diff := cmp.Diff([]string{d.path("lock"), d.path("logs")}, left); err != nil || diff != "" {
		t.Errorf("left behind: %v %s", err, diff)
	}
	if logs, err := d.Logs(); err != nil || len(logs) != 1 {
		t.Errorf("logs %v, %v", logs, err)
	}
}

func TestAGlanceAtTheLockDoesNotKeepAPlaygroundFromStarting(t *testing.T) {
	t.Parallel()
	d := Dir(t.TempDir())
	glance, err := os.Create(d.path("lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(glance.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = glance.Close() })
	l, err := d.Take()
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

func TestTheDefaultDirectoryFollowsTheXDGSpecification(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for xdg, want := range map[string]Dir{
		"/var/me": "/var/me/lbc-playground", "": "/home/me/.local/state/lbc-playground",
		"relative": "/home/me/.local/state/lbc-playground",
	} {
		t.Setenv("XDG_STATE_HOME", xdg)
		if got, err := Default(); err != nil || got != want {
			t.Errorf("XDG_STATE_HOME=%q: got %q, %v", xdg, got, err)
		}
	}
}
