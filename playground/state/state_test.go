package state

import (
	"errors"
	"path/filepath"
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
	lock.Release()
	if _, err := d.Running(); !errors.As(err, &notRunning) {
		t.Errorf("after the end: %v", err)
	}
}

func TestTheDefaultDirectoryFollowsTheXDGSpecification(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for xdg, want := range map[string]Dir{
		"/var/me": "/var/me/lbc-playground", "": "/home/me/.local/state/lbc-playground", "relative": "/home/me/.local/state/lbc-playground",
	} {
		t.Setenv("XDG_STATE_HOME", xdg)
		if got, err := Default(); err != nil || got != want {
			t.Errorf("XDG_STATE_HOME=%q: got %q, %v", xdg, got, err)
		}
	}
}
